#include "lm/gguf/arch.h"

#include "base/mem.h"

/* ---- numbers ------------------------------------------------------------------------------------------------------------- */

#define HUGGING_FACE_SIZES                                                                                             \
    {"context_length", "max_position_embeddings", GGUF_WORD_INT, 0},                                                   \
        {"embedding_length", "hidden_size", GGUF_WORD_INT, 0}, {"block_count", "num_hidden_layers", GGUF_WORD_INT, 0}, \
        {"feed_forward_length", "intermediate_size", GGUF_WORD_INT, 0},                                                \
        {"attention.head_count", "num_attention_heads", GGUF_WORD_INT, 0},                                             \
    {                                                                                                                  \
        "attention.head_count_kv", "num_key_value_heads", GGUF_WORD_INT, 0                                             \
    }
#define ROTARY_HEADS                                                                                                   \
    {"attention.key_length", "head_dim", GGUF_WORD_INT, 0}, {"attention.value_length", "head_dim", GGUF_WORD_INT, 0},  \
    {                                                                                                                  \
        "rope.freq_base", "rope_theta", GGUF_WORD_REAL, 1e4                                                            \
    }

static const gguf_word words_llama[] = {HUGGING_FACE_SIZES,
                                        ROTARY_HEADS,
                                        {"attention.layer_norm_rms_epsilon", "rms_norm_eps", GGUF_WORD_REAL, 1e-6},
                                        {"attention.sliding_window", "sliding_window", GGUF_WORD_INT, 0},
                                        {NULL}};
/* Baichuan-13B has no rotary positions (model_max_length instead), Baichuan2 a head of unit rows (z_loss_weight): llama.cpp
 * has no keys for either, those are ours. */
static const gguf_word words_baichuan[] = {HUGGING_FACE_SIZES,
                                           ROTARY_HEADS,
                                           {"attention.layer_norm_rms_epsilon", "rms_norm_eps", GGUF_WORD_REAL, 1e-6},
                                           {"model_max_length", "model_max_length", GGUF_WORD_INT, 0},
                                           {"z_loss_weight", "z_loss_weight", GGUF_WORD_REAL, 0},
                                           {NULL}};
static const gguf_word words_gemma2[] = {HUGGING_FACE_SIZES,
                                         ROTARY_HEADS,
                                         {"attention.layer_norm_rms_epsilon", "rms_norm_eps", GGUF_WORD_REAL, 1e-6},
                                         {"attention.sliding_window", "sliding_window", GGUF_WORD_INT, 4096},
                                         {"attn_logit_softcapping", "attn_logit_softcapping", GGUF_WORD_REAL, 50},
                                         {"final_logit_softcapping", "final_logit_softcapping", GGUF_WORD_REAL, 30},
                                         {NULL}};
static const gguf_word words_gemma[] = {HUGGING_FACE_SIZES,
                                        ROTARY_HEADS,
                                        {"attention.layer_norm_rms_epsilon", "rms_norm_eps", GGUF_WORD_REAL, 1e-6},
                                        {NULL}};
static const gguf_word words_gpt2[] = {{"context_length", "n_positions", GGUF_WORD_INT, 1024},
                                       {"embedding_length", "n_embd", GGUF_WORD_INT, 0},
                                       {"block_count", "n_layer", GGUF_WORD_INT, 0},
                                       {"feed_forward_length", "n_inner", GGUF_WORD_INT, 0},
                                       {"attention.head_count", "n_head", GGUF_WORD_INT, 0},
                                       {"attention.layer_norm_epsilon", "layer_norm_epsilon", GGUF_WORD_REAL, 1e-5},
                                       {NULL}};
static const gguf_word words_bloom[] = {{"context_length", "seq_length", GGUF_WORD_INT, 2048},
                                        {"embedding_length", "hidden_size", GGUF_WORD_INT, 0},
                                        {"block_count", "n_layer", GGUF_WORD_INT, 0},
                                        {"attention.head_count", "n_head", GGUF_WORD_INT, 0},
                                        {"attention.head_count_kv", "n_head", GGUF_WORD_INT, 0},
                                        {"attention.layer_norm_epsilon", "layer_norm_epsilon", GGUF_WORD_REAL, 1e-5},
                                        {NULL}};
