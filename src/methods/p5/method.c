/* P5 (Geng et al., RecSys 2022): one T5 learns rating, next item, explanation, review and direct recommendation as texts, from
 * templates in which users and items are words such as "user_23" and "item_7391". Card: card.md. Rule to beat: the items
 * numbered after the last one. */
#include "base/mem.h"
#include "methods/p5/p5.h"
#include "rec/arrays.h"

static const char *const candidates_words[] = {"next", "choice", "yesno", NULL};
static const char *const template_words[] = {"seen", "held-out", NULL};

static const option options[] = {
    OPTION_TEXT(p5, families, "", "which of the five to learn, \"2,5\"; empty: all that the data has something for"),
    OPTION_CHOICE(p5, ids, "sequential", item_ids_schemes,
                  "how items are written; sequential is the paper's, whose numbers hold the test part"),
    OPTION_INT(p5, branches, 20, 2, 1000, "ids=collaborative: clusters a level"),
    OPTION_INT(p5, leaf, 100, 1, 100000, "ids=collaborative: clusters of so many items are not divided"),
    OPTION_BOOL(p5, whole_words, 1, "tell the encoder which tokens are of one word"),
    OPTION_INT(p5, epochs, 10, 1, 1e6, "passes over the examples; the last one's model is kept", .fast = "2"),
    OPTION_INT(p5, batch, 128, 1, 1 << 16, "examples a step", .alias = "train_batch_size"),
    OPTION_REAL(p5, learning_rate, 1e-3, 1e-9, 10, "largest step size", .alias = "lr", .fast = "0.003"),
    OPTION_REAL(p5, weight_decay, .01, 0, 100, "decoupled"),
    OPTION_REAL(p5, clip_norm, 1, 0, 1e9, "largest global gradient norm; 0: any"),
    OPTION_REAL(p5, warmup, .05, 0, 1, "share of the steps until the largest step size"),
    OPTION_REAL(p5, max_minutes, 0, 0, 1e6, "stop training after so long; 0: never"),
    OPTION_BOOL(p5, bf16, 0, "compute in bfloat16 with f32 master weights"),
    OPTION_INT(p5, max_history, 20, 1, 1000, "items of the history, the latest", .fast = "10"),
    OPTION_INT(p5, targets, 4, 0, 1e6, "what comes next is asked of so many last rows; 0: of all", .fast = "0"),
    OPTION_INT(p5, candidates, 100, 2, 1000, "items to choose from, in training", .fast = "20"),
    OPTION_INT(p5, quota_next, 5, 0, 10000, "examples of each user's next item an epoch", .fast = "3"),
    OPTION_INT(p5, quota_next_choice, 5, 0, 10000, "the same, out of candidates", .fast = "1"),
    OPTION_INT(p5, quota_next_yesno, 10, 0, 10000, "the same, yes or no", .fast = "1"),
    OPTION_INT(p5, quota_yesno, 10, 0, 10000, "without a history: yes or no", .fast = "1"),
    OPTION_INT(p5, quota_choice, 5, 0, 10000, "without a history: out of candidates", .fast = "1"),
    OPTION_INT(p5, text_tokens, 128, 1, 4096, "tokens of a review that are read", .fast = "64"),
    OPTION_INT(p5, written, 32, 2, 512, "tokens of a text that is written, at most"),
    OPTION_INT(p5, vocabulary, 8000, 300, 1 << 20, "tokens of the tokenizer that is trained here", .fast = "2000"),
    OPTION_INT(p5, width, 512, 4, 1 << 16, "of the T5", .alias = "hidden_size", .fast = "64"),
    OPTION_INT(p5, layers, 6, 1, 256, "blocks of the encoder, and of the decoder", .fast = "2"),
    OPTION_INT(p5, heads, 8, 1, 1024, "attention heads", .fast = "4"),
    OPTION_INT(p5, head_width, 64, 1, 4096, "of each head", .fast = "16"),
    OPTION_INT(p5, ffn_width, 2048, 1, 1 << 20, "of the feed-forward parts", .fast = "128"),
    OPTION_REAL(p5, dropout, .1, 0, .99, "everywhere, as T5 has it", .fast = "0"),
    OPTION_INT(p5, beams, 20, 1, 10000, "of a list; at least its length"),
    OPTION_BOOL(p5, constrained, 1,
                "beams can not leave the trie of items; off: as the paper, what is no item is lost"),
    {.name = "candidates_by",
     .type = OPTION_TYPE_CHOICE,
     .offset = offsetof(p5, candidates_by),
     .def_text = "next",
     .choices = candidates_words,
     .help =
         "how given candidates are scored: as what comes next (family 2), told and chosen from, or yes against no (5)"},
    {.name = "template",
     .type = OPTION_TYPE_CHOICE,
     .offset = offsetof(p5, template_),
     .def_text = "seen",
     .choices = template_words,
     .help = "asked by the first template, or by the one that was never learned from"},
};

