#include "learn/svd.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>

#include "base/log.h"
#include "base/threads.h"
#include "tensor/cpu/sparse.h"
#include "tensor/rng.h"

enum { BLOCK = 32, DENSE = 384, ROUNDS = 100 };

void svd_free(svd *s)
{
    mem_free(s->sigma);
    mem_free(s->u);
    mem_free(s->v);
    *s = (svd){0};
}

/* ---- products ------------------------------------------------------------------------------------------------------- */

typedef struct product {
    const sparse *a;
    const float *x; /* [a->cols, width] */
    size_t width;
    float *out; /* [a->rows, width] */
} product;

static lorec_err product_rows(void *ctx, size_t begin, size_t end, int worker)
{
    (void)worker;
    const product *p = ctx;
    const sparse_kernels *k = sparse_isa();
    for (size_t r = begin; r < end; r++) {
        uint64_t at = p->a->start[r];
        k->gather_sum(p->a->start[r + 1] - at, p->a->col + at, p->a->value ? p->a->value + at : NULL, p->x, p->width,
                      p->out + r * p->width);
    }
    return LOREC_OK;
}

static lorec_err multiply(const sparse *a, const float *x, size_t width, float *out)
{
    return par_each(a->rows, 256, product_rows, &(product){a, x, width, out});
}

/* x [rows, cols] -> out [cols, rows] */
static void turn(size_t rows, size_t cols, const float *x, float *out)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < cols; c++) out[c * rows + r] = x[r * cols + c];
}

/* ---- the top eigenvectors of A^T A, A tall ---------------------------------------------------------------------------- */

typedef struct lanczos {
    const sparse *a, *at; /* [m, n], [n, m] */
    size_t n, wanted, keep, cap;
    size_t have;            /* basis vectors with their column of h */
    float *q;               /* [cap + BLOCK, n] orthonormal rows; the block after `have` waits to be multiplied */
    double *h;              /* [cap, cap] Q A^T A Q^T */
    double *theta;          /* [cap] its eigenvalues, ascending */
    double *w;              /* [cap, cap] its eigenvectors, columns */
    float *mix;             /* [cap, cap] w as f32 */
    float *coef;            /* [BLOCK, cap] */
    float *x, *y, *z;       /* [n, BLOCK], [m, BLOCK], [BLOCK, n] */
    float *rest;            /* [keep, n] */
    float r[BLOCK * BLOCK]; /* residual block = r^T next block */
    float tau[BLOCK];
    rng random;
} lanczos;

static void lanczos_free(lanczos *l)
{
    mem_free(l->q), mem_free(l->h), mem_free(l->theta), mem_free(l->w), mem_free(l->mix), mem_free(l->coef);
    mem_free(l->x), mem_free(l->y), mem_free(l->z), mem_free(l->rest);
}

static lorec_err lapack(int info, const char *what)
{
    return info == 0 ? LOREC_OK : err_set(LOREC_FAILED, "LAPACK %s failed (%d)", what, info);
}

/* Takes out of the rows of z [BLOCK, n] what lies along the first `count` basis rows; `coef` [BLOCK, count] is how much. */
static void project_out(const lanczos *l, float *z, size_t count, float *coef)
{
    if (!count) return;
    int n = (int)l->n, c = (int)count;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, BLOCK, c, n, 1, z, n, l->q, n, 0, coef, c);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, BLOCK, n, c, -1, coef, c, l->q, n, 1, z, n);
}

/* Orthonormal rows in place of the rows of z; what was there is r^T times them. */
static lorec_err orthonormalise(lanczos *l, float *z)
{
    int n = (int)l->n;
    TRY(lapack(LAPACKE_sgeqrf(LAPACK_COL_MAJOR, n, BLOCK, z, n, l->tau), "sgeqrf"));
    for (int i = 0; i < BLOCK; i++)
        for (int j = 0; j < BLOCK; j++) l->r[i * BLOCK + j] = j >= i ? z[(size_t)j * l->n + i] : 0;
    return lapack(LAPACKE_sorgqr(LAPACK_COL_MAJOR, n, BLOCK, BLOCK, z, n, l->tau), "sorgqr");
}

