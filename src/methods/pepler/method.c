/* PEPLER (Li, Zhang, Chen, TOIS 2023): a GPT-2 explains a recommendation; what it reads first is a vector of the user and one of
 * the item, learned while it rests and then with it, or words of their features. Card: card.md. Rule to beat: the same model with
 * the users shuffled. */
#include "base/mem.h"
#include "methods/pepler/pepler.h"

static const char *const prompts[] = {"continuous", "discrete", NULL};
static const char *const tunings[] = {"sequential", "joint", NULL};
static const char *const ratings[] = {"none", "mf", "mlp", NULL};

static const option options[] = {
    OPTION_TEXT(pepler, model, "",
                "the language model, a local folder; empty: one from nothing, trained on the texts first"),
    OPTION_CHOICE(pepler, prompt, "continuous", prompts, "vectors of user and item, or words of their features"),
    OPTION_CHOICE(pepler, tuning, "sequential", tunings,
                  "the vectors while the language model rests, then all; or all from the start"),
    OPTION_CHOICE(pepler, rating, "none", ratings, "predict the rating too: by a product, or by a small network"),
    OPTION_REAL(pepler, rating_weight, 0, 0, 1e6, "of the rating's loss; 0: the paper's, .01 for mf and 1 for mlp"),
    OPTION_INT(pepler, mlp_width, 400, 1, 1 << 16, "rating=mlp: of its layers", .fast = "64"),
    OPTION_INT(pepler, pretrain_epochs, 20, 0, 1e6, "passes over the texts without prompts, for a model from nothing",
               .fast = "6"),
    OPTION_INT(pepler, epochs, 100, 1, 1e6, "passes of each stage, at most", .fast = "8"),
    OPTION_INT(pepler, stopping_step, 5, 1, 1e6, "stop a stage after more validations without a better one",
               .alias = "patience", .fast = "2"),
    OPTION_INT(pepler, batch, 128, 1, 1 << 16, "texts a step", .alias = "train_batch_size", .fast = "64"),
    OPTION_REAL(pepler, learning_rate, 1e-3, 1e-9, 10, "step size; with prompt=discrete the paper has 1e-4",
                .alias = "lr", .fast = "0.002"),
    OPTION_REAL(pepler, weight_decay, .01, 0, 100, "decoupled"),
    OPTION_REAL(pepler, max_minutes, 0, 0, 1e6, "stop a stage after so long; 0: never"),
    OPTION_BOOL(pepler, bf16, 0, "compute in bfloat16 with f32 master weights"),
    OPTION_INT(pepler, longest, 20, 2, 512, "tokens of a text, and of a prompt of features, at most"),
    OPTION_INT(pepler, least, 5, 1, 1e6, "reviews that a feature is in, at least"),
    OPTION_INT(pepler, vocabulary, 4000, 300, 1 << 20, "tokens of the tokenizer that is trained here", .fast = "1000"),
    OPTION_INT(pepler, width, 768, 4, 1 << 16, "of a model from nothing", .alias = "hidden_size", .fast = "64"),
    OPTION_INT(pepler, layers, 12, 1, 256, "its blocks", .fast = "2"),
    OPTION_INT(pepler, heads, 12, 1, 1024, "its attention heads", .fast = "4"),
    OPTION_REAL(pepler, dropout, .1, 0, .99, "its dropout"),
};

static const char *check(const void *self)
{
    const pepler *m = self;
    if (m->width % m->heads) return "width has to be a multiple of heads";
    if (m->prompt == PEPLER_DISCRETE && m->rating != PEPLER_NO_RATING)
        return "ratings are predicted from the vectors of prompt=continuous";
    return NULL;
}

static void release(void *self)
{
    pepler *m = self;
    feature_words_free(&m->features);
    json_decref(m->vocabulary_file);
    tokenizer_free(m->words);
    lm_model_free(m->lm);
    if (m->own) params_free(m->own);
    sparse_free(&m->user_features);
    sparse_free(&m->item_features);
    m->vocabulary_file = NULL;
    m->words = NULL;
    m->lm = NULL;
    m->own = NULL;
}

static lorec_err fit(void *self, const fit_context *c)
{
    pepler *m = self;
    release(m);
    m->n_users = c->train->n_users;
    m->n_items = c->train->n_items;
    return pepler_learn(m, c);
}

