#include "retrieve/pq.h"

#include <lapacke.h>
#include <string.h>

#include "base/mem.h"
#include "base/threads.h"
#include "learn/kmeans.h"
#include "rec/arrays.h"
#include "tensor/cpu/kernels.h"
#include "tensor/rng.h"

enum { FIRST_ROUNDS = 10, TURN_ROUNDS = 2, LAST_ROUNDS = 25 };

void pq_free(pq *q)
{
    mem_free(q->mean);
    mem_free(q->rotation);
    mem_free(q->centroid);
    *q = (pq){0};
}

static size_t width_of(const pq *q)
{
    return (size_t)q->parts * q->slice;
}

/* out [n][width]: without the mean, filled up with zeros. */
static lorec_err centred(const pq *q, const float *x, size_t n, float **out)
{
    size_t w = width_of(q), values;
    *out = NULL;
    if (!size_mul(n, w, &values)) return err_set(LOREC_RESOURCE, "%zu vectors are too many", n);
    TRY(mem_new(out, values));
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < q->dims; j++) (*out)[i * w + j] = x[i * q->dims + j] - q->mean[j];
    return LOREC_OK;
}

static lorec_err rotated(const pq *q, const float *z, size_t n, float *y)
{
    int64_t w = (int64_t)width_of(q);
    return gemm_f32(false, false, (int64_t)n, w, w, 1, z, w, q->rotation, w, 0, y, w);
}

/* ---- learning ------------------------------------------------------------------------------------------------------------ */

/* The orthogonal matrix nearest to m [w][w], U V^T of its singular value decomposition; m is used up. */
static lorec_err orthogonal(float *m, size_t w, float *out)
{
    float *u = NULL, *vt = NULL, *sigma = NULL, *rest = NULL;
    lapack_int n = (lapack_int)w, info = 0;
    lorec_err e;
    TRY_GO(e, mem_new(&u, w * w), done);
    TRY_GO(e, mem_new(&vt, w * w), done);
    TRY_GO(e, mem_new(&sigma, w), done);
    TRY_GO(e, mem_new(&rest, w), done);
    info = LAPACKE_sgesvd(LAPACK_ROW_MAJOR, 'A', 'A', n, n, m, n, sigma, u, n, vt, n, rest);
    e = info ? err_set(LOREC_FAILED, "quantisation: the rotation's decomposition fails (sgesvd: %d)", (int)info)
             : gemm_f32(false, false, n, n, n, 1, u, n, vt, n, 0, out, n);
done:
    mem_free(u);
    mem_free(vt);
    mem_free(sigma);
    mem_free(rest);
    return e;
}

typedef struct learning {
    pq *q;
    size_t n;
    float *z, *y;  /* [n][width] before and after the rotation */
    float *m;      /* [width][width] */
    int32_t *code; /* [parts][n] */
    double *error; /* [parts] */
    uint64_t seed;
    int rounds;
    bool start;
} learning;

static kmeans_rows part_of(const pq *q, const float *y, size_t n, size_t part)
{
    return (kmeans_rows){y + part * q->slice, n, q->slice, width_of(q)};
}

static lorec_err learn_parts(void *ctx, size_t begin, size_t end, int worker)
{
    (void)worker;
    learning *l = ctx;
    size_t k = l->q->clusters;
    for (size_t p = begin; p < end; p++) {
        kmeans_rows rows = part_of(l->q, l->y, l->n, p);
        float *centroid = l->q->centroid + p * k * l->q->slice;
        TRY(cancel_check());
        if (l->start) TRY(kmeans_start(&rows, k, l->seed, RNG_USER + RNG_CODES + p, centroid));
        TRY(kmeans_learn(&rows, k, l->rounds, centroid, l->code + p * l->n, &l->error[p]));
    }
    return LOREC_OK;
}

