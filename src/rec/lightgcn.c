/* LightGCN: embeddings smoothed over the user-item graph, nothing else (He et al., SIGIR 2020).
 *     E(k+1) = D^-1/2 A D^-1/2 E(k),   E = mean of E(0) .. E(K),   score(u, i) = <E_u, E_i>      (eq. 3, 4, 8)
 *     min  sum -ln sigmoid(score(u, i) - score(u, j)) + reg / 2 (|E0_u|^2 + |E0_i|^2 + |E0_j|^2)  (eq. 12)
 * A is the bipartite graph of training pairs, users first. Only E(0) learns; scoring needs only the smoothed vectors. */
#include <math.h>

#include "base/mem.h"
#include "rec/trainer.h"
#include "rec/triples.h"
#include "rec/vectors.h"
#include "tensor/ops.h"

typedef struct lightgcn {
    vector_model base; /* has to be first */
    int64_t embedding_size, n_layers;
    double reg_weight;
} lightgcn;

static const option lightgcn_options[] = {
    TRAINER_OPTIONS(lightgcn, base.train, 300, 2048, 1e-3),
    OPTION_INT(lightgcn, embedding_size, 64, 1, 1 << 16, "numbers a user and an item", .alias = "factors"),
    OPTION_INT(lightgcn, n_layers, 3, 0, 16, "how often embeddings are smoothed over the graph"),
    OPTION_REAL(lightgcn, reg_weight, 1e-4, 0, 1e3, "L2 penalty on the unsmoothed vectors of a step", .alias = "reg"),
};

typedef struct lightgcn_fit {
    lightgcn *self;
    const fit_context *fit;
    params *ps;
    tensor *nodes; /* E(0): users, then items */
    csr graph;
    int64_t *start;
    int32_t *col;
    float *value;
    triples x;
} lightgcn_fit;

/* The symmetrically normalised adjacency, rows ascending. */
static lorec_err make_graph(lightgcn_fit *f)
{
    const sparse *had = &f->x.had;
    sparse by_item;
    TRY(sparse_transpose(&by_item, had));
    size_t nodes = (size_t)had->rows + had->cols, edges = 2 * had->n;
    lorec_err e = mem_new(&f->start, nodes + 1);
    if (e == LOREC_OK) e = mem_new(&f->col, edges);
    if (e == LOREC_OK) e = mem_new(&f->value, edges);
    for (size_t v = 0; e == LOREC_OK && v < nodes; v++) {
        bool user = v < had->rows;
        const sparse *side = user ? had : &by_item, *other = user ? &by_item : had;
        size_t row = user ? v : v - had->rows;
        int64_t at = f->start[v];
        double degree = (double)(side->start[row + 1] - side->start[row]);
        for (uint64_t k = side->start[row]; k < side->start[row + 1]; k++, at++) {
            uint32_t to = side->col[k];
            double to_degree = (double)(other->start[to + 1] - other->start[to]);
            f->col[at] = (int32_t)(user ? to + had->rows : to);
            f->value[at] = (float)(1 / sqrt(degree * to_degree));
        }
        f->start[v + 1] = at;
    }
    sparse_free(&by_item);
    f->graph = (csr){
        .rows = (int64_t)nodes, .cols = (int64_t)nodes, .start = f->start, .col = f->col, .value = f->value};
    return e;
}

static tensor *smooth(const lightgcn_fit *f, tape *t)
{
    tensor *x = f->nodes, *sum = x;
    for (int64_t k = 0; k < f->self->n_layers; k++) {
        x = op_sparse_matmul(t, &f->graph, x);
        sum = op_add(t, sum, x);
    }
    return op_scale(t, sum, 1.0f / (float)(f->self->n_layers + 1), 0);
}

static tensor *lightgcn_step(void *ctx, tape *t, const uint32_t *example, size_t n, rng *r)
{
    lightgcn_fit *f = ctx;
    if (triples_draw(&f->x, example, n, r) != LOREC_OK) return NULL;
    int32_t n_users = (int32_t)f->fit->train->n_users;
    for (size_t i = 0; i < n; i++) {
        f->x.item[i] += n_users;
        if (f->x.other[i] >= 0) f->x.other[i] += n_users;
    }
    tensor *users = tape_ids(t, f->x.user, (int64_t)n), *items = tape_ids(t, f->x.item, (int64_t)n),
           *others = tape_ids(t, f->x.other, (int64_t)n);
    tensor *e = smooth(f, t), *u = op_gather_rows(t, e, users);
    tensor *loss = op_bpr(t, op_dot(t, u, op_gather_rows(t, e, items)), op_dot(t, u, op_gather_rows(t, e, others)));
    if (f->self->reg_weight > 0) {
        tensor *u0 = op_embed(t, f->nodes, users), *i0 = op_embed(t, f->nodes, items),
               *j0 = op_embed(t, f->nodes, others);
        tensor *norms = op_add(t, op_add(t, op_dot(t, u0, u0), op_dot(t, i0, i0)), op_dot(t, j0, j0));
        loss = op_add(t, loss, op_scale(t, norms, (float)f->self->reg_weight / 2, 0));
    }
    return op_mean(t, loss);
}