static void release(void *self)
{
    p5 *m = self;
    feature_words_free(&m->features);
    p5_words_free(m);
    item_ids_free(&m->written_as);
    lm_model_free(m->model);
    mem_free(m->tally);
    m->model = NULL;
    m->tally = NULL;
}

static uint64_t memory(const void *self, const fit_context *fit)
{
    const p5 *m = self;
    uint64_t d = (uint64_t)m->width, inner = (uint64_t)(m->heads * m->head_width), f = (uint64_t)m->ffn_width;
    uint64_t own = m->ids == ITEM_IDS_INDEPENDENT ? fit->train->n_items : 2000;
    uint64_t values = ((uint64_t)m->vocabulary + own + P5_WORDS) * d +
                      (uint64_t)m->layers * (12 * d * inner + 4 * d * f);
    uint64_t rows = (uint64_t)m->batch *
                    (20 + 4 * (uint64_t)(m->candidates > m->max_history ? m->candidates : m->max_history));
    return values * 4 * 4 + rows * 4 * (uint64_t)m->layers * (12 * d + 6 * inner + 3 * f);
}

/* ---- fitting ---------------------------------------------------------------------------------------------------------------- */

/* Of reviews, their headlines, and what explanations will be made of: the training part's. */
static lorec_err train_words(p5 *m, const dataset *d, const interactions *rows)
{
    slice *text = NULL;
    size_t n = 0;
    if (!d || !has_reviews(d)) return p5_words_train(m, NULL, 0);
    TRY(mem_new(&text, 2 * rows->n));
    for (uint64_t r = 0; r < rows->n; r++) {
        text[n++] = review_of(d, row_of(rows, r));
        text[n++] = summary_of(d, row_of(rows, r));
    }
    lorec_err e = p5_words_train(m, text, n);
    mem_free(text);
    return e;
}

static lorec_err fit(void *self, const fit_context *c)
{
    p5 *m = self;
    const dataset *d = c->split ? c->split->data : NULL;
    catalogue items = {0};
    p5_examples x = {0};
    release(m);
    m->n_users = c->train->n_users;
    TRY(mem_new(&m->tally, 1));
    lorec_err e = LOREC_OK;
    if (m->ids == ITEM_IDS_SEMANTIC)
        e = d ? catalogue_make(&items, d, c->train, false) : err_set(LOREC_USAGE, "p5: semantic ids need a data set");
    item_ids_options o = {.scheme = (item_ids_scheme)m->ids, .branches = m->branches, .leaf = m->leaf};
    if (!e) e = item_ids_make(&m->written_as, &o, c->split, c->train, &items, c->seed);
    if (!e) e = train_words(m, d, c->train);
    if (!e) e = p5_words_prepare(m);
    if (!e) e = p5_examples_make(&x, m, c);
    if (!e) e = p5_model_make(m, c->seed);
    if (!e) e = p5_learn(m, &x, c);
    p5_examples_free(&x);
    catalogue_free(&items);
    return e;
}

/* ---- files ------------------------------------------------------------------------------------------------------------------- */

static lorec_err save_words(const p5 *m, const char *folder)
{
    buf path = {0};
    json_t *asks = json_array();
    lorec_err e = asks ? path_join(&path, folder, "tokenizer.json") : LOREC_RESOURCE;
    if (!e) e = json_write(m->vocabulary_file, path.p);
    for (int a = 0; a < P5_ASKS; a++)
        if (m->asks[a]) json_array_append_new(asks, json_string(p5_ask_names[a]));
    json_t *state = json_pack("{s:I, s:o}", "users", (json_int_t)m->n_users, "asks", asks);
    if (!e && !state) e = err_set(LOREC_RESOURCE, "out of memory while saving p5");
    if (!e) e = path_join(&path, folder, "p5.json");
    if (!e) e = json_write(state, path.p);
    json_decref(state);
    buf_free(&path);
    return e;
}

static lorec_err save(const void *self, const char *folder)
{
    const p5 *m = self;
    TRY(item_ids_save(&m->written_as, folder));
    TRY(save_words(m, folder));
    if (m->features.words.n) TRY(feature_words_save(&m->features, folder));
    TRY(lm_model_save(m->model, folder));
    if (!m->whole) return LOREC_OK;
    float *x;
    int64_t shape[2] = {P5_WORDS, m->width};
    TRY(mem_new(&x, (size_t)tensor_count(m->whole)));
    lorec_err e = tensor_read(m->whole, x, tensor_count(m->whole));
    if (!e) e = array_save(folder, "whole_words", NPY_F32, 2, shape, x);
    mem_free(x);
    return e;
}

