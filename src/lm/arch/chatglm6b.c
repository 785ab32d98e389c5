/* ChatGLM-6B (Du et al., ACL 2022; Zeng et al., ICLR 2023): the context before the BOS token is seen in both directions; what is
 * generated stands, as one span, at the context's mask token and counts a second position; half of each head is turned by either.
 * The residual is taken of the norm's output, times sqrt(2 layers). */
#include <math.h>

#include "lm/arch_fields.h"

#define LAYER "transformer.layers.%d."

static const arch_field fields[] = {
    ARCH_SIZE("vocab_size", vocab_size, 130528),
    ARCH_SIZE("hidden_size", width, 4096),
    ARCH_SIZE("num_layers", layers, 28),
    ARCH_SIZE("num_attention_heads", heads, 32),
    ARCH_SIZE("inner_hidden_size", ffn_width, 16384),
    ARCH_SIZE("max_sequence_length", max_positions, 2048),
    ARCH_F32("layernorm_epsilon", norm_eps, 1e-5),
    ARCH_TIED(false, "lm_head.weight"),
};

static void chatglm6b_complete(transformer_config *c)
{
    static const char *const names[TRANSFORMER_PARTS] = {
        [PART_TOKENS] = "transformer.word_embeddings.weight",
        [PART_FINAL_NORM] = "transformer.final_layernorm.weight",
        [PART_FINAL_NORM_BIAS] = "transformer.final_layernorm.bias",
        [PART_HEAD] = "lm_head.weight",
        [PART_ATTN_NORM] = LAYER "input_layernorm.weight",
        [PART_ATTN_NORM_BIAS] = LAYER "input_layernorm.bias",
        [PART_QKV] = LAYER "attention.query_key_value.weight",
        [PART_QKV_BIAS] = LAYER "attention.query_key_value.bias",
        [PART_OUT] = LAYER "attention.dense.weight",
        [PART_OUT_BIAS] = LAYER "attention.dense.bias",
        [PART_FFN_NORM] = LAYER "post_attention_layernorm.weight",
        [PART_FFN_NORM_BIAS] = LAYER "post_attention_layernorm.bias",
        [PART_UP] = LAYER "mlp.dense_h_to_4h.weight",
        [PART_UP_BIAS] = LAYER "mlp.dense_h_to_4h.bias",
        [PART_DOWN] = LAYER "mlp.dense_4h_to_h.weight",
        [PART_DOWN_BIAS] = LAYER "mlp.dense_4h_to_h.bias",
    };
    memcpy(c->name, names, sizeof names);
    c->norm = NORM_LAYER;
    c->place = NORM_PRE;
    c->qkv_layout = QKV_BY_GROUP;
    c->causal = true;
    c->layout = LINEAR_OUT_IN;
    c->rope.kind = ROPE_2D;
    c->activation = ACT_GELU_TANH;
    c->weights = INIT_NORMAL(.02);
    c->residual_of_norm = true;
    c->residual_scale = sqrtf(2 * (float)c->layers);
    c->glm.on = true;
}

static lorec_err get_token(const json_t *json, const char *key, int64_t fallback, int32_t *out)
{
    int64_t id;
    TRY(json_get_i64_or(json, key, 0, INT32_MAX - 1, fallback, &id));
    *out = (int32_t)id;
    return LOREC_OK;
}

static lorec_err chatglm6b_read(transformer_config *c, const json_t *json)
{
    bool both;
    *c = (transformer_config){0};
    TRY(ARCH_READ(c, json, fields));
    const char *head = c->name[PART_HEAD];
    chatglm6b_complete(c);
    c->name[PART_HEAD] = head;
    TRY(json_get_bool_or(json, "position_encoding_2d", true, &both));
    if (!both) return err_set(LOREC_INPUT, "\"position_encoding_2d\" is false; such a model can not be run here");
    TRY(get_token(json, "bos_token_id", 130004, &c->glm.begin));
    TRY(get_token(json, "mask_token_id", 130000, &c->glm.mask));
    return get_token(json, "gmask_token_id", 130001, &c->glm.gmask);
}

static json_t *chatglm6b_write(const transformer_config *c)
{
    json_t *o = ARCH_WRITE(c, "chatglm", "ChatGLMModel", fields);
    o = arch_put_bool(o, "position_encoding_2d", true);
    o = arch_put_i64(o, "bos_token_id", c->glm.begin);
    o = arch_put_i64(o, "mask_token_id", c->glm.mask);
    return arch_put_i64(o, "gmask_token_id", c->glm.gmask);
}

static bool chatglm6b_claims(const json_t *json)
{
    return json_object_get(json, "inner_hidden_size") && !json_object_get(json, "padded_vocab_size");
}

const lm_arch lm_arch_chatglm6b = {.type = "chatglm",
                                   .class_name = "ChatGLMForConditionalGeneration",
                                   .claims = chatglm6b_claims,
                                   .base = "transformer.",
                                   .complete = chatglm6b_complete,
                                   .read = chatglm6b_read,
                                   .write = chatglm6b_write};