static lorec_err learn_centroids(learning *l, int rounds, bool start)
{
    l->rounds = rounds;
    l->start = start;
    if (l->q->rotation) TRY(rotated(l->q, l->z, l->n, l->y));
    TRY(par_each(l->q->parts, 1, learn_parts, l));
    l->q->error = 0;
    for (size_t p = 0; p < l->q->parts; p++) l->q->error += l->error[p];
    return LOREC_OK;
}

/* R that makes |z R - centroids of y| least. */
static lorec_err turn(learning *l)
{
    pq *q = l->q;
    size_t w = width_of(q);
    for (size_t p = 0; p < q->parts; p++)
        for (size_t i = 0; i < l->n; i++)
            memcpy(l->y + i * w + p * q->slice,
                   q->centroid + (p * q->clusters + (size_t)l->code[p * l->n + i]) * q->slice, q->slice * sizeof *l->y);
    int64_t d = (int64_t)w;
    TRY(gemm_f32(true, false, d, d, (int64_t)l->n, 1, l->z, d, l->y, d, 0, l->m, d));
    return orthogonal(l->m, w, q->rotation);
}

static lorec_err learn_with_rotation(learning *l, int turns)
{
    size_t w = width_of(l->q);
    rng r = rng_make(l->seed, RNG_CODES);
    TRY(mem_new(&l->q->rotation, w * w));
    TRY(mem_new(&l->m, w * w));
    for (size_t i = 0; i < w * w; i++) l->m[i] = (float)rng_normal(&r);
    TRY(orthogonal(l->m, w, l->q->rotation));
    TRY(learn_centroids(l, FIRST_ROUNDS, true));
    for (int t = 0; t < turns; t++) {
        TRY(turn(l));
        TRY(learn_centroids(l, t + 1 < turns ? TURN_ROUNDS : LAST_ROUNDS, false));
    }
    return LOREC_OK;
}

static lorec_err learn(learning *l, const float *x, const pq_options *o)
{
    pq *q = l->q;
    TRY(mem_new(&q->mean, q->dims));
    TRY(mem_new(&q->centroid, (size_t)q->parts * q->clusters * q->slice));
    for (size_t j = 0; j < q->dims; j++) {
        double sum = 0;
        for (size_t i = 0; i < l->n; i++) sum += x[i * q->dims + j];
        q->mean[j] = (float)(sum / (double)l->n);
    }
    TRY(centred(q, x, l->n, &l->z));
    TRY(mem_new(&l->code, l->n * q->parts));
    TRY(mem_new(&l->error, q->parts));
    if (o->rotations == 0) {
        l->y = l->z;
        return learn_centroids(l, LAST_ROUNDS, true);
    }
    TRY(mem_new(&l->y, l->n * width_of(q)));
    return learn_with_rotation(l, o->rotations);
}

lorec_err pq_learn(pq *out, const float *x, size_t n, size_t dims, const pq_options *o)
{
    *out = (pq){0};
    if (n == 0) return err_set(LOREC_INPUT, "quantisation: there are no vectors to learn from");
    if (o->parts == 0 || o->clusters == 0 || o->parts > dims || dims > 1 << 16)
        return err_set(LOREC_INPUT, "quantisation: vectors of %zu numbers have no %u parts; ask for fewer codes", dims,
                       o->parts);
    *out = (pq){.dims = (uint32_t)dims,
                .parts = o->parts,
                .clusters = o->clusters,
                .slice = (uint32_t)((dims + o->parts - 1) / o->parts)};
    learning l = {.q = out, .n = n, .seed = o->seed};
    lorec_err e = learn(&l, x, o);
    if (l.y != l.z) mem_free(l.y);
    mem_free(l.z);
    mem_free(l.m);
    mem_free(l.code);
    mem_free(l.error);
    if (e) pq_free(out);
    return e;
}

/* ---- use --------------------------------------------------------------------------------------------------------------------- */