static const gguf_word words_gpt_neox[] = {HUGGING_FACE_SIZES,
                                           {"attention.layer_norm_epsilon", "layer_norm_eps", GGUF_WORD_REAL, 1e-5},
                                           {"rope.dimension_count", "rotary_pct", GGUF_WORD_ROTARY, .25},
                                           {"rope.freq_base", "rope_theta", GGUF_WORD_REAL, 1e4},
                                           {"use_parallel_residual", "use_parallel_residual", GGUF_WORD_BOOL, 1},
                                           {NULL}};
static const gguf_word words_phi[] = {HUGGING_FACE_SIZES,
                                      {"attention.layer_norm_epsilon", "layer_norm_eps", GGUF_WORD_REAL, 1e-5},
                                      {"rope.dimension_count", "partial_rotary_factor", GGUF_WORD_ROTARY, .5},
                                      {"rope.freq_base", "rope_theta", GGUF_WORD_REAL, 1e4},
                                      {NULL}};
static const gguf_word words_qwen[] = {
    {"context_length", "max_position_embeddings", GGUF_WORD_INT, 8192},
    {"embedding_length", "hidden_size", GGUF_WORD_INT, 0},
    {"block_count", "num_hidden_layers", GGUF_WORD_INT, 0},
    {"feed_forward_length", "intermediate_size", GGUF_WORD_INT, 0},
    {"attention.head_count", "num_attention_heads", GGUF_WORD_INT, 0},
    {"attention.layer_norm_rms_epsilon", "layer_norm_epsilon", GGUF_WORD_REAL, 1e-6},
    {"rope.dimension_count", "rotary_pct", GGUF_WORD_ROTARY, 1},
    {"rope.freq_base", "rotary_emb_base", GGUF_WORD_REAL, 1e4},
    {"use_dynamic_ntk", "use_dynamic_ntk", GGUF_WORD_BOOL, 0}, /* ours, as the two below */
    {"use_logn_attn", "use_logn_attn", GGUF_WORD_BOOL, 0},
    {"seq_length", "seq_length", GGUF_WORD_INT, 0},
    {NULL}};
static const gguf_word words_chatglm[] = {
    {"context_length", "seq_length", GGUF_WORD_INT, 8192},
    {"embedding_length", "hidden_size", GGUF_WORD_INT, 0},
    {"block_count", "num_layers", GGUF_WORD_INT, 0},
    {"feed_forward_length", "ffn_hidden_size", GGUF_WORD_INT, 0},
    {"attention.head_count", "num_attention_heads", GGUF_WORD_INT, 0},
    {"attention.head_count_kv", "multi_query_group_num", GGUF_WORD_INT, 0},
    {"attention.layer_norm_rms_epsilon", "layernorm_epsilon", GGUF_WORD_REAL, 1e-5},
    {NULL}};
static const gguf_word words_glm[] = {HUGGING_FACE_SIZES,
                                      ROTARY_HEADS,
                                      {"attention.layer_norm_rms_epsilon", "rms_norm_eps", GGUF_WORD_REAL, 1e-5},
                                      {"rope.dimension_count", "partial_rotary_factor", GGUF_WORD_ROTARY, .5},
                                      {NULL}};
static const gguf_word words_bert[] = {
    HUGGING_FACE_SIZES, {"attention.layer_norm_epsilon", "layer_norm_eps", GGUF_WORD_REAL, 1e-12}, {NULL}};
static const gguf_word words_roberta[] = {{"embedding_length", "hidden_size", GGUF_WORD_INT, 0},
                                          {"block_count", "num_hidden_layers", GGUF_WORD_INT, 0},
                                          {"feed_forward_length", "intermediate_size", GGUF_WORD_INT, 0},
                                          {"attention.head_count", "num_attention_heads", GGUF_WORD_INT, 0},
                                          {"attention.layer_norm_epsilon", "layer_norm_eps", GGUF_WORD_REAL, 1e-12},
                                          {NULL}};
