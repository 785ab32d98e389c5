/* The vocabulary of a .gguf: its tokenizer.ggml.* keys. Files that hold nothing else are read as well. */
#include "tensor/gguf.h"
#include "text/tokenizer/parts.h"

#define KEY "tokenizer.ggml."

static lorec_err get_text(const gguf *g, const char *key, bool needed, char **out)
{
    slice s;
    *out = NULL;
    if (!needed && !gguf_find(g, key)) return LOREC_OK;
    TRY(gguf_get_string(g, key, &s));
    TRY(mem_new(out, s.n + 1));
    memcpy(*out, s.p, s.n);
    return LOREC_OK;
}

static lorec_err get_texts(const gguf *g, const char *key, bool needed, slice **out, size_t *n)
{
    gguf_strings it;
    *out = NULL;
    *n = 0;
    if (!needed && !gguf_find(g, key)) return LOREC_OK;
    TRY(gguf_get_strings(g, key, &it));
    TRY(mem_new(out, it.n));
    *n = it.n;
    for (size_t i = 0; i < it.n; i++)
        if (!gguf_strings_next(&it, *out + i)) return err_set(LOREC_INPUT, "%s ends after %zu strings", key, i);
    return LOREC_OK;
}

static lorec_err get_flag(const gguf *g, const char *key, int8_t *out)
{
    bool value;
    *out = -1;
    if (!gguf_find(g, key)) return LOREC_OK;
    TRY(gguf_get_bool_or(g, key, false, &value));
    *out = value;
    return LOREC_OK;
}

/* A list of one number a token, or none. */
#define GET_NUMBERS(g, key, get, out, want)                                                                            \
    do {                                                                                                               \
        size_t got_ = 0;                                                                                               \
        if (!gguf_find(g, key)) break;                                                                                 \
        TRY(get(g, key, out, &got_));                                                                                  \
        if (got_ < (want)) return err_set(LOREC_INPUT, "%s has %zu values for %zu tokens", key, got_, (size_t)(want)); \
    } while (0)

static lorec_err get_charsmap(const gguf *g, slice *out)
{
    const gguf_key *k = gguf_find(g, KEY "precompiled_charsmap");
    if (!k) return LOREC_OK;
    if (k->type != GGUF_ARRAY || (k->item != GGUF_I8 && k->item != GGUF_U8))
        return err_set(LOREC_INPUT, KEY "precompiled_charsmap is not a list of bytes");
    *out = (slice){(const char *)k->bytes, (size_t)k->n};
    return LOREC_OK;
}

typedef struct owned {
    char *model, *pre, *name;
    slice *piece, *merge;
    float *score;
    int32_t *type;
} owned;

static lorec_err gather(const gguf *g, owned *o, tokenizer_vocabulary *v)
{
    static const char *const roles[TOKENIZER_ROLES] = {
        [TOKENIZER_BOS] = KEY "bos_token_id",     [TOKENIZER_EOS] = KEY "eos_token_id",
        [TOKENIZER_UNK] = KEY "unknown_token_id", [TOKENIZER_SEP] = KEY "seperator_token_id",
        [TOKENIZER_PAD] = KEY "padding_token_id", [TOKENIZER_CLS] = KEY "cls_token_id",
        [TOKENIZER_MASK] = KEY "mask_token_id"};
    TRY(get_text(g, KEY "model", true, &o->model));
    TRY(get_text(g, KEY "pre", false, &o->pre));
    TRY(get_text(g, "general.name", false, &o->name));
    TRY(get_texts(g, KEY "tokens", true, &o->piece, &v->n));
    TRY(get_texts(g, KEY "merges", false, &o->merge, &v->n_merges));
    GET_NUMBERS(g, KEY "scores", gguf_get_f32s, &o->score, v->n);
    GET_NUMBERS(g, KEY "token_type", gguf_get_i32s, &o->type, v->n);
    TRY(get_charsmap(g, &v->charsmap));
    for (int r = 0; r < TOKENIZER_ROLES; r++) TRY(gguf_get_i64_or(g, roles[r], -1, UINT32_MAX, -1, &v->role[r]));
    TRY(get_flag(g, KEY "add_bos_token", &v->add_bos));
    TRY(get_flag(g, KEY "add_eos_token", &v->add_eos));
    TRY(get_flag(g, KEY "add_sep_token", &v->add_sep));
    TRY(get_flag(g, KEY "add_space_prefix", &v->add_space_prefix));
    TRY(get_flag(g, KEY "remove_extra_whitespaces", &v->remove_extra_whitespaces));
    TRY(get_flag(g, KEY "normalizer.lowercase", &v->lowercase));
    TRY(get_flag(g, KEY "normalizer.strip_accents", &v->strip_accents));
    v->model = o->model;
    v->pre = o->pre;
    v->name = o->name;
    v->piece = o->piece;
    v->merge = o->merge;
    v->score = o->score;
    v->type = o->type;
    return LOREC_OK;
}

lorec_err read_gguf(tokenizer *t, const char *path)
{
    gguf g;
    owned o = {0};
    tokenizer_vocabulary v = tokenizer_vocabulary_none();
    TRY(gguf_open(&g, path));
    lorec_err e = gather(&g, &o, &v);
    if (!e) e = read_vocabulary(t, &v);
    mem_free(o.model);
    mem_free(o.pre);
    mem_free(o.name);
    mem_free(o.piece);
    mem_free(o.merge);
    mem_free(o.score);
    mem_free(o.type);
    gguf_close(&g);
    return e;
}
