/* Qwen2 and Qwen2.5 (Yang et al. 2024): LLaMA with biases on queries, keys and values, and windows in the upper layers where
 * the config asks for them. */
#include "lm/arch/qwen2_windows.h"

static const arch_field fields[] = {
    LLAMA_FIELDS(151936, 4096, 22016, 32, 32),
    ARCH_SIZE("num_key_value_heads", kv_heads, 32),
    ARCH_SIZE("max_position_embeddings", max_positions, 32768),
    ARCH_F32("rms_norm_eps", norm_eps, 1e-6),
    ARCH_ACTIVATION("hidden_act", activation, "silu"),
    ARCH_TIED(false, "lm_head.weight"),
    ARCH_PADDING(-1),
};

static void qwen2_complete(transformer_config *c)
{
    static const char *const names[TRANSFORMER_PARTS] = {LLAMA_NAMES, LLAMA_QKV_NAMES, LLAMA_QKV_BIAS_NAMES,
                                                         LLAMA_FFN_NAMES};
    llama_like(c, names);
}

static lorec_err qwen2_read(transformer_config *c, const json_t *json)
{
    *c = (transformer_config){0};
    qwen2_complete(c);
    TRY(ARCH_READ(c, json, fields));
    TRY(qwen2_get_windows(json, c));
    return arch_get_rope(json, ROPE_HALF, 10000, 1, c);
}

static json_t *qwen2_write(const transformer_config *c)
{
    json_t *o = ARCH_WRITE(c, "qwen2", "Qwen2ForCausalLM", fields);
    return arch_put_rope(qwen2_put_windows(o, c), c);
}

const lm_arch lm_arch_qwen2 = {.type = "qwen2",
                               .class_name = "Qwen2ForCausalLM",
                               .base = "model.",
                               .complete = qwen2_complete,
                               .read = qwen2_read,
                               .write = qwen2_write,
                               .heads = &arch_score_head};
