#include "lm/embed/embed_recipe.h"

#include "base/mem.h"

static const struct {
    const char *name, *flag; /* flag: older files' key */
} poolings[POOLINGS] = {[POOL_CLS] = {"cls", "pooling_mode_cls_token"},
                        [POOL_MAX] = {"max", "pooling_mode_max_tokens"},
                        [POOL_MEAN] = {"mean", "pooling_mode_mean_tokens"},
                        [POOL_MEAN_SQRT] = {"mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens"},
                        [POOL_WEIGHTED] = {"weightedmean", "pooling_mode_weightedmean_tokens"},
                        [POOL_LAST] = {"lasttoken", "pooling_mode_lasttoken"}};

bool pooling_find(const char *name, pooling *out)
{
    for (int i = 0; i < POOLINGS; i++)
        if (strcmp(poolings[i].name, name) == 0) {
            *out = (pooling)i;
            return true;
        }
    return false;
}

const char *pooling_name(pooling p)
{
    return poolings[p].name;
}

/* ---- pooling, dense, prompts ------------------------------------------------------------------------------------------- */

static lorec_err add_pooling(embed_recipe *r, const json_t *word)
{
    const char *name = json_string_value(word);
    pooling p;
    if (!name) return err_set(LOREC_INPUT, "\"pooling_mode\" has to be a word or a list of words");
    if (!pooling_find(name, &p)) {
        const char *names[POOLINGS];
        for (int i = 0; i < POOLINGS; i++) names[i] = poolings[i].name;
        const char *near = err_nearest(name, names, POOLINGS);
        return err_set(LOREC_INPUT, "\"pooling_mode\": \"%s\" is not known; %s%s", name,
                       near ? "did you mean " : "cls, max, mean, mean_sqrt_len_tokens, weightedmean, lasttoken are",
                       near ? near : "");
    }
    if (r->n_pool == POOLINGS) return err_set(LOREC_INPUT, "\"pooling_mode\" names more than %d", POOLINGS);
    r->pool[r->n_pool++] = p;
    return LOREC_OK;
}

lorec_err embed_recipe_pooling(embed_recipe *r, const json_t *config)
{
    const json_t *mode = json_object_get(config, "pooling_mode");
    bool on, include;
    r->n_pool = 0;
    if (json_is_array(mode)) {
        for (size_t i = 0; i < json_array_size(mode); i++) TRY(add_pooling(r, json_array_get(mode, i)));
    } else if (mode && !json_is_null(mode)) {
        TRY(add_pooling(r, mode));
    } else {
        for (int i = 0; i < POOLINGS; i++) {
            TRY(json_get_bool_or(config, poolings[i].flag, false, &on));
            if (on) r->pool[r->n_pool++] = (pooling)i;
        }
    }
    if (r->n_pool == 0) r->pool[r->n_pool++] = POOL_MEAN; /* sentence-transformers' own default */
    TRY(json_get_bool_or(config, "include_prompt", true, &include));
    r->skip_prompt = !include;
    return LOREC_OK;
}

lorec_err embed_recipe_dense(embed_step *s, const json_t *config)
{
    static const struct {
        const char *word;
        activation act;
    } acts[] = {{"Tanh", ACT_TANH}, {"Identity", ACT_NONE}, {"ReLU", ACT_RELU},
                {"GELU", ACT_GELU}, {"SiLU", ACT_SILU},     {"Sigmoid", ACT_SIGMOID}};
    enum { WIDE = 1 << 20 };
    const char *word;
    TRY(json_get_i64(config, "in_features", 1, WIDE, &s->in));
    TRY(json_get_i64(config, "out_features", 1, WIDE, &s->out));
    TRY(json_get_bool_or(config, "bias", true, &s->bias));
    TRY(json_get_string_or(config, "activation_function", "torch.nn.modules.activation.Tanh", &word));
    const char *dot = strrchr(word, '.');
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
        if (strcmp(dot ? dot + 1 : word, acts[i].word) == 0) {
            s->act = acts[i].act;
            return LOREC_OK;
        }
    return err_set(LOREC_INPUT, "\"activation_function\": \"%s\" is not known here", word);
}

lorec_err embed_recipe_prompts(embed_recipe *r, const json_t *config)
{
    const json_t *prompts = json_object_get(config, "prompts");
    const char *name, *text;
    if (json_is_object(prompts) && json_object_size(prompts)) {
        json_t *copy = json_deep_copy(prompts);
        if (!copy) return err_set(LOREC_RESOURCE, "out of memory");
        if (r->prompts) json_decref(r->prompts);
        r->prompts = copy;
    }
    TRY(json_get_string_or(config, "default_prompt_name", NULL, &name));
    if (!name) return LOREC_OK;
    if (!r->prompts) return err_set(LOREC_INPUT, "\"default_prompt_name\" is \"%s\", but there are no prompts", name);
    TRY(json_get_string(r->prompts, name, &text));
    mem_free(r->prompt);
    return mem_dup(&r->prompt, text);
}

/* ---- the folder -------------------------------------------------------------------------------------------------------- */

static lorec_err join(char **out, const char *folder, const char *name)
{
    buf path = {0};
    lorec_err e = name[0] ? path_join(&path, folder, name) : buf_puts(&path, folder);
    if (!e) e = mem_dup(out, path.p);
    buf_free(&path);
    return e;
}

