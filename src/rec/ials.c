/* iALS: matrix factorisation for implicit feedback by alternating least squares (Hu, Koren & Volinsky, ICDM 2008).
 *   form hu:      sum over all (u, i) of (1 + confidence r_ui) (p_ui - x_u.y_i)^2 + reg (|X|^2 + |Y|^2)
 *   form rendle:  sum over observed of (1 - x_u.y_i)^2 + unobserved sum over all of (x_u.y_i)^2
 *                 + reg sum_u (n_u + unobserved items)^nu |x_u|^2 + the same of items
 *                 (Rendle, Krichene, Zhang & Koren, RecSys 2022: tuned like this it keeps up with newer models)
 * Rows are solved by a few steps of conjugate gradients from where they stand (Takacs, Pilaszy & Tikk, RecSys 2011) or
 * exactly by Cholesky. Who is not known from training is folded in: one exact solve for the history. */
#include <cblas.h>
#include <math.h>

#include "base/log.h"
#include "base/threads.h"
#include "rec/arrays.h"
#include "rec/history.h"
#include "rec/ials_solve.h"
#include "tensor/rng.h"

enum { FORM_RENDLE, FORM_HU };
enum { VALUE_BINARY, VALUE_COUNT, VALUE_RATING };
enum { LANES = 16, FOLD_BATCH = 4096 };
static const char *const form_names[] = {"rendle", "hu", NULL};
static const char *const solver_names[] = {"cg", "cholesky", NULL}; /* as ials_solver */
static const char *const value_names[] = {"binary", "count", "rating", NULL};

typedef struct ials {
    int64_t factors, epochs, cg_steps;
    double reg, nu, unobserved, confidence, init;
    int form, solver, value;
    bool fold_in;
    uint32_t n_users, n_items;
    size_t dim;  /* factors, rounded up to whole vectors; the rest is zero */
    float *user; /* [n_users, dim] */
    float *item; /* [n_items, dim] */
    float *gram; /* [dim, dim] of the items: solving for one new user would make it each time */
} ials;

static const option ials_options[] = {
    OPTION_INT(ials, factors, 64, 1, 4096, "length of a user's and an item's vector", .alias = "embedding_size"),
    OPTION_INT(ials, epochs, 16, 1, 1e6, "alternations: users, then items", .fast = "4"),
    OPTION_CHOICE(ials, form, "rendle", form_names, "which objective (see ials.c)"),
    OPTION_REAL(ials, reg, 0.003, 1e-9, 1e9, "L2 penalty of the factors (hu: 0.01 is usual)"),
    OPTION_REAL(ials, nu, 1, 0, 4, "rendle: power of the frequency in the penalty"),
    OPTION_REAL(ials, unobserved, 0.1, 1e-9, 1e9, "rendle: weight of what was not observed"),
    OPTION_REAL(ials, confidence, 40, 0, 1e9, "hu: how much one unit of feedback adds to the weight 1"),
    OPTION_CHOICE(ials, value, "binary", value_names, "what a unit of feedback is: once, each time, or the rating"),
    OPTION_CHOICE(ials, solver, "cg", solver_names, "conjugate gradients or exact"),
    OPTION_INT(ials, cg_steps, 3, 1, 1000, "steps of conjugate gradients a row"),
    OPTION_REAL(ials, init, 0.1, 1e-9, 1e3, "standard deviation of the first item vectors' length"),
    OPTION_BOOL(ials, fold_in, 0, "score known users from their history too, not from their trained vector"),
};

static uint64_t ials_memory(const void *self, const fit_context *fit)
{
    const ials *m = self;
    uint64_t dim = ((uint64_t)m->factors + LANES - 1) / LANES * LANES,
             rows = (uint64_t)fit->train->n_users + fit->train->n_items;
    return rows * dim * 4 + fit->train->n * (m->value == VALUE_BINARY ? 8 : 16) + rows * 8 +
           (uint64_t)par_workers() * (dim * dim * 4 + (1 << 20));
}

/* ---- fit ---------------------------------------------------------------------------------------------------------------- */

static lorec_err feedback(sparse *x, const ials *m, const interactions *train)
{
    if (m->value == VALUE_BINARY) return sparse_from(x, train);
    TRY(interactions_check(train));
    if (m->value == VALUE_RATING && !train->rating)
        return err_set(LOREC_INPUT, "ials: value=rating, but the data set has no ratings");
    uint32_t *user;
    float *value = NULL;
    TRY(mem_new(&user, train->n));
    lorec_err e = mem_new(&value, train->n);
    for (uint32_t u = 0; u < train->n_users && !e; u++)
        for (uint64_t r = train->start[u]; r < train->start[u + 1]; r++) {
            user[r] = u;
            value[r] = m->value == VALUE_COUNT ? 1 : fmaxf(train->rating[r], 0);
        }
    if (!e) e = sparse_from_triples(x, train->n_users, train->n_items, train->n, user, train->item, value);
    mem_free(user);
    mem_free(value);
    return e;
}

