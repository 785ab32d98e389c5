/* Mistral (Jiang et al. 2023): LLaMA with a sliding window. */
#include "lm/arch/llama_names.h"

static const arch_field fields[] = {
    LLAMA_FIELDS(32000, 4096, 14336, 32, 32), ARCH_SIZE("num_key_value_heads", kv_heads, 8),
    ARCH_SIZE("head_dim", head_width, 0),     ARCH_SIZE("max_position_embeddings", max_positions, 131072),
    ARCH_F32("rms_norm_eps", norm_eps, 1e-6), ARCH_ACTIVATION("hidden_act", activation, "silu"),
    ARCH_TIED(false, "lm_head.weight"),       ARCH_PADDING(-1),
};

static void mistral_complete(transformer_config *c)
{
    static const char *const names[TRANSFORMER_PARTS] = {LLAMA_NAMES, LLAMA_QKV_NAMES, LLAMA_FFN_NAMES};
    llama_like(c, names);
}

static lorec_err mistral_read(transformer_config *c, const json_t *json)
{
    *c = (transformer_config){0};
    mistral_complete(c);
    TRY(ARCH_READ(c, json, fields));
    TRY(arch_get_window(json, 4096, NULL, c));
    return arch_get_rope(json, ROPE_HALF, 10000, 1, c);
}

static json_t *mistral_write(const transformer_config *c)
{
    json_t *o = ARCH_WRITE(c, "mistral", "MistralForCausalLM", fields);
    return arch_put_rope(arch_put_window(o, c), c);
}

const lm_arch lm_arch_mistral = {.type = "mistral",
                                 .class_name = "MistralForCausalLM",
                                 .base = "model.",
                                 .complete = mistral_complete,
                                 .read = mistral_read,
                                 .write = mistral_write,
                                 .heads = &arch_score_head};
