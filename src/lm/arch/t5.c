/* T5 (Raffel et al., JMLR 2020), v1.1 and FLAN-T5, mT5 (Xue et al., NAACL 2021): RMS norms, no biases, relative positions in
 * buckets shared by all blocks, unscaled attention; v1.0 has a ReLU feed-forward part and a tied head read at
 * width^-1/2, later ones a gated part and a head of their own. */
#include <math.h>

#include "lm/arch.h"

#define ENCODER "encoder.block.%d."
#define DECODER "decoder.block.%d."
#define SELF_ATTENTION(block)                                                                                          \
    [PART_ATTN_NORM] = block "layer.0.layer_norm.weight", [PART_Q] = block "layer.0.SelfAttention.q.weight",           \
    [PART_K] = block "layer.0.SelfAttention.k.weight", [PART_V] = block "layer.0.SelfAttention.v.weight",              \
    [PART_OUT] = block "layer.0.SelfAttention.o.weight"
#define STACK(stack)                                                                                                   \
    [PART_TOKENS] = "shared.weight", [PART_FINAL_NORM] = stack "final_layer_norm.weight",                              \
    [PART_BIAS_TABLE] = stack "block.0.layer.0.SelfAttention.relative_attention_bias.weight"

static const char *const encoder[TRANSFORMER_PARTS] = {
    STACK("encoder."),
    SELF_ATTENTION(ENCODER),
    [PART_FFN_NORM] = ENCODER "layer.1.layer_norm.weight",
    [PART_GATE] = ENCODER "layer.1.DenseReluDense.wi_0.weight",
    [PART_UP] = ENCODER "layer.1.DenseReluDense.wi_1.weight",
    [PART_DOWN] = ENCODER "layer.1.DenseReluDense.wo.weight",
};
static const char *const decoder[TRANSFORMER_PARTS] = {
    STACK("decoder."),
    SELF_ATTENTION(DECODER),
    [PART_CROSS_NORM] = DECODER "layer.1.layer_norm.weight",
    [PART_CROSS_Q] = DECODER "layer.1.EncDecAttention.q.weight",
    [PART_CROSS_K] = DECODER "layer.1.EncDecAttention.k.weight",
    [PART_CROSS_V] = DECODER "layer.1.EncDecAttention.v.weight",
    [PART_CROSS_OUT] = DECODER "layer.1.EncDecAttention.o.weight",
    [PART_FFN_NORM] = DECODER "layer.2.layer_norm.weight",
    [PART_GATE] = DECODER "layer.2.DenseReluDense.wi_0.weight",
    [PART_UP] = DECODER "layer.2.DenseReluDense.wi_1.weight",
    [PART_DOWN] = DECODER "layer.2.DenseReluDense.wo.weight",
};

/* "relu", "gated-gelu" (which is tanh's), "gated-silu": what the part between is. */
static lorec_err read_feed(transformer_config *c, const json_t *json, const char *up, bool *gated)
{
    const char *words,
        *fallback = strcmp(json_string_value(json_object_get(json, "model_type")), "mt5") == 0 ? "gated-gelu" : "relu";
    TRY(json_get_string_or(json, "feed_forward_proj", fallback, &words));
    *gated = strncmp(words, "gated-", 6) == 0;
    json_t *word = json_pack("{s:s}", "feed_forward_proj",
                             strcmp(words, "gated-gelu") == 0 ? "gelu_new" : words + (*gated ? 6 : 0));
    if (!word) return err_set(LOREC_RESOURCE, "out of memory");
    lorec_err e = arch_get_activation(word, "feed_forward_proj", "relu", &c->activation);
    json_decref(word);
    if (!*gated) {
        c->name[PART_GATE] = NULL;
        c->name[PART_UP] = up;
    }
    return e;
}

static lorec_err read_stack(transformer_config *c, const json_t *json, const char *const *names, const char *up)
{
    enum { MANY = INT32_MAX - 1, WIDE = 1 << 20, NO_LIMIT = 1 << 20 };
    *c = (transformer_config){.norm = NORM_RMS, .place = NORM_PRE, .bias = BIAS_TABLE, .attn_scale = 1};
    memcpy(c->name, names, sizeof c->name);
    bool gated;
    double factor;
    TRY(json_get_i64_or(json, "vocab_size", 1, MANY, 32128, &c->vocab_size));
    TRY(json_get_i64_or(json, "d_model", 1, WIDE, 512, &c->width));
    TRY(json_get_i64_or(json, "d_kv", 1, WIDE, 64, &c->head_width));
    TRY(json_get_i64_or(json, "d_ff", 1, WIDE, 2048, &c->ffn_width));
    TRY(json_get_i64_or(json, "num_heads", 1, 4096, 8, &c->heads));
    TRY(json_get_i64_or(json, "num_layers", 1, 4096, 6, &c->layers));
    TRY(json_get_i64_or(json, "relative_attention_num_buckets", 4, WIDE, 32, &c->bias_buckets));
    TRY(json_get_i64_or(json, "relative_attention_max_distance", 1, MANY, 128, &c->bias_max_distance));
    TRY(arch_get_f32(json, "layer_norm_epsilon", 1e-6, &c->norm_eps));
    TRY(arch_get_rate(json, "dropout_rate", .1, &c->embed_dropout));
    c->attn_dropout = c->residual_dropout = c->ffn_dropout = c->final_dropout = c->embed_dropout;
    TRY(json_get_f64_or(json, "initializer_factor", 1, &factor));
    c->weights = INIT_NORMAL(factor / sqrt((double)c->width));
    c->max_positions = NO_LIMIT; /* positions are relative */
    return read_feed(c, json, up, &gated);
}

static lorec_err t5_read_encoder(transformer_config *c, const json_t *json)
{
    TRY(read_stack(c, json, encoder, ENCODER "layer.1.DenseReluDense.wi.weight"));
    c->headless = true;
    return LOREC_OK;
}

/* transformers 5 says whether outputs are scaled; before, they were where the head is tied. A file that has a head of its
 * own for unscaled outputs is read with it (lm/model_folder.c leaves it out where there is none). */
static lorec_err t5_read(transformer_config *c, const json_t *json)
{
    bool tied, scaled;
    TRY(read_stack(c, json, decoder, DECODER "layer.2.DenseReluDense.wi.weight"));
    TRY(json_get_i64_or(json, "num_decoder_layers", 1, 4096, c->layers, &c->layers));
    c->causal = true;
    bool multilingual = strcmp(json_string_value(json_object_get(json, "model_type")), "mt5") == 0;
    TRY(json_get_bool_or(json, "tie_word_embeddings", !multilingual, &tied));
    TRY(json_get_bool_or(json, "scale_decoder_outputs", tied && !multilingual, &scaled));
    if (scaled)
        c->head_scale = 1 / sqrtf((float)c->width);
    else
        c->name[PART_HEAD] = "lm_head.weight";
    return LOREC_OK;
}

static const head_names t5_heads = {.dense = "classification_head.dense",
                                    .out = "classification_head.out_proj",
                                    .act = ACT_TANH,
                                    .reads = CLASSIFY_LAST};

const lm_arch lm_arch_t5 = {
    .type = "t5", .base = "", .read = t5_read, .read_encoder = t5_read_encoder, .heads = &t5_heads};
const lm_arch lm_arch_mt5 = {
    .type = "mt5", .base = "", .read = t5_read, .read_encoder = t5_read_encoder, .heads = &t5_heads};