static lorec_err lightgcn_ready(void *ctx)
{
    lightgcn_fit *f = ctx;
    vectors *v = &f->self->base.v;
    tape *t = tape_new(&(tape_options){0});
    if (!t) return LOREC_RESOURCE;
    tape_begin(t, 0);
    tensor *e = smooth(f, t);
    lorec_err err = tape_read(t, op_slice(t, e, 0, 0, v->n_users), v->user, (int64_t)v->n_users * v->d_user);
    if (err == LOREC_OK)
        err = tape_read(t, op_slice(t, e, 0, v->n_users, (int64_t)v->n_users + v->n_items), v->item,
                        (int64_t)v->n_items * v->d_user);
    tape_free(t);
    vectors_clear_strangers(v, f->fit->train);
    return err;
}

static lorec_err lightgcn_learn(lightgcn_fit *f)
{
    lightgcn *m = f->self;
    const interactions *train = f->fit->train;
    int64_t d = m->embedding_size, nodes = (int64_t)train->n_users + train->n_items;
    if (nodes > INT32_MAX)
        return err_set(LOREC_RESOURCE, "lightgcn: %u users and %u items are too many", train->n_users, train->n_items);
    f->ps = params_new(f->fit->seed);
    if (!f->ps) return LOREC_RESOURCE;
    f->nodes = params_add(f->ps, "node.weight", INIT_NORMAL(0.1), 2, (int64_t[]){nodes, d});
    TRY(params_error(f->ps));
    vectors_free(&m->base.v);
    TRY(vectors_make(&m->base.v, train->n_users, train->n_items, d, 0));
    TRY(vectors_popularity(&m->base.v, train));
    TRY(triples_make(&f->x, train));
    TRY(make_graph(f));
    trainer_options o = trainer_options_from(&m->base.train, OPT_ADAM);
    return trainer_run(&o, f->fit,
                       &(trainer_model){.self = f,
                                        .recommender = m,
                                        .label = "lightgcn",
                                        .params = f->ps,
                                        .n_examples = train->n,
                                        .step = lightgcn_step,
                                        .ready = lightgcn_ready},
                       &m->base.report);
}

static lorec_err lightgcn_fit_model(void *self, const fit_context *fit)
{
    lightgcn_fit f = {.self = self, .fit = fit};
    lorec_err e = lightgcn_learn(&f);
    triples_free(&f.x);
    mem_free(f.start);
    mem_free(f.col);
    mem_free(f.value);
    if (f.ps) params_free(f.ps);
    return e;
}

static uint64_t lightgcn_memory(const void *self, const fit_context *fit)
{
    const lightgcn *m = self;
    uint64_t values = ((uint64_t)fit->train->n_users + fit->train->n_items) * (uint64_t)m->embedding_size;
    return values * 4 * (6 + 4 * (uint64_t)(m->n_layers + 1)) + fit->train->n * 36;
}

const recommender recommender_lightgcn = {
    .key = "lightgcn",
    .title = "LightGCN: embeddings smoothed over the user-item graph",
    .family = "graph",
    .cite = "He, Deng, Wang, Li, Zhang, Wang. LightGCN: Simplifying and Powering Graph Convolution Network for "
            "Recommendation. SIGIR 2020",
    .tasks = TASK_TOPN,
    .size = sizeof(lightgcn),
    .n_items_at = offsetof(lightgcn, base.v.n_items),
    .options = lightgcn_options,
    .n_options = sizeof lightgcn_options / sizeof *lightgcn_options,
    .memory = lightgcn_memory,
    .fit = lightgcn_fit_model,
    .score = vector_model_score,
    .item_vectors = vector_model_item_vectors,
    .query_vector = vector_model_query_vector,
    .save = vector_model_save,
    .load = vector_model_load,
    .release = vector_model_release,
    .counts = vector_model_counts,
};
