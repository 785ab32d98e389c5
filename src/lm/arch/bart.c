/* BART (Lewis et al., ACL 2020): an encoder-decoder of post-norm blocks with learned positions that begin at row 2. */
#include <math.h>

#include "lm/arch.h"

/* clang-format off */
#define BLOCK(stack, what) "model." stack ".layers.%d." what
#define PAIR(part, stack, name) \
    [part] = BLOCK(stack, name ".weight"), [part + 1] = BLOCK(stack, name ".bias")
#define STACK(stack)                                                       \
    [PART_TOKENS] = "model.shared.weight",                                 \
    [PART_POSITIONS] = "model." stack ".embed_positions.weight",           \
    [PART_EMBED_NORM] = "model." stack ".layernorm_embedding.weight",      \
    [PART_EMBED_NORM_BIAS] = "model." stack ".layernorm_embedding.bias",   \
    PAIR(PART_Q, stack, "self_attn.q_proj"),                               \
    PAIR(PART_K, stack, "self_attn.k_proj"),                               \
    PAIR(PART_V, stack, "self_attn.v_proj"),                               \
    PAIR(PART_OUT, stack, "self_attn.out_proj"),                           \
    PAIR(PART_ATTN_NORM, stack, "self_attn_layer_norm"),                   \
    PAIR(PART_UP, stack, "fc1"),                                           \
    PAIR(PART_DOWN, stack, "fc2"),                                         \
    PAIR(PART_FFN_NORM, stack, "final_layer_norm")
/* clang-format on */

static const char *const encoder[TRANSFORMER_PARTS] = {STACK("encoder")};
static const char *const decoder[TRANSFORMER_PARTS] = {
    STACK("decoder"),
    PAIR(PART_CROSS_Q, "decoder", "encoder_attn.q_proj"),
    PAIR(PART_CROSS_K, "decoder", "encoder_attn.k_proj"),
    PAIR(PART_CROSS_V, "decoder", "encoder_attn.v_proj"),
    PAIR(PART_CROSS_OUT, "decoder", "encoder_attn.out_proj"),
    PAIR(PART_CROSS_NORM, "decoder", "encoder_attn_layer_norm"),
    [PART_HEAD_BIAS] = "final_logits_bias",
};

/* The two stacks differ in depth, heads and feed-forward width. */
static lorec_err read_stack(transformer_config *c, const json_t *json, const char *const *names, const char *layers,
                            const char *heads, const char *ffn)
{
    enum { MANY = INT32_MAX - 1, WIDE = 1 << 20 };
    *c = (transformer_config){.norm = NORM_LAYER, .place = NORM_POST, .position_offset = 2};
    memcpy(c->name, names, sizeof c->name);
    double sd;
    bool scaled;
    TRY(json_get_i64_or(json, "vocab_size", 1, MANY, 50265, &c->vocab_size));
    TRY(json_get_i64_or(json, "max_position_embeddings", 1, MANY, 1024, &c->max_positions));
    TRY(json_get_i64_or(json, "d_model", 1, WIDE, 1024, &c->width));
    TRY(json_get_i64_or(json, layers, 1, 4096, 12, &c->layers));
    TRY(json_get_i64_or(json, heads, 1, 4096, 16, &c->heads));
    TRY(json_get_i64_or(json, ffn, 1, WIDE, 4096, &c->ffn_width));
    TRY(arch_get_activation(json, "activation_function", "gelu", &c->activation));
    TRY(arch_get_rate(json, "dropout", .1, &c->embed_dropout));
    TRY(arch_get_rate(json, "attention_dropout", 0, &c->attn_dropout));
    TRY(arch_get_rate(json, "activation_dropout", 0, &c->ffn_dropout));
    c->residual_dropout = c->embed_dropout;
    TRY(json_get_bool_or(json, "scale_embedding", false, &scaled));
    if (scaled) c->embed_scale = sqrtf((float)c->width);
    TRY(arch_get_padding(json, 1, c));
    TRY(json_get_f64_or(json, "init_std", .02, &sd));
    c->weights = INIT_NORMAL(sd);
    return LOREC_OK;
}

static lorec_err bart_read_encoder(transformer_config *c, const json_t *json)
{
    TRY(read_stack(c, json, encoder, "encoder_layers", "encoder_attention_heads", "encoder_ffn_dim"));
    c->headless = true;
    return LOREC_OK;
}

static lorec_err bart_read(transformer_config *c, const json_t *json)
{
    TRY(read_stack(c, json, decoder, "decoder_layers", "decoder_attention_heads", "decoder_ffn_dim"));
    c->causal = true;
    c->head_bias_fixed = true;
    return LOREC_OK;
}

static const head_names bart_heads = {.dense = "classification_head.dense",
                                      .out = "classification_head.out_proj",
                                      .act = ACT_TANH,
                                      .reads = CLASSIFY_LAST};

const lm_arch lm_arch_bart = {
    .type = "bart", .base = "model.", .read = bart_read, .read_encoder = bart_read_encoder, .heads = &bart_heads};