static lorec_err load_words(p5 *m, const char *folder)
{
    buf path = {0};
    json_t *state = NULL, *one;
    int64_t users = 0;
    size_t i;
    lorec_err e = path_join(&path, folder, "tokenizer.json");
    if (!e) e = json_read(&m->vocabulary_file, path.p);
    if (!e) e = path_join(&path, folder, "p5.json");
    if (!e) e = json_read(&state, path.p);
    if (!e) e = json_get_i64(state, "users", 0, UINT32_MAX - 1, &users);
    json_array_foreach(json_object_get(state, "asks"), i, one)
    {
        for (int a = 0; a < P5_ASKS; a++)
            if (json_is_string(one) && strcmp(json_string_value(one), p5_ask_names[a]) == 0) m->asks[a] = true;
    }
    m->n_users = (uint32_t)users;
    json_decref(state);
    buf_free(&path);
    return e;
}

static lorec_err load_model(p5 *m, const char *folder)
{
    TRY(lm_model_open(&m->model, folder));
    TRY(encdec_of(&m->net, m->model));
    const transformer_config *c = transformer_settings(m->net.decoder);
    if (c->vocab_size != p5_tokens(m) || c->width != m->width)
        return err_set(LOREC_INPUT,
                       "%s: its model has %lld tokens and width %lld where the ids and options say %d and %lld", folder,
                       (long long)c->vocab_size, (long long)c->width, p5_tokens(m), (long long)m->width);
    if (!m->whole_words) return LOREC_OK;
    float *x;
    int64_t shape[2];
    TRY(array_load((void **)&x, folder, "whole_words", NPY_F32, 2, shape));
    lorec_err e = LOREC_OK;
    if (shape[0] != P5_WORDS || shape[1] != m->width)
        e = err_set(LOREC_INPUT, "%s/whole_words.npy is not [%d, %lld]", folder, P5_WORDS, (long long)m->width);
    m->whole = e ? NULL
                 : params_add(m->model->params, "encoder.whole_word_embeddings.weight", INIT_ZERO, 2,
                              (int64_t[]){P5_WORDS, m->width});
    if (!e) e = params_error(m->model->params);
    if (!e) e = tensor_write(m->whole, x, P5_WORDS * m->width);
    mem_free(x);
    return e;
}

static lorec_err load(void *self, const char *folder)
{
    p5 *m = self;
    release(m);
    TRY(mem_new(&m->tally, 1));
    TRY(item_ids_load(&m->written_as, folder));
    TRY(load_words(m, folder));
    TRY(p5_words_prepare(m));
    if (m->asks[P5_EXPLANATION]) TRY(feature_words_load(&m->features, folder));
    return load_model(m, folder);
}

static json_t *counts(const void *self)
{
    const p5 *m = self;
    json_t *o = trainer_report_json(&m->report, m->model ? (uint64_t)params_values(m->model->params) : 0);
    if (!o || !m->model) return o;
    unsigned long long all = atomic_load(&m->tally->sequences), invalid = atomic_load(&m->tally->invalid);
    json_object_set_new(o, "tokens", json_integer(p5_tokens(m)));
    json_object_set_new(o, "lists", json_integer((json_int_t)atomic_load(&m->tally->lists)));
    json_object_set_new(o, "beams_ended", json_integer((json_int_t)all));
    json_object_set_new(o, "invalid", json_integer((json_int_t)invalid));
    if (all) json_object_set_new(o, "valid_share", json_real(1 - (double)invalid / (double)all));
    return o;
}

const recommender recommender_p5 = {
    .key = "p5",
    .title = "P5: one T5 for rating, sequences, explanations, reviews and direct recommendation",
    .family = "generate",
    .cite = "Geng, Liu, Fu, Ge, Zhang. Recommendation as Language Processing (RLP): A Unified Pretrain, Personalized "
            "Prompt & Predict Paradigm (P5). RecSys 2022",
    .controls = "next-id",
    .tasks = TASK_TOPN | TASK_SEQUENTIAL | TASK_RATING | TASK_TEXT,
    .size = sizeof(p5),
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .memory = memory,
    .fit = fit,
    .score_items = p5_score_items,
    .recommend = p5_recommend,
    .score_pairs = p5_score_pairs,
    .study = p5_study,
    .save = save,
    .load = load,
    .release = release,
    .counts = counts,
    .n_items_at = offsetof(p5, n_items),
};
