/* Qwen3 (Yang et al. 2025): no biases, a norm of each head's query and key, heads as wide as the config says. */
#include "lm/arch/qwen2_windows.h"

static const arch_field fields[] = {
    LLAMA_FIELDS(151936, 4096, 22016, 32, 32), ARCH_SIZE("num_key_value_heads", kv_heads, 32),
    ARCH_SIZE("head_dim", head_width, 128),    ARCH_SIZE("max_position_embeddings", max_positions, 32768),
    ARCH_F32("rms_norm_eps", norm_eps, 1e-6),  ARCH_ACTIVATION("hidden_act", activation, "silu"),
    ARCH_TIED(false, "lm_head.weight"),        ARCH_PADDING(-1),
};

static void qwen3_complete(transformer_config *c)
{
    static const char *const names[TRANSFORMER_PARTS] = {
        LLAMA_NAMES,
        LLAMA_QKV_NAMES,
        LLAMA_FFN_NAMES,
        [PART_Q_NORM] = LLAMA_LAYER "self_attn.q_norm.weight",
        [PART_K_NORM] = LLAMA_LAYER "self_attn.k_norm.weight",
    };
    llama_like(c, names);
}

static lorec_err qwen3_read(transformer_config *c, const json_t *json)
{
    *c = (transformer_config){0};
    qwen3_complete(c);
    TRY(ARCH_READ(c, json, fields));
    TRY(llama_get_bias(json, false, true, c));
    TRY(qwen2_get_windows(json, c));
    return arch_get_rope(json, ROPE_HALF, 10000, 1, c);
}

static json_t *qwen3_write(const transformer_config *c)
{
    json_t *o = ARCH_WRITE(c, "qwen3", "Qwen3ForCausalLM", fields);
    o = arch_put_bool(o, "attention_bias", c->name[PART_Q_BIAS] != NULL);
    return arch_put_rope(qwen2_put_windows(o, c), c);
}

const lm_arch lm_arch_qwen3 = {.type = "qwen3",
                               .class_name = "Qwen3ForCausalLM",
                               .base = "model.",
                               .complete = qwen3_complete,
                               .read = qwen3_read,
                               .write = qwen3_write,
                               .heads = &arch_score_head};
