/* GF-CF: How Powerful is Graph Convolution for Recommendation? (Shen et al., CIKM 2021). No training: with
 * R' = D_U^-1/2 R D_I^-1/2, a user's row r is filtered by
 *   s = r (R'^T R' + alpha D_I^-1/2 V V^T D_I^1/2)
 * a neighbourhood (linear) filter and an ideal low-pass filter on the k largest right singular vectors V of R'. The
 * item-item matrix R'^T R' is never formed: a batch of rows goes through R' and back. */
#include <cblas.h>
#include <math.h>

#include "base/threads.h"
#include "learn/svd.h"
#include "rec/arrays.h"
#include "rec/history.h"
#include "tensor/cpu/sparse.h"

enum { BATCH = 64 };

typedef struct gfcf {
    int64_t k;
    double alpha;
    sparse norm, turned; /* R' [users, items] and its transpose */
    float *root;         /* [n_items] square root of an item's number of users */
    float *v;            /* [n_items, rank] */
    uint32_t rank;
} gfcf;

static const option gfcf_options[] = {
    OPTION_INT(gfcf, k, 256, 1, 1e6, "singular vectors of the low-pass filter"),
    OPTION_REAL(gfcf, alpha, 0.3, 0, 1e6, "weight of the low-pass filter beside the linear one"),
};

static uint64_t gfcf_memory(const void *self, const fit_context *fit)
{
    const gfcf *m = self;
    const interactions *x = fit->train;
    return svd_memory(x->n_users, x->n_items, x->n, (uint64_t)m->k) + x->n * 16 +
           ((uint64_t)x->n_users + 2 * (uint64_t)x->n_items) * BATCH * 4;
}

/* ---- fit ---------------------------------------------------------------------------------------------------------------- */

/* norm (binary on entry) gets its values; roots of the item degrees come out with it. */
static lorec_err normalise(gfcf *m)
{
    sparse *x = &m->norm;
    TRY(mem_new(&m->root, x->cols));
    TRY(mem_new(&x->value, x->n));
    for (uint64_t k = 0; k < x->n; k++) m->root[x->col[k]] += 1;
    for (uint32_t i = 0; i < x->cols; i++) m->root[i] = sqrtf(m->root[i]);
    for (uint32_t u = 0; u < x->rows; u++) {
        float user = 1 / sqrtf((float)(x->start[u + 1] - x->start[u]));
        for (uint64_t k = x->start[u]; k < x->start[u + 1]; k++) x->value[k] = user / m->root[x->col[k]];
    }
    return sparse_transpose(&m->turned, x);
}

static lorec_err gfcf_fit(void *self, const fit_context *fit)
{
    gfcf *m = self;
    TRY(sparse_from(&m->norm, fit->train));
    TRY(normalise(m));
    svd s;
    uint32_t rank = m->k < UINT32_MAX ? (uint32_t)m->k : UINT32_MAX;
    TRY(svd_sparse(&s, &m->norm, &(svd_options){.rank = rank, .seed = fit->seed}));
    m->v = s.v;
    m->rank = s.rank;
    s.v = NULL;
    svd_free(&s);
    return LOREC_OK;
}

/* ---- score -------------------------------------------------------------------------------------------------------------- */

typedef struct product {
    const sparse *a;
    const float *x;
    float *out;
} product;

static lorec_err product_rows(void *ctx, size_t begin, size_t end, int worker)
{
    (void)worker;
    const product *p = ctx;
    for (size_t r = begin; r < end; r++) {
        uint64_t at = p->a->start[r];
        sparse_isa()->gather_sum(p->a->start[r + 1] - at, p->a->col + at, p->a->value + at, p->x, BATCH,
                                 p->out + r * BATCH);
    }
    return LOREC_OK;
}

typedef struct buffers {
    float *items, *users, *filtered; /* [n_items, BATCH], [n_users, BATCH], [n_items, BATCH] */
    float *low;                      /* [rank, BATCH] */
} buffers;

