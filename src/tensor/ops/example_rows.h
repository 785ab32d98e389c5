/* example_rows.h: inside the ops: which rows belong to which training example, for per-example gradient norms.
 *
 *     example_rows g;
 *     TRY(example_rows_of(t, n->out, n_examples, &g));
 *     for (int32_t at = g.start[e]; at < g.start[e + 1]; at++) ... row g.row[at] ...
 *
 * Ownership: the arrays are the tape's scratch memory. */
#ifndef LOREC_TENSOR_OPS_EXAMPLE_ROWS_H
#define LOREC_TENSOR_OPS_EXAMPLE_ROWS_H

#include "tensor/op.h"

typedef struct example_rows {
    int64_t n;      /* examples */
    int64_t most;   /* rows of the largest */
    int32_t *start; /* [n + 1] */
    int32_t *row;
} example_rows;

/* The rows (all but the last dimension) of x; examples beyond n are left out. */
lorec_err example_rows_of(tape *t, const tensor *x, int64_t n, example_rows *g);

#endif
