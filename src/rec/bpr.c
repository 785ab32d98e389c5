/* BPR-MF: matrix factorisation that ranks what a user had above what she had not (Rendle et al., UAI 2009):
 *     min  sum over (u, i, j)  -ln sigmoid(<p_u, q_i> - <p_u, q_j>) + reg (|p_u|^2 + |q_i|^2 + |q_j|^2)
 * j is drawn uniformly from the items that u has not had. Adam in the place of plain SGD, as in RecBole. */
#include "base/mem.h"
#include "rec/trainer.h"
#include "rec/triples.h"
#include "rec/vectors.h"
#include "tensor/ops.h"

typedef struct bpr {
    vector_model base; /* has to be first */
    int64_t embedding_size;
    double reg;
    bool lazy;
} bpr;

static const option bpr_options[] = {
    TRAINER_OPTIONS(bpr, base.train, 300, 2048, 1e-3),
    OPTION_INT(bpr, embedding_size, 64, 1, 1 << 16, "numbers a user and an item", .alias = "factors"),
    OPTION_REAL(bpr, reg, 0, 0, 1e3, "L2 penalty on the vectors of a step's users and items", .alias = "reg_weight"),
    OPTION_BOOL(bpr, lazy, 0, "update only rows that a step touches: faster on large catalogues, other Adam moments"),
};

/* What there is while it trains. */
typedef struct bpr_fit {
    bpr *self;
    const fit_context *fit;
    params *ps;
    tensor *user, *item;
    triples x;
} bpr_fit;

static tensor *bpr_step(void *ctx, tape *t, const uint32_t *example, size_t n, rng *r)
{
    bpr_fit *f = ctx;
    if (triples_draw(&f->x, example, n, r) != LOREC_OK) return NULL;
    int64_t rows = (int64_t)n;
    tensor *p = op_embed(t, f->user, tape_ids(t, f->x.user, rows));
    tensor *q = op_embed(t, f->item, tape_ids(t, f->x.item, rows));
    tensor *other = op_embed(t, f->item, tape_ids(t, f->x.other, rows));
    tensor *loss = op_bpr(t, op_dot(t, p, q), op_dot(t, p, other));
    if (f->self->reg > 0) {
        tensor *norms = op_add(t, op_add(t, op_dot(t, p, p), op_dot(t, q, q)), op_dot(t, other, other));
        loss = op_add(t, loss, op_scale(t, norms, (float)f->self->reg, 0));
    }
    return op_mean(t, loss);
}

static lorec_err bpr_ready(void *ctx)
{
    bpr_fit *f = ctx;
    vectors *v = &f->self->base.v;
    TRY(tensor_read(f->user, v->user, tensor_count(f->user)));
    TRY(tensor_read(f->item, v->item, tensor_count(f->item)));
    vectors_clear_strangers(v, f->fit->train);
    return LOREC_OK;
}

static lorec_err bpr_learn(bpr_fit *f)
{
    bpr *m = f->self;
    const interactions *train = f->fit->train;
    int64_t d = m->embedding_size;
    f->ps = params_new(f->fit->seed);
    if (!f->ps) return LOREC_RESOURCE;
    f->user = params_add(f->ps, "user.weight", init_xavier_normal(d, train->n_users), 2,
                         (int64_t[]){train->n_users, d});
    f->item = params_add(f->ps, "item.weight", init_xavier_normal(d, train->n_items), 2,
                         (int64_t[]){train->n_items, d});
    TRY(params_error(f->ps));
    params_sparse_rows(f->user, m->lazy);
    params_sparse_rows(f->item, m->lazy);
    vectors_free(&m->base.v);
    TRY(vectors_make(&m->base.v, train->n_users, train->n_items, d, 0));
    TRY(vectors_popularity(&m->base.v, train));
    TRY(triples_make(&f->x, train));
    trainer_options o = trainer_options_from(&m->base.train, OPT_ADAM);
    return trainer_run(&o, f->fit,
                       &(trainer_model){.self = f,
                                        .recommender = m,
                                        .label = "bpr",
                                        .params = f->ps,
                                        .n_examples = train->n,
                                        .step = bpr_step,
                                        .ready = bpr_ready},
                       &m->base.report);
}

static lorec_err bpr_fit_model(void *self, const fit_context *fit)
{
    bpr_fit f = {.self = self, .fit = fit};
    lorec_err e = bpr_learn(&f);
    triples_free(&f.x);
    if (f.ps) params_free(f.ps);
    return e;
}

static uint64_t bpr_memory(const void *self, const fit_context *fit)
{
    const bpr *m = self;
    uint64_t values = ((uint64_t)fit->train->n_users + fit->train->n_items) * (uint64_t)m->embedding_size;
    return values * 4 * 6 /* value, gradient, two moments, the best, the vectors */ + fit->train->n * 12 +
           (uint64_t)m->base.train.train_batch_size * (uint64_t)m->embedding_size * 4 * 8;
}

const recommender recommender_bpr = {
    .key = "bpr",
    .title = "BPR: matrix factorisation that ranks what was had above what was not",
    .family = "factors",
    .cite = "Rendle, Freudenthaler, Gantner, Schmidt-Thieme. BPR: Bayesian Personalized Ranking from Implicit "
            "Feedback. UAI 2009",
    .tasks = TASK_TOPN,
    .size = sizeof(bpr),
    .n_items_at = offsetof(bpr, base.v.n_items),
    .options = bpr_options,
    .n_options = sizeof bpr_options / sizeof *bpr_options,
    .memory = bpr_memory,
    .fit = bpr_fit_model,
    .score = vector_model_score,
    .save = vector_model_save,
    .load = vector_model_load,
    .release = vector_model_release,
    .counts = vector_model_counts,
};
