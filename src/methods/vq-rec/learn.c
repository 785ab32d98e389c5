/* The network and what it descends. With unit vectors s (the history's) and v_j (the items'), temperature tau:
 *     ce            -log softmax over all items of s v_j / tau                                  (fine-tuning)
 *     contrastive   -log( e^{s v+ / tau} / (sum over the batch's targets e^{s v_j / tau} + e^{s v~ / tau}) )
 * where v~ is the positive with each code replaced by a random one of its position with probability `permute`. A target
 * that is the same item as the row's own is no negative. */
#include <math.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "methods/vq-rec/vq_rec.h"
#include "tensor/cpu/kernels.h"
#include "tensor/rng.h"

lorec_err vq_network(vq_rec *m)
{
    float drop = (float)m->dropout;
    transformer_config c = {.width = m->hidden_size,
                            .layers = m->n_layers,
                            .heads = m->n_heads,
                            .ffn_width = m->inner_size,
                            .max_positions = m->base.max_len,
                            .place = NORM_POST,
                            .causal = true,
                            .headless = true,
                            .activation = ACT_GELU,
                            .embed_dropout = drop,
                            .residual_dropout = drop,
                            .attn_dropout = (float)m->attn_dropout,
                            .weights = INIT_NORMAL(m->initializer_range)};
    transformer_name_plainly(&c);
    c.name[PART_TOKENS] = c.name[PART_HEAD_BIAS] = NULL;
    c.name[PART_EMBED_NORM] = "embed_norm.weight";
    c.name[PART_EMBED_NORM_BIAS] = "embed_norm.bias";
    m->base.d = m->hidden_size;
    m->table = params_add(m->base.params, "codes.weight", c.weights, 2,
                          (int64_t[]){m->n_codes * m->codebook, m->hidden_size});
    TRY(params_error(m->base.params));
    return transformer_new(&m->base.net, m->base.params, &c, "");
}

/* ---- forward --------------------------------------------------------------------------------------------------------- */

static tensor *mean_of_codes(const vq_rec *m, tape *t, const int32_t *code, size_t n)
{
    size_t d = (size_t)m->n_codes;
    return op_embed_bag(t, m->table, tape_ids(t, code, (int64_t)(n * d)), tape_segments_even(t, (int64_t)n, (int64_t)d),
                        true);
}

/* The codes of those items, in order: [n][n_codes], to mem_free. */
static lorec_err codes_of(const vq_rec *m, const int32_t *item, size_t n, int32_t **out)
{
    size_t d = (size_t)m->n_codes;
    TRY(mem_new(out, n * d));
    for (size_t i = 0; i < n; i++) memcpy(*out + i * d, m->code + (size_t)item[i] * d, d * sizeof **out);
    return LOREC_OK;
}

tensor *vq_items(const vq_rec *m, tape *t, const int32_t *item, size_t n)
{
    int32_t *code;
    if (codes_of(m, item, n, &code)) return NULL;
    tensor *x = mean_of_codes(m, t, code, n);
    mem_free(code);
    return x;
}

tensor *vq_states(const vq_rec *m, tape *t, tensor *vectors, const packed *rows, bool last)
{
    tensor *h = transformer_hidden(t, m->base.net,
                                   &(token_rows){.vectors = vectors,
                                                 .sequences = tape_segments(t, rows->length, (int64_t)rows->n),
                                                 .position = rows->from_start,
                                                 .last = last});
    return op_l2_normalize(t, h, 1e-12f);
}

lorec_err vq_ready(vq_rec *m)
{
    size_t d = (size_t)m->hidden_size, codes = (size_t)m->n_codes;
    float *table;
    TRY(mem_new(&table, (size_t)tensor_count(m->table)));
    lorec_err e = tensor_read(m->table, table, tensor_count(m->table));
    if (!e && !m->base.item) e = mem_new(&m->base.item, m->base.n_items * d);
    for (uint32_t i = 0; !e && i < m->base.n_items; i++) {
        float *v = m->base.item + i * d;
        for (size_t j = 0; j < d; j++) v[j] = 0;
        for (size_t k = 0; k < codes; k++) isa()->axpy_f32(d, 1, table + (size_t)m->code[i * codes + k] * d, v);
        float by = 1 / ((float)m->temperature * fmaxf(sqrtf(isa()->dot_f32(d, v, v)), 1e-12f));
        for (size_t j = 0; j < d; j++) v[j] *= by;
    }
    mem_free(table);
    return e;
}

/* ---- losses ---------------------------------------------------------------------------------------------------------- */

typedef struct learning {
    vq_rec *m;
    const interactions *train;
    uint32_t *user;
    size_t n_users;
    packed rows;
    int32_t *everyone; /* [n_items] 0, 1, 2 ... */
} learning;

