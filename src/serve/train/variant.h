/* variant.h: one served model: a run folder opened, its items in the server's numbers. Counted references, so that it can be
 * put out of service while somebody still reads it.
 *
 *     variant *r;
 *     TRY(variant_open(&r, &live, "runs/first", NULL, -1, INDEX_VALUES));
 *     variant_hold(r);                                      // a second owner
 *     variant_release(r), variant_release(r);               // the last one closes it
 *
 * A run that the server trained itself has read feedback already: RUN/served.json says up to which event ("event_seq"), and
 * those events are part of its data, not of what came since.
 *
 * Ownership: by count; all but `item` and `fresh` (the executor's) is immutable. */
#ifndef LOREC_SERVE_TRAIN_VARIANT_H
#define LOREC_SERVE_TRAIN_VARIANT_H

#include "runs/advisor.h"
#include "serve/engine/item_words.h"
#include "serve/engine/live.h"

typedef struct variant {
    char *path;
    advisor advisor;
    uint32_t *number;  /* [items of the model] -> live number */
    uint64_t *rows_of; /* [items of the model] rows of the data */
    uint32_t *item;    /* [n_item] live number -> model's, NO_NUMBER where it has none */
    size_t n_item;
    word_sets words;       /* of its items */
    struct fresh *fresh;   /* the executor's: items that it does not know */
    int64_t event_seq;     /* feedback up to here is in the data */
    char model[17];        /* hash of the model's files: what `lorec why` compares */
    rec_session **session; /* [n_sessions] one a worker */
    int n_sessions;
    struct item_index *index; /* the executor's; NULL: every item is scored */
    _Atomic int held;
} variant;

/* `method` NULL: the run's first; `seed` -1: its first; more than `index_from` values are searched by an index (item_index.h). Takes
 * the live's write lock, a little at a time. */
lorec_err variant_open(variant **out, live *v, const char *run, const char *method, int64_t seed, uint64_t index_from);
variant *variant_hold(variant *r);
void variant_release(variant *r); /* also NULL */
/* Live numbers in the model's; made again when the live has more items. The executor's; under the live's lock. */
lorec_err variant_items(variant *r, const live *v);

#endif