static const gguf_word words_t5[] = {
    {"context_length", "n_positions", GGUF_WORD_INT, 512},
    {"embedding_length", "d_model", GGUF_WORD_INT, 0},
    {"block_count", "num_layers", GGUF_WORD_INT, 0},
    {"decoder_block_count", "num_decoder_layers", GGUF_WORD_INT, 0},
    {"feed_forward_length", "d_ff", GGUF_WORD_INT, 0},
    {"attention.head_count", "num_heads", GGUF_WORD_INT, 0},
    {"attention.key_length", "d_kv", GGUF_WORD_INT, 64},
    {"attention.value_length", "d_kv", GGUF_WORD_INT, 64},
    {"attention.layer_norm_rms_epsilon", "layer_norm_epsilon", GGUF_WORD_REAL, 1e-6},
    {"attention.layer_norm_epsilon", "layer_norm_epsilon", GGUF_WORD_REAL, 1e-6},
    {"attention.relative_buckets_count", "relative_attention_num_buckets", GGUF_WORD_INT, 32},
    {"decoder_start_token_id", "decoder_start_token_id", GGUF_WORD_INT, 0},
    {"scale_decoder_outputs", "scale_decoder_outputs", GGUF_WORD_BOOL, 0}, /* ours: llama.cpp has none */
    {NULL}};

/* ---- what tables can not say --------------------------------------------------------------------------------------------- */

static bool has(const gguf *g, const char *tensor)
{
    return gguf_find_tensor(g, tensor) != NULL;
}

static lorec_err put(json_t *config, const char *key, json_t *value)
{
    return json_object_set_new(config, key, value) ? err_set(LOREC_RESOURCE, "out of memory") : LOREC_OK;
}

static lorec_err llama_to_config(const gguf *g, json_t *config)
{
    TRY(put(config, "attention_bias", json_boolean(has(g, "blk.0.attn_q.bias"))));
    TRY(put(config, "mlp_bias", json_boolean(has(g, "blk.0.ffn_up.bias"))));
    if (!json_object_get(config, "sliding_window")) return LOREC_OK; /* LLaMA itself has none */
    TRY(put(config, "architectures", json_pack("[s]", "MistralForCausalLM")));
    return put(config, "model_type", json_string("mistral"));
}

/* Scores are scaled by the heads' width, but by width / heads in the 27B model. */
static lorec_err gemma2_to_config(const gguf *g, json_t *config)
{
    (void)g;
    int64_t layers, width, heads, head;
    TRY(json_get_i64_or(config, "num_hidden_layers", 1, 4096, 1, &layers));
    TRY(json_get_i64_or(config, "hidden_size", 1, 1 << 20, 1, &width));
    TRY(json_get_i64_or(config, "num_attention_heads", 1, 4096, 1, &heads));
    TRY(json_get_i64_or(config, "head_dim", 1, 1 << 20, 256, &head));
    return put(config, "query_pre_attn_scalar", json_integer(layers == 46 ? width / heads : head));
}

static lorec_err gemma2_to_keys(const json_t *config, gguf_writer *o)
{
    (void)o;
    int64_t scalar, head;
    TRY(json_get_i64_or(config, "head_dim", 1, 1 << 20, 256, &head));
    TRY(json_get_i64_or(config, "query_pre_attn_scalar", 1, 1 << 20, head, &scalar));
    if (scalar != head && json_integer_value(json_object_get(config, "num_hidden_layers")) != 46)
        return err_set(LOREC_INPUT, "query_pre_attn_scalar is %lld where heads are %lld wide: GGUF has no key for it",
                       (long long)scalar, (long long)head);
    return LOREC_OK;
}

/* Four times the width where config.json does not say. */
static lorec_err wide_to_keys(const json_t *config, gguf_writer *o, const char *arch, const char *width_key,
                              const char *inner)
{
    char key[64];
    int64_t width;
    if (inner && json_is_integer(json_object_get(config, inner))) return LOREC_OK;
    TRY(json_get_i64(config, width_key, 1, 1 << 20, &width));
    snprintf(key, sizeof key, "%s.feed_forward_length", arch);
    gguf_put_u32(o, key, (uint32_t)(4 * width));
    return LOREC_OK;
}

