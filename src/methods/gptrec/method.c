/* GPTRec (Petrov & Macdonald, Gen-IR@SIGIR 2023): a GPT-2 trained from scratch on what people had in order, one token an
 * item or several from quantised SVD; it recommends by Top-K scores or writes the list item by item (Next-K).
 * Card: card.md. */
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "methods/gptrec/gptrec.h"

static const char *const strategy_words[] = {"topk", "nextk", NULL};
static const char *const scoring_words[] = {"sample", "beam", "exact", NULL};
static const char *const windows_words[] = {"all", "last", NULL};

static const option gptrec_options[] = {
    TRAINER_OPTIONS(gptrec, train, 100, 16, 1e-3),
    OPTION_INT(gptrec, max_items, 100, 2, 1 << 16, "a history is cut to its last so many items",
               .alias = "MAX_ITEM_LIST_LENGTH", .fast = "50"),
    OPTION_INT(gptrec, tokens, 1, 1, 64, "tokens an item: 1 is its number, more are quantised SVD components"),
    OPTION_INT(gptrec, codebook, 2048, 2, 1 << 20, "different values of each token (tokens > 1)"),
    OPTION_INT(gptrec, hidden_size, 256, 1, 1 << 16, "width", .alias = "d", .fast = "64"),
    OPTION_INT(gptrec, n_layers, 3, 1, 256, "blocks", .fast = "2"),
    OPTION_INT(gptrec, n_heads, 4, 1, 1024, "attention heads; divides hidden_size"),
    OPTION_REAL(gptrec, dropout, 0.1, 0, 0.99, "of embeddings, attention weights and each block's two outputs"),
    OPTION_CHOICE(gptrec, windows, "all", windows_words,
                  "train on all of a long history in windows of max_items, or on its last window only"),
    OPTION_CHOICE(gptrec, strategy, "topk", strategy_words, "lists by score, or written item by item"),
    OPTION_CHOICE(gptrec, scoring, "sample", scoring_words,
                  "how codes of several tokens are scored: sampled (the paper), a beam in the trie, or all of them"),
    OPTION_BOOL(gptrec, trie, 0, "sample inside the trie of codes, so that every sample is an item"),
    OPTION_INT(gptrec, samples, 50, 1, 1 << 20, "scoring=sample: codes drawn a list"),
    OPTION_INT(gptrec, top_k, 50, 0, 1 << 20, "scoring=sample: draw each token from the best so many; 0: all"),
    OPTION_REAL(gptrec, top_p, 0.95, 0.001, 1, "scoring=sample: and from the fewest that reach this share"),
    OPTION_REAL(gptrec, temperature, 1, 1e-3, 100, "scoring=sample"),
    OPTION_INT(gptrec, beams, 50, 1, 1 << 20, "scoring=beam: its width"),
    OPTION_TEXT(gptrec, trained, "", "take the weights and codes of this saved gptrec as they are instead of training"),
};

static const char *gptrec_check(const void *self)
{
    const gptrec *m = self;
    if (m->hidden_size % m->n_heads) return "hidden_size has to be a multiple of n_heads";
    if (m->tokens * m->codebook > INT32_MAX - 2) return "tokens times codebook has to stay below 2^31";
    return NULL;
}

static void gptrec_release(void *self)
{
    gptrec *m = self;
    codes_free(&m->codes);
    lm_model_free(m->model);
    mem_free(m->tally);
    m->model = NULL;
    m->tally = NULL;
}

static uint64_t gptrec_memory(const void *self, const fit_context *fit)
{
    const gptrec *m = self;
    uint64_t d = (uint64_t)m->hidden_size, items = fit->train->n_items;
    uint64_t vocab = (m->tokens == 1 ? items : (uint64_t)(m->tokens * m->codebook)) + 2;
    uint64_t values = (vocab + (uint64_t)positions(m)) * d + (uint64_t)m->n_layers * (12 * d * d + 13 * d);
    uint64_t rows = (uint64_t)(m->train.train_batch_size * positions(m));
    return values * 4 * 5 + rows * d * 4 * (uint64_t)m->n_layers * 24;
}

