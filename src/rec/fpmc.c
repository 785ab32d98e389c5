/* FPMC: factorised personalised Markov chains, baskets of one item (Rendle, Freudenthaler, Schmidt-Thieme, WWW 2010):
 *     score(i | u, last) = <U_u, I_i> + <L_last, M_i>                                           (eq. 19 without <U, L>)
 * learned as S-BPR: what came next above an item that the user has not had. Both products are one: the query's vector is
 * [U_u ; L_last], the item's [I_i ; M_i]. */
#include "base/mem.h"
#include "rec/trainer.h"
#include "rec/triples.h"
#include "rec/vectors.h"
#include "tensor/ops.h"

typedef struct fpmc {
    vector_model base; /* has to be first */
    int64_t embedding_size;
    double reg;
    bool lazy;
} fpmc;

static const option fpmc_options[] = {
    TRAINER_OPTIONS(fpmc, base.train, 300, 2048, 1e-3),
    OPTION_INT(fpmc, embedding_size, 64, 1, 1 << 15, "numbers a factor", .alias = "factors"),
    OPTION_REAL(fpmc, reg, 0, 0, 1e3, "L2 penalty on a step's vectors", .alias = "reg_weight"),
    OPTION_BOOL(fpmc, lazy, 0, "update only rows that a step touches: faster on large catalogues, other Adam moments"),
};

typedef struct fpmc_fit {
    fpmc *self;
    const fit_context *fit;
    params *ps;
    tensor *user, *item, *last;
    triples x;
} fpmc_fit;

static tensor *fpmc_step(void *ctx, tape *t, const uint32_t *example, size_t n, rng *r)
{
    fpmc_fit *f = ctx;
    if (triples_draw(&f->x, example, n, r) != LOREC_OK) return NULL;
    int64_t rows = (int64_t)n;
    tensor *parts[] = {op_embed(t, f->user, tape_ids(t, f->x.user, rows)),
                       op_embed(t, f->last, tape_ids(t, f->x.before, rows))};
    tensor *q = op_concat(t, parts, 2, 1);
    tensor *item = op_embed(t, f->item, tape_ids(t, f->x.item, rows));
    tensor *other = op_embed(t, f->item, tape_ids(t, f->x.other, rows));
    tensor *loss = op_bpr(t, op_dot(t, q, item), op_dot(t, q, other));
    if (f->self->reg > 0) {
        tensor *norms = op_add(t, op_add(t, op_dot(t, q, q), op_dot(t, item, item)), op_dot(t, other, other));
        loss = op_add(t, loss, op_scale(t, norms, (float)f->self->reg, 0));
    }
    return op_mean(t, loss);
}

static lorec_err fpmc_ready(void *ctx)
{
    fpmc_fit *f = ctx;
    vectors *v = &f->self->base.v;
    TRY(tensor_read(f->user, v->user, tensor_count(f->user)));
    TRY(tensor_read(f->item, v->item, tensor_count(f->item)));
    TRY(tensor_read(f->last, v->last, tensor_count(f->last)));
    vectors_clear_strangers(v, f->fit->train);
    return LOREC_OK;
}

static lorec_err fpmc_learn(fpmc_fit *f)
{
    fpmc *m = f->self;
    const interactions *train = f->fit->train;
    int64_t d = m->embedding_size;
    f->ps = params_new(f->fit->seed);
    if (!f->ps) return LOREC_RESOURCE;
    f->user = params_add(f->ps, "user.weight", init_xavier_normal(d, train->n_users), 2,
                         (int64_t[]){train->n_users, d});
    f->item = params_add(f->ps, "item.weight", init_xavier_normal(d, train->n_items), 2,
                         (int64_t[]){train->n_items, 2 * d});
    f->last = params_add(f->ps, "last.weight", init_xavier_normal(d, train->n_items), 2,
                         (int64_t[]){train->n_items, d});
    TRY(params_error(f->ps));
    params_sparse_rows(f->user, m->lazy);
    params_sparse_rows(f->item, m->lazy);
    params_sparse_rows(f->last, m->lazy);
    vectors_free(&m->base.v);
    TRY(vectors_make(&m->base.v, train->n_users, train->n_items, d, d));
    TRY(vectors_popularity(&m->base.v, train));
    TRY(triples_make(&f->x, train));
    trainer_options o = trainer_options_from(&m->base.train, OPT_ADAM);
    return trainer_run(&o, f->fit,
                       &(trainer_model){.self = f,
                                        .recommender = m,
                                        .label = "fpmc",
                                        .params = f->ps,
                                        .n_examples = train->n,
                                        .step = fpmc_step,
                                        .ready = fpmc_ready},
                       &m->base.report);
}

static lorec_err fpmc_fit_model(void *self, const fit_context *fit)
{
    fpmc_fit f = {.self = self, .fit = fit};
    lorec_err e = fpmc_learn(&f);
    triples_free(&f.x);
    if (f.ps) params_free(f.ps);
    return e;
}

static uint64_t fpmc_memory(const void *self, const fit_context *fit)
{
    const fpmc *m = self;
    uint64_t values = ((uint64_t)fit->train->n_users + 3 * (uint64_t)fit->train->n_items) * (uint64_t)m->embedding_size;
    return values * 4 * 6 + fit->train->n * 12 +
           (uint64_t)m->base.train.train_batch_size * (uint64_t)m->embedding_size * 4 * 16;
}

const recommender recommender_fpmc = {
    .key = "fpmc",
    .title = "FPMC: factorised Markov chains, one for each user",
    .family = "factors",
    .cite = "Rendle, Freudenthaler, Schmidt-Thieme. Factorizing Personalized Markov Chains for Next-Basket "
            "Recommendation. WWW 2010",
    .tasks = TASK_TOPN | TASK_SEQUENTIAL,
    .size = sizeof(fpmc),
    .n_items_at = offsetof(fpmc, base.v.n_items),
    .options = fpmc_options,
    .n_options = sizeof fpmc_options / sizeof *fpmc_options,
    .memory = fpmc_memory,
    .fit = fpmc_fit_model,
    .score = vector_model_score,
    .save = vector_model_save,
    .load = vector_model_load,
    .release = vector_model_release,
    .counts = vector_model_counts,
};