/* ---- files -------------------------------------------------------------------------------------------------------------------- */

static lorec_err save(const void *self, const char *folder)
{
    const pepler *m = self;
    buf path = {0};
    json_t *state = json_pack("{s:I, s:I}", "users", (json_int_t)m->n_users, "items", (json_int_t)m->n_items);
    lorec_err e = state ? path_join(&path, folder, "pepler.json")
                        : err_set(LOREC_RESOURCE, "out of memory while saving");
    if (!e) e = json_write(state, path.p);
    if (!e) e = path_join(&path, folder, "tokenizer.json");
    if (!e && m->vocabulary_file) e = json_write(m->vocabulary_file, path.p);
    if (!e) e = feature_words_save(&m->features, folder);
    if (!e) e = lm_model_save(m->lm, folder);
    if (!e && m->prompt == PEPLER_DISCRETE) e = sparse_save(&m->user_features, folder, "user_features");
    if (!e && m->prompt == PEPLER_DISCRETE) e = sparse_save(&m->item_features, folder, "item_features");
    json_decref(state);
    buf_free(&path);
    return e;
}

static lorec_err load_state(pepler *m, const char *folder)
{
    buf path = {0};
    json_t *state = NULL;
    int64_t users = 0, items = 0;
    lorec_err e = path_join(&path, folder, "pepler.json");
    if (!e) e = json_read(&state, path.p);
    if (!e) e = json_get_i64(state, "users", 0, UINT32_MAX - 1, &users);
    if (!e) e = json_get_i64(state, "items", 0, UINT32_MAX - 1, &items);
    m->n_users = (uint32_t)users;
    m->n_items = (uint32_t)items;
    if (!e) e = path_join(&path, folder, "tokenizer.json");
    bool own = !m->model || !*m->model; /* a given model brings its tokenizer */
    if (!e && own) e = json_read(&m->vocabulary_file, path.p);
    if (!e && !own) e = tokenizer_open(&m->words, m->model);
    if (!e) e = pepler_words_open(m);
    json_decref(state);
    buf_free(&path);
    return e;
}

static lorec_err load(void *self, const char *folder)
{
    pepler *m = self;
    buf path = {0};
    release(m);
    TRY(load_state(m, folder));
    TRY(feature_words_load(&m->features, folder));
    TRY(lm_model_open(&m->lm, folder));
    if (m->prompt == PEPLER_DISCRETE) {
        TRY(sparse_load(&m->user_features, folder, "user_features", m->features.words.n, false));
        return sparse_load(&m->item_features, folder, "item_features", m->features.words.n, false);
    }
    m->own = params_new(0);
    if (!m->own) return LOREC_RESOURCE;
    TRY(pepler_own_params(m, m->own));
    lorec_err e = path_join(&path, folder, "model.safetensors");
    if (!e) e = params_load(m->own, path.p);
    buf_free(&path);
    return e;
}

static json_t *counts(const void *self)
{
    static const char *const stage[PEPLER_STAGES] = {"texts", "prompt", "all"};
    const pepler *m = self;
    json_t *o = json_object();
    for (int k = 0; k < PEPLER_STAGES && o; k++) {
        if (!m->report[k].epochs) continue;
        json_t *told = trainer_report_json(&m->report[k], 0);
        if (told && m->perplexity[k] > 0) json_object_set_new(told, "valid_perplexity", json_real(m->perplexity[k]));
        json_object_set_new(o, stage[k], told);
    }
    if (o && m->lm) json_object_set_new(o, "parameters", json_integer(params_values(m->lm->params)));
    if (o) json_object_set_new(o, "features", json_integer(m->features.words.n));
    return o;
}

const recommender recommender_pepler = {
    .key = "pepler",
    .title = "PEPLER: a language model explains, prompted by vectors of user and item",
    .family = "generate",
    .cite = "Li, Zhang, Chen. Personalized Prompt Learning for Explainable Recommendation. ACM TOIS 41, 2023",
    .tasks = TASK_TEXT,
    .size = sizeof(pepler),
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .check = check,
    .fit = fit,
    .study = pepler_study,
    .save = save,
    .load = load,
    .release = release,
    .counts = counts,
    .n_items_at = offsetof(pepler, n_items),
};