static ials_side side_of(const ials *m, const sparse *x, const float *other)
{
    ials_side s = {.x = x,
                   .other = other,
                   .dim = m->dim,
                   .reg = m->reg,
                   .solver = (ials_solver)m->solver,
                   .steps = (int)m->cg_steps};
    if (m->form == FORM_RENDLE) {
        s.gram_weight = (float)m->unobserved;
        s.reg_plus = m->unobserved * x->cols;
        s.reg_power = m->nu;
        s.target = s.weight = x->value ? 0 : 1;
        s.target_by = s.weight_by = x->value ? 1 : 0;
    } else { /* every pair has weight 1, in the Gram matrix; an entry adds confidence r to that */
        float confidence = (float)m->confidence;
        s.gram_weight = 1;
        s.target = x->value ? 1 : 1 + confidence;
        s.weight = x->value ? 0 : confidence;
        s.target_by = s.weight_by = x->value ? confidence : 0;
    }
    return s;
}

static lorec_err factors_new(ials *m, uint64_t seed)
{
    TRY(mem_new_((void **)&m->user, m->n_users, m->dim * sizeof(float)));
    TRY(mem_new_((void **)&m->item, m->n_items, m->dim * sizeof(float)));
    rng r = rng_make(seed, RNG_FACTORS);
    double sd = m->init / sqrt((double)m->factors);
    for (size_t j = 0; j < m->n_items; j++)
        for (int64_t k = 0; k < m->factors; k++) m->item[j * m->dim + (size_t)k] = (float)(sd * rng_normal(&r));
    return LOREC_OK;
}

static lorec_err alternate(ials *m, const sparse *x, const sparse *xt)
{
    progress p;
    progress_start(&p, "ials", (double)m->epochs, "epoch");
    ials_side users = side_of(m, x, m->item), items = side_of(m, xt, m->user);
    lorec_err e = LOREC_OK;
    for (int64_t epoch = 0; epoch < m->epochs && !e; epoch++) {
        e = cancel_check();
        if (!e) e = ials_solve(&users, m->user);
        if (!e) e = ials_solve(&items, m->item);
        if (!e) progress_step(&p, (double)(epoch + 1), "%s", "");
    }
    progress_end(&p);
    return e;
}

static lorec_err keep_gram(ials *m)
{
    sparse shape = {.cols = m->n_items};
    ials_side s = side_of(m, &shape, m->item);
    mem_free(m->gram);
    TRY(mem_new(&m->gram, m->dim * m->dim));
    ials_gram(&s, m->gram);
    return LOREC_OK;
}

static lorec_err ials_fit(void *self, const fit_context *fit)
{
    ials *m = self;
    sparse x = {0}, xt = {0};
    TRY(feedback(&x, m, fit->train));
    m->n_users = x.rows;
    m->n_items = x.cols;
    m->dim = ((size_t)m->factors + LANES - 1) / LANES * LANES;
    lorec_err e;
    TRY_GO(e, sparse_transpose(&xt, &x), done);
    TRY_GO(e, factors_new(m, fit->seed), done);
    e = alternate(m, &x, &xt);
    if (!e) e = keep_gram(m);
done:
    sparse_free(&x);
    sparse_free(&xt);
    return e;
}

/* ---- score -------------------------------------------------------------------------------------------------------------- */

static bool knows(const ials *m, const query *q)
{
    return !m->fold_in && q->user < m->n_users;
}

/* x [n, dim]: trained vectors, and exact solves for those who have none. */
static lorec_err query_vectors(const ials *m, arena *a, const query *q, size_t n, float *x)
{
    history_rows h;
    TRY(history_sets(a, q, n, m->n_items, &h));
    sparse rows = {.rows = (uint32_t)n, .cols = m->n_items};
    rows.start = arena_zalloc(a, (n + 1) * sizeof *rows.start);
    rows.col = arena_alloc(a, h.start[n] * sizeof *rows.col);
    float *solved = arena_zalloc(a, n * m->dim * sizeof *solved);
    if (!rows.start || !rows.col || !solved) return LOREC_RESOURCE;
    for (size_t i = 0; i < n; i++) { /* known users have an empty row, which costs nothing */
        size_t entries = knows(m, &q[i]) ? 0 : h.start[i + 1] - h.start[i];
        if (entries) memcpy(rows.col + rows.n, h.item + h.start[i], entries * sizeof *rows.col);
        rows.start[i + 1] = rows.n += entries;
    }
    if (rows.n) {
        ials_side s = side_of(m, &rows, m->item);
        s.solver = IALS_CHOLESKY;
        s.gram = m->gram;
        TRY(ials_solve(&s, solved));
    }
    for (size_t i = 0; i < n; i++)
        memcpy(x + i * m->dim, knows(m, &q[i]) ? m->user + (size_t)q[i].user * m->dim : solved + i * m->dim,
               m->dim * sizeof *x);
    return LOREC_OK;
}

