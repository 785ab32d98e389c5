/* Keys of a GGUF file to config.json's words, and back. */
#include <math.h>

#include "base/mem.h"
#include "lm/gguf/arch.h"

enum { MANY = INT32_MAX };

static lorec_err put(json_t *config, const char *key, json_t *value)
{
    return json_object_set_new(config, key, value) ? err_set(LOREC_RESOURCE, "out of memory") : LOREC_OK;
}

static const char *key_of(buf *b, const gguf_arch *a, const char *word)
{
    buf_clear(b);
    return buf_printf(b, "%s.%s", a->gguf, word) ? NULL : b->p;
}

/* The width of a head, for what is a share of it. */
static int64_t head_width(const json_t *config)
{
    static const char *const widths[] = {"hidden_size", "n_embd"}, *const heads[] = {"num_attention_heads", "n_head"};
    int64_t head = 0, width = 0, n = 0;
    if (json_get_i64_or(config, "head_dim", 1, MANY, 0, &head)) head = 0;
    for (int i = 0; i < 2 && !width; i++)
        if (json_get_i64_or(config, widths[i], 1, MANY, 0, &width)) width = 0;
    for (int i = 0; i < 2 && !n; i++)
        if (json_get_i64_or(config, heads[i], 1, MANY, 0, &n)) n = 0;
    return head ? head : n ? width / n : 0;
}

/* ---- reading ------------------------------------------------------------------------------------------------------------- */

/* 1e-05 was written as the f32 that is nearest to it; as a double that is 9.9999997e-06. */
static double shortest(double d)
{
    char text[32];
    double v;
    snprintf(text, sizeof text, "%.7g", d);
    return slice_to_f64(slice_of(text), &v) && (float)v == (float)d ? v : d;
}

static lorec_err word_read(json_t *config, const gguf *g, const gguf_word *w, const char *key)
{
    int64_t i;
    double d;
    bool b;
    if (!gguf_find(g, key) || json_object_get(config, w->hf)) return LOREC_OK;
    switch (w->kind) {
    case GGUF_WORD_INT:
        TRY(gguf_get_i64(g, key, 0, MANY, &i));
        return put(config, w->hf, json_integer(i));
    case GGUF_WORD_REAL:
        TRY(gguf_get_f64_or(g, key, 0, &d));
        if (!isfinite(d)) return err_set(LOREC_INPUT, "the key %s is %g", key, d);
        return put(config, w->hf, json_real(shortest(d)));
    case GGUF_WORD_BOOL:
        TRY(gguf_get_bool_or(g, key, false, &b));
        return put(config, w->hf, json_boolean(b));
    default:
        TRY(gguf_get_i64(g, key, 0, MANY, &i));
        return head_width(config) ? put(config, w->hf, json_real((double)i / (double)head_width(config))) : LOREC_OK;
    }
}

/* Vocabulary, whether the head is the token table, and the ids of special tokens. */
static lorec_err common_read(json_t *config, const gguf *g)
{
    static const char *const special[][2] = {{"tokenizer.ggml.bos_token_id", "bos_token_id"},
                                             {"tokenizer.ggml.eos_token_id", "eos_token_id"},
                                             {"tokenizer.ggml.padding_token_id", "pad_token_id"}};
    const gguf_tensor *tokens = gguf_find_tensor(g, "token_embd.weight");
    if (tokens) TRY(put(config, "vocab_size", json_integer(tokens->size[1])));
    TRY(put(config, "tie_word_embeddings", json_boolean(!gguf_find_tensor(g, "output.weight"))));
    for (size_t i = 0; i < sizeof special / sizeof *special; i++) {
        int64_t id;
        if (!gguf_find(g, special[i][0])) continue;
        TRY(gguf_get_i64(g, special[i][0], 0, UINT32_MAX, &id));
        if (id < MANY) TRY(put(config, special[i][1], json_integer(id)));
    }
    return LOREC_OK;
}

/* LLaMA 3's scaling is kept as what each frequency is divided by; its numbers are those that Meta published (low 1, high 4,
 * 8192 positions) with some factor, and have to give what the file holds. */
