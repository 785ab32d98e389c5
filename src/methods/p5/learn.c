/* The T5 of the asked size with its whole-word table, and how it learns. */
#include <math.h>

#include "base/log.h"
#include "base/mem.h"
#include "methods/p5/p5.h"
#include "rec/trainer.h"

/* ---- the model ------------------------------------------------------------------------------------------------------------ */

static lorec_err scale_param(tensor *p, double by)
{
    float *x;
    TRY(mem_new(&x, (size_t)tensor_count(p)));
    lorec_err e = tensor_read(p, x, tensor_count(p));
    for (int64_t i = 0; i < tensor_count(p) && !e; i++) x[i] = (float)((double)x[i] * by);
    if (!e) e = tensor_write(p, x, tensor_count(p));
    mem_free(x);
    return e;
}

/* Attention is not scaled, so T5's queries begin smaller by the root of the head's width; its token vectors begin at 1, as the
 * tied head reads them over the root of the width (Raffel et al. 2020; all was drawn with a deviation of width^-1/2). */
static lorec_err begin_as_t5(const p5 *m)
{
    double width = sqrt((double)m->width), head = sqrt((double)m->head_width);
    for (size_t i = 0; i < params_count(m->model->params); i++) {
        tensor *p = params_at(m->model->params, i);
        const char *name = tensor_name(p);
        size_t n = strlen(name);
        if (n > 9 && strcmp(name + n - 9, ".q.weight") == 0) TRY(scale_param(p, 1 / head));
        if (strcmp(name, "shared.weight") == 0) TRY(scale_param(p, width));
        if (n > 9 && strcmp(name + n - 9, ".o.weight") == 0)
            TRY(scale_param(p, width / sqrt((double)(m->heads * m->head_width))));
        if (n > 10 && strcmp(name + n - 10, ".wo.weight") == 0) TRY(scale_param(p, width / sqrt((double)m->ffn_width)));
    }
    return LOREC_OK;
}

lorec_err p5_model_make(p5 *m, uint64_t seed)
{
    json_t *config = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:s, s:b, s:i, s:i, s:i}", "model_type", "t5",
                               "vocab_size", (json_int_t)p5_tokens(m), "d_model", (json_int_t)m->width, "d_kv",
                               (json_int_t)m->head_width, "d_ff", (json_int_t)m->ffn_width, "num_heads",
                               (json_int_t)m->heads, "num_layers", (json_int_t)m->layers, "dropout_rate", m->dropout,
                               "feed_forward_proj", "relu", "tie_word_embeddings", 1, "pad_token_id", P5_PAD,
                               "eos_token_id", P5_END, "decoder_start_token_id", P5_PAD);
    if (!config) return err_set(LOREC_RESOURCE, "out of memory for a config");
    lorec_err e = lm_model_make(&m->model, config, seed, "p5's T5");
    json_decref(config);
    if (!e) e = begin_as_t5(m);
    if (!e) e = encdec_of(&m->net, m->model);
    if (e || !m->whole_words) return e;
    m->whole = params_add(m->model->params, "encoder.whole_word_embeddings.weight", INIT_NORMAL(.1), 2,
                          (int64_t[]){P5_WORDS, m->width});
    return params_error(m->model->params);
}

/* ---- learning -------------------------------------------------------------------------------------------------------------- */

typedef struct lesson {
    p5 *m;
    p5_examples *examples;
    tokens source, target;
    int32_t *length[2];
    float *weight;
    size_t cap[3];
} lesson;

static lorec_err gather(lesson *l, const uint32_t *example, size_t n, rng *r)
{
    l->source.n = l->target.n = 0;
    TRY(mem_grow(&l->length[0], &l->cap[0], n));
    TRY(mem_grow(&l->length[1], &l->cap[1], n));
    for (size_t i = 0; i < n; i++) {
        size_t source = l->source.n, target = l->target.n;
        TRY(p5_example(l->examples, example[i], r, &l->source, &l->target));
        l->length[0][i] = (int32_t)(l->source.n - source);
        l->length[1][i] = (int32_t)(l->target.n - target);
    }
    if (l->source.n > INT32_MAX) return err_set(LOREC_RESOURCE, "p5: a batch of too many tokens; lower batch");
    TRY(mem_grow(&l->weight, &l->cap[2], l->target.n));
    for (size_t i = 0, at = 0; i < n; i++)
        for (int32_t k = 0; k < l->length[1][i]; k++) l->weight[at++] = 1 / (float)l->length[1][i];
    return LOREC_OK;
}

/* A sample's loss is the mean over its tokens, a batch's the mean over its samples. */
static tensor *step(void *self, tape *t, const uint32_t *example, size_t n, rng *r)
{
    lesson *l = self;
    if (gather(l, example, n, r)) return NULL;
    encdec_batch b = {.sources = (int64_t)n,
                      .targets = (int64_t)n,
                      .source = l->source.id,
                      .source_lengths = l->length[0],
                      .target = l->target.id,
                      .target_lengths = l->length[1],
                      .source_vectors = p5_word_vectors(l->m, t, l->source.id, l->length[0], (int64_t)n)};
    return op_weighted_mean(t, encdec_loss(t, &l->m->net, &b), l->weight, (int64_t)l->target.n);
}

lorec_err p5_learn(p5 *m, p5_examples *x, const fit_context *fit)
{
    lesson l = {.m = m, .examples = x};
    fit_context plain = *fit; /* the paper keeps the last epoch: there is no early stopping */
    uint64_t n = p5_examples_count(x), steps = (n + (uint64_t)m->batch - 1) / (uint64_t)m->batch * (uint64_t)m->epochs;
    buf told = {0};
    trainer_options o = {
        .epochs = m->epochs,
        .train_batch_size = m->batch,
        .eval_step = 1,
        .stopping_step = 1,
        .max_minutes = m->max_minutes,
        .bf16 = m->bf16,
        .optimizer = {.kind = OPT_ADAMW,
                      .lr = m->learning_rate,
                      .eps = 1e-6,
                      .weight_decay = m->weight_decay,
                      .clip_norm = m->clip_norm},
        .schedule = {.kind = SCHEDULE_LINEAR, .warmup = (uint64_t)(m->warmup * (double)steps), .total = steps}};
    plain.validate = NULL;
    lorec_err e = LOREC_OK;
    for (int a = 0; a < P5_ASKS && !e; a++)
        if (x->count[a])
            e = buf_printf(&told, "%s%s %llu", told.n ? ", " : "", p5_ask_names[a], (unsigned long long)x->count[a]);
    if (!e)
        log_info("p5: %llu examples an epoch: %s; %u tokens, %lld parameters", (unsigned long long)n, told.p,
                 (unsigned)p5_tokens(m), (long long)params_values(m->model->params));
    buf_free(&told);
    if (!e)
        e = trainer_run(
            &o, &plain,
            &(trainer_model){
                .self = &l, .recommender = m, .label = "p5", .params = m->model->params, .n_examples = n, .step = step},
            &m->report);
    tokens_free(&l.source);
    tokens_free(&l.target);
    mem_free(l.length[0]);
    mem_free(l.length[1]);
    mem_free(l.weight);
    return e;
}