/* The block in z becomes basis rows `have` .. `have` + BLOCK - 1. Directions that vanished (the matrix has few different
 * singular values) are replaced by random ones, and everything is projected once more: rounding noise, normalised, is
 * not orthogonal to anything. */
static lorec_err append_block(lanczos *l)
{
    float r[BLOCK * BLOCK];
    TRY(orthonormalise(l, l->z));
    memcpy(r, l->r, sizeof r);
    float largest = 0;
    for (int i = 0; i < BLOCK; i++) largest = fmaxf(largest, fabsf(r[i * BLOCK + i]));
    for (int i = 0; i < BLOCK; i++)
        if (fabsf(r[i * BLOCK + i]) <= 1e-7F * largest)
            for (size_t j = 0; j < l->n; j++) l->z[(size_t)i * l->n + j] = (float)rng_normal(&l->random);
    for (int pass = 0; pass < 2; pass++) {
        project_out(l, l->z, l->have, l->coef);
        TRY(orthonormalise(l, l->z));
    }
    memcpy(l->r, r, sizeof r);
    memcpy(l->q + l->have * l->n, l->z, BLOCK * l->n * sizeof(float));
    return LOREC_OK;
}

/* Multiplies the waiting block by A^T A, writes its row and column of h, and appends the next block. */
static lorec_err expand(lanczos *l)
{
    turn(BLOCK, l->n, l->q + l->have * l->n, l->x);
    TRY(multiply(l->a, l->x, BLOCK, l->y));
    TRY(multiply(l->at, l->y, BLOCK, l->x));
    turn(l->n, BLOCK, l->x, l->z);
    size_t begin = l->have, count = begin + BLOCK;
    for (int pass = 0; pass < 2; pass++) {
        project_out(l, l->z, count, l->coef);
        for (size_t i = 0; i < BLOCK; i++)
            for (size_t j = 0; j < count; j++) {
                double *h = &l->h[(begin + i) * l->cap + j];
                *h = l->coef[i * count + j] + (pass ? *h : 0);
            }
    }
    for (size_t i = begin; i < count; i++) { /* symmetric up to rounding: make it so */
        for (size_t j = 0; j < begin; j++) l->h[j * l->cap + i] = l->h[i * l->cap + j];
        for (size_t j = begin; j < i; j++)
            l->h[i * l->cap + j] = l->h[j * l->cap + i] = (l->h[i * l->cap + j] + l->h[j * l->cap + i]) / 2;
    }
    l->have = count;
    return append_block(l);
}

/* Eigenvectors of h; how far the worst of the wanted is from one of A^T A, relative to the largest eigenvalue. */
static lorec_err ritz(lanczos *l, double *worst)
{
    size_t c = l->have;
    for (size_t i = 0; i < c; i++)
        for (size_t j = 0; j < c; j++) l->w[i * c + j] = l->h[i * l->cap + j];
    TRY(lapack(LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'U', (int)c, l->w, (int)c, l->theta), "dsyevd"));
    double top = fmax(l->theta[c - 1], 1e-300);
    *worst = 0;
    for (size_t k = 0; k < l->wanted; k++) {
        const double *last = l->w + (c - 1 - k) * c + (c - BLOCK); /* its part on the last block */
        double square = 0;
        for (int i = 0; i < BLOCK; i++) {
            double sum = 0;
            for (int j = i; j < BLOCK; j++) sum += l->r[i * BLOCK + j] * last[j];
            square += sum * sum;
        }
        *worst = fmax(*worst, sqrt(square) / top);
    }
    return LOREC_OK;
}

/* out [count, n]: the top `count` Ritz vectors, largest first */
static void ritz_vectors(const lanczos *l, size_t count, float *out)
{
    size_t c = l->have;
    for (size_t k = 0; k < count; k++)
        for (size_t j = 0; j < c; j++) l->mix[k * c + j] = (float)l->w[(c - 1 - k) * c + j];
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)count, (int)l->n, (int)c, 1, l->mix, (int)c, l->q,
                (int)l->n, 0, out, (int)l->n);
}