static lorec_err llama3_read(json_t *config, const gguf *g)
{
    enum { MOST = 1024 };
    const gguf_tensor *x = gguf_find_tensor(g, "rope_freqs.weight");
    float by[MOST], factor = 0;
    double base;
    if (!x || x->type != ELEM_F32 || x->ndim != 1) return LOREC_OK;
    int64_t n = x->size[0];
    if (n < 1 || n > MOST) return err_set(LOREC_INPUT, "rope_freqs.weight has %lld values", (long long)n);
    TRY(blob_read(&g->file, x->at, by, x->bytes));
    for (int64_t i = 0; i < n; i++) factor = fmaxf(factor, by[i]);
    if (factor == 1) return LOREC_OK;
    TRY(json_get_f64_or(config, "rope_theta", 1e4, &base));
    static const double positions[] = {8192, 4096, 2048, 1024, 512, 256, 128, 64, 32};
    for (size_t p = 0; p < sizeof positions / sizeof *positions; p++) {
        double worst = 0;
        for (int64_t i = 0; i < n; i++) {
            double wave = 2 * 3.14159265358979323846 * pow(base, (double)i / (double)n), high = positions[p] / 4,
                   low = positions[p];
            double smooth = (positions[p] / wave - 1) / 3;
            double want = wave < high ? 1 : wave > low ? factor : 1 / ((1 - smooth) / factor + smooth);
            worst = fmax(worst, fabs(want - by[i]) / want);
        }
        if (!(worst < 1e-3)) continue;
        return put(config, "rope_scaling",
                   json_pack("{s:s,s:f,s:f,s:f,s:I}", "rope_type", "llama3", "factor", (double)factor,
                             "low_freq_factor", 1., "high_freq_factor", 4., "original_max_position_embeddings",
                             (json_int_t)positions[p]));
    }
    return err_set(LOREC_INPUT, "rope_freqs.weight scales frequencies in a way that is not LLaMA 3's");
}

static lorec_err scaling_read(json_t *config, const gguf *g, const gguf_arch *a, buf *key)
{
    slice type;
    double factor;
    int64_t original;
    if (key_of(key, a, "rope.scaling.type") && gguf_find(g, key->p)) {
        TRY(gguf_get_string(g, key->p, &type));
        if (!slice_is(type, "none")) {
            char name[16];
            if (!slice_is(type, "linear") && !slice_is(type, "yarn"))
                return err_set(LOREC_INPUT, "the key %s is \"%.*s\"; linear and yarn are known", key->p,
                               (int)(type.n < 40 ? type.n : 40), type.p);
            snprintf(name, sizeof name, "%.*s", (int)type.n, type.p);
            if (!key_of(key, a, "rope.scaling.factor")) return LOREC_RESOURCE;
            TRY(gguf_get_f64_or(g, key->p, 1, &factor));
            if (!key_of(key, a, "rope.scaling.original_context_length")) return LOREC_RESOURCE;
            TRY(gguf_get_i64_or(g, key->p, 1, MANY, 0, &original));
            json_t *scaling = json_pack("{s:s,s:f}", "rope_type", name, "factor", factor);
            if (scaling && original)
                json_object_set_new(scaling, "original_max_position_embeddings", json_integer(original));
            return put(config, "rope_scaling", scaling);
        }
    }
    return llama3_read(config, g);
}

lorec_err gguf_config_read(json_t **out, const gguf *g, const gguf_arch *a)
{
    buf key = {0};
    json_t *config;
    *out = NULL;
    TRY(json_parse(&config, a->fixed, strlen(a->fixed), a->gguf));
    lorec_err e = put(config, "model_type", json_string(a->type));
    if (!e) e = put(config, "architectures", json_pack("[s]", a->model_class));
    for (const gguf_word *w = a->words; w->gguf && !e; w++)
        e = key_of(&key, a, w->gguf) ? word_read(config, g, w, key.p) : LOREC_RESOURCE;
    if (!e) e = common_read(config, g);
    if (!e) e = scaling_read(config, g, a, &key);
    if (!e && a->to_config) e = a->to_config(g, config);
    buf_free(&key);
    if (e)
        json_decref(config);
    else
        *out = config;
    return e;
}

/* ---- writing ------------------------------------------------------------------------------------------------------------- */

