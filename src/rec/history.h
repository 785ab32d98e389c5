/* history.h: a query's history as the classic models use it.
 *
 *     const uint32_t *set;
 *     size_t n;
 *     TRY(history_set(arena, &q[i], m->n_items, &set, &n));   // different items, ascending
 *
 * Ownership: sets live in the arena given. */
#ifndef LOREC_REC_HISTORY_H
#define LOREC_REC_HISTORY_H

#include "base/mem.h"
#include "rec/recommender.h"
#include "rec/sparse.h"

/* The different items, ascending; those >= n_items (never seen in training) are left out. */
lorec_err history_set(arena *a, const query *q, uint32_t n_items, const uint32_t **items, size_t *n);
/* The last item that is below n_items; UINT32_MAX: none. */
uint32_t history_last(const query *q, uint32_t n_items);

/* All queries' sets as the rows of a sparse matrix: set i is item[start[i]] .. item[start[i + 1] - 1]. */
typedef struct history_rows {
    uint64_t *start; /* [n + 1] */
    uint32_t *item;
} history_rows;
lorec_err history_sets(arena *a, const query *q, size_t n, uint32_t n_items, history_rows *out);

/* score() of models that are a sparse item-item matrix: row sums over the history. w [n_items, n_items] with values. */
lorec_err score_by_rows(const sparse *w, rec_session *s, const query *q, size_t n, float *scores);

#endif