static void restart(lanczos *l)
{
    ritz_vectors(l, l->keep, l->rest);
    memmove(l->q + l->keep * l->n, l->q + l->have * l->n, BLOCK * l->n * sizeof(float));
    memcpy(l->q, l->rest, l->keep * l->n * sizeof(float));
    memset(l->h, 0, l->cap * l->cap * sizeof(double));
    for (size_t k = 0; k < l->keep; k++) l->h[k * l->cap + k] = l->theta[l->have - 1 - k];
    l->have = l->keep;
}

static size_t round_up(size_t n)
{
    return (n + BLOCK - 1) / BLOCK * BLOCK;
}

static lorec_err lanczos_new(lanczos *l, const sparse *a, const sparse *at, size_t wanted, uint64_t seed)
{
    *l = (lanczos){.a = a, .at = at, .n = a->cols, .wanted = wanted, .random = rng_make(seed, RNG_SVD)};
    l->keep = round_up(wanted + BLOCK / 2);
    l->cap = l->keep + round_up(wanted / 2 + 3 * BLOCK);
    TRY(mem_new(&l->q, (l->cap + BLOCK) * l->n));
    TRY(mem_new(&l->h, l->cap * l->cap));
    TRY(mem_new(&l->theta, l->cap));
    TRY(mem_new(&l->w, l->cap * l->cap));
    TRY(mem_new(&l->mix, l->cap * l->cap));
    TRY(mem_new(&l->coef, BLOCK * l->cap));
    TRY(mem_new(&l->x, BLOCK * l->n));
    TRY(mem_new(&l->y, BLOCK * (size_t)a->rows));
    TRY(mem_new(&l->z, BLOCK * l->n));
    return mem_new(&l->rest, l->keep * l->n);
}

/* vt [wanted, n] */
static lorec_err eigen_lanczos(const sparse *a, const sparse *at, size_t wanted, uint64_t seed, double tolerance,
                               float *vt)
{
    lanczos l;
    double worst = 1;
    lorec_err e;
    TRY_GO(e, lanczos_new(&l, a, at, wanted, seed), done);
    for (size_t i = 0; i < BLOCK * l.n; i++) l.z[i] = (float)rng_normal(&l.random);
    TRY_GO(e, append_block(&l), done);
    for (int round = 0;; round++) {
        TRY_GO(e, cancel_check(), done);
        while (l.have < l.cap) TRY_GO(e, expand(&l), done);
        TRY_GO(e, ritz(&l, &worst), done);
        log_debug("svd: round %d, residual %.2e of the largest", round + 1, worst);
        if (worst <= tolerance || round + 1 == ROUNDS) break;
        restart(&l);
    }
    if (worst > tolerance)
        log_warn("svd: the smallest of %zu singular vectors are good to %.1e where %.1e was asked", wanted, worst,
                 tolerance);
    ritz_vectors(&l, wanted, vt);
done:
    lanczos_free(&l);
    return e;
}

static lorec_err eigen_dense(const sparse *a, size_t wanted, float *vt)
{
    size_t n = a->cols;
    double *g = NULL, *theta = NULL;
    lorec_err e;
    TRY_GO(e, mem_new(&g, n * n), done);
    TRY_GO(e, mem_new(&theta, n), done);
    for (uint32_t r = 0; r < a->rows; r++)
        for (uint64_t i = a->start[r]; i < a->start[r + 1]; i++)
            for (uint64_t j = a->start[r]; j < a->start[r + 1]; j++)
                g[a->col[i] * n + a->col[j]] += a->value ? (double)a->value[i] * a->value[j] : 1;
    TRY_GO(e, lapack(LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'U', (int)n, g, (int)n, theta), "dsyevd"), done);
    for (size_t k = 0; k < wanted; k++)
        for (size_t j = 0; j < n; j++) vt[k * n + j] = (float)g[(n - 1 - k) * n + j];
done:
    mem_free(g);
    mem_free(theta);
    return e;
}