/* One batch of at most BATCH histories, as columns: filtered = R'^T R' h + alpha D^1/2 V V^T D^-1/2 h. */
static lorec_err filter_batch(const gfcf *m, const history_rows *h, size_t first, size_t n, const buffers *b)
{
    size_t n_items = m->norm.cols, rank = m->rank;
    memset(b->items, 0, n_items * BATCH * sizeof(float));
    for (size_t i = 0; i < n; i++)
        for (uint64_t k = h->start[first + i]; k < h->start[first + i + 1]; k++)
            b->items[h->item[k] * (size_t)BATCH + i] = 1;
    TRY(par_each(m->norm.rows, 128, product_rows, &(product){&m->norm, b->items, b->users}));
    TRY(par_each(n_items, 64, product_rows, &(product){&m->turned, b->users, b->filtered}));
    for (size_t j = 0; j < n_items; j++)
        for (size_t i = 0; i < BATCH; i++) b->items[j * BATCH + i] *= m->root[j] > 0 ? 1 / m->root[j] : 0;
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)rank, BATCH, (int)n_items, 1, m->v, (int)rank, b->items,
                BATCH, 0, b->low, BATCH);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)n_items, BATCH, (int)rank, (float)m->alpha, m->v,
                (int)rank, b->low, BATCH, 0, b->items, BATCH);
    for (size_t j = 0; j < n_items; j++)
        for (size_t i = 0; i < BATCH; i++) b->filtered[j * BATCH + i] += b->items[j * BATCH + i] * m->root[j];
    return LOREC_OK;
}

static lorec_err gfcf_score(const void *self, rec_session *s, const query *q, size_t n, float *scores)
{
    const gfcf *m = self;
    size_t n_items = m->norm.cols;
    arena *a = rec_session_arena(s);
    arena_reset(a);
    history_rows h;
    TRY(history_sets(a, q, n, m->norm.cols, &h));
    buffers b = {.items = arena_alloc(a, n_items * BATCH * sizeof(float)),
                 .users = arena_alloc(a, (size_t)m->norm.rows * BATCH * sizeof(float)),
                 .filtered = arena_alloc(a, n_items * BATCH * sizeof(float)),
                 .low = arena_alloc(a, (size_t)m->rank * BATCH * sizeof(float))};
    if (!b.items || !b.users || !b.filtered || !b.low) return LOREC_RESOURCE;
    for (size_t first = 0; first < n; first += BATCH) {
        size_t count = n - first < BATCH ? n - first : BATCH;
        TRY(filter_batch(m, &h, first, count, &b));
        for (size_t i = 0; i < count; i++)
            for (size_t j = 0; j < n_items; j++) scores[(first + i) * n_items + j] = b.filtered[j * BATCH + i];
    }
    return LOREC_OK;
}

/* ---- keeping -------------------------------------------------------------------------------------------------------------- */

static lorec_err gfcf_save(const void *self, const char *folder)
{
    const gfcf *m = self;
    sparse binary = m->norm;
    binary.value = NULL; /* the values follow from the degrees */
    TRY(sparse_save(&binary, folder, "users"));
    return array_save(folder, "v", NPY_F32, 2, (int64_t[]){m->norm.cols, m->rank}, m->v);
}

static lorec_err gfcf_load(void *self, const char *folder)
{
    gfcf *m = self;
    int64_t shape[2];
    TRY(array_load((void **)&m->v, folder, "v", NPY_F32, 2, shape));
    if (shape[0] < 1 || shape[0] >= UINT32_MAX || shape[1] < 1 || shape[1] > shape[0])
        return err_set(LOREC_INPUT, "%s/v.npy: %lld x %lld are no item vectors", folder, (long long)shape[0],
                       (long long)shape[1]);
    m->rank = (uint32_t)shape[1];
    TRY(sparse_load(&m->norm, folder, "users", (uint32_t)shape[0], false));
    return normalise(m);
}

static void gfcf_release(void *self)
{
    gfcf *m = self;
    sparse_free(&m->norm);
    sparse_free(&m->turned);
    mem_free(m->root);
    mem_free(m->v);
}

const recommender recommender_gfcf = {
    .key = "gfcf",
    .title = "GF-CF: graph filtering in closed form",
    .family = "graph",
    .cite = "Shen et al., How Powerful is Graph Convolution for Recommendation?, CIKM 2021",
    .tasks = TASK_TOPN,
    .size = sizeof(gfcf),
    .n_items_at = offsetof(gfcf, norm.cols),
    .options = gfcf_options,
    .n_options = sizeof gfcf_options / sizeof *gfcf_options,
    .memory = gfcf_memory,
    .fit = gfcf_fit,
    .score = gfcf_score,
    .save = gfcf_save,
    .load = gfcf_load,
    .release = gfcf_release,
};
