/* LLaMA 1, 2, 3 (Touvron et al. 2023; Dubey et al. 2024) and what is built like it: TinyLlama, Vicuna, Yi, BELLE, YuLan-Chat,
 * Chinese-LLaMA-Alpaca. */
#include "lm/arch/llama_names.h"

static const arch_field fields[] = {
    LLAMA_FIELDS(32000, 4096, 11008, 32, 32), ARCH_SIZE("num_key_value_heads", kv_heads, 0),
    ARCH_SIZE("head_dim", head_width, 0),     ARCH_SIZE("max_position_embeddings", max_positions, 2048),
    ARCH_F32("rms_norm_eps", norm_eps, 1e-6), ARCH_ACTIVATION("hidden_act", activation, "silu"),
    ARCH_TIED(false, "lm_head.weight"),       ARCH_PADDING(-1),
};

static const char *const ffn_bias[TRANSFORMER_PARTS] = {
    [PART_UP_BIAS] = LLAMA_LAYER "mlp.up_proj.bias",
    [PART_GATE_BIAS] = LLAMA_LAYER "mlp.gate_proj.bias",
    [PART_DOWN_BIAS] = LLAMA_LAYER "mlp.down_proj.bias",
};

static void llama_complete(transformer_config *c)
{
    static const char *const names[TRANSFORMER_PARTS] = {LLAMA_NAMES, LLAMA_QKV_NAMES, LLAMA_FFN_NAMES};
    llama_like(c, names);
}

static lorec_err llama_read(transformer_config *c, const json_t *json)
{
    bool biased;
    *c = (transformer_config){0};
    llama_complete(c);
    TRY(ARCH_READ(c, json, fields));
    TRY(llama_get_bias(json, false, true, c));
    TRY(json_get_bool_or(json, "mlp_bias", false, &biased));
    for (int p = 0; biased && p < TRANSFORMER_PARTS; p++)
        if (ffn_bias[p]) c->name[p] = ffn_bias[p];
    return arch_get_rope(json, ROPE_HALF, 10000, 1, c);
}

static json_t *llama_write(const transformer_config *c)
{
    json_t *o = ARCH_WRITE(c, "llama", "LlamaForCausalLM", fields);
    o = arch_put_bool(o, "attention_bias", c->name[PART_Q_BIAS] != NULL);
    o = arch_put_bool(o, "mlp_bias", c->name[PART_UP_BIAS] != NULL);
    return arch_put_rope(o, c);
}

const lm_arch lm_arch_llama = {.type = "llama",
                               .class_name = "LlamaForCausalLM",
                               .base = "model.",
                               .complete = llama_complete,
                               .read = llama_read,
                               .write = llama_write,
                               .heads = &arch_score_head};