/* ---- training --------------------------------------------------------------------------------------------------------- */

/* A stretch of one user's training rows. */
typedef struct window {
    uint64_t first; /* row of the user's first item */
    uint64_t from, end;
} window;

typedef struct training {
    gptrec *m;
    const interactions *rows;
    window *windows;
    size_t n, cap;
    prompts batch;
} training;

/* From the newest item back; neighbours share the item at their border, so that it is predicted from what came before. */
static lorec_err cut_windows(training *t)
{
    const interactions *x = t->rows;
    uint64_t whole = (uint64_t)t->m->max_items, most = window_items(t->m);
    for (uint32_t u = 0; u < x->n_users; u++) {
        uint64_t first = x->start[u], end = x->start[u + 1] - first;
        while (end > 0) {
            uint64_t from = end <= whole ? 0 : end - most;
            TRY(mem_grow(&t->windows, &t->cap, t->n + 1));
            t->windows[t->n++] = (window){first, from, end};
            end = from == 0 || t->m->windows == WINDOWS_LAST ? 0 : from + 1;
        }
    }
    return LOREC_OK;
}

static tensor *train_step(void *self, tape *t, const uint32_t *example, size_t n, rng *r)
{
    (void)r;
    training *f = self;
    prompts *b = &f->batch;
    prompts_clear(b);
    for (size_t i = 0; i < n; i++) {
        const window *w = &f->windows[example[i]];
        if (prompts_add_training(b, f->m, f->rows->item + w->first, w->from, w->end)) return NULL;
    }
    const transformer *net = f->m->model->net;
    token_rows in = {.ids = tape_ids(t, b->token, (int64_t)b->rows),
                     .sequences = tape_segments(t, b->length, (int64_t)b->n)};
    tensor *h = transformer_hidden(t, net, &in);
    return op_mean(t, transformer_loss(t, net, h, tape_ids(t, b->target, (int64_t)b->rows)));
}

static lorec_err make_codes(gptrec *m, const fit_context *fit)
{
    if (m->tokens == 1) return codes_identity(&m->codes, fit->train->n_items);
    TRY(codes_svd(&m->codes, fit->train, (uint32_t)m->tokens, (uint32_t)m->codebook, fit->seed));
    log_info("gptrec: %u items in %lld tokens of %lld; %u share their code with another", m->codes.n_items,
             (long long)m->tokens, (long long)m->codebook, m->codes.collisions);
    return LOREC_OK;
}

static lorec_err make_model(gptrec *m, uint64_t seed)
{
    float drop = (float)m->dropout;
    transformer_config c = {.vocab_size = vocabulary(m),
                            .width = m->hidden_size,
                            .layers = m->n_layers,
                            .heads = m->n_heads,
                            .ffn_width = 4 * m->hidden_size,
                            .max_positions = positions(m),
                            .activation = ACT_GELU_TANH,
                            .embed_dropout = drop,
                            .attn_dropout = drop,
                            .residual_dropout = drop,
                            .weights = INIT_NORMAL(.02)};
    return lm_model_new(&m->model, "gpt2", &c, seed);
}

static lorec_err learn(gptrec *m, const fit_context *fit)
{
    training f = {.m = m, .rows = fit->train};
    TRY(make_codes(m, fit));
    TRY(make_model(m, fit->seed));
    lorec_err e = cut_windows(&f);
    trainer_options o = trainer_options_from(&m->train, OPT_ADAM);
    o.optimizer.eps = 1e-7; /* Keras's default, which the authors trained with */
    if (!e)
        e = trainer_run(&o, fit,
                        &(trainer_model){.self = &f,
                                         .recommender = m,
                                         .label = "gptrec",
                                         .params = m->model->params,
                                         .n_examples = f.n,
                                         .step = train_step},
                        &m->report);
    mem_free(f.windows);
    prompts_free(&f.batch);
    return e;
}