static lorec_err gpt2_to_keys(const json_t *config, gguf_writer *o)
{
    return wide_to_keys(config, o, "gpt2", "n_embd", "n_inner");
}

static lorec_err bloom_to_keys(const json_t *config, gguf_writer *o)
{
    return wide_to_keys(config, o, "bloom", "hidden_size", NULL);
}

static lorec_err bert_to_config(const gguf *g, json_t *config)
{
    const gguf_tensor *types = gguf_find_tensor(g, "token_types.weight");
    return put(config, "type_vocab_size", json_integer(types ? types->size[1] : 2));
}

static lorec_err bert_to_keys(const json_t *config, gguf_writer *o)
{
    int64_t types;
    TRY(json_get_i64_or(config, "type_vocab_size", 0, 1 << 20, 2, &types));
    gguf_put_bool(o, "bert.attention.causal", false);
    gguf_put_u32(o, "tokenizer.ggml.token_type_count", (uint32_t)types);
    return LOREC_OK;
}

/* Its positions begin after that of padding. */
static lorec_err roberta_to_keys(const json_t *config, gguf_writer *o)
{
    int64_t positions, padding;
    TRY(json_get_i64(config, "max_position_embeddings", 2, 1 << 24, &positions));
    TRY(json_get_i64_or(config, "pad_token_id", 0, positions - 2, 1, &padding));
    gguf_put_u32(o, "bert.context_length", (uint32_t)(positions - padding - 1));
    return bert_to_keys(config, o);
}

static lorec_err t5_to_config(const gguf *g, json_t *config)
{
    if (!json_object_get(config, "num_decoder_layers"))
        TRY(put(config, "num_decoder_layers", json_incref(json_object_get(config, "num_layers"))));
    TRY(put(config, "relative_attention_max_distance", json_integer(128)));
    return put(config, "feed_forward_proj", json_string(has(g, "enc.blk.0.ffn_gate.weight") ? "gated-gelu" : "relu"));
}

/* A tied head that is read unscaled, other than T5's. */
static lorec_err mt5_to_keys(const json_t *config, gguf_writer *o)
{
    if (!json_object_get(config, "scale_decoder_outputs")) gguf_put_bool(o, "t5.scale_decoder_outputs", false);
    return LOREC_OK;
}

/* ChatGLM2 and 3 turn half of each head by neighbours; longer contexts came with a factor on the base of 10000. */
static lorec_err chatglm_to_config(const gguf *g, json_t *config)
{
    double base;
    int64_t heads, width;
    TRY(gguf_get_f64_or(g, "chatglm.rope.freq_base", 1e4, &base));
    TRY(json_get_i64_or(config, "num_attention_heads", 1, 4096, 32, &heads));
    TRY(json_get_i64_or(config, "hidden_size", 1, 1 << 20, 4096, &width));
    TRY(put(config, "rope_ratio", json_real(base / 1e4)));
    TRY(put(config, "kv_channels", json_integer(width / heads)));
    TRY(put(config, "multi_query_attention", json_true())); /* with as many groups as the file says */
    TRY(put(config, "add_qkv_bias", json_boolean(has(g, "blk.0.attn_qkv.bias"))));
    TRY(put(config, "padded_vocab_size", json_incref(json_object_get(config, "vocab_size"))));
    return LOREC_OK;
}

static lorec_err chatglm_to_keys(const json_t *config, gguf_writer *o)
{
    double ratio;
    int64_t channels;
    TRY(json_get_f64_or(config, "rope_ratio", 1, &ratio));
    TRY(json_get_i64_or(config, "kv_channels", 2, 1 << 16, 128, &channels));
    gguf_put_f32(o, "chatglm.rope.freq_base", (float)(1e4 * ratio));
    gguf_put_u32(o, "chatglm.rope.dimension_count", (uint32_t)(channels / 2));
    return LOREC_OK;
}

static lorec_err qwen_to_config(const gguf *g, json_t *config)
{
    int64_t heads, width;
    (void)g;
    TRY(json_get_i64_or(config, "num_attention_heads", 1, 4096, 32, &heads));
    TRY(json_get_i64_or(config, "hidden_size", 1, 1 << 20, 4096, &width));
    return put(config, "kv_channels", json_integer(width / heads));
}

