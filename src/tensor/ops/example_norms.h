/* example_norms.h: inside the ops: squared norms of parameter gradients that are sums of one outer product a row, for
 * each example apart, without making the gradients (Goodfellow 2015; over several rows, Li et al. 2022):
 *     |sum over r of a_r b_r^T|^2 = sum over r, s of <a_r, a_s> <b_r, b_s>
 *
 *     TRY(outer_example_norms(t, rows, in, x, out, dz, y->example, rows_per_example_row, sq, n_examples));
 *
 * Ownership: everything is borrowed. */
#ifndef LOREC_TENSOR_OPS_EXAMPLE_NORMS_H
#define LOREC_TENSOR_OPS_EXAMPLE_NORMS_H

#include "tensor/op.h"

/* Adds to sq[e] the squared norm over the rows of example e. a [rows, n_a], or NULL for ones (a bias: its gradient sums
 * b's rows); b [rows, n_b]. Row r belongs to example[r / each], or to r / each where example is NULL. */
lorec_err outer_example_norms(tape *t, int64_t rows, int64_t n_a, const float *a, int64_t n_b, const float *b,
                              const int32_t *example, int64_t each, float *sq, int64_t n_examples);

#endif
