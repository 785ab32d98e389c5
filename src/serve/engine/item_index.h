/* item_index.h: a large catalogue's item vectors in a mapped file beside the run, searched instead of scored from end to end.
 *
 *     item_index *x;                                          // NULL where looking at all is faster, or scores are no products
 *     TRY(item_index_open(&x, &advisor, path, par_workers(), INDEX_VALUES));
 *     if (x) TRY(item_index_list(x, &advisor, worker, session, &q, k, items, scores, &found, &how));
 *     item_index_close(x);
 *
 * RUN/index/METHOD-SEED.hnsw is made when it is not there or is of other vectors, and checked when it is opened.
 *
 * Ownership: an index owns its mapping; worker w (below the number it was opened for) uses it on one thread at a time. */
#ifndef LOREC_SERVE_ENGINE_ITEM_INDEX_H
#define LOREC_SERVE_ENGINE_ITEM_INDEX_H

#include "retrieve/hnsw.h"
#include "runs/advisor.h"

/* Up to so many values all of a catalogue is scored. */
enum { INDEX_VALUES = 1000000 };

typedef struct item_index {
    hnsw graph;
    int workers;
    hnsw_scratch **scratch; /* [workers] */
    float **query;          /* [workers][stride] */
    float **scores;         /* [workers][n], made when needed */
} item_index;

typedef enum index_how {
    INDEX_NOT,     /* this query has no vector: the model's own scores are to be asked for */
    INDEX_SCANNED, /* every product */
    INDEX_SEARCHED /* the graph: nearly all of the best */
} index_how;

/* NULL: no more than `from` values, or scores are no products. */
lorec_err item_index_open(item_index **out, const advisor *a, const char *run, int workers, uint64_t from);
void item_index_close(item_index *x); /* also NULL */
/* The k best items for a query, nothing left out. Few of many are searched for, otherwise all are scored: *how. */
lorec_err item_index_list(item_index *x, const advisor *a, int worker, rec_session *s, const query *q, size_t k,
                          uint32_t *items, float *scores, size_t *found, index_how *how);

#endif