/* ---- from eigenvectors to singular triples ----------------------------------------------------------------------------- */

/* v from vt with its sign settled; u = A v / sigma, sigma = |A v|. */
static lorec_err triples(svd *out, const sparse *a, const float *vt)
{
    size_t k = out->rank, n = a->cols;
    for (size_t i = 0; i < k; i++) {
        const float *row = vt + i * n;
        size_t largest = 0;
        for (size_t j = 1; j < n; j++)
            if (fabsf(row[j]) > fabsf(row[largest])) largest = j;
        float sign = row[largest] < 0 ? -1 : 1;
        for (size_t j = 0; j < n; j++) out->v[j * k + i] = sign * row[j];
    }
    TRY(multiply(a, out->v, k, out->u));
    double *square;
    TRY(mem_new(&square, k));
    for (size_t r = 0; r < a->rows; r++)
        for (size_t i = 0; i < k; i++) square[i] += (double)out->u[r * k + i] * out->u[r * k + i];
    for (size_t i = 0; i < k; i++) {
        double sigma = sqrt(square[i]);
        bool none = sigma <= 1e-6 * sqrt(square[0]);
        out->sigma[i] = none ? 0 : (float)sigma;
        for (size_t r = 0; r < a->rows; r++) out->u[r * k + i] *= none ? 0 : (float)(1 / sigma);
    }
    mem_free(square);
    return LOREC_OK;
}

static lorec_err svd_new(svd *out, uint32_t rows, uint32_t cols, uint32_t rank)
{
    *out = (svd){.rows = rows, .cols = cols, .rank = rank};
    TRY(mem_new(&out->sigma, rank));
    TRY(mem_new(&out->u, (size_t)rows * rank));
    return mem_new(&out->v, (size_t)cols * rank);
}

/* a tall, at its transpose */
static lorec_err svd_tall(svd *out, const sparse *a, const sparse *at, const svd_options *o)
{
    uint32_t rank = o->rank < a->cols ? o->rank : a->cols;
    float *vt = NULL;
    lorec_err e;
    TRY_GO(e, svd_new(out, a->rows, a->cols, rank), done);
    TRY_GO(e, mem_new(&vt, (size_t)rank * a->cols), done);
    /* a basis that would hold most of the space gains nothing over the whole of it */
    if (a->cols <= DENSE || a->cols <= 3 * round_up(rank) + 6 * BLOCK)
        e = eigen_dense(a, rank, vt);
    else
        e = eigen_lanczos(a, at, rank, o->seed, o->tolerance > 0 ? o->tolerance : 1e-5, vt);
    if (!e) e = triples(out, a, vt);
done:
    mem_free(vt);
    if (e) svd_free(out);
    return e;
}

lorec_err svd_sparse(svd *out, const sparse *a, const svd_options *options)
{
    *out = (svd){0};
    if (options->rank < 1 || a->rows < 1 || a->cols < 1)
        return err_set(LOREC_USAGE, "an SVD of rank %u of a %u x %u matrix", options->rank, a->rows, a->cols);
    sparse at;
    TRY(sparse_transpose(&at, a));
    lorec_err e;
    if (a->cols <= a->rows) {
        e = svd_tall(out, a, &at, options);
    } else {
        e = svd_tall(out, &at, a, options);
        float *v = out->u;
        *out = (svd){a->rows, a->cols, out->rank, out->sigma, out->v, v};
        if (e) *out = (svd){0};
    }
    sparse_free(&at);
    return e;
}

uint64_t svd_memory(uint64_t rows, uint64_t cols, uint64_t entries, uint64_t rank)
{
    uint64_t n = rows < cols ? rows : cols, m = rows < cols ? cols : rows;
    if (rank > n) rank = n;
    uint64_t cap = 2 * rank + rank / 2 + 8 * BLOCK;
    uint64_t work = cap >= n ? n * n * 8 : (cap + rank) * n * 4 + cap * cap * 20 + (m + 2 * n) * BLOCK * 4;
    return work + (m + 2 * n) * rank * 4 + entries * 8 + n * 8;
}
