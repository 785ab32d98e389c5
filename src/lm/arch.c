#include "lm/arch.h"

#include <math.h>
#include <strings.h>

/* One row an architecture: `const lm_arch lm_arch_NAME` in lm/arch/NAME.c. */
#define ARCHITECTURES(ROW)                                                                                             \
    ROW(llama)                                                                                                         \
    ROW(qwen2)                                                                                                         \
    ROW(qwen3)                                                                                                         \
    ROW(mistral)                                                                                                       \
    ROW(gemma)                                                                                                         \
    ROW(gemma2)                                                                                                        \
    ROW(gpt2)                                                                                                          \
    ROW(gpt_neox)                                                                                                      \
    ROW(opt)                                                                                                           \
    ROW(bloom)                                                                                                         \
    ROW(phi)                                                                                                           \
    ROW(glm)                                                                                                           \
    ROW(qwen)                                                                                                          \
    ROW(baichuan)                                                                                                      \
    ROW(chatglm)                                                                                                       \
    ROW(chatglm6b)                                                                                                     \
    ROW(bert)                                                                                                          \
    ROW(roberta)                                                                                                       \
    ROW(xlm_roberta)                                                                                                   \
    ROW(distilbert)                                                                                                    \
    ROW(electra)                                                                                                       \
    ROW(t5)                                                                                                            \
    ROW(mt5)                                                                                                           \
    ROW(bart)                                                                                                          \
    ROW(vit)                                                                                                           \
    ROW(clip)

#define DECLARE(name) extern const lm_arch lm_arch_##name;
ARCHITECTURES(DECLARE)

#define ADDRESS(name) &lm_arch_##name,
static const lm_arch *const table[] = {ARCHITECTURES(ADDRESS)};
enum { TABLE = sizeof table / sizeof *table };

const lm_arch *arch_find(const char *type)
{
    for (size_t i = 0; i < TABLE; i++)
        if (strcmp(table[i]->type, type) == 0) return table[i];
    return NULL;
}

static const lm_arch *of_type(const json_t *config)
{
    const char *type = json_string_value(json_object_get(config, "model_type"));
    for (size_t i = 0; type && i < TABLE; i++)
        if (strcmp(table[i]->type, type) == 0 && (!table[i]->claims || table[i]->claims(config))) return table[i];
    return NULL;
}

static const lm_arch *of_class(const json_t *config)
{
    const json_t *classes = json_object_get(config, "architectures"), *word;
    size_t at;
    json_array_foreach(classes, at, word)
    {
        const char *name = json_string_value(word);
        for (size_t i = 0; name && i < TABLE; i++)
            if (table[i]->class_name && strcasecmp(table[i]->class_name, name) == 0 &&
                (!table[i]->claims || table[i]->claims(config)))
                return table[i];
    }
    return NULL;
}

lorec_err arch_need(const json_t *config, const lm_arch **out)
{
    const char *type;
    *out = of_type(config);
    if (!*out) *out = of_class(config);
    if (*out) return LOREC_OK;
    TRY(json_get_string(config, "model_type", &type));
    buf known = {0};
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < TABLE && !e; i++)
        if (i == 0 || strcmp(table[i]->type, table[i - 1]->type) != 0)
            e = buf_printf(&known, "%s%s", i ? ", " : "", table[i]->type);
    if (!e) e = err_set(LOREC_INPUT, "the model_type is \"%s\"; this version knows %s", type, known.p);
    buf_free(&known);
    return e;
}

/* ---- what their files share ---------------------------------------------------------------------------------------------- */

static const struct {
    const char *word;
    activation act;
} activations[] = {
    {"gelu_new", ACT_GELU_TANH},
    {"gelu_pytorch_tanh", ACT_GELU_TANH},
    {"gelu_fast", ACT_GELU_TANH},
    {"gelu", ACT_GELU},
    {"quick_gelu", ACT_QUICK_GELU},
    {"relu", ACT_RELU},
    {"silu", ACT_SILU},
    {"swish", ACT_SILU},
    {"tanh", ACT_TANH},
    {"leaky_relu", ACT_LEAKY_RELU},
    {"sigmoid", ACT_SIGMOID},
    {"linear", ACT_NONE},
};
enum { ACTIVATIONS = sizeof activations / sizeof *activations };

lorec_err arch_get_activation(const json_t *config, const char *key, const char *fallback, activation *out)
{
    const char *word, *words[ACTIVATIONS];
    TRY(json_get_string_or(config, key, fallback, &word));
    for (size_t i = 0; i < ACTIVATIONS; i++) {
        words[i] = activations[i].word;
        if (strcmp(activations[i].word, word)) continue;
        *out = activations[i].act;
        return LOREC_OK;
    }
    const char *near = err_nearest(word, words, ACTIVATIONS);
    return err_set(LOREC_INPUT, "\"%s\": the activation \"%s\" is not known%s%s%s", key, word,
                   near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

const char *arch_activation_word(activation act)
{
    for (size_t i = 0; i < ACTIVATIONS; i++)
        if (activations[i].act == act) return activations[i].word;
    return "linear";
}

lorec_err arch_get_padding(const json_t *config, int64_t fallback, transformer_config *c)
{
    int64_t id;
    c->padding = 0;
    if (json_is_null(json_object_get(config, "pad_token_id"))) return LOREC_OK;
    TRY(json_get_i64_or(config, "pad_token_id", INT32_MIN, INT32_MAX, fallback, &id));
    if (id >= 0 && id < c->vocab_size) c->padding = id + 1;
    return LOREC_OK;
}

lorec_err arch_get_f32(const json_t *config, const char *key, double fallback, float *out)
{
    double value;
    TRY(json_get_f64_or(config, key, fallback, &value));
    if (!isfinite(value) || fabs(value) > 1e30) return err_set(LOREC_INPUT, "\"%s\" is %g", key, value);
    *out = (float)value;
    return LOREC_OK;
}

lorec_err arch_get_rate(const json_t *config, const char *key, double fallback, float *out)
{
    TRY(arch_get_f32(config, key, fallback, out));
    if (*out >= 0 && *out < 1) return LOREC_OK;
    return err_set(LOREC_INPUT, "\"%s\" has to be at least 0 and below 1, not %g", key, (double)*out);
}
