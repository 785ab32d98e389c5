#include "rec/pairwise.h"

#include "rec/triples.h"
#include "tensor/ops.h"

/* What there is while it trains. */
typedef struct pairwise_learner {
    pairwise *model;
    const fit_context *fit;
    params *ps;
    tensor *user, *item, *last; /* last: in a chain only */
    triples x;
} pairwise_learner;

static tensor *step(void *ctx, tape *t, const uint32_t *example, size_t n, rng *r)
{
    pairwise_learner *l = ctx;
    if (triples_draw(&l->x, example, n, r) != LOREC_OK) return NULL;
    int64_t rows = (int64_t)n;
    tensor *q = op_embed(t, l->user, tape_ids(t, l->x.user, rows));
    if (l->last) {
        tensor *parts[] = {q, op_embed(t, l->last, tape_ids(t, l->x.before, rows))};
        q = op_concat(t, parts, 2, 1);
    }
    tensor *item = op_embed(t, l->item, tape_ids(t, l->x.item, rows));
    tensor *other = op_embed(t, l->item, tape_ids(t, l->x.other, rows));
    tensor *loss = op_bpr(t, op_dot(t, q, item), op_dot(t, q, other));
    if (l->model->reg > 0) {
        tensor *norms = op_add(t, op_add(t, op_dot(t, q, q), op_dot(t, item, item)), op_dot(t, other, other));
        loss = op_add(t, loss, op_scale(t, norms, (float)l->model->reg, 0));
    }
    return op_mean(t, loss);
}

static lorec_err ready(void *ctx)
{
    pairwise_learner *l = ctx;
    vectors *v = &l->model->base.v;
    TRY(tensor_read(l->user, v->user, tensor_count(l->user)));
    TRY(tensor_read(l->item, v->item, tensor_count(l->item)));
    if (l->last) TRY(tensor_read(l->last, v->last, tensor_count(l->last)));
    vectors_clear_strangers(v, l->fit->train);
    return LOREC_OK;
}

/* A table whose rows start as a linear layer from `rows` one-hot inputs to d outputs would. */
static tensor *table(pairwise_learner *l, const char *name, int64_t rows, int64_t width)
{
    int64_t d = l->model->embedding_size;
    tensor *w = params_add(l->ps, name, init_xavier_normal(d, rows), 2, (int64_t[]){rows, width});
    if (w) params_sparse_rows(w, l->model->lazy);
    return w;
}

static lorec_err learn(pairwise_learner *l, const char *label, bool chain)
{
    pairwise *m = l->model;
    const interactions *train = l->fit->train;
    int64_t d = m->embedding_size;
    l->ps = params_new(l->fit->seed);
    if (!l->ps) return LOREC_RESOURCE;
    l->user = table(l, "user.weight", train->n_users, d);
    l->item = table(l, "item.weight", train->n_items, chain ? 2 * d : d);
    if (chain) l->last = table(l, "last.weight", train->n_items, d);
    TRY(params_error(l->ps));
    vectors_free(&m->base.v);
    TRY(vectors_make(&m->base.v, train->n_users, train->n_items, d, chain ? d : 0));
    TRY(vectors_popularity(&m->base.v, train));
    TRY(triples_make(&l->x, train));
    trainer_options o = trainer_options_from(&m->base.train, OPT_ADAM);
    return trainer_run(&o, l->fit,
                       &(trainer_model){.self = l,
                                        .recommender = m,
                                        .label = label,
                                        .params = l->ps,
                                        .n_examples = train->n,
                                        .step = step,
                                        .ready = ready},
                       &m->base.report);
}

lorec_err pairwise_fit(pairwise *m, const fit_context *fit, const char *label, bool chain)
{
    pairwise_learner l = {.model = m, .fit = fit};
    lorec_err e = learn(&l, label, chain);
    triples_free(&l.x);
    if (l.ps) params_free(l.ps);
    return e;
}

uint64_t pairwise_memory(const pairwise *m, const fit_context *fit, bool chain)
{
    uint64_t d = (uint64_t)m->embedding_size,
             rows = fit->train->n_users + (chain ? 3 : 1) * (uint64_t)fit->train->n_items;
    uint64_t batch = (uint64_t)m->base.train.train_batch_size * d * 4 * (chain ? 16 : 8);
    return rows * d * 4 * 6 /* value, gradient, two moments, the best, the vectors */ + fit->train->n * 12 + batch;
}
