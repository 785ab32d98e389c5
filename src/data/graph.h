/* graph.h: who is next to whom: users and items, items and items, items and what is known of them; as CSR rows.
 *
 *     graph g;
 *     TRY(graph_user_item(&g, &split.train));       // nodes: users, then items; both directions; each pair once
 *     TRY(graph_normalise(&g));                     // weights D^-1/2 A D^-1/2 (LightGCN, GF-CF)
 *     csr a = graph_csr(&g);                        // for op_sparse_matmul; symmetric, so no transpose is needed
 *     for (int64_t e = g.start[v]; e < g.start[v + 1]; e++) use(g.to[e], g.weight[e]);
 *     graph_free(&g);
 *
 * A node without edges has an empty row and is no error. Ownership: a graph owns its arrays until graph_free. */
#ifndef LOREC_DATA_GRAPH_H
#define LOREC_DATA_GRAPH_H

#include "data/dataset.h"
#include "tensor/ops.h"

typedef struct graph {
    int64_t nodes, edges;
    int64_t *start;    /* [nodes + 1] */
    int32_t *to;       /* [edges] ascending within a row */
    float *weight;     /* [edges]; ones or counts until graph_normalise */
    int32_t *relation; /* [edges], or NULL: there is only one kind */
} graph;

/* Node u is user u, node n_users + i item i. */
lorec_err graph_user_item(graph *g, const interactions *x);
/* Directed, i -> j: how often j came within `window` steps after i in somebody's sequence. */
lorec_err graph_transitions(graph *g, const interactions *x, uint32_t window);
/* How many users had both; only the `top` strongest neighbours of each item (0: all of them), so not symmetric then. */
lorec_err graph_together(graph *g, const interactions *x, uint32_t top);
/* Nodes 0 .. n_items - 1 are items; entities that are no item come after them, in their order. Edges go both ways:
 * relation r from head to tail, r + kg.relations.n back. Items are found by the item column "entity_id". */
lorec_err graph_knowledge(graph *g, const dataset *d);

/* weight(v, w) / sqrt(degree(v) * degree(w)), degrees being sums of weights out of v and into w. */
lorec_err graph_normalise(graph *g);
csr graph_csr(const graph *g); /* a view; transpose NULL, which is right for symmetric graphs only */
void graph_free(graph *g);

#endif
