/* SLIM: Sparse Linear Methods for Top-N Recommender Systems (Ning & Karypis, ICDM 2011). For each item j a column w of
 *   min 1/2 |x_j - X w|^2 + l1 |w|_1 + l2/2 |w|^2   with  w >= 0,  w_j = 0
 * by cyclic coordinate descent on the Gram matrix G = X^T X:  w_i = max(0, (c_i + G_ii w_i - l1) / (G_ii + l2)), where
 * c = G_j - G w is kept up to date. Options are given as scikit-learn's ElasticNet does (and RecBole after it):
 * l1 = users * alpha * l1_ratio, l2 = users * alpha * (1 - l1_ratio).
 * G and w are nowhere negative, so c_i never exceeds G_ij: an item with G_ij <= l1 stays out for good and is not looked at. */
#include <math.h>

#include "base/log.h"
#include "base/threads.h"
#include "rec/gram.h"
#include "rec/history.h"
#include "tensor/cpu/kernels.h"

typedef struct slim {
    double alpha, l1_ratio, tolerance;
    int64_t max_iter;
    sparse weight; /* [n_items, n_items] row i, column j: what having i says for j */
} slim;

static const option slim_options[] = {
    OPTION_REAL(slim, alpha, 0.2, 1e-12, 1e6, "strength of the whole penalty, per user"),
    OPTION_REAL(slim, l1_ratio, 0.02, 0, 1, "its share that makes weights exactly zero"),
    OPTION_REAL(slim, tolerance, 1e-4, 1e-9, 1, "stop when no weight moves by more than this share of the largest"),
    OPTION_INT(slim, max_iter, 100, 1, 1e6, "sweeps over a column's weights, at most", .fast = "20"),
};

static uint64_t slim_memory(const void *self, const fit_context *fit)
{
    (void)self;
    uint64_t n = fit->train->n_items;
    return n * n * 4 + fit->train->n * 8 + n * (uint64_t)par_workers() * 12;
}

/* ---- fit --------------------------------------------------------------------------------------------------------------- */

typedef struct column_weights { /* the weights of one item that are not zero */
    uint32_t *item;
    float *value;
    size_t n;
} column_weights;

typedef struct columns_job {
    const slim *m;
    const float *g;
    size_t n;
    float l1, l2;
    size_t first;           /* of the present stretch */
    column_weights *column; /* [n] */
} columns_job;

typedef struct workspace {
    float *c, *w;
    uint32_t *candidate;
} workspace;

static void workspace_free(workspace *s)
{
    mem_free(s->c), mem_free(s->w), mem_free(s->candidate);
}

/* Moves one weight to its best value; returns by how much. */
static float descend(const columns_job *job, workspace *s, uint32_t i)
{
    const float *row = job->g + (size_t)i * job->n;
    float old = s->w[i], now = (s->c[i] + row[i] * old - job->l1) / (row[i] + job->l2);
    if (!(now > 0)) now = 0;
    float by = now - old;
    if (by == 0) return 0;
    s->w[i] = now;
    isa()->axpy_f32(job->n, -by, row, s->c);
    return fabsf(by);
}

/* c afresh from the weights: what rounding had added up in many small steps is gone. */
static void refresh(const columns_job *job, workspace *s, size_t j, size_t n)
{
    memcpy(s->c, job->g + j * job->n, job->n * sizeof *s->c);
    for (size_t k = 0; k < n; k++) {
        uint32_t i = s->candidate[k];
        if (s->w[i] > 0) isa()->axpy_f32(job->n, -s->w[i], job->g + (size_t)i * job->n, s->c);
    }
}

/* Sweeps over all candidates, and between those over the weights that are not zero until these stand still. */
static size_t solve(const columns_job *job, workspace *s, size_t j)
{
    memcpy(s->c, job->g + j * job->n, job->n * sizeof *s->c);
    memset(s->w, 0, job->n * sizeof *s->w);
    size_t n = 0;
    for (uint32_t i = 0; i < job->n; i++)
        if (i != j && s->c[i] > job->l1) s->candidate[n++] = i;
    bool all = true;
    for (int64_t sweep = 0; sweep < job->m->max_iter; sweep++) {
        float moved = 0, largest = 0;
        if (all && sweep) refresh(job, s, j, n);
        for (size_t k = 0; k < n; k++) {
            uint32_t i = s->candidate[k];
            if (!all && s->w[i] == 0) continue;
            moved = fmaxf(moved, descend(job, s, i));
            largest = fmaxf(largest, s->w[i]);
        }
        bool still = moved <= (float)job->m->tolerance * largest;
        if (still && all) break;
        all = still; /* a sweep over all must be the one that finds nothing to move */
    }
    return n;
}

static lorec_err keep(column_weights *out, const workspace *s, size_t n_candidates)
{
    size_t n = 0;
    for (size_t k = 0; k < n_candidates; k++) n += s->w[s->candidate[k]] > 0;
    TRY(mem_new(&out->item, n));
    TRY(mem_new(&out->value, n));
    for (size_t k = 0; k < n_candidates; k++) {
        uint32_t i = s->candidate[k];
        if (s->w[i] > 0) out->item[out->n] = i, out->value[out->n++] = s->w[i];
    }
    return LOREC_OK;
}

