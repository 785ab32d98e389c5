/* triples.h: training examples of pairwise models: a user, an item that she had, one that she had not, and the item
 * before it. One example an interaction.
 *
 *     triples x;
 *     TRY(triples_make(&x, train));
 *     TRY(triples_draw(&x, example, n, r));          // x.user[i] x.item[i] x.other[i] x.before[i], i < n
 *     triples_free(&x);
 *
 * Ownership: owns its arrays; borrows `train` until triples_free. */
#ifndef LOREC_REC_TRIPLES_H
#define LOREC_REC_TRIPLES_H

#include "rec/negatives.h"

typedef struct triples {
    const interactions *train;
    uint32_t *user_of; /* [train->n] */
    sparse had;        /* users x items */
    size_t cap;
    uint32_t *who;                         /* the batch, as below */
    int32_t *user, *item, *other, *before; /* other: -1 for a user who has had everything; before: -1 for the first */
} triples;

lorec_err triples_make(triples *x, const interactions *train);
void triples_free(triples *x);
lorec_err triples_draw(triples *x, const uint32_t *example, size_t n, rng *r);

#endif
