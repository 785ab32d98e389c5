#include "rec/sequence_loss.h"

#include "base/mem.h"
#include "tensor/ops.h"

const char *const sequence_loss_words[] = {"ce", "sampled", "bce", "gbce", "bpr", "bpr_max", "top1", NULL};

void sequence_loss_free(sequence_loss_spec *s)
{
    mem_free(s->drawn);
    mem_free(s->label);
    mem_free(s->weight);
    s->drawn = NULL;
    s->label = s->weight = NULL;
    s->drawn_cap = s->label_cap = s->weight_cap = 0;
}

/* drawn[i][0] is the target of row i, the rest its negatives. Who has had everything is shown other items nevertheless. */
static lorec_err draw(sequence_loss_spec *s, const packed *rows, size_t k, rng *r)
{
    size_t width = k + 1, n;
    if (!size_mul(rows->rows, width, &n)) return err_set(LOREC_RESOURCE, "%zu negatives a position are too many", k);
    TRY(mem_grow(&s->drawn, &s->drawn_cap, n));
    TRY(negatives_fill(s->had, *r, rows->user, rows->rows, k, width, s->drawn + 1));
    for (size_t i = 0; i < rows->rows; i++) {
        int32_t *at = s->drawn + i * width;
        at[0] = rows->target[i];
        for (size_t j = 1; j < width; j++)
            if (at[j] < 0) at[j] = (int32_t)(((uint32_t)at[0] + j) % s->n_items);
    }
    return LOREC_OK;
}

static tensor *weighted_bce(sequence_loss_spec *s, tape *t, tensor *scores, size_t rows, size_t width, float beta)
{
    size_t n = rows * width;
    if (mem_grow(&s->label, &s->label_cap, n) || mem_grow(&s->weight, &s->weight_cap, n)) return NULL;
    for (size_t i = 0; i < n; i++) {
        s->label[i] = i % width == 0 ? 1 : 0;
        s->weight[i] = i % width == 0 ? beta : 1;
    }
    tensor *each = op_bce(t, scores, s->label, s->weight, (int64_t)n);
    return op_scale(t, op_mean(t, each), (float)width, 0);
}

static tensor *bpr_max(tape *t, tensor *above, tensor *other, float reg)
{
    tensor *w = op_softmax(t, other), *p = op_act(t, above, ACT_SIGMOID);
    tensor *fit = op_scale(t, op_log(t, op_scale(t, op_sum_dim(t, op_mul(t, w, p), 1), 1, 1e-24f)), -1, 0);
    tensor *size = op_sum_dim(t, op_mul(t, w, op_square(t, other)), 1);
    return op_mean(t, op_add(t, fit, op_scale(t, size, reg, 0)));
}

tensor *sequence_loss(sequence_loss_spec *s, tape *t, tensor *hidden, tensor *items, const packed *rows, rng *r)
{
    const sequence_loss_settings *o = s->settings;
    int64_t n = (int64_t)rows->rows, k = o->negatives;
    if (o->kind == SEQUENCE_CE)
        return op_mean(t, op_linear_cross_entropy(t, hidden, items, NULL, tape_ids(t, rows->target, n), NULL));

    if (draw(s, rows, (size_t)k, r) != LOREC_OK) return NULL;
    tensor *scores = op_linear_gather(t, hidden, items, NULL, tape_ids(t, s->drawn, n * (k + 1)), k + 1);
    if (o->kind == SEQUENCE_SAMPLED) return op_mean(t, op_sampled_softmax(t, scores, NULL));
    if (o->kind == SEQUENCE_BCE) return weighted_bce(s, t, scores, rows->rows, (size_t)k + 1, 1);
    if (o->kind == SEQUENCE_GBCE) {
        double a = s->n_items > 1 ? (double)k / (s->n_items - 1.0) : 1;
        if (a > 1) a = 1;
        return weighted_bce(s, t, scores, rows->rows, (size_t)k + 1, (float)(a * (o->gbce_t * (1 - 1 / a) + 1 / a)));
    }
    tensor *other = op_slice(t, scores, 1, 1, k + 1);
    tensor *below = op_sub(t, other, op_slice(t, scores, 1, 0, 1)), *above = op_scale(t, below, -1, 0);
    if (o->kind == SEQUENCE_BPR) return op_scale(t, op_mean(t, op_log_sigmoid(t, above)), -1, 0);
    if (o->kind == SEQUENCE_BPR_MAX) return bpr_max(t, above, other, (float)o->bpr_max_reg);
    return op_mean(t, op_add(t, op_act(t, below, ACT_SIGMOID), op_act(t, op_square(t, other), ACT_SIGMOID)));
}

/* ---- training on it -------------------------------------------------------------------------------------------------- */

typedef struct next_item {
    sequence_model *m;
    sequence_states states;
    const interactions *train;
    uint32_t *user;
    size_t n_users;
    sparse had;
    packed rows;
    sequence_loss_spec loss;
} next_item;

static tensor *next_item_step(void *ctx, tape *t, const uint32_t *example, size_t n, rng *r)
{
    next_item *f = ctx;
    if (packed_train(&f->rows, f->train, f->user, example, n, f->m->max_len) != LOREC_OK) return NULL;
    return sequence_loss(&f->loss, t, f->states(f->m, t, &f->rows), f->m->items, &f->rows, r);
}

static lorec_err next_item_ready(void *ctx)
{
    return sequence_ready(((next_item *)ctx)->m);
}

static lorec_err next_item_learn(next_item *f, const fit_context *fit, const char *label)
{
    TRY(sparse_from(&f->had, fit->train));
    TRY(sequence_examples(&f->user, &f->n_users, fit->train, 2));
    trainer_options o = trainer_options_from(&f->m->train, OPT_ADAM);
    return trainer_run(&o, fit,
                       &(trainer_model){.self = f,
                                        .recommender = f->m,
                                        .label = label,
                                        .params = f->m->params,
                                        .n_examples = f->n_users,
                                        .step = next_item_step,
                                        .ready = next_item_ready},
                       &f->m->report);
}

lorec_err sequence_train(sequence_model *m, const fit_context *fit, const char *label,
                         const sequence_loss_settings *loss, sequence_states states)
{
    next_item f = {.m = m, .states = states, .train = fit->train};
    f.loss = (sequence_loss_spec){.settings = loss, .had = &f.had, .n_items = m->n_items};
    lorec_err e = next_item_learn(&f, fit, label);
    mem_free(f.user);
    sparse_free(&f.had);
    packed_free(&f.rows);
    sequence_loss_free(&f.loss);
    return e;
}
