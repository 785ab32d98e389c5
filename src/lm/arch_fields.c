#include "lm/arch_fields.h"

#include <math.h>

#include "base/str.h"

enum { MANY = INT32_MAX - 1 };

const head_names arch_score_head = {.out = "score", .reads = CLASSIFY_LAST, .out_unbiased = true};

/* ---- reading ---------------------------------------------------------------------------------------------------------- */

static lorec_err read_size(const arch_field *f, const json_t *json, const char *key, int64_t *out)
{
    if (f->fallback == ARCH_REQUIRED) return json_get_i64(json, key, 1, MANY, out);
    return json_get_i64_or(json, key, 1, MANY, (int64_t)f->fallback, out);
}

static lorec_err read_one(const arch_field *f, const json_t *json, transformer_config *c)
{
    const char *key = f->also && !json_object_get(json, f->key) ? f->also : f->key;
    void *at = (char *)c + f->at;
    bool tied;
    double sd;
    switch (f->kind) {
    case ARCH_FIELD_SIZE:
        return read_size(f, json, key, at);
    case ARCH_FIELD_F32:
        return arch_get_f32(json, key, f->fallback, at);
    case ARCH_FIELD_RATE:
        return arch_get_rate(json, key, f->fallback, at);
    case ARCH_FIELD_ACTIVATION:
        return arch_get_activation(json, key, f->word, at);
    case ARCH_FIELD_SD:
        TRY(json_get_f64_or(json, key, f->fallback, &sd));
        if (!(sd >= 0 && sd < 1e6)) return err_set(LOREC_INPUT, "\"%s\" is %g", key, sd);
        c->weights = INIT_NORMAL(sd);
        return LOREC_OK;
    case ARCH_FIELD_TIED:
        TRY(json_get_bool_or(json, key, f->fallback != 0, &tied));
        c->name[PART_HEAD] = tied ? NULL : f->word;
        return LOREC_OK;
    case ARCH_FIELD_PADDING:
        return arch_get_padding(json, (int64_t)f->fallback, c);
    }
    return LOREC_OK;
}

lorec_err arch_read_fields(transformer_config *c, const json_t *json, const arch_field *fields, size_t n)
{
    for (size_t i = 0; i < n; i++) TRY(read_one(&fields[i], json, c));
    return LOREC_OK;
}

lorec_err arch_refuse(const json_t *json, const char *key)
{
    bool asked;
    TRY(json_get_bool_or(json, key, false, &asked));
    return asked ? err_set(LOREC_INPUT, "\"%s\" is true; such a model can not be run here", key) : LOREC_OK;
}

/* ---- writing ---------------------------------------------------------------------------------------------------------- */

static json_t *put(json_t *to, const char *key, json_t *value)
{
    if (to && value && json_object_set_new(to, key, value) == 0) return to;
    json_decref(to);
    return NULL;
}

json_t *arch_put_bool(json_t *to, const char *key, bool value)
{
    return put(to, key, json_boolean(value));
}

json_t *arch_put_null(json_t *to, const char *key)
{
    return put(to, key, json_null());
}

json_t *arch_put_text(json_t *to, const char *key, const char *value)
{
    return put(to, key, json_string(value));
}

json_t *arch_put_f32(json_t *to, const char *key, float value)
{
    return put(to, key, json_real((double)value));
}

json_t *arch_put_i64(json_t *to, const char *key, int64_t value)
{
    return put(to, key, json_integer(value));
}

static json_t *written(const arch_field *f, const transformer_config *c)
{
    const void *at = (const char *)c + f->at;
    switch (f->kind) {
    case ARCH_FIELD_SIZE:
        return json_integer(*(const int64_t *)at);
    case ARCH_FIELD_F32:
    case ARCH_FIELD_RATE:
        return json_real((double)*(const float *)at);
    case ARCH_FIELD_ACTIVATION:
        return json_string(arch_activation_word(*(const activation *)at));
    case ARCH_FIELD_SD:
        return json_real(c->weights.a);
    case ARCH_FIELD_TIED:
        return json_boolean(c->name[PART_HEAD] == NULL);
    case ARCH_FIELD_PADDING:
        return c->padding ? json_integer(c->padding - 1) : json_null();
    }
    return json_null();
}

json_t *arch_write_fields(const transformer_config *c, const char *type, const char *class_name,
                          const arch_field *fields, size_t n)
{
    json_t *o = json_pack("{s:s, s:[s]}", "model_type", type, "architectures", class_name);
    for (size_t i = 0; i < n; i++) o = put(o, fields[i].key, written(&fields[i], c));
    return o;
}

/* ---- rotary positions --------------------------------------------------------------------------------------------------- */

