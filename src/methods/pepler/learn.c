/* The stages: the language model on the texts alone (where it was made from nothing), the prompt's vectors while the language model
 * rests, everything together. After each that validates, the best parameters are kept. */
#include <math.h>

#include "base/log.h"
#include "base/mem.h"
#include "methods/pepler/pepler.h"
#include "text/tokenizer_train.h"

static const char *const stage_names[PEPLER_STAGES] = {"pepler-texts", "pepler-prompt", "pepler-all"};

typedef struct lesson {
    pepler *m;
    const fit_context *fit;
    pepler_texts train, valid;
    pepler_rows rows;
    float *rating; /* [train.from.n] NaN: none */
    float *target, *weight;
    size_t cap[2];
    int stage;
} lesson;

/* ---- a step ------------------------------------------------------------------------------------------------------------------ */

/* The squared error of the ratings that are there, their mean; NULL: there are none. */
static tensor *rating_loss(lesson *l, tape *t, const uint32_t *example, size_t n)
{
    float sum = 0;
    if (mem_grow(&l->target, &l->cap[0], n) || mem_grow(&l->weight, &l->cap[1], n)) return tape_fail(t, LOREC_RESOURCE);
    for (size_t i = 0; i < n; i++) {
        bool rated = isfinite(l->rating[example[i]]);
        l->target[i] = rated ? l->rating[example[i]] : 0;
        l->weight[i] = rated;
        sum += l->weight[i];
    }
    if (sum == 0) return NULL;
    tensor *each = op_mse(t, pepler_ratings(l->m, t, &l->rows), l->target, (int64_t)n);
    return op_weighted_mean(t, each, l->weight, (int64_t)n);
}

static tensor *step(void *self, tape *t, const uint32_t *example, size_t n, rng *r)
{
    (void)r;
    lesson *l = self;
    const pepler_texts *x = &l->train;
    pepler_rows_clear(&l->rows);
    for (size_t i = 0; i < n; i++) {
        uint32_t k = example[i];
        if (pepler_rows_add(l->m, &l->rows, x->from.user[k], x->from.item[k], x->word.id + x->start[k],
                            (size_t)(x->start[k + 1] - x->start[k]), true, l->stage == STAGE_TEXTS))
            return NULL;
    }
    tensor *loss = op_scale(t, op_sum(t, pepler_loss(l->m, t, &l->rows)), 1 / (float)l->rows.learned, 0);
    if (l->stage == STAGE_TEXTS || l->m->rating == PEPLER_NO_RATING) return loss;
    tensor *more = rating_loss(l, t, example, n);
    double weight = l->m->rating_weight > 0 ? l->m->rating_weight : l->m->rating == PEPLER_MF ? .01 : 1;
    return more ? op_add(t, loss, op_scale(t, more, (float)weight, 0)) : loss;
}

static lorec_err validate(void *ctx, const void *self, double *metric)
{
    const lesson *l = ctx;
    double x;
    (void)self;
    TRY(pepler_perplexity(l->m, &l->valid, l->stage == STAGE_TEXTS, &x));
    *metric = -x;
    return LOREC_OK;
}

/* ---- a stage ----------------------------------------------------------------------------------------------------------------- */

/* Whose turn it is to learn: the language model's parameters, the method's own, or both. */
static void rest(const pepler *m, int stage)
{
    for (size_t i = 0; i < params_count(m->lm->params); i++) {
        tensor *p = params_at(m->lm->params, i);
        bool own = p == m->user || p == m->item;
        for (int k = 0; k < PEPLER_MLP_LAYERS; k++) own = own || p == m->mlp_weight[k] || p == m->mlp_bias[k];
        params_freeze(p, stage == STAGE_TEXTS ? own : stage == STAGE_PROMPT ? !own : false);
    }
}

static lorec_err run_stage(lesson *l, int stage, int64_t epochs)
{
    pepler *m = l->m;
    const fit_context *fit = l->fit;
    buf identity = {0};
    trainer_options o = {
        .epochs = epochs,
        .train_batch_size = m->batch,
        .eval_step = 1,
        .stopping_step = m->stopping_step,
        .max_minutes = m->max_minutes,
        .bf16 = m->bf16,
        .optimizer = {.kind = OPT_ADAMW, .lr = m->learning_rate, .weight_decay = m->weight_decay},
    };
    l->stage = stage;
    rest(m, stage);
    lorec_err e = buf_printf(&identity, "%s prompt=%d tuning=%d rating=%d model=%s features=%u texts=%u",
                             stage_names[stage], m->prompt, m->tuning, m->rating, m->model ? m->model : "",
                             m->features.words.n, l->train.from.n);
    trainer_context c = {.seed = fit->seed,
                         .folder = fit->folder,
                         .resume = fit->resume,
                         .identity = identity.p,
                         .validate = l->valid.from.n ? validate : NULL,
                         .validate_ctx = l,
                         .valid_metric = "-perplexity"};
    if (!e)
        e = trainer_loop(&o, &c,
                         &(trainer_model){.self = l,
                                          .recommender = m,
                                          .label = stage_names[stage],
                                          .params = m->lm->params,
                                          .n_examples = l->train.from.n,
                                          .step = step},
                         &m->report[stage]);
    buf_free(&identity);
    if (!e && l->valid.from.n) {
        e = pepler_perplexity(m, &l->valid, stage == STAGE_TEXTS, &m->perplexity[stage]);
        if (!e) log_info("%s: perplexity %.2f on validation", stage_names[stage], m->perplexity[stage]);
    }
    return e;
}

/* ---- what is learned from ---------------------------------------------------------------------------------------------------- */