static lorec_err columns(void *ctx, size_t begin, size_t end, int worker)
{
    (void)worker;
    const columns_job *job = ctx;
    workspace s = {0};
    lorec_err e;
    TRY_GO(e, cancel_check(), done);
    TRY_GO(e, mem_new(&s.c, job->n), done);
    TRY_GO(e, mem_new(&s.w, job->n), done);
    TRY_GO(e, mem_new(&s.candidate, job->n), done);
    for (size_t j = job->first + begin; j < job->first + end; j++)
        TRY_GO(e, keep(&job->column[j], &s, solve(job, &s, j)), done);
done:
    workspace_free(&s);
    return e;
}

static lorec_err gather_columns(sparse *out, const column_weights *list, uint32_t n)
{
    sparse turned = {.rows = n, .cols = n};
    lorec_err e;
    TRY_GO(e, mem_new(&turned.start, (size_t)n + 1), done);
    for (uint32_t j = 0; j < n; j++) turned.start[j + 1] = turned.start[j] + list[j].n;
    turned.n = turned.start[n];
    TRY_GO(e, mem_new(&turned.col, turned.n), done);
    TRY_GO(e, mem_new(&turned.value, turned.n), done);
    for (uint32_t j = 0; j < n; j++) {
        if (!list[j].n) continue;
        memcpy(turned.col + turned.start[j], list[j].item, list[j].n * sizeof *turned.col);
        memcpy(turned.value + turned.start[j], list[j].value, list[j].n * sizeof *turned.value);
    }
    e = sparse_transpose(out, &turned);
done:
    sparse_free(&turned);
    return e;
}

/* In stretches, so that progress can be told between them. */
static lorec_err fit_columns(columns_job *job)
{
    enum { STRETCH = 512 };
    progress p;
    progress_start(&p, "slim", (double)job->n, "item");
    lorec_err e = LOREC_OK;
    for (job->first = 0; job->first < job->n && !e; job->first += STRETCH) {
        size_t left = job->n - job->first;
        e = par_each(left < STRETCH ? left : STRETCH, 8, columns, job);
        progress_step(&p, (double)(job->n - left), "%s", "");
    }
    progress_end(&p);
    return e;
}

static lorec_err slim_fit(void *self, const fit_context *fit)
{
    slim *m = self;
    sparse x, xt = {0};
    TRY(sparse_from(&x, fit->train));
    uint32_t n = x.cols;
    float *g = NULL;
    columns_job job = {.m = m,
                       .n = n,
                       .l1 = (float)(x.rows * m->alpha * m->l1_ratio),
                       .l2 = (float)(x.rows * m->alpha * (1 - m->l1_ratio))};
    lorec_err e;
    TRY_GO(e, mem_new(&job.column, n), done);
    TRY_GO(e, mem_new_((void **)&g, n, (size_t)n * sizeof *g), done);
    TRY_GO(e, sparse_transpose(&xt, &x), done);
    TRY_GO(e, gram_upper(&x, &xt, g), done);
    TRY_GO(e, gram_mirror(g, n), done);
    job.g = g;
    TRY_GO(e, fit_columns(&job), done);
    e = gather_columns(&m->weight, job.column, n);
done:
    for (uint32_t j = 0; job.column && j < n; j++) mem_free(job.column[j].item), mem_free(job.column[j].value);
    mem_free(job.column);
    mem_free(g);
    sparse_free(&x);
    sparse_free(&xt);
    return e;
}

/* ---- score and keep ------------------------------------------------------------------------------------------------------ */

static lorec_err slim_score(const void *self, rec_session *s, const query *q, size_t n, float *scores)
{
    const slim *m = self;
    return score_by_rows(&m->weight, s, q, n, scores);
}

static lorec_err slim_save(const void *self, const char *folder)
{
    return sparse_save(&((const slim *)self)->weight, folder, "weight");
}

static lorec_err slim_load(void *self, const char *folder)
{
    slim *m = self;
    return sparse_load_square(&m->weight, folder, "weight");
}

static void slim_release(void *self)
{
    sparse_free(&((slim *)self)->weight);
}

static json_t *slim_counts(const void *self)
{
    return json_pack("{s:I}", "parameters", (json_int_t)((const slim *)self)->weight.n);
}

const recommender recommender_slim = {
    .key = "slim",
    .seedless = true,
    .title = "SLIM: sparse non-negative item-item weights by elastic net",
    .family = "linear",
    .cite = "Ning & Karypis, SLIM: Sparse Linear Methods for Top-N Recommender Systems, ICDM 2011",
    .tasks = TASK_TOPN,
    .size = sizeof(slim),
    .n_items_at = offsetof(slim, weight.cols),
    .options = slim_options,
    .n_options = sizeof slim_options / sizeof *slim_options,
    .memory = slim_memory,
    .fit = slim_fit,
    .score = slim_score,
    .save = slim_save,
    .load = slim_load,
    .release = slim_release,
    .counts = slim_counts,
};
