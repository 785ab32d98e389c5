/* EASE: Embarrassingly Shallow Autoencoders for Sparse Data (Steck, WWW 2019).
 *   min_B |X - X B|^2 + l2 |B|^2  with  diag(B) = 0,   solved by  P = (X^T X + l2 I)^-1,  B_ij = -P_ij / P_jj
 * A user's scores are x_u B, the sum of the rows of B of what the user had. */
#include <lapacke.h>

#include "base/threads.h"
#include "rec/arrays.h"
#include "rec/gram.h"
#include "rec/history.h"
#include "tensor/cpu/sparse.h"

typedef struct ease {
    double l2;
    uint32_t n_items;
    float *weight; /* B [n_items, n_items] */
} ease;

static const option ease_options[] = {
    OPTION_REAL(ease, l2, 500, 1e-6, 1e9, "strength of the L2 penalty on the item-item weights", .alias = "reg_weight"),
};

static uint64_t ease_memory(const void *self, const fit_context *fit)
{
    (void)self;
    uint64_t n = fit->train->n_items; /* the Gram matrix is inverted and turned into B where it stands */
    return n * n * 4 + fit->train->n * 8 + ((uint64_t)fit->train->n_users + n) * 8;
}

/* ---- fit --------------------------------------------------------------------------------------------------------------- */

typedef struct weights_job {
    float *p;
    size_t n;
    const float *diagonal;
} weights_job;

static lorec_err weights_rows(void *ctx, size_t begin, size_t end, int worker)
{
    (void)worker;
    const weights_job *w = ctx;
    for (size_t i = begin; i < end; i++) {
        float *row = w->p + i * w->n;
        for (size_t j = 0; j < w->n; j++) row[j] = -row[j] / w->diagonal[j];
        row[i] = 0;
    }
    return LOREC_OK;
}

static lorec_err weights_from_inverse(float *p, uint32_t n)
{
    float *diagonal;
    TRY(gram_mirror(p, n));
    TRY(mem_new(&diagonal, n));
    for (uint32_t i = 0; i < n; i++) diagonal[i] = p[(size_t)i * n + i];
    lorec_err e = par_for(n, 16, weights_rows, &(weights_job){p, n, diagonal});
    mem_free(diagonal);
    return e;
}

/* In place, upper triangle row by row, which LAPACK, column by column, calls the lower one. */
static lorec_err invert(float *g, uint32_t n, double l2)
{
    for (uint32_t i = 0; i < n; i++) g[(size_t)i * n + i] += (float)l2;
    int info = LAPACKE_spotrf_work(LAPACK_COL_MAJOR, 'L', (int)n, g, (int)n);
    if (info == 0) info = LAPACKE_spotri_work(LAPACK_COL_MAJOR, 'L', (int)n, g, (int)n);
    if (info == 0) return LOREC_OK;
    return err_set(LOREC_FAILED, "ease: X^T X + %g I is singular in 32-bit floats; use a larger l2", l2);
}

static lorec_err ease_fit(void *self, const fit_context *fit)
{
    ease *m = self;
    sparse x, xt = {0};
    TRY(sparse_from(&x, fit->train));
    m->n_items = x.cols;
    lorec_err e;
    size_t cells;
    if (m->n_items > INT32_MAX || !size_mul(m->n_items, m->n_items, &cells)) {
        e = err_set(LOREC_RESOURCE, "ease: %u items are too many for an item-item matrix; use itemknn", m->n_items);
        goto done;
    }
    TRY_GO(e, mem_new(&m->weight, cells), done);
    TRY_GO(e, sparse_transpose(&xt, &x), done);
    TRY_GO(e, gram_upper(&x, &xt, m->weight), done);
    TRY_GO(e, invert(m->weight, m->n_items, m->l2), done);
    e = weights_from_inverse(m->weight, m->n_items);
done:
    sparse_free(&x);
    sparse_free(&xt);
    return e;
}

/* ---- score ------------------------------------------------------------------------------------------------------------- */

typedef struct score_job {
    const ease *m;
    const history_rows *h;
    float *scores;
} score_job;

static lorec_err score_rows(void *ctx, size_t begin, size_t end, int worker)
{
    (void)worker;
    const score_job *w = ctx;
    size_t d = w->m->n_items;
    for (size_t i = begin; i < end; i++)
        sparse_isa()->gather_sum(w->h->start[i + 1] - w->h->start[i], w->h->item + w->h->start[i], NULL, w->m->weight,
                                 d, w->scores + i * d);
    return LOREC_OK;
}

static lorec_err ease_score(const void *self, rec_session *s, const query *q, size_t n, float *scores)
{
    const ease *m = self;
    arena *a = rec_session_arena(s);
    arena_reset(a);
    history_rows h;
    TRY(history_sets(a, q, n, m->n_items, &h));
    return par_each(n, 1, score_rows, &(score_job){m, &h, scores});
}

static lorec_err ease_score_items(const void *self, rec_session *s, const query *q, size_t n, const uint64_t *start,
                                  const uint32_t *candidate, float *scores)
{
    const ease *m = self;
    arena *a = rec_session_arena(s);
    arena_reset(a);
    history_rows h;
    TRY(history_sets(a, q, n, m->n_items, &h));
    for (size_t i = 0; i < n; i++)
        for (uint64_t c = start[i]; c < start[i + 1]; c++) {
            float sum = 0;
            for (uint64_t k = h.start[i]; k < h.start[i + 1] && candidate[c] < m->n_items; k++)
                sum += m->weight[(size_t)h.item[k] * m->n_items + candidate[c]];
            scores[c] = sum;
        }
    return LOREC_OK;
}

/* ---- keeping ------------------------------------------------------------------------------------------------------------ */

static lorec_err ease_save(const void *self, const char *folder)
{
    const ease *m = self;
    return array_save(folder, "weight", NPY_F32, 2, (int64_t[]){m->n_items, m->n_items}, m->weight);
}

static lorec_err ease_load(void *self, const char *folder)
{
    ease *m = self;
    int64_t shape[2];
    TRY(array_load((void **)&m->weight, folder, "weight", NPY_F32, 2, shape));
    if (shape[0] != shape[1] || shape[0] >= UINT32_MAX)
        return err_set(LOREC_INPUT, "%s/weight.npy: %lld x %lld is not square", folder, (long long)shape[0],
                       (long long)shape[1]);
    m->n_items = (uint32_t)shape[0];
    return LOREC_OK;
}

static void ease_release(void *self)
{
    mem_free(((ease *)self)->weight);
}

static json_t *ease_counts(const void *self)
{
    const ease *m = self;
    return json_pack("{s:I}", "parameters", (json_int_t)m->n_items * (m->n_items - (m->n_items > 0)));
}

const recommender recommender_ease = {
    .key = "ease",
    .seedless = true,
    .title = "EASE: linear item-item weights in closed form",
    .family = "linear",
    .cite = "Steck, Embarrassingly Shallow Autoencoders for Sparse Data, WWW 2019",
    .tasks = TASK_TOPN,
    .size = sizeof(ease),
    .n_items_at = offsetof(ease, n_items),
    .options = ease_options,
    .n_options = sizeof ease_options / sizeof *ease_options,
    .memory = ease_memory,
    .fit = ease_fit,
    .score = ease_score,
    .score_items = ease_score_items,
    .save = ease_save,
    .load = ease_load,
    .release = ease_release,
    .counts = ease_counts,
};
