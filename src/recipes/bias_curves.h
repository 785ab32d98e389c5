/* bias_curves.h: does a ranker prefer places of its prompt, or popular items? Two curves over rankings of the same lists with
 * the right answer at stated places (Hou et al., ECIR 2024, section 3.3).
 *
 *     bias_curves b;
 *     TRY(bias_curves_make(&b, place, 5, n_lists));
 *     bias_curves_add(&b, list, which_place, candidate, score, n, target, popularity);   // each list at each place
 *     TRY(bias_curves_json(&b, seed, numbers));
 *     bias_curves_free(&b);
 *
 * Position: hit@1, ndcg@10 and the mean rank that the target got, by its place in the prompt, ties by expectation; how far the
 * mean ranks lie apart, and how often they would by chance as far (each list's ranks dealt anew to the places, 999 times).
 * Popularity: mean training rows of the items at each rank of the answers against those of all candidates; items that were not
 * named share the last ranks, and answers that rank nothing at all are left out and counted.
 *
 * Ownership: curves own their arrays until bias_curves_free; what is added is only read. */
#ifndef LOREC_RECIPES_BIAS_CURVES_H
#define LOREC_RECIPES_BIAS_CURVES_H

#include "base/json.h"

typedef struct bias_place {
    size_t place; /* in the prompt, from 0 */
    size_t lists, silent;
    double hit, ndcg, rank, rank_square; /* sums */
} bias_place;

typedef struct bias_rank {
    size_t lists;
    double popularity; /* a sum */
} bias_rank;

typedef struct bias_curves {
    bias_place *at; /* [n_places] */
    bias_rank *by;  /* [n_ranks] */
    float *rank;    /* [n_lists][n_places] that the target got; NaN: was not asked */
    uint32_t *order;
    size_t n_places, n_lists, n_ranks, by_cap, order_cap, ranked;
    double candidates; /* sum over ranked answers of the mean popularity of their candidates */
} bias_curves;

lorec_err bias_curves_make(bias_curves *b, const size_t *places, size_t n_places, size_t n_lists);
void bias_curves_free(bias_curves *b);
/* score [n] of candidate [n], target among them; popularity [items]. */
lorec_err bias_curves_add(bias_curves *b, size_t list, size_t which, const uint32_t *candidate, const float *score,
                          size_t n, uint32_t target, const uint32_t *popularity);
/* "position" and "popularity", objects of lists of equal length, and their summaries as numbers, into the object. */
lorec_err bias_curves_json(const bias_curves *b, uint64_t seed, json_t *into);

#endif