/* llama.cpp tells the 13B model by its layers. */
static lorec_err baichuan_to_config(const gguf *g, json_t *config)
{
    enum { LAYERS_13B = 40 };
    (void)g;
    if (json_object_get(config, "model_max_length")) {
        json_object_del(config, "max_position_embeddings");
        return LOREC_OK;
    }
    if (json_integer_value(json_object_get(config, "num_hidden_layers")) != LAYERS_13B) return LOREC_OK;
    json_t *longest = json_object_get(config, "max_position_embeddings");
    TRY(put(config, "model_max_length", longest ? json_incref(longest) : json_integer(4096)));
    json_object_del(config, "max_position_embeddings");
    return LOREC_OK;
}

static lorec_err baichuan_to_keys(const json_t *config, gguf_writer *o)
{
    int64_t longest;
    if (json_is_integer(json_object_get(config, "max_position_embeddings"))) return LOREC_OK;
    TRY(json_get_i64_or(config, "model_max_length", 1, INT32_MAX, 4096, &longest));
    gguf_put_u32(o, "baichuan.context_length", (uint32_t)longest);
    return LOREC_OK;
}

static lorec_err glm_to_config(const gguf *g, json_t *config)
{
    return put(config, "attention_bias", json_boolean(has(g, "blk.0.attn_q.bias")));
}

/* ---- the table ------------------------------------------------------------------------------------------------------------ */

/* Of several rows with one GGUF name the first is read. What a model was trained with, such as dropout, GGUF does not keep. */

#define SILU "{\"hidden_act\": \"silu\"}"
static const gguf_arch table[] = {
    {"llama", "llama", "LlamaForCausalLM", "model.", gguf_names_llama, words_llama, SILU, llama_to_config, NULL},
    {"llama", "mistral", "MistralForCausalLM", "model.", gguf_names_llama, words_llama, SILU, NULL, NULL},
    {"qwen2", "qwen2", "Qwen2ForCausalLM", "model.", gguf_names_plain, words_llama, SILU, NULL, NULL},
    {"qwen3", "qwen3", "Qwen3ForCausalLM", "model.", gguf_names_plain, words_llama, SILU, NULL, NULL},
    {"gemma", "gemma", "GemmaForCausalLM", "model.", gguf_names_gemma, words_gemma,
     "{\"hidden_activation\": \"gelu_pytorch_tanh\"}", NULL, NULL},
    {"gemma2", "gemma2", "Gemma2ForCausalLM", "model.", gguf_names_gemma2, words_gemma2,
     "{\"hidden_activation\": \"gelu_pytorch_tanh\"}", gemma2_to_config, gemma2_to_keys},
    {"gpt2", "gpt2", "GPT2LMHeadModel", "transformer.", gguf_names_gpt2, words_gpt2,
     "{\"activation_function\": \"gelu_new\", \"embd_pdrop\": 0, \"attn_pdrop\": 0, \"resid_pdrop\": 0}", NULL,
     gpt2_to_keys},
    {"bloom", "bloom", "BloomForCausalLM", "transformer.", gguf_names_bloom, words_bloom, "{}", NULL, bloom_to_keys},
    {"gptneox", "gpt_neox", "GPTNeoXForCausalLM", "gpt_neox.", gguf_names_gpt_neox, words_gpt_neox,
     "{\"hidden_act\": \"gelu\"}", NULL, NULL},
    {"phi2", "phi", "PhiForCausalLM", "model.", gguf_names_phi, words_phi, "{\"hidden_act\": \"gelu_new\"}", NULL,
     NULL},
    {"baichuan", "baichuan", "BaichuanForCausalLM", "model.", gguf_names_baichuan, words_baichuan, SILU,
     baichuan_to_config, baichuan_to_keys},
    {"qwen", "qwen", "QWenLMHeadModel", "transformer.", gguf_names_qwen, words_qwen, "{}", qwen_to_config, NULL},
    {"chatglm", "chatglm", "ChatGLMModel", "transformer.", gguf_names_chatglm, words_chatglm, "{}", chatglm_to_config,
     chatglm_to_keys},
    {"chatglm", "glm", "GlmForCausalLM", "model.", gguf_names_glm, words_glm, SILU, glm_to_config, NULL},
    {"bert", "bert", "BertModel", "bert.", gguf_names_bert, words_bert,
     "{\"hidden_act\": \"gelu\", \"hidden_dropout_prob\": 0, \"attention_probs_dropout_prob\": 0}", bert_to_config,
     bert_to_keys},
    {"bert", "roberta", "RobertaModel", "roberta.", gguf_names_roberta, words_roberta, "{}", NULL, roberta_to_keys},
    {"bert", "xlm-roberta", "XLMRobertaModel", "roberta.", gguf_names_roberta, words_roberta, "{}", NULL,
     roberta_to_keys},
    {"t5", "t5", "T5ForConditionalGeneration", "", gguf_names_t5, words_t5, "{\"dropout_rate\": 0}", t5_to_config,
     NULL},
    {"t5", "mt5", "MT5ForConditionalGeneration", "", gguf_names_t5, words_t5, "{}", NULL, mt5_to_keys},
};
enum { TABLE = sizeof table / sizeof *table };