/* folder/name parsed; *out NULL where it is not there. */
static lorec_err read_if_there(json_t **out, const char *folder, const char *name, buf *path)
{
    *out = NULL;
    TRY(path_join(path, folder, name));
    return file_exists(path->p) ? json_read(out, path->p) : LOREC_OK;
}

static lorec_err no_way_out(const char *path)
{
    bool up = path[0] == '/';
    for (const char *p = path; *p && !up; p++) up = strncmp(p, "..", 2) == 0;
    return up ? err_set(LOREC_INPUT, "\"path\": \"%s\" leads out of the model's folder", path) : LOREC_OK;
}

static lorec_err add_module(embed_recipe *r, const char *type, const char *path, const char *folder)
{
    const char *dot = strrchr(type, '.'), *what = dot ? dot + 1 : type;
    TRY(no_way_out(path));
    if (strcmp(what, "Transformer") == 0) {
        mem_free(r->body);
        r->body = NULL;
        return join(&r->body, folder, path);
    }
    buf at = {0};
    json_t *config = NULL;
    char *sub = NULL;
    lorec_err e = join(&sub, folder, path);
    if (!e && strcmp(what, "Pooling") == 0) {
        e = read_if_there(&config, sub, "config.json", &at);
        if (!e && !config) e = err_set(LOREC_INPUT, "%s: it is not there, though modules.json names it", at.p);
        if (!e) {
            e = embed_recipe_pooling(r, config);
            if (e) e = err_context(e, "%s", at.p);
        }
    } else if (!e && (strcmp(what, "Normalize") == 0 || strcmp(what, "Dense") == 0)) {
        if (r->n_steps == EMBED_STEPS) e = err_set(LOREC_INPUT, "modules.json: more than %d steps", EMBED_STEPS);
        embed_step s = {.kind = what[0] == 'N' ? STEP_NORMALIZE : STEP_DENSE};
        if (!e && s.kind == STEP_DENSE) {
            e = path_join(&at, sub, "config.json");
            if (!e) e = json_read(&config, at.p);
            if (!e) {
                e = embed_recipe_dense(&s, config);
                if (e) e = err_context(e, "%s", at.p);
            }
            s.folder = sub;
            sub = NULL;
        }
        if (e)
            mem_free(s.folder);
        else
            r->step[r->n_steps++] = s;
    } else if (!e && strcmp(what, "Dropout") != 0) {
        e = err_set(LOREC_INPUT, "modules.json: a module of type \"%s\" can not be run here", type);
    }
    if (config) json_decref(config);
    mem_free(sub);
    buf_free(&at);
    return e;
}

lorec_err embed_recipe_modules(embed_recipe *r, const json_t *modules, const char *folder)
{
    if (!json_is_array(modules) || json_array_size(modules) == 0)
        return err_set(LOREC_INPUT, "modules.json has to be a list of modules");
    for (size_t i = 0; i < json_array_size(modules); i++) {
        const char *type, *path;
        TRY(json_get_string(json_array_get(modules, i), "type", &type));
        TRY(json_get_string_or(json_array_get(modules, i), "path", "", &path));
        TRY(add_module(r, type, path, folder));
    }
    return r->body ? LOREC_OK : err_set(LOREC_INPUT, "modules.json names no Transformer");
}

static lorec_err read_limits(embed_recipe *r, buf *path)
{
    json_t *config;
    int64_t most = 0;
    TRY(read_if_there(&config, r->body, "sentence_bert_config.json", path));
    if (config) {
        lorec_err e = json_get_i64_or(config, "max_seq_length", 1, INT32_MAX, 0, &most);
        if (!e) e = json_get_bool_or(config, "do_lower_case", false, &r->lower_case);
        json_decref(config);
        if (e) return err_context(e, "%s", path->p);
    }
    if (!most) { /* "no limit" is written as a huge number there */
        TRY(read_if_there(&config, r->body, "tokenizer_config.json", path));
        const json_t *length = json_object_get(config, "model_max_length");
        double tokens = json_number_value(length);
        if (tokens >= 1 && tokens <= INT32_MAX) most = (int64_t)tokens;
        if (config) json_decref(config);
    }
    r->max_tokens = most;
    return LOREC_OK;
}

static lorec_err read_all(embed_recipe *r, const char *folder, buf *path)
{
    json_t *json;
    lorec_err e;
    TRY(read_if_there(&json, folder, "modules.json", path));
    if (json) {
        r->found = true;
        e = embed_recipe_modules(r, json, folder);
        json_decref(json);
        if (e) return err_context(e, "%s", folder);
    } else {
        TRY(mem_dup(&r->body, folder));
    }
    TRY(read_limits(r, path));
    TRY(read_if_there(&json, folder, "config_sentence_transformers.json", path));
    if (!json) return LOREC_OK;
    e = embed_recipe_prompts(r, json);
    json_decref(json);
    return e ? err_context(e, "%s", path->p) : LOREC_OK;
}

lorec_err embed_recipe_read(embed_recipe *out, const char *folder)
{
    *out = (embed_recipe){0};
    buf path = {0};
    lorec_err e = read_all(out, folder, &path);
    buf_free(&path);
    if (e) embed_recipe_free(out);
    return e;
}

void embed_recipe_free(embed_recipe *r)
{
    for (int i = 0; i < r->n_steps; i++) mem_free(r->step[i].folder);
    mem_free(r->body);
    mem_free(r->prompt);
    if (r->prompts) json_decref(r->prompts);
    *r = (embed_recipe){0};
}
