/* Which product goes where: narrow ones (a side of at most NARROW) to our own tiles, split over rows, or over k where the
 * result is small and k is long; the rest to OpenBLAS. */
#include <cblas.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/threads.h"
#include "tensor/cpu/kernels.h"

enum { NARROW = 256, ROW_GRAIN = 48, PIECES_MAX = 64 };

typedef struct product {
    bool ta, tb;
    int64_t m, n, k;
    float alpha, beta;
    const float *a, *b;
    float *c;
    int64_t lda, ldb, ldc;
    float *partial; /* k split: [pieces - 1][m, n] */
    int64_t pieces;
} product;

void gemm_f32_serial(bool ta, bool tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
                     const float *b, int64_t ldb, float beta, float *c, int64_t ldc)
{
    isa()->gemm_f32(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

static lorec_err rows_piece(void *ctx, size_t begin, size_t end, int worker)
{
    const product *p = ctx;
    (void)worker;
    int64_t i = (int64_t)begin;
    gemm_f32_serial(p->ta, p->tb, (int64_t)(end - begin), p->n, p->k, p->alpha, p->a + (p->ta ? i : i * p->lda), p->lda,
                    p->b, p->ldb, p->beta, p->c + i * p->ldc, p->ldc);
    return LOREC_OK;
}

/* Piece 0 goes to C itself, the others to their own buffers, added in order afterwards: the same bits for the same number
 * of workers. */
static lorec_err depth_piece(void *ctx, size_t begin, size_t end, int worker)
{
    const product *p = ctx;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        int64_t from = p->k * (int64_t)i / p->pieces, to = p->k * ((int64_t)i + 1) / p->pieces;
        const float *a = p->a + (p->ta ? from * p->lda : from), *b = p->b + (p->tb ? from : from * p->ldb);
        if (i == 0)
            gemm_f32_serial(p->ta, p->tb, p->m, p->n, to - from, p->alpha, a, p->lda, b, p->ldb, p->beta, p->c, p->ldc);
        else
            gemm_f32_serial(p->ta, p->tb, p->m, p->n, to - from, p->alpha, a, p->lda, b, p->ldb, 0,
                            p->partial + ((int64_t)i - 1) * p->m * p->n, p->n);
    }
    return LOREC_OK;
}

static lorec_err split_depth(product *p)
{
    p->pieces = par_workers() < PIECES_MAX ? par_workers() : PIECES_MAX;
    TRY(mem_new(&p->partial, (size_t)((p->pieces - 1) * p->m * p->n)));
    lorec_err e = par_for((size_t)p->pieces, 1, depth_piece, p);
    for (int64_t piece = 1; piece < p->pieces && e == LOREC_OK; piece++)
        for (int64_t i = 0; i < p->m; i++)
            isa()->axpy_f32((size_t)p->n, 1, p->partial + ((piece - 1) * p->m + i) * p->n, p->c + i * p->ldc);
    mem_free(p->partial);
    return e;
}

lorec_err gemm_f32(bool ta, bool tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
                   const float *b, int64_t ldb, float beta, float *c, int64_t ldc)
{
    if (m <= 0 || n <= 0) return LOREC_OK;
    product p = {ta, tb, m, n, k, alpha, beta, a, b, c, lda, ldb, ldc, NULL, 1};
    bool narrow = n <= NARROW || k <= NARROW || m <= NARROW;
    if (narrow && m <= NARROW && n <= NARROW && k > 4 * NARROW && par_workers() > 1) return split_depth(&p);
    if (narrow || k == 0) return par_for((size_t)m, ROW_GRAIN, rows_piece, &p);
    cblas_sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, (blasint)m, (blasint)n,
                (blasint)k, alpha, a, (blasint)lda, b, (blasint)ldb, beta, c, (blasint)ldc);
    return LOREC_OK;
}
