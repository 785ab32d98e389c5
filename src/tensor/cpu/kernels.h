/* kernels.h: the arithmetic under the ops, on plain arrays: matrix products, attention, norms, vector functions, and
 * the choice of instruction set at run time (AMX tiles, AVX-512 with BF16/VNNI, AVX2, portable; LOREC_ISA forces one).
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
    const char *name; /* "amx", "avx512", "avx2", "portable" */
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

    /* One row of d values: y = (x - mean) r (gain_plus + gain) + bias (or NULL), r = 1 / sqrt(variance + eps); rms: the mean
     * counts as 0. stats gets mean and r. */
    void (*norm_f32)(bool rms, size_t d, const float *x, const float *gain, float gain_plus, const float *bias,
                     float eps, float *y, float stats[2]);
    /* dx = its gradient + beta dx; dgain and dbias are added to. NULL: not wanted. */
    void (*norm_grad_f32)(bool rms, size_t d, const float *x, const float *gain, float gain_plus, const float stats[2],
                          const float *dy, float beta, float *dx, float *dgain, float *dbias);
    /* mask[i] = scale where 16 random bits are >= threshold (0 .. 65536), else 0; 128 values a group, from `group` on. */
    void (*dropout_mask)(uint64_t seed, uint64_t stream, uint64_t group, size_t n, uint32_t threshold, float scale,
                         float *mask);

    float (*max_f32)(size_t n, const float *x);                              /* -inf for none */
    float (*exp_shift_f32)(size_t n, const float *x, float shift, float *y); /* y = exp(x - shift); returns the sum */
    /* With p = exp(s - lse): s = p mask, dp = p (mask dp - delta); mask NULL: ones. */
    void (*softmax_grad_f32)(size_t n, float *s, float lse, float *dp, float delta, const float *mask);

    /* ---- the pieces of gemm.c ---- */
    int tile; /* columns of a packed panel */
    /* C [m, n] = alpha A B + beta C; element (i, p) of A is a[i * a_row + p * a_col], (p, j) of B is b[p * b_row + j]. */
    void (*product_f32)(int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t a_row, int64_t a_col,
                        const float *b, int64_t b_row, float beta, float *c, int64_t ldc);
    /* b's (p, j) at b[p * b_row + j * b_col], n <= tile -> panel [k, tile], zeros behind column n */
    void (*pack_f32)(int64_t k, int64_t n, const float *b, int64_t b_row, int64_t b_col, float *panel);
    /* C [m, n] = alpha A B^T + beta C for few rows: both are read along k, nothing is packed. */
    void (*dots_f32)(int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda, const float *b,
                     int64_t ldb, float beta, float *c, int64_t ldc);
    /* The same in bf16, by pairs along k: (i, pair) of A is the two values at a + i * a_row + pair * a_pair; a panel is
     * [pairs, tile, 2], its last pair filled with a zero where k is odd. NULL: widen to f32 instead. n <= tile. */
    void (*product_bf16)(int64_t m, int64_t n, int64_t pairs, float alpha, const uint16_t *a, int64_t a_row,
                         int64_t a_pair, const uint16_t *panel, float beta, float *c, int64_t ldc);
    /* NULL: product_bf16 takes A by pairs. Otherwise only as rows (a_pair 2), which this makes of a transposed A [k, m]: to
     * [m][2 pairs], a zero behind an odd k. */
    void (*turn_bf16)(int64_t k, int64_t m, const uint16_t *a, int64_t lda, uint16_t *to, int64_t ldt);
    void (*pack_bf16)(int64_t k, int64_t n, const uint16_t *b, int64_t b_row, int64_t b_col, int64_t width,
                      uint16_t *panel); /* width: columns of the panel, n <= width */
} isa_kernels;

const isa_kernels *isa(void); /* chosen once: the best this CPU has, or LOREC_ISA */
const char *
isa_choose(const char *name); /* tests: switch; NULL: the best; returns the one now in force, NULL: unknown here */

#endif