/* Transformers 5 keeps what belongs to rotary positions in an object of its own. */
static const json_t *value_of(const json_t *config, const char *hf)
{
    static const char *const moved[][2] = {{"rope_theta", "rope_theta"},
                                           {"rotary_pct", "partial_rotary_factor"},
                                           {"partial_rotary_factor", "partial_rotary_factor"}};
    const json_t *v = json_object_get(config, hf), *rope = json_object_get(config, "rope_parameters");
    if (v && !json_is_null(v)) return v;
    for (size_t i = 0; i < 3; i++)
        if (strcmp(hf, moved[i][0]) == 0 && (v = json_object_get(rope, moved[i][1]))) return v;
    if (strcmp(hf, "rope_theta") == 0) v = json_object_get(config, "rotary_emb_base");
    return v && !json_is_null(v) ? v : NULL;
}

static void word_write(const json_t *config, const gguf_word *w, const char *key, gguf_writer *o)
{
    const json_t *v = value_of(config, w->hf);
    double d = json_is_true(v) ? 1 : json_is_number(v) ? json_number_value(v) : w->fallback;
    if (!v && w->fallback == 0) return;
    if (w->kind == GGUF_WORD_BOOL)
        gguf_put_bool(o, key, d != 0);
    else if (w->kind == GGUF_WORD_REAL)
        gguf_put_f32(o, key, (float)d);
    else if (w->kind == GGUF_WORD_ROTARY)
        gguf_put_u32(o, key, (uint32_t)(d * (double)head_width(config)));
    else if (d >= 0 && d <= MANY)
        gguf_put_u32(o, key, (uint32_t)d);
}

static lorec_err scaling_write(const json_t *config, const gguf_arch *a, gguf_writer *o, buf *key)
{
    const json_t *s = json_object_get(config, "rope_scaling");
    const char *type;
    double factor;
    int64_t original;
    if (!json_is_object(s)) s = json_object_get(config, "rope_parameters");
    if (!json_is_object(s)) return LOREC_OK;
    TRY(json_get_string_or(s, json_object_get(s, "rope_type") ? "rope_type" : "type", "default", &type));
    if (strcmp(type, "default") == 0 || strcmp(type, "llama3") == 0) return LOREC_OK; /* the latter is a tensor */
    if (strcmp(type, "linear") != 0 && strcmp(type, "yarn") != 0)
        return err_set(LOREC_INPUT, "rope_scaling of type \"%s\" has no place in GGUF here", type);
    TRY(json_get_f64_or(s, "factor", 1, &factor));
    TRY(json_get_i64_or(s, "original_max_position_embeddings", 1, MANY, 0, &original));
    if (key_of(key, a, "rope.scaling.type")) gguf_put_string(o, key->p, slice_of(type));
    if (key_of(key, a, "rope.scaling.factor")) gguf_put_f32(o, key->p, (float)factor);
    if (original && key_of(key, a, "rope.scaling.original_context_length")) gguf_put_u32(o, key->p, (uint32_t)original);
    return o->err;
}

lorec_err gguf_config_write(const json_t *config, const gguf_arch *a, gguf_writer *o)
{
    buf key = {0};
    int64_t vocab;
    lorec_err e = LOREC_OK;
    bool rotary = false;
    for (const gguf_word *w = a->words; w->gguf && !e; w++) {
        if (!key_of(&key, a, w->gguf))
            e = LOREC_RESOURCE;
        else
            word_write(config, w, key.p, o);
        rotary = rotary || strcmp(w->gguf, "rope.dimension_count") == 0;
    }
    bool turns = strcmp(a->gguf, "llama") == 0 || strcmp(a->gguf, "baichuan") == 0;
    if (!e && turns && !rotary && key_of(&key, a, "rope.dimension_count"))
        gguf_put_u32(o, key.p, (uint32_t)head_width(config));
    if (!e) e = json_get_i64_or(config, "vocab_size", 1, MANY, 0, &vocab);
    if (!e && vocab && key_of(&key, a, "vocab_size")) gguf_put_u32(o, key.p, (uint32_t)vocab);
    if (!e) e = scaling_write(config, a, o, &key);
    if (!e && a->to_keys) e = a->to_keys(config, o);
    buf_free(&key);
    return e ? e : o->err;
}