lorec_err pq_encode(const pq *q, const float *x, size_t n, int32_t *code)
{
    float *z = NULL, *y = NULL;
    lorec_err e;
    if (n == 0) return LOREC_OK;
    TRY(centred(q, x, n, &z));
    if (q->rotation) {
        TRY_GO(e, mem_new(&y, n * width_of(q)), done);
        TRY_GO(e, rotated(q, z, n, y), done);
    }
    e = LOREC_OK;
    for (size_t p = 0; !e && p < q->parts; p++) {
        kmeans_rows rows = part_of(q, y ? y : z, n, p);
        e = kmeans_nearest(&rows, q->clusters, q->centroid + p * q->clusters * q->slice, code + p, q->parts, NULL);
    }
done:
    mem_free(z);
    mem_free(y);
    return e;
}

lorec_err pq_decode(const pq *q, const int32_t *code, size_t n, float *x)
{
    size_t w = width_of(q);
    float *y, *z;
    TRY(mem_new(&y, 2 * w));
    z = y + w;
    lorec_err e = LOREC_OK;
    for (size_t i = 0; !e && i < n; i++) {
        for (size_t p = 0; p < q->parts; p++) {
            uint32_t c = (uint32_t)code[i * q->parts + p];
            if (c < q->clusters)
                memcpy(y + p * q->slice, q->centroid + (p * q->clusters + c) * q->slice, q->slice * sizeof *y);
            else
                e = err_set(LOREC_INPUT, "quantisation: there is no code %d", code[i * q->parts + p]);
        }
        int64_t d = (int64_t)w;
        if (!e && q->rotation) e = gemm_f32(false, true, 1, d, d, 1, y, d, q->rotation, d, 0, z, d);
        const float *from = q->rotation ? z : y;
        for (size_t j = 0; !e && j < q->dims; j++) x[i * q->dims + j] = from[j] + q->mean[j];
    }
    mem_free(y);
    return e;
}

/* ---- files ------------------------------------------------------------------------------------------------------------------- */

lorec_err pq_save(const pq *q, const char *folder)
{
    int64_t w = (int64_t)width_of(q);
    TRY(array_save(folder, "pq_mean", NPY_F32, 1, (int64_t[]){q->dims}, q->mean));
    TRY(array_save(folder, "pq_centroids", NPY_F32, 3, (int64_t[]){q->parts, q->clusters, q->slice}, q->centroid));
    if (!q->rotation) return LOREC_OK;
    return array_save(folder, "pq_rotation", NPY_F32, 2, (int64_t[]){w, w}, q->rotation);
}

static lorec_err load(pq *q, const char *folder)
{
    int64_t dims, shape[3], side[2];
    TRY(array_load((void **)&q->mean, folder, "pq_mean", NPY_F32, 1, &dims));
    TRY(array_load((void **)&q->centroid, folder, "pq_centroids", NPY_F32, 3, shape));
    for (int i = 0; i < 3; i++)
        if (shape[i] < 1 || shape[i] > 1 << 16)
            return err_set(LOREC_INPUT, "%s: pq_centroids.npy has no sound shape", folder);
    if (dims < 1 || dims > shape[0] * shape[2] || (dims + shape[0] - 1) / shape[0] != shape[2])
        return err_set(LOREC_INPUT, "%s: pq_mean.npy and pq_centroids.npy do not belong together", folder);
    q->dims = (uint32_t)dims;
    q->parts = (uint32_t)shape[0];
    q->clusters = (uint32_t)shape[1];
    q->slice = (uint32_t)shape[2];
    buf path = {0};
    lorec_err e = path_join(&path, folder, "pq_rotation.npy");
    bool there = !e && file_exists(path.p);
    buf_free(&path);
    if (e || !there) return e;
    TRY(array_load((void **)&q->rotation, folder, "pq_rotation", NPY_F32, 2, side));
    if (side[0] != (int64_t)width_of(q) || side[1] != side[0])
        return err_set(LOREC_INPUT, "%s: pq_rotation.npy and pq_centroids.npy do not belong together", folder);
    return LOREC_OK;
}

lorec_err pq_load(pq *q, const char *folder)
{
    *q = (pq){0};
    lorec_err e = load(q, folder);
    if (e) pq_free(q);
    return e;
}
