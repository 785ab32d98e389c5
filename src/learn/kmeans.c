#include "learn/kmeans.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "tensor/cpu/kernels.h"
#include "tensor/rng.h"

lorec_err kmeans_start(const kmeans_rows *rows, size_t k, uint64_t seed, uint64_t stream, float *centroid)
{
    uint32_t *order;
    rng r = rng_make(seed, stream);
    if (rows->n == 0 || rows->n > UINT32_MAX) return err_set(LOREC_INPUT, "k-means needs rows: %zu given", rows->n);
    TRY(mem_new(&order, rows->n));
    for (size_t i = 0; i < rows->n; i++) order[i] = (uint32_t)i;
    rng_shuffle(&r, order, rows->n);
    for (size_t c = 0; c < k; c++)
        memcpy(centroid + c * rows->d, rows->x + order[c % rows->n] * rows->stride, rows->d * sizeof *centroid);
    mem_free(order);
    return LOREC_OK;
}

/* |x - c|^2 - |x|^2 of all centroids at once: they lie by dimension, so that the inner loop runs over centroids. */
typedef struct finder {
    size_t k, d;
    float *by_dim; /* [d][k] */
    float *norm;   /* [k] */
    float *far;    /* [k] */
} finder;

static void finder_free(finder *f)
{
    mem_free(f->by_dim);
    mem_free(f->norm);
    mem_free(f->far);
}

static lorec_err finder_new(finder *f, size_t k, size_t d)
{
    *f = (finder){.k = k, .d = d};
    if (mem_new(&f->by_dim, k * d) || mem_new(&f->norm, k) || mem_new(&f->far, k)) {
        finder_free(f);
        return LOREC_RESOURCE;
    }
    return LOREC_OK;
}

static void finder_take(finder *f, const float *centroid)
{
    for (size_t c = 0; c < f->k; c++) {
        const float *at = centroid + c * f->d;
        f->norm[c] = isa()->dot_f32(f->d, at, at);
        for (size_t j = 0; j < f->d; j++) f->by_dim[j * f->k + c] = at[j];
    }
}

static int32_t find(finder *f, const float *x, double *distance)
{
    memcpy(f->far, f->norm, f->k * sizeof *f->far);
    for (size_t j = 0; j < f->d; j++) isa()->axpy_f32(f->k, -2 * x[j], f->by_dim + j * f->k, f->far);
    size_t best = 0;
    for (size_t c = 1; c < f->k; c++)
        if (f->far[c] < f->far[best]) best = c;
    double d = (double)f->far[best] + isa()->dot_f32(f->d, x, x);
    *distance = d > 0 ? d : 0;
    return (int32_t)best;
}

lorec_err kmeans_nearest(const kmeans_rows *rows, size_t k, const float *centroid, int32_t *code, size_t step,
                         double *error)
{
    finder f;
    double sum = 0, one;
    TRY(finder_new(&f, k, rows->d));
    finder_take(&f, centroid);
    for (size_t i = 0; i < rows->n; i++, sum += one) code[i * step] = find(&f, rows->x + i * rows->stride, &one);
    finder_free(&f);
    if (error) *error = rows->n ? sum / (double)rows->n : 0;
    return LOREC_OK;
}

/* ---- learning ------------------------------------------------------------------------------------------------------------ */

typedef struct learning {
    const kmeans_rows *rows;
    finder find;
    size_t *count;    /* [k] */
    double *sum;      /* [k][d] */
    double *distance; /* [n] */
    float *centroid;
    int32_t *code;
} learning;

static bool assign(learning *l)
{
    bool moved = false;
    finder_take(&l->find, l->centroid);
    for (size_t i = 0; i < l->rows->n; i++) {
        int32_t c = find(&l->find, l->rows->x + i * l->rows->stride, &l->distance[i]);
        moved |= c != l->code[i];
        l->code[i] = c;
    }
    return moved;
}

static void move_empty(learning *l, size_t c)
{
    size_t far = 0, d = l->rows->d;
    for (size_t i = 1; i < l->rows->n; i++)
        if (l->distance[i] > l->distance[far]) far = i;
    if (l->distance[far] <= 0) return; /* every row is a centroid already */
    const float *at = l->rows->x + far * l->rows->stride;
    memcpy(l->centroid + c * d, at, d * sizeof *l->centroid);
    for (size_t i = 0; i < l->rows->n; i++) { /* the next one that is empty goes elsewhere */
        double sum = 0;
        for (size_t j = 0; j < d; j++) sum += pow(l->rows->x[i * l->rows->stride + j] - at[j], 2);
        if (sum < l->distance[i]) l->distance[i] = sum;
    }
}

static void update(learning *l)
{
    size_t k = l->find.k, d = l->rows->d;
    memset(l->count, 0, k * sizeof *l->count);
    memset(l->sum, 0, k * d * sizeof *l->sum);
    for (size_t i = 0; i < l->rows->n; i++) {
        size_t c = (size_t)l->code[i];
        l->count[c]++;
        for (size_t j = 0; j < d; j++) l->sum[c * d + j] += l->rows->x[i * l->rows->stride + j];
    }
    for (size_t c = 0; c < k; c++) {
        if (l->count[c] == 0)
            move_empty(l, c);
        else
            for (size_t j = 0; j < d; j++) l->centroid[c * d + j] = (float)(l->sum[c * d + j] / (double)l->count[c]);
    }
}

lorec_err kmeans_learn(const kmeans_rows *rows, size_t k, int rounds, float *centroid, int32_t *code, double *error)
{
    learning l = {.rows = rows, .centroid = centroid, .code = code};
    if (rows->n == 0 || rows->d == 0 || k == 0) return err_set(LOREC_INPUT, "k-means needs rows and centroids");
    lorec_err e = finder_new(&l.find, k, rows->d);
    if (!e) e = mem_new(&l.count, k);
    if (!e) e = mem_new(&l.sum, k * rows->d);
    if (!e) e = mem_new(&l.distance, rows->n);
    if (!e) {
        for (size_t i = 0; i < rows->n; i++) code[i] = -1;
        for (int round = 0; assign(&l) && round < rounds; round++) update(&l);
    }
    double sum = 0;
    for (size_t i = 0; !e && i < rows->n; i++) sum += l.distance[i];
    if (error) *error = sum / (double)rows->n;
    finder_free(&l.find);
    mem_free(l.count);
    mem_free(l.sum);
    mem_free(l.distance);
    return e;
}
