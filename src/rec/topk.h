/* topk.h: from scores to a list: the k best of many, and the one way in which any recommender is asked for a list.
 *
 *     size_t n = topk_select(scores, n_items, 10, items, best);            // NaN and -inf are never chosen
 *     TRY(recommender_list(r, self, session, n_items, queries, n_queries, 10, false, items, best, found));
 *
 * Equal scores are ordered by item number, so that lists are the same everywhere.
 *
 * Ownership: results go into the caller's arrays. */
#ifndef LOREC_REC_TOPK_H
#define LOREC_REC_TOPK_H

#include "rec/recommender.h"

/* The k largest of scores[0 .. n-1], best first: O(n + k log k) for k much smaller than n. Returns how many there are. */
size_t topk_select(const float *scores, size_t n, size_t k, uint32_t *items, float *best);

/* Lists of up to k items for each of n queries: items and best are [n][k], found [n]. What a query's history holds is
 * left out unless keep_seen. Uses the method's own recommend() where it has one, its scores otherwise, in batches that
 * keep the scores under 64 MiB. */
lorec_err recommender_list(const recommender *r, const void *self, rec_session *s, uint32_t n_items, const query *q,
                           size_t n, size_t k, bool keep_seen, uint32_t *items, float *best, size_t *found);

#endif