const gguf_arch *gguf_arch_at(size_t i)
{
    return i < TABLE ? &table[i] : NULL;
}

const gguf_arch *gguf_arch_of(const gguf *g)
{
    slice name;
    if (gguf_get_string(g, "general.architecture", &name)) return NULL;
    for (size_t i = 0; i < TABLE; i++) {
        if (!slice_is(name, table[i].gguf)) continue;
        /* GLM-4 goes by ChatGLM's name, with the products of Hugging Face's own class */
        if (strcmp(table[i].type, "chatglm") == 0 && has(g, "blk.0.attn_q.weight")) continue;
        return &table[i];
    }
    return NULL;
}

const gguf_arch *gguf_arch_of_type(const char *model_type)
{
    for (size_t i = 0; i < TABLE; i++)
        if (strcmp(model_type, table[i].type) == 0) return &table[i];
    return NULL;
}

/* ---- names --------------------------------------------------------------------------------------------------------------- */

/* pattern: "blk.%d.attn_q"; name: "blk.12.attn_q.weight". */
static bool meets(const char *pattern, slice name, gguf_match *out)
{
    enum { LAYERS = 100000 };
    out->layer = -1;
    for (; *pattern; pattern++) {
        if (pattern[0] == '%') {
            int v = 0;
            size_t digits = 0;
            for (; digits < name.n && name.p[digits] >= '0' && name.p[digits] <= '9' && v < LAYERS; digits++)
                v = 10 * v + name.p[digits] - '0';
            if (digits == 0 || v >= LAYERS || (digits > 1 && name.p[0] == '0')) return false;
            out->layer = v;
            name = (slice){name.p + digits, name.n - digits};
            pattern++;
        } else if (name.n && *name.p == *pattern) {
            name = (slice){name.p + 1, name.n - 1};
        } else {
            return false;
        }
    }
    out->end = (slice){name.p + 1, name.n ? name.n - 1 : 0};
    return name.n && *name.p == '.' && (slice_is(out->end, "weight") || slice_is(out->end, "bias"));
}

bool gguf_arch_match(const gguf_arch *a, slice name, bool gguf_side, size_t *i, gguf_match *out)
{
    for (; a->names[*i].gguf; (*i)++) {
        out->row = &a->names[*i];
        if (meets(gguf_side ? out->row->gguf : out->row->hf, name, out)) return true;
    }
    return false;
}

lorec_err gguf_arch_name(buf *out, const char *pattern, const gguf_match *m)
{
    buf_clear(out);
    const char *number = strstr(pattern, "%d");
    if (!number) return buf_printf(out, "%s.%.*s", pattern, (int)m->end.n, m->end.p);
    return buf_printf(out, "%.*s%d%s.%.*s", (int)(number - pattern), pattern, m->layer, number + 2, (int)m->end.n,
                      m->end.p);
}
