/* sampler.h: drawing items: negatives for training, candidates for evaluation. Seeded, independent of threads.
 *
 *     sampler s;
 *     TRY(sampler_make(&s, &train, SAMPLER_POPULARITY, 1.0));
 *     uint32_t neg = sampler_draw(&s, &r);                      // any item
 *     uint32_t neg2 = sampler_draw_not(&s, &r, seen, n_seen);   // not one of a sorted list
 *     sampler_free(&s);
 *
 * Ownership: a sampler owns its alias table; drawing only changes the caller's rng. */
#ifndef LOREC_DATA_SAMPLER_H
#define LOREC_DATA_SAMPLER_H

#include "data/dataset.h"
#include "tensor/rng.h"

typedef enum sampler_kind { SAMPLER_UNIFORM, SAMPLER_POPULARITY } sampler_kind;
typedef struct sampler {
    uint32_t n_items;
    float *probability; /* alias table (Walker 1977), [n_items]; NULL: uniform */
    uint32_t *alias;
    float *log_q; /* log of each item's share, [n_items]; NULL: uniform */
} sampler;

lorec_err sampler_make(sampler *s, const interactions *train, sampler_kind kind, double exponent);
void sampler_free(sampler *s);
uint32_t sampler_draw(const sampler *s, rng *r);
/* Not among `sorted` (ascending; an item may occur twice); UINT32_MAX when the list holds every item. By popularity,
 * items that nobody had are drawn only where the list leaves nothing else. */
uint32_t sampler_draw_not(const sampler *s, rng *r, const uint32_t *sorted, size_t n);

#endif