static tensor *cross_entropy(learning *l, tape *t)
{
    const vq_rec *m = l->m;
    int64_t n = (int64_t)l->rows.rows;
    tensor *items = vq_items(m, t, l->everyone, m->base.n_items);
    tensor *in = op_gather_rows(t, items, tape_ids(t, l->rows.id, n));
    tensor *h = vq_states(m, t, in, &l->rows, false);
    return op_mean(t, op_linear_cross_entropy(t, h, op_l2_normalize(t, items, 1e-12f), NULL,
                                              tape_ids(t, l->rows.target, n),
                                              &(linear_ce){.temperature = (float)m->temperature}));
}

/* The targets of a batch, each once: target[rows] becomes the number of its item among `once`. */
static lorec_err each_once(const learning *l, int32_t *once, int32_t *target, size_t *n)
{
    int32_t *at;
    TRY(mem_new(&at, l->m->base.n_items));
    *n = 0;
    for (size_t i = 0; i < l->rows.rows; i++) {
        int32_t item = l->rows.target[i];
        if (!at[item]) {
            once[(*n)++] = item;
            at[item] = (int32_t)*n;
        }
        target[i] = at[item] - 1;
    }
    mem_free(at);
    return LOREC_OK;
}

static void permute(const vq_rec *m, int32_t *code, size_t n, rng *r)
{
    for (size_t at = 0; at < n * (size_t)m->n_codes; at++) {
        int32_t k = (int32_t)(at % (size_t)m->n_codes);
        if (rng_uniform(r) < m->permute)
            code[at] = k * (int32_t)m->codebook + (int32_t)rng_below(r, (uint32_t)m->codebook);
    }
}

static tensor *contrast(learning *l, tape *t, const int32_t *once, size_t n_once, const int32_t *target, rng *r)
{
    const vq_rec *m = l->m;
    int64_t n = (int64_t)l->rows.rows;
    float by = 1 / (float)m->temperature;
    tensor *h = vq_states(m, t, vq_items(m, t, l->rows.id, l->rows.rows), &l->rows, false);
    tensor *v = op_l2_normalize(t, vq_items(m, t, once, n_once), 1e-12f);
    tensor *logits = op_scale(t, op_matmul(t, h, v, false, true), by, 0);
    if (m->permute > 0) {
        int32_t *code;
        if (codes_of(m, l->rows.target, l->rows.rows, &code)) return NULL;
        permute(m, code, l->rows.rows, r);
        tensor *other = op_l2_normalize(t, mean_of_codes(m, t, code, l->rows.rows), 1e-12f);
        mem_free(code);
        tensor *near = op_reshape(t, op_scale(t, op_dot(t, h, other), by, 0), 2, (int64_t[]){n, 1});
        logits = op_concat(t, (tensor *[]){logits, near}, 2, 1);
    }
    return op_mean(t, op_cross_entropy(t, logits, tape_ids(t, target, n)));
}

static tensor *contrastive(learning *l, tape *t, rng *r)
{
    int32_t *once = NULL, *target = NULL;
    size_t n;
    tensor *loss = NULL;
    if (!mem_new(&once, l->rows.rows) && !mem_new(&target, l->rows.rows) && !each_once(l, once, target, &n))
        loss = contrast(l, t, once, n, target, r);
    mem_free(once);
    mem_free(target);
    return loss;
}

static tensor *step(void *ctx, tape *t, const uint32_t *example, size_t n, rng *r)
{
    learning *l = ctx;
    if (packed_train(&l->rows, l->train, l->user, example, n, l->m->base.max_len)) return NULL;
    return l->m->loss == VQ_CE ? cross_entropy(l, t) : contrastive(l, t, r);
}

static lorec_err ready(void *ctx)
{
    return vq_ready(((learning *)ctx)->m);
}

static lorec_err learn(learning *l, const fit_context *fit)
{
    vq_rec *m = l->m;
    TRY(sequence_examples(&l->user, &l->n_users, fit->train, 2));
    TRY(mem_new(&l->everyone, m->base.n_items));
    for (uint32_t i = 0; i < m->base.n_items; i++) l->everyone[i] = (int32_t)i;
    trainer_options o = trainer_options_from(&m->base.train, OPT_ADAM);
    return trainer_run(&o, fit,
                       &(trainer_model){.self = l,
                                        .recommender = m,
                                        .label = "vq-rec",
                                        .params = m->base.params,
                                        .n_examples = l->n_users,
                                        .step = step,
                                        .ready = ready},
                       &m->base.report);
}

lorec_err vq_learn(vq_rec *m, const fit_context *fit)
{
    learning l = {.m = m, .train = fit->train};
    lorec_err e = learn(&l, fit);
    mem_free(l.user);
    mem_free(l.everyone);
    packed_free(&l.rows);
    return e;
}