static lorec_err train_words(pepler *m, const explanations *x)
{
    static const char *const special[] = {PEPLER_BEGIN, PEPLER_END};
    tokenizer_trainer *tr;
    buf text = {0}, one = {0};
    TRY(tokenizer_trainer_new(&tr, &(tokenizer_training){.kind = TOKENIZER_BPE,
                                                         .size = (size_t)m->vocabulary,
                                                         .special = special,
                                                         .n_special = 2,
                                                         .bos = special[0],
                                                         .eos = special[1]}));
    lorec_err e = LOREC_OK;
    for (uint32_t i = 0; i < x->n && !e; i++) {
        buf_clear(&one);
        e = explanations_text(x, i, &text);
        if (!e) e = buf_printf(&one, " %s", text.p);
        if (!e) e = tokenizer_trainer_add(tr, (slice){one.p, one.n});
    }
    if (!e) e = tokenizer_trainer_finish(tr, &m->vocabulary_file);
    tokenizer_trainer_free(tr);
    buf_free(&text);
    buf_free(&one);
    return e;
}

static lorec_err make_model(pepler *m, const dataset *d, const interactions *train, uint64_t seed)
{
    if (m->model && *m->model) {
        TRY(lm_model_open(&m->lm, m->model));
        TRY(lm_model_need_decoder(m->lm));
        TRY(tokenizer_open(&m->words, m->model));
        return pepler_words_open(m);
    }
    explanations x;
    TRY(explanations_make(&x, &m->features, d, train, seed));
    lorec_err e = train_words(m, &x);
    explanations_free(&x);
    if (!e) e = pepler_words_open(m);
    float drop = (float)m->dropout;
    transformer_config c = {.vocab_size = e ? 0 : (int64_t)tokenizer_size(m->words),
                            .width = m->width,
                            .layers = m->layers,
                            .heads = m->heads,
                            .ffn_width = 4 * m->width,
                            .max_positions = 2 * m->longest + 4,
                            .activation = ACT_GELU_TANH,
                            .embed_dropout = drop,
                            .attn_dropout = drop,
                            .residual_dropout = drop,
                            .weights = INIT_NORMAL(.02)};
    return e ? e : lm_model_new(&m->lm, "gpt2", &c, seed);
}

/* user, feature and item, feature of the training part's explanations: every feature that a sentence names. */
static lorec_err gather_features(pepler *m, const explanations *x)
{
    uint32_t *user = NULL, *item = NULL, *feature = NULL, number;
    size_t n = 0, cap[3] = {0};
    lorec_err e = LOREC_OK;
    for (uint32_t i = 0; i < x->n && !e; i++) {
        text_run run = texts_at(&x->said, i);
        for (size_t k = 0; k < run.n && !e; k++) {
            if (!ids_find(&m->features.words, ids_name(&x->words, run.word[k]), &number)) continue;
            e = mem_grow(&user, &cap[0], n + 1);
            if (!e) e = mem_grow(&item, &cap[1], n + 1);
            if (!e) e = mem_grow(&feature, &cap[2], n + 1);
            if (e) break;
            user[n] = x->user[i];
            item[n] = x->item[i];
            feature[n++] = number;
        }
    }
    if (!e) e = sparse_from_triples(&m->user_features, m->n_users, m->features.words.n, n, user, feature, NULL);
    if (!e) e = sparse_from_triples(&m->item_features, m->n_items, m->features.words.n, n, item, feature, NULL);
    mem_free(user);
    mem_free(item);
    mem_free(feature);
    return e;
}

static lorec_err take_ratings(lesson *l, const interactions *all)
{
    TRY(mem_new(&l->rating, l->train.from.n));
    for (uint32_t i = 0; i < l->train.from.n; i++) l->rating[i] = all->rating ? all->rating[l->train.from.row[i]] : NAN;
    return LOREC_OK;
}

static lorec_err prepare(lesson *l)
{
    pepler *m = l->m;
    const fit_context *fit = l->fit;
    const dataset *d = fit->split->data;
    TRY(feature_words_learn(&m->features, d, fit->train, &(feature_words_options){.least = (uint32_t)m->least}));
    TRY(make_model(m, d, fit->train, fit->seed));
    TRY(pepler_texts_make(&l->train, m, d, fit->train, fit->seed));
    if (fit->train == &fit->split->train && fit->split->valid.n &&
        pepler_texts_make(&l->valid, m, d, &fit->split->valid, fit->seed) == LOREC_RESOURCE)
        return LOREC_RESOURCE;
    TRY(take_ratings(l, &d->rows));
    if (m->prompt == PEPLER_DISCRETE) return gather_features(m, &l->train.from);
    return pepler_own_params(m, m->lm->params);
}

lorec_err pepler_learn(pepler *m, const fit_context *fit)
{
    lesson l = {.m = m, .fit = fit};
    lorec_err e = prepare(&l);
    if (!e)
        log_info("pepler: %u explanations to learn from, %u to validate on; %u features, %zu tokens", l.train.from.n,
                 l.valid.from.n, m->features.words.n, tokenizer_size(m->words));
    bool from_nothing = !m->model || !*m->model;
    if (!e && from_nothing && m->pretrain_epochs) e = run_stage(&l, STAGE_TEXTS, m->pretrain_epochs);
    if (!e && m->prompt == PEPLER_CONTINUOUS && m->tuning == PEPLER_SEQUENTIAL)
        e = run_stage(&l, STAGE_PROMPT, m->epochs);
    if (!e) e = run_stage(&l, STAGE_ALL, m->epochs);
    pepler_texts_free(&l.train);
    pepler_texts_free(&l.valid);
    pepler_rows_free(&l.rows);
    mem_free(l.rating);
    mem_free(l.target);
    mem_free(l.weight);
    return e;
}
