/* handles.h: what is behind the public face's opaque names; for the files of api/ only.
 *
 *     TRY(struct_given(&o, sizeof o, options, "lorec_fit_options"));   // a caller's struct, older and shorter ones too
 *
 * Ownership: as lorec/lorec.h says. */
#ifndef LOREC_API_HANDLES_H
#define LOREC_API_HANDLES_H

#include "base/mem.h"
#include "lorec/lorec.h"
#include "methods/registry.h"

struct lorec_dataset {
    dataset data;
};

struct lorec_model {
    const recommender *row;
    void *self;
    lorec_dataset catalogue; /* ids and titles of what is recommended, and what known users had */
    char **id, **title;      /* [items] the same as NUL-terminated strings, in `strings` */
    arena strings;
};

/* Copies a caller's struct, whose first field is its size, over the defaults in `into`; given NULL: nothing happens.
 * LOREC_USAGE: no size, or one larger than this library knows. */
lorec_err struct_given(void *into, size_t size, const void *given, const char *what);
/* A NUL-terminated copy in the arena; NULL: out of memory (message set). */
char *string_in(arena *a, slice s);
/* A model of its parts, which are taken over, also on failure. LOREC_USAGE: it is not of this catalogue. */
lorec_err model_of(lorec_model **out, const recommender *row, void *self, dataset *catalogue);

#endif
