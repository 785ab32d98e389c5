/* kernels.h: the arithmetic under the ops, on plain arrays: matrix products, attention, norms, vector functions, and
 * the choice of instruction set at run time (AVX-512 with BF16/VNNI, AVX2, portable; LOREC_ISA forces one).
 *
 *     gemm_f32(false, true, m, n, k, 1, a, lda, b, ldb, 0, c, ldc);   // C = A B^T, all workers
 *     isa()->exp_f32(n, x, y);                                        // one thread, the chosen instruction set
 *
 * Rules: sizes may be 0; C never overlaps A or B; the same sizes and workers give the same bits. Kernels named in
 * `isa_kernels` run in the calling thread; the plain functions use par_for.
 *
 * Ownership: nothing is kept. */
#ifndef LOREC_TENSOR_CPU_KERNELS_H
#define LOREC_TENSOR_CPU_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* C [m, n] = alpha op(A) op(B) + beta C, row-major; beta 0 never reads C. */
lorec_err gemm_f32(bool ta, bool tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
                   const float *b, int64_t ldb, float beta, float *c, int64_t ldc);
/* bf16 operands (uint16_t bits), f32 accumulation; C is f32 or bf16. */
lorec_err gemm_bf16(bool ta, bool tb, int64_t m, int64_t n, int64_t k, float alpha, const uint16_t *a, int64_t lda,
                    const uint16_t *b, int64_t ldb, float beta, void *c, int64_t ldc, bool c_is_bf16);
/* The same in the calling thread alone, for use inside par_for (small tiles). */
void gemm_f32_serial(bool ta, bool tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
                     const float *b, int64_t ldb, float beta, float *c, int64_t ldc);

typedef struct isa_kernels {
    const char *name; /* "avx512", "avx2", "portable" */
    float (*dot_f32)(size_t n, const float *a, const float *b);
    void (*axpy_f32)(size_t n, float alpha, const float *x, float *y); /* y += alpha x */
    void (*exp_f32)(size_t n, const float *x, float *y);
    /* y = exp(x - max), returns the sum; -inf gives 0; all -inf gives sum 0 */
    float (*softmax_exp_f32)(size_t n, const float *x, float *y);
    void (*to_bf16)(size_t n, const float *x, uint16_t *y); /* round to nearest even, NaN stays NaN */
    void (*from_bf16)(size_t n, const uint16_t *x, float *y);
    void (*act_f32)(int activation, size_t n, const float *x, float *y);                        /* enum activation */
    void (*act_grad_f32)(int activation, size_t n, const float *x, const float *dy, float *dx); /* dx = dy act'(x) */
    void (*philox)(uint64_t seed, uint64_t stream, uint64_t block, size_t n_blocks, uint32_t *out); /* 4 a block */
    void (*gemm_f32)(bool ta, bool tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
                     const float *b, int64_t ldb, float beta, float *c, int64_t ldc); /* gemm_f32_serial's */
} isa_kernels;

const isa_kernels *isa(void); /* chosen once: the best this CPU has, or LOREC_ISA */
const char *
isa_choose(const char *name); /* tests: switch; NULL: the best; returns the one now in force, NULL: unknown here */

#endif
