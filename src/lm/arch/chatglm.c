/* ChatGLM2, ChatGLM3 and GLM-4 as first published (Zeng et al. 2023; GLM Team 2024): q for every head, k and v for few groups,
 * half of each head turned in pairs side by side, gate and up as one product. */
#include "lm/arch_fields.h"

#define ENCODER "transformer.encoder."
#define LAYER   ENCODER "layers.%d."

static const arch_field fields[] = {
    ARCH_SIZE("padded_vocab_size", vocab_size, 65024),   ARCH_SIZE("hidden_size", width, 4096),
    ARCH_SIZE("ffn_hidden_size", ffn_width, 13696),      ARCH_SIZE("num_layers", layers, 28),
    ARCH_SIZE("num_attention_heads", heads, 32),         ARCH_SIZE("kv_channels", head_width, 128),
    ARCH_SIZE("seq_length", max_positions, 2048),        ARCH_RATE("hidden_dropout", residual_dropout, 0),
    ARCH_RATE("attention_dropout", attn_dropout, 0),     ARCH_F32("layernorm_epsilon", norm_eps, 1e-5),
    ARCH_TIED(false, "transformer.output_layer.weight"),
};

static const struct {
    transformer_part part;
    const char *name;
    bool qkv; /* of "add_qkv_bias" as well */
} biases[] = {
    {PART_QKV_BIAS, LAYER "self_attention.query_key_value.bias", true},
    {PART_OUT_BIAS, LAYER "self_attention.dense.bias", false},
    {PART_GATE_UP_BIAS, LAYER "mlp.dense_h_to_4h.bias", false},
    {PART_DOWN_BIAS, LAYER "mlp.dense_4h_to_h.bias", false},
};

static void chatglm_complete(transformer_config *c)
{
    static const char *const names[TRANSFORMER_PARTS] = {
        [PART_TOKENS] = "transformer.embedding.word_embeddings.weight",
        [PART_FINAL_NORM] = ENCODER "final_layernorm.weight",
        [PART_HEAD] = "transformer.output_layer.weight",
        [PART_ATTN_NORM] = LAYER "input_layernorm.weight",
        [PART_QKV] = LAYER "self_attention.query_key_value.weight",
        [PART_QKV_BIAS] = LAYER "self_attention.query_key_value.bias",
        [PART_OUT] = LAYER "self_attention.dense.weight",
        [PART_FFN_NORM] = LAYER "post_attention_layernorm.weight",
        [PART_GATE_UP] = LAYER "mlp.dense_h_to_4h.weight",
        [PART_DOWN] = LAYER "mlp.dense_4h_to_h.weight",
    };
    memcpy(c->name, names, sizeof names);
    c->norm = NORM_RMS;
    c->place = NORM_PRE;
    c->causal = true;
    c->layout = LINEAR_OUT_IN;
    c->rope.kind = ROPE_PAIRS;
    c->activation = ACT_SILU;
    c->weights = INIT_NORMAL(.02);
    if (c->kv_heads == c->heads) c->qkv_layout = QKV_BY_GROUP;
}

static lorec_err chatglm_read(transformer_config *c, const json_t *json)
{
    bool shared, rms, final, biased, qkv_biased;
    float ratio;
    *c = (transformer_config){0};
    TRY(ARCH_READ(c, json, fields));
    const char *head = c->name[PART_HEAD];
    TRY(json_get_bool_or(json, "multi_query_attention", false, &shared));
    c->kv_heads = c->heads;
    if (shared) TRY(json_get_i64_or(json, "multi_query_group_num", 1, 4096, 1, &c->kv_heads));
    chatglm_complete(c);
    c->qkv_layout = shared ? QKV_SIDE_BY_SIDE : QKV_BY_GROUP;
    c->name[PART_HEAD] = head;
    TRY(json_get_bool_or(json, "rmsnorm", true, &rms));
    if (!rms) {
        c->norm = NORM_LAYER;
        c->name[PART_FINAL_NORM_BIAS] = ENCODER "final_layernorm.bias";
        c->name[PART_ATTN_NORM_BIAS] = LAYER "input_layernorm.bias";
        c->name[PART_FFN_NORM_BIAS] = LAYER "post_attention_layernorm.bias";
    }
    TRY(json_get_bool_or(json, "post_layer_norm", true, &final));
    if (!final) c->name[PART_FINAL_NORM] = c->name[PART_FINAL_NORM_BIAS] = NULL;
    TRY(json_get_bool_or(json, "add_bias_linear", false, &biased));
    TRY(json_get_bool_or(json, "add_qkv_bias", false, &qkv_biased));
    for (size_t i = 0; i < sizeof biases / sizeof *biases; i++)
        c->name[biases[i].part] = biased || (qkv_biased && biases[i].qkv) ? biases[i].name : NULL;
    TRY(json_get_bool_or(json, "apply_residual_connection_post_layernorm", false, &c->residual_of_norm));
    TRY(arch_get_f32(json, "rope_ratio", 1, &ratio));
    if (!(ratio > 0)) return err_set(LOREC_INPUT, "\"rope_ratio\" is %g; it has to be above 0", (double)ratio);
    return arch_get_rope(json, ROPE_PAIRS, 10000 * (double)ratio, .5, c);
}

static json_t *chatglm_write(const transformer_config *c)
{
    json_t *o = ARCH_WRITE(c, "chatglm", "ChatGLMModel", fields);
    o = arch_put_bool(o, "multi_query_attention", c->qkv_layout == QKV_SIDE_BY_SIDE);
    o = arch_put_i64(o, "multi_query_group_num", c->kv_heads ? c->kv_heads : c->heads);
    o = arch_put_bool(o, "rmsnorm", c->norm == NORM_RMS);
    o = arch_put_bool(o, "post_layer_norm", c->name[PART_FINAL_NORM] != NULL);
    o = arch_put_bool(o, "add_bias_linear", c->name[PART_OUT_BIAS] != NULL);
    o = arch_put_bool(o, "add_qkv_bias", c->name[PART_QKV_BIAS] != NULL);
    o = arch_put_bool(o, "apply_residual_connection_post_layernorm", c->residual_of_norm);
    return arch_put_f32(o, "rope_ratio", (c->rope.base != 0 ? c->rope.base : 10000) / 10000);
}

static bool chatglm_claims(const json_t *json)
{
    return json_object_get(json, "padded_vocab_size") || !json_object_get(json, "inner_hidden_size");
}

const lm_arch lm_arch_chatglm = {.type = "chatglm",
                                 .class_name = "ChatGLMForConditionalGeneration",
                                 .claims = chatglm_claims,
                                 .base = "transformer.",
                                 .complete = chatglm_complete,
                                 .read = chatglm_read,
                                 .write = chatglm_write};
