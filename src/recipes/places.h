/* places.h: where a language model can learn the next item: training rows with enough rows of the same user before them.
 *
 *     user_places l = {0};
 *     TRY(user_places_find(&l, train, 10, "tallrec"));
 *     rng r = rng_make(seed, RNG_SAMPLING);
 *     for (size_t i = 0; i < k; i++) {
 *         user_place p = user_places_draw(&l, i, &r);                        // without putting back
 *         const uint32_t *before;
 *         size_t n = user_places_history(train, &p, 10, &before);            // the latest, oldest first
 *     }
 *     user_places_free(&l);
 *
 * Ownership: a list owns its array until user_places_free. */
#ifndef LOREC_RECIPES_PLACES_H
#define LOREC_RECIPES_PLACES_H

#include "data/dataset.h"
#include "tensor/rng.h"

typedef struct user_place {
    uint32_t user;
    uint64_t row; /* of the interactions; its item is the target */
} user_place;

typedef struct user_places {
    user_place *place; /* [n] by user, then time */
    size_t n, cap;
} user_places;

/* LOREC_INPUT where there is none, naming `method` and its option min_history. */
lorec_err user_places_find(user_places *l, const interactions *x, int64_t min_history, const char *method);
/* The i-th of a sample: one of places i .. n - 1, which then stands at i. Call it with i = 0, 1, 2 ... below n. */
user_place user_places_draw(user_places *l, size_t i, rng *r);
/* What the user had before the place, oldest first: the latest `most` of it. Returns how many. */
static inline size_t user_places_history(const interactions *x, const user_place *p, int64_t most,
                                         const uint32_t **items)
{
    uint64_t n = p->row - x->start[p->user];
    if (n > (uint64_t)most) n = (uint64_t)most;
    *items = x->item + (p->row - n);
    return (size_t)n;
}
void user_places_free(user_places *l);

#endif