static lorec_err ials_score(const void *self, rec_session *s, const query *q, size_t n, float *scores)
{
    const ials *m = self;
    arena *a = rec_session_arena(s);
    for (size_t at = 0; at < n; at += FOLD_BATCH) {
        size_t b = n - at < FOLD_BATCH ? n - at : FOLD_BATCH;
        arena_reset(a);
        float *x = arena_alloc(a, b * m->dim * sizeof *x);
        if (!x) return LOREC_RESOURCE;
        TRY(query_vectors(m, a, q + at, b, x));
        if (b == 1) { /* a product of one row would first pack the whole matrix */
            cblas_sgemv(CblasRowMajor, CblasNoTrans, (int)m->n_items, (int)m->dim, 1, m->item, (int)m->dim, x, 1, 0,
                        scores + at * m->n_items, 1);
            continue;
        }
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)b, (int)m->n_items, (int)m->dim, 1, x, (int)m->dim,
                    m->item, (int)m->dim, 0, scores + at * m->n_items, (int)m->n_items);
    }
    return LOREC_OK;
}

static const float *ials_item_vectors(const void *self, uint32_t *n, uint32_t *d)
{
    const ials *m = self;
    *n = m->n_items;
    *d = (uint32_t)m->dim;
    return m->item;
}

static lorec_err ials_query_vector(const void *self, rec_session *s, const query *q, float *x, bool *has)
{
    arena *a = rec_session_arena(s);
    arena_reset(a);
    *has = true;
    return query_vectors(self, a, q, 1, x);
}

/* ---- keeping -------------------------------------------------------------------------------------------------------------- */

static lorec_err ials_save(const void *self, const char *folder)
{
    const ials *m = self;
    TRY(array_save(folder, "user", NPY_F32, 2, (int64_t[]){m->n_users, (int64_t)m->dim}, m->user));
    return array_save(folder, "item", NPY_F32, 2, (int64_t[]){m->n_items, (int64_t)m->dim}, m->item);
}

static lorec_err ials_load(void *self, const char *folder)
{
    ials *m = self;
    int64_t user[2], item[2];
    TRY(array_load((void **)&m->user, folder, "user", NPY_F32, 2, user));
    TRY(array_load((void **)&m->item, folder, "item", NPY_F32, 2, item));
    int64_t dim = (m->factors + LANES - 1) / LANES * LANES;
    if (user[1] != dim || item[1] != dim || user[0] >= UINT32_MAX || item[0] >= UINT32_MAX)
        return err_set(LOREC_INPUT, "%s: user.npy and item.npy are not of %lld factors", folder, (long long)m->factors);
    m->n_users = (uint32_t)user[0];
    m->n_items = (uint32_t)item[0];
    m->dim = (size_t)dim;
    return keep_gram(m);
}

static void ials_release(void *self)
{
    ials *m = self;
    mem_free(m->user);
    mem_free(m->item);
    mem_free(m->gram);
}

static json_t *ials_counts(const void *self)
{
    const ials *m = self;
    return json_pack("{s:I}", "parameters", ((json_int_t)m->n_users + m->n_items) * (json_int_t)m->factors);
}

const recommender recommender_ials = {
    .key = "ials",
    .title = "iALS: implicit matrix factorisation by alternating least squares",
    .family = "factors",
    .cite = "Hu, Koren & Volinsky, ICDM 2008; Rendle, Krichene, Zhang & Koren, RecSys 2022",
    .tasks = TASK_TOPN,
    .size = sizeof(ials),
    .n_items_at = offsetof(ials, n_items),
    .options = ials_options,
    .n_options = sizeof ials_options / sizeof *ials_options,
    .memory = ials_memory,
    .fit = ials_fit,
    .score = ials_score,
    .item_vectors = ials_item_vectors,
    .query_vector = ials_query_vector,
    .save = ials_save,
    .load = ials_load,
    .release = ials_release,
    .counts = ials_counts,
};