static lorec_err gptrec_load(void *self, const char *folder)
{
    gptrec *m = self;
    gptrec_release(m);
    TRY(mem_new(&m->tally, 1));
    TRY(codes_load(&m->codes, folder, (uint32_t)m->tokens, (uint32_t)m->codebook));
    TRY(lm_model_open(&m->model, folder));
    const transformer_config *c = transformer_settings(m->model->net);
    if (c->vocab_size != vocabulary(m) || c->max_positions != positions(m))
        return err_set(LOREC_INPUT,
                       "%s: config.json has %lld tokens and %lld positions where the options ask %lld and %lld", folder,
                       (long long)c->vocab_size, (long long)c->max_positions, (long long)vocabulary(m),
                       (long long)positions(m));
    return LOREC_OK;
}

static lorec_err gptrec_fit(void *self, const fit_context *fit)
{
    gptrec *m = self;
    if (m->trained && m->trained[0]) {
        TRY(gptrec_load(m, m->trained));
        if (m->codes.n_items == fit->train->n_items) return LOREC_OK;
        return err_set(LOREC_INPUT, "%s was trained on %u items; these data have %u", m->trained, m->codes.n_items,
                       fit->train->n_items);
    }
    gptrec_release(m);
    if (fit->train->n == 0)
        return err_set(LOREC_INPUT, "no interactions to learn from; loosen the filter or the split");
    TRY(mem_new(&m->tally, 1));
    m->fitting = true;
    lorec_err e = learn(m, fit);
    m->fitting = false;
    atomic_store(&m->tally->samples, 0); /* those of validation do not count */
    atomic_store(&m->tally->invalid, 0);
    return e;
}

/* ---- the row ------------------------------------------------------------------------------------------------------------ */

static lorec_err gptrec_save(const void *self, const char *folder)
{
    const gptrec *m = self;
    TRY(codes_save(&m->codes, folder));
    return lm_model_save(m->model, folder);
}

static bool gptrec_generates(const void *self)
{
    const gptrec *m = self;
    return m->strategy == STRATEGY_NEXTK && !m->fitting;
}

static json_t *gptrec_counts(const void *self)
{
    const gptrec *m = self;
    json_t *counts = trainer_report_json(&m->report, m->model ? (uint64_t)params_values(m->model->params) : 0);
    if (!counts || !m->model) return counts;
    unsigned long long samples = atomic_load(&m->tally->samples), invalid = atomic_load(&m->tally->invalid);
    json_object_set_new(counts, "embedding_rows", json_integer(vocabulary(m)));
    json_object_set_new(counts, "collisions", json_integer(m->codes.collisions));
    if (samples) {
        json_object_set_new(counts, "samples", json_integer((json_int_t)samples));
        json_object_set_new(counts, "invalid_samples", json_integer((json_int_t)invalid));
        json_object_set_new(counts, "invalid_share", json_real((double)invalid / (double)samples));
    }
    return counts;
}

const recommender recommender_gptrec = {
    .key = "gptrec",
    .title = "GPTRec: a GPT-2 on item sequences, by Top-K scores or Next-K generation",
    .family = "generative",
    .cite = "Petrov and Macdonald, Generative Sequential Recommendation with GPTRec, Gen-IR@SIGIR 2023",
    .tasks = TASK_TOPN | TASK_SEQUENTIAL,
    .size = sizeof(gptrec),
    .options = gptrec_options,
    .n_options = sizeof gptrec_options / sizeof *gptrec_options,
    .check = gptrec_check,
    .memory = gptrec_memory,
    .fit = gptrec_fit,
    .score = gptrec_score,
    .recommend = gptrec_recommend,
    .generates = gptrec_generates,
    .save = gptrec_save,
    .load = gptrec_load,
    .release = gptrec_release,
    .counts = gptrec_counts,
};
