/* scatter.h: inside the ops: rows added to rows that a list names, in parallel and to the same bits with any number of
 * workers: each destination row belongs to one worker and takes its summands in list order.
 *
 *     float *dw = scatter_target(t, w, ids, n);      // w's gradient, ready to be added to (sparse or not); NULL: unwanted
 *     TRY(scatter_add(t, &(scatter){.to = dw, .width = d, .n = n, .id = ids, .from = dy, .per_row = 1}));
 *
 * Ownership: everything is borrowed. */
#ifndef LOREC_TENSOR_OPS_SCATTER_H
#define LOREC_TENSOR_OPS_SCATTER_H

#include "tensor/op.h"

typedef struct scatter {
    float *to; /* row id[i] += weight[i] * from's row source(i) */
    int64_t width, n;
    const int32_t *id; /* [n]; -1: nothing */
    const float *from;
    const int32_t *source; /* [n]; NULL: i / per_row */
    int64_t per_row;
    const float *weight; /* [n]; NULL: ones */
} scatter;

lorec_err scatter_add(tape *t, const scatter *s);
float *scatter_target(tape *t, tensor *w, const int32_t *ids, int64_t n);
/* LOREC_USAGE unless all ids are in -1 .. rows - 1. */
lorec_err ids_check(const node *n, const tensor *ids, int64_t rows);

/* Adds to sq[example of entry i's row] the squared norm of the rows that scatter_add would make for each example
 * alone: the entries of an example that name the same row are summed first. example(i) = examples[source(i)]. */
lorec_err scatter_example_norms(tape *t, const scatter *s, const int32_t *examples, float *sq, int64_t n_examples);

#endif
