/* rank.h: scores -> places, a row at a time; and the full ranking of users and items that are given as vectors.
 *
 *     nan += rank_clean(row, n);                                  // NaN becomes -inf
 *     size_t found = topk_select(row, n, k, list, best);          // where lists are wanted
 *     rank_places(row, n, targets, n_targets, places);
 *
 * An item with score -inf (masked, NaN, or called impossible by its method) has no place: PLACE_NOWHERE.
 *
 * Ownership: nothing is kept. */
#ifndef LOREC_EVAL_RANK_H
#define LOREC_EVAL_RANK_H

#include "eval/evaluate.h"

size_t rank_clean(float *scores, size_t n); /* how many were NaN */
/* How many are larger than `score`, and how many equal. */
void rank_count(const float *scores, size_t n, float score, uint32_t *above, uint32_t *equal);
/* Places of scores[target[i]] in a clean row. Below `floor` (the k-th best score, where only the first k matter; else
 * -inf) nothing is counted: PLACE_NOWHERE. */
void rank_places(const float *scores, size_t n, const uint32_t *target, size_t n_targets, float floor, place *places);

/* Vectors of all users and items of a data set: score = <user, item> + bias[item]; bias may be NULL. */
typedef struct rank_vectors_request {
    const protocol *protocol; /* full candidates */
    part part;
    const float *user, *item, *bias; /* [n_users][d], [n_items][d], [n_items] */
    uint32_t d;
    bool keep_lists;
} rank_vectors_request;
lorec_err rank_vectors(report *out, const rank_vectors_request *request);

#endif
