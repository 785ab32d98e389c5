/* Phi-1, 1.5 and 2 (Gunasekar et al. 2023): attention and feed-forward side by side after one norm, part of each head turned,
 * biases everywhere, also of the head. */
#include "lm/arch_fields.h"

#define LAYER "model.layers.%d."

static const arch_field fields[] = {
    ARCH_SIZE("vocab_size", vocab_size, 51200),
    ARCH_SIZE("hidden_size", width, 2048),
    ARCH_SIZE("intermediate_size", ffn_width, 8192),
    ARCH_SIZE("num_hidden_layers", layers, 24),
    ARCH_SIZE("num_attention_heads", heads, 32),
    ARCH_SIZE("num_key_value_heads", kv_heads, 0),
    ARCH_SIZE("max_position_embeddings", max_positions, 2048),
    ARCH_RATE("resid_pdrop", residual_dropout, 0),
    ARCH_RATE("embd_pdrop", embed_dropout, 0),
    ARCH_RATE("attention_dropout", attn_dropout, 0),
    ARCH_ACTIVATION("hidden_act", activation, "gelu_new"),
    ARCH_F32("layer_norm_eps", norm_eps, 1e-5),
    ARCH_SD("initializer_range", .02),
    ARCH_TIED(false, "lm_head.weight"),
    ARCH_PADDING(-1),
};

static const char *const head_norms[TRANSFORMER_PARTS] = {
    [PART_Q_NORM] = LAYER "self_attn.q_layernorm.weight",
    [PART_Q_NORM_BIAS] = LAYER "self_attn.q_layernorm.bias",
    [PART_K_NORM] = LAYER "self_attn.k_layernorm.weight",
    [PART_K_NORM_BIAS] = LAYER "self_attn.k_layernorm.bias",
};

static void phi_complete(transformer_config *c)
{
    static const char *const names[TRANSFORMER_PARTS] = {
        [PART_TOKENS] = "model.embed_tokens.weight",
        [PART_FINAL_NORM] = "model.final_layernorm.weight",
        [PART_FINAL_NORM_BIAS] = "model.final_layernorm.bias",
        [PART_HEAD] = "lm_head.weight",
        [PART_HEAD_BIAS] = "lm_head.bias",
        [PART_ATTN_NORM] = LAYER "input_layernorm.weight",
        [PART_ATTN_NORM_BIAS] = LAYER "input_layernorm.bias",
        [PART_Q] = LAYER "self_attn.q_proj.weight",
        [PART_Q_BIAS] = LAYER "self_attn.q_proj.bias",
        [PART_K] = LAYER "self_attn.k_proj.weight",
        [PART_K_BIAS] = LAYER "self_attn.k_proj.bias",
        [PART_V] = LAYER "self_attn.v_proj.weight",
        [PART_V_BIAS] = LAYER "self_attn.v_proj.bias",
        [PART_OUT] = LAYER "self_attn.dense.weight",
        [PART_OUT_BIAS] = LAYER "self_attn.dense.bias",
        [PART_UP] = LAYER "mlp.fc1.weight",
        [PART_UP_BIAS] = LAYER "mlp.fc1.bias",
        [PART_DOWN] = LAYER "mlp.fc2.weight",
        [PART_DOWN_BIAS] = LAYER "mlp.fc2.bias",
    };
    memcpy(c->name, names, sizeof names);
    c->norm = NORM_LAYER;
    c->place = NORM_PARALLEL;
    c->causal = true;
    c->layout = LINEAR_OUT_IN;
    c->rope.kind = ROPE_HALF;
}

static lorec_err phi_read(transformer_config *c, const json_t *json)
{
    bool normed;
    *c = (transformer_config){0};
    phi_complete(c);
    TRY(ARCH_READ(c, json, fields));
    TRY(json_get_bool_or(json, "qk_layernorm", false, &normed));
    for (int p = 0; normed && p < TRANSFORMER_PARTS; p++)
        if (head_norms[p]) c->name[p] = head_norms[p];
    return arch_get_rope(json, ROPE_HALF, 10000, .5, c);
}

static json_t *phi_write(const transformer_config *c)
{
    json_t *o = ARCH_WRITE(c, "phi", "PhiForCausalLM", fields);
    return arch_put_rope(arch_put_bool(o, "qk_layernorm", c->name[PART_Q_NORM] != NULL), c);
}

const lm_arch lm_arch_phi = {.type = "phi",
                             .class_name = "PhiForCausalLM",
                             .base = "model.",
                             .complete = phi_complete,
                             .read = phi_read,
                             .write = phi_write,
                             .heads = &arch_score_head};
