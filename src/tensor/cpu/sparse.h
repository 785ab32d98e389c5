/* sparse.h: the two inner loops of models on sparse matrices, one thread, for each instruction set.
 *
 *     const sparse_kernels *k = sparse_isa();
 *     k->gather_sum(n, items, values, b, n_items, scores);       // one row of X B
 *     k->normal_apply(n, 64, y, a, c, p, out);                   // one step of conjugate gradients
 *
 * Ownership: nothing is kept. */
#ifndef LOREC_TENSOR_CPU_SPARSE_H
#define LOREC_TENSOR_CPU_SPARSE_H

#include <stddef.h>
#include <stdint.h>

typedef struct sparse_kernels {
    const char *name;
    /* out[0 .. d) = sum over k < n of value[k] * x[row[k] * d + ..]; value NULL: ones */
    void (*gather_sum)(size_t n, const uint32_t *row, const float *value, const float *x, size_t d, float *out);
    /* out[0 .. d) += sum over k < n of (a[k] + c[k] * <y_k, p>) y_k, y_k = y[k * d + ..]; d a multiple of 16; a NULL: 0 */
    void (*normal_apply)(size_t n, size_t d, const float *y, const float *a, const float *c, const float *p,
                         float *out);
} sparse_kernels;

extern const sparse_kernels sparse_portable, sparse_avx2, sparse_avx512;
const sparse_kernels *sparse_isa(void); /* the set that goes with isa() */

#endif
