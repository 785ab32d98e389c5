/* hnsw_parts.h: what searching and building a graph share.
 *
 * Ownership: as hnsw.h. */
#ifndef LOREC_RETRIEVE_HNSW_PARTS_H
#define LOREC_RETRIEVE_HNSW_PARTS_H

#include "retrieve/hnsw.h"

typedef struct near {
    float score;
    uint32_t node;
} near;

struct hnsw_scratch {
    uint32_t n, mark, *seen; /* seen[i] == mark: in this search */
    near *open, *best;       /* heaps: the best is first, the worst is first */
    size_t n_open, open_cap, n_best, best_cap;
};

/* The list of a node on a layer: list[0] numbers behind it. NULL: the file says nothing sensible. */
const uint32_t *hnsw_list(const hnsw *h, uint32_t node, uint32_t layer);
float hnsw_product(const hnsw *h, const float *wide, uint32_t node);
/* From `from` to the node of `layer` that nothing beside it is better than. */
near hnsw_descend(const hnsw *h, const float *wide, near from, uint32_t layer);
/* The `look` best that a search of one layer from `from` finds, into s->best, in order: best first. */
lorec_err hnsw_search_layer(const hnsw *h, hnsw_scratch *s, const float *wide, near from, uint32_t layer, size_t look);

#endif
