#include "lm/gguf/vocabulary.h"

#include <stdio.h>

#include "base/json.h"
#include "base/log.h"
#include "text/tokenizer.h"

/* tokenizer.ggml.pre, by which llama.cpp knows how a byte-level vocabulary's words are cut: what such models usually do. */
static const char *pre_of(const char *model_type)
{
    static const char *const names[][2] = {
        {"qwen", "qwen2"},      {"qwen2", "qwen2"},         {"qwen3", "qwen2"},       {"llama", "llama-bpe"},
        {"gpt2", "gpt-2"},      {"gpt_neox", "gpt-2"},      {"bloom", "bloom"},       {"phi", "phi-2"},
        {"glm", "chatglm-bpe"}, {"chatglm", "chatglm-bpe"}, {"mistral", "llama-bpe"}, {"roberta", "roberta-bpe"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i][0], model_type) == 0) return names[i][1];
    return NULL;
}

static void put_flag(gguf_writer *o, const char *key, int8_t flag)
{
    if (flag >= 0) gguf_put_bool(o, key, flag);
}

static void put(gguf_writer *o, const tokenizer_vocabulary *v)
{
    static const char *const roles[TOKENIZER_ROLES] = {
        [TOKENIZER_BOS] = "tokenizer.ggml.bos_token_id",     [TOKENIZER_EOS] = "tokenizer.ggml.eos_token_id",
        [TOKENIZER_UNK] = "tokenizer.ggml.unknown_token_id", [TOKENIZER_SEP] = "tokenizer.ggml.seperator_token_id",
        [TOKENIZER_PAD] = "tokenizer.ggml.padding_token_id", [TOKENIZER_CLS] = "tokenizer.ggml.cls_token_id",
        [TOKENIZER_MASK] = "tokenizer.ggml.mask_token_id"};
    gguf_put_string(o, "tokenizer.ggml.model", slice_of(v->model));
    gguf_put_string(o, "tokenizer.ggml.pre", slice_of(v->pre ? v->pre : "default"));
    gguf_put_strings(o, "tokenizer.ggml.tokens", v->piece, v->n);
    gguf_put_array(o, "tokenizer.ggml.scores", GGUF_F32, v->score, v->n);
    gguf_put_array(o, "tokenizer.ggml.token_type", GGUF_I32, v->type, v->n);
    if (v->n_merges) gguf_put_strings(o, "tokenizer.ggml.merges", v->merge, v->n_merges);
    for (int r = 0; r < TOKENIZER_ROLES; r++)
        if (v->role[r] >= 0) gguf_put_u32(o, roles[r], (uint32_t)v->role[r]);
    put_flag(o, "tokenizer.ggml.add_bos_token", v->add_bos);
    put_flag(o, "tokenizer.ggml.add_eos_token", v->add_eos);
    put_flag(o, "tokenizer.ggml.add_space_prefix", v->add_space_prefix);
    put_flag(o, "tokenizer.ggml.remove_extra_whitespaces", v->remove_extra_whitespaces);
    if (v->charsmap.n) gguf_put_array(o, "tokenizer.ggml.precompiled_charsmap", GGUF_U8, v->charsmap.p, v->charsmap.n);
    put_flag(o, "tokenizer.ggml.normalizer.lowercase", v->lowercase);
    put_flag(o, "tokenizer.ggml.normalizer.strip_accents", v->strip_accents); /* ours: llama.cpp always does */
}

/* chat_template.jinja, or the one text in tokenizer_config.json. */
static lorec_err put_chat(gguf_writer *o, const char *folder)
{
    enum { MOST = 1 << 20 };
    buf path = {0}, text = {0};
    json_t *config = NULL;
    lorec_err e = path_join(&path, folder, "chat_template.jinja");
    if (!e && file_exists(path.p)) {
        e = file_read(&text, path.p, MOST);
        if (!e) gguf_put_string(o, "tokenizer.chat_template", (slice){text.p, text.n});
    } else if (!e) {
        e = path_join(&path, folder, "tokenizer_config.json");
        if (!e && file_exists(path.p)) e = json_read(&config, path.p);
        const char *chat = json_string_value(json_object_get(config, "chat_template"));
        if (!e && chat) gguf_put_string(o, "tokenizer.chat_template", slice_of(chat));
        json_decref(config);
    }
    buf_free(&path);
    buf_free(&text);
    return e;
}

lorec_err gguf_put_vocabulary(gguf_writer *o, const char *path, const char *model_type, size_t n, char *what,
                              size_t room)
{
    tokenizer *t;
    tokenizer_vocabulary v;
    *what = 0;
    TRY(tokenizer_open(&t, path));
    lorec_err e = tokenizer_to_vocabulary(t, n ? n : tokenizer_size(t), pre_of(model_type), &v);
    if (!e) {
        put(o, &v);
        snprintf(what, room, "%s of %zu tokens", v.model, v.n);
        tokenizer_vocabulary_free(&v);
        if (folder_exists(path)) e = put_chat(o, path);
    }
    tokenizer_free(t);
    return e;
}
