/* catalogue.h: what a method that works with texts keeps of the data: each item's title and categories, after the data set
 * itself is gone (a fitted model must not point into it).
 *
 *     catalogue c = {0};
 *     TRY(catalogue_make(&c, split->data));
 *     slice title = catalogue_title(&c, item);
 *     json_t *list = catalogue_titles(&c, items, n);           // ["Heat (1995)", ...]: for a template
 *     TRY(catalogue_save(&c, folder));                         // and catalogue_load
 *     catalogue_free(&c);
 *
 * Ownership: a catalogue owns its texts; slices point into it. */
#ifndef LOREC_RECIPES_CATALOGUE_H
#define LOREC_RECIPES_CATALOGUE_H

#include "data/dataset.h"

typedef struct catalogue {
    uint32_t n;
    char *bytes;          /* titles, then categories ("Drama, Comedy"; empty where there are none), end to end */
    uint64_t *start;      /* [2 n + 1]: title i at start[i], categories of i at start[n + i] */
    uint32_t *popularity; /* [n] rows of the training part */
} catalogue;

/* LOREC_INPUT where the data has no titles and `need_titles`: what to give (--item-text). */
lorec_err catalogue_make(catalogue *c, const dataset *d, const interactions *train, bool need_titles);
void catalogue_free(catalogue *c);
lorec_err catalogue_save(const catalogue *c, const char *folder);
lorec_err catalogue_load(catalogue *c, const char *folder);

static inline slice catalogue_title(const catalogue *c, uint32_t item)
{
    return (slice){c->bytes + c->start[item], (size_t)(c->start[item + 1] - c->start[item])};
}
static inline slice catalogue_categories(const catalogue *c, uint32_t item)
{
    return catalogue_title(c, c->n + item);
}
/* What was given to be ranked is of the catalogue, and no list is longer than `most` (the method's max_candidates): LOREC_USAGE in
 * the name of `method`, with the remedy. */
lorec_err catalogue_check_lists(const catalogue *c, const char *method, int64_t most, size_t n, const uint64_t *start,
                                const uint32_t *candidate);
json_t *catalogue_titles(const catalogue *c, const uint32_t *items, size_t n); /* NULL: out of memory */
json_t *catalogue_text(slice s); /* a JSON text; bytes that are not UTF-8 become '?' */

#endif