static const struct {
    const char *word;
    rope_scaling scaling;
} scalings[] = {
    {"default", ROPE_UNSCALED}, {"linear", ROPE_LINEAR},   {"llama3", ROPE_LLAMA3},
    {"yarn", ROPE_YARN},        {"dynamic", ROPE_DYNAMIC},
};
enum { SCALINGS = sizeof scalings / sizeof *scalings };

static lorec_err read_scaling(const json_t *how, rope_scaling *out)
{
    const char *word, *words[SCALINGS];
    TRY(json_get_string_or(how, json_object_get(how, "rope_type") ? "rope_type" : "type", "default", &word));
    for (size_t i = 0; i < SCALINGS; i++) {
        words[i] = scalings[i].word;
        if (strcmp(word, words[i])) continue;
        *out = scalings[i].scaling;
        return LOREC_OK;
    }
    const char *near = err_nearest(word, words, SCALINGS);
    return err_set(LOREC_INPUT,
                   "\"rope_type\": positions of type \"%s\" can not be run here (known: default, linear, llama3, yarn, "
                   "dynamic)%s%s%s",
                   word, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

/* The first of the two objects that has the key. */
static lorec_err first_f32(const json_t *a, const json_t *b, const char *key, double fallback, float *out)
{
    const json_t *from = json_is_object(a) && json_object_get(a, key) ? a : b;
    return arch_get_f32(from, key, fallback, out);
}

static double yarn_size(double factor, double scale)
{
    return factor <= 1 ? 1 : .1 * scale * log(factor) + 1;
}

/* What YaRN multiplies cosines and sines by. */
static lorec_err read_magnitude(const json_t *how, rope *r)
{
    float m, all, stated;
    TRY(arch_get_f32(how, "mscale", 0, &m));
    TRY(arch_get_f32(how, "mscale_all_dim", 0, &all));
    TRY(arch_get_f32(how, "attention_factor", 0, &stated));
    double of = m != 0 && all != 0 ? yarn_size(r->factor, m) / yarn_size(r->factor, all) : yarn_size(r->factor, 1);
    r->magnitude = stated != 0 ? stated : (float)of;
    return LOREC_OK;
}

static lorec_err read_stretched(const json_t *json, const json_t *how, transformer_config *c)
{
    rope *r = &c->rope;
    float positions = (float)c->max_positions;
    bool needs_factor = r->scaling != ROPE_YARN;
    TRY(first_f32(how, json, "original_max_position_embeddings", positions, &r->original_length));
    if (r->scaling == ROPE_LINEAR || r->scaling == ROPE_DYNAMIC) r->original_length = positions;
    if (!(r->original_length >= 1 && r->original_length < 1e9f))
        return err_set(LOREC_INPUT, "\"original_max_position_embeddings\" is %g", (double)r->original_length);
    TRY(arch_get_f32(how, "factor", needs_factor ? 0 : positions / r->original_length, &r->factor));
    if (!(r->factor > 0 && r->factor < 1e6f))
        return err_set(LOREC_INPUT, "the \"factor\" of positions that are stretched is %g", (double)r->factor);
    if (r->scaling == ROPE_LLAMA3) {
        TRY(arch_get_f32(how, "low_freq_factor", 1, &r->low_freq));
        TRY(arch_get_f32(how, "high_freq_factor", 4, &r->high_freq));
        if (!(r->low_freq > 0 && r->high_freq > r->low_freq))
            return err_set(LOREC_INPUT, "\"low_freq_factor\" %g and \"high_freq_factor\" %g do not make a range",
                           (double)r->low_freq, (double)r->high_freq);
        return LOREC_OK;
    }
    if (r->scaling == ROPE_YARN) {
        bool truncate;
        TRY(arch_get_f32(how, "beta_fast", 32, &r->beta_fast));
        TRY(arch_get_f32(how, "beta_slow", 1, &r->beta_slow));
        TRY(json_get_bool_or(how, "truncate", true, &truncate));
        TRY(read_magnitude(how, r));
        r->yarn_exact = !truncate;
    }
    double longest = floor((double)r->factor * (double)r->original_length);
    if (longest > (double)c->max_positions) c->max_positions = longest < MANY ? (int64_t)longest : MANY;
    return LOREC_OK;
}

static const json_t *rope_object(const json_t *json)
{
    const json_t *how = json_object_get(json, "rope_parameters");
    if (!json_is_object(how)) how = json_object_get(json, "rope_scaling");
    return json_is_object(how) ? how : NULL;
}

lorec_err arch_get_rope(const json_t *json, rope_kind kind, double base, double partial, transformer_config *c)
{
    const json_t *how = rope_object(json);
    float part;
    c->rope = (rope){.kind = kind};
    TRY(arch_get_f32(json, "rotary_emb_base", base, &c->rope.base));
    TRY(first_f32(how, json, "rope_theta", (double)c->rope.base, &c->rope.base));
    TRY(arch_get_f32(json, "rotary_pct", partial, &part));
    TRY(first_f32(how, json, "partial_rotary_factor", (double)part, &part));
    if (!(c->rope.base > 1))
        return err_set(LOREC_INPUT, "\"rope_theta\" is %g; it has to be above 1", (double)c->rope.base);
    if (!(part > 0 && part <= 1))
        return err_set(LOREC_INPUT, "\"partial_rotary_factor\" is %g; it lies between 0 and 1", (double)part);
    int64_t head = c->head_width ? c->head_width : c->heads > 0 ? c->width / c->heads : 0;
    c->rope.span = head < MANY ? (int)((float)head * part) : 0; /* where it is odd, its last pair has half a partner */
    c->rope.dims = c->rope.span + c->rope.span % 2;
    if (c->rope.dims < 2 || c->rope.dims > head)
        return err_set(LOREC_INPUT, "%d of a head's %lld values would be rotated, as \"partial_rotary_factor\" is %g",
                       c->rope.dims, (long long)head, (double)part);
    if (!how) return LOREC_OK;
    TRY(read_scaling(how, &c->rope.scaling));
    return c->rope.scaling == ROPE_UNSCALED ? LOREC_OK : read_stretched(json, how, c);
}

json_t *arch_put_rope(json_t *to, const transformer_config *c)
{
    const rope *r = &c->rope;
    const char *word = NULL;
    int64_t head = c->head_width ? c->head_width : c->width / c->heads;
    to = arch_put_f32(to, "rope_theta", r->base);
    int part = r->span ? r->span : r->dims;
    if (part && part != head) to = arch_put_f32(to, "partial_rotary_factor", (float)((part + .25) / (double)head));
    for (size_t i = 0; i < SCALINGS; i++)
        if (scalings[i].scaling == r->scaling && r->scaling != ROPE_UNSCALED) word = scalings[i].word;
    if (!word) return to;
    json_t *how = json_pack("{s:s}", "rope_type", word);
    how = arch_put_f32(how, "factor", r->factor);
    if (r->scaling == ROPE_LINEAR || r->scaling == ROPE_DYNAMIC)
        to = arch_put_i64(to, "max_position_embeddings", (int64_t)r->original_length);
    else
        how = arch_put_i64(how, "original_max_position_embeddings", (int64_t)r->original_length);
    if (r->scaling == ROPE_LLAMA3) {
        how = arch_put_f32(how, "low_freq_factor", r->low_freq);
        how = arch_put_f32(how, "high_freq_factor", r->high_freq);
    }
    if (r->scaling == ROPE_YARN) {
        how = arch_put_f32(how, "beta_fast", r->beta_fast);
        how = arch_put_f32(how, "beta_slow", r->beta_slow);
        how = arch_put_f32(how, "attention_factor", r->magnitude);
        how = arch_put_bool(how, "truncate", !r->yarn_exact);
    }
    return put(to, "rope_scaling", how);
}

/* ---- windows ------------------------------------------------------------------------------------------------------------ */

lorec_err arch_get_window(const json_t *json, int64_t fallback, bool (*whole)(const json_t *json, int64_t layer),
                          transformer_config *c)
{
    const json_t *types = json_object_get(json, "layer_types"), *window = json_object_get(json, "sliding_window");
    c->window = 0;
    c->whole = (layer_set){0};
    if (!json_is_null(window)) TRY(json_get_i64_or(json, "sliding_window", 1, MANY, fallback, &c->window));
    if (c->layers < 1 || c->layers > TRANSFORMER_MAX_LAYERS) return LOREC_OK; /* refused later, with its name */
    if (json_is_array(types) && json_array_size(types) != (size_t)c->layers)
        return err_set(LOREC_INPUT, "\"layer_types\" names %zu layers where there are %lld", json_array_size(types),
                       (long long)c->layers);
    for (int64_t layer = 0; layer < c->layers && c->window; layer++) {
        const char *type = json_string_value(json_array_get(types, (size_t)layer));
        bool all = type ? strcmp(type, "full_attention") == 0 : whole && whole(json, layer);
        if (type && !all && strcmp(type, "sliding_attention") != 0)
            return err_set(LOREC_INPUT, "\"layer_types\" has a layer of type \"%s\"; it can not be run here", type);
        if (all) layer_set_add(&c->whole, layer);
    }
    return LOREC_OK;
}

json_t *arch_put_window(json_t *to, const transformer_config *c)
{
    to = c->window ? arch_put_i64(to, "sliding_window", c->window) : put(to, "sliding_window", json_null());
    json_t *types = json_array();
    for (int64_t layer = 0; layer < c->layers && types; layer++)
        json_array_append_new(types,
                              json_string(transformer_window(c, layer) ? "sliding_attention" : "full_attention"));
    return put(to, "layer_types", types);
}
