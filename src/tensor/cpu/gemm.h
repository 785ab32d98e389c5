/* gemm.h: inside this floor: a product with something done to each finished piece of it while it is in the cache.
 *
 *     gemm g = {.tb = true, .m = rows, .n = out, .k = in, .alpha = 1, .a = x, .lda = in, .b = w, .ldb = in,
 *               .c = y, .ldc = out, .after = add_bias, .ctx = bias};
 *     TRY(gemm_run(&g));
 *
 * The same sizes give the same bits, whatever the workers, but where k is split (small C, long k): there the same sizes and
 * workers do.
 *
 * Ownership: everything is borrowed. */
#ifndef LOREC_TENSOR_CPU_GEMM_H
#define LOREC_TENSOR_CPU_GEMM_H

#include "tensor/cpu/kernels.h"

/* c[0 .. rows-1][0 .. cols-1] (row stride ldc) are final: rows row.., columns col.. of C. Several workers call it. */
typedef void (*gemm_after)(void *ctx, int64_t row, int64_t rows, int64_t col, int64_t cols, float *c, int64_t ldc);

typedef struct gemm {
    bool bf16; /* a and b are uint16_t; C is f32 always */
    bool ta, tb;
    int64_t m, n, k;
    float alpha, beta;
    const void *a, *b;
    int64_t lda, ldb;
    float *c; /* NULL: pieces live only during `after`; beta is 0 then */
    int64_t ldc;
    gemm_after after; /* NULL: nothing */
    void *ctx;
} gemm;

lorec_err gemm_run(const gemm *g);

#endif
