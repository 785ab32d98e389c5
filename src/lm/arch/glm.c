/* GLM-4 as transformers has it (GLM Team 2024): half of each head is turned, in pairs side by side; gate and up are one
 * product. ChatGLM2 and 3 are in chatglm.c, ChatGLM-6B in chatglm6b.c. */
#include "lm/arch/llama_names.h"

static const arch_field fields[] = {
    LLAMA_FIELDS(151552, 4096, 13696, 40, 32),
    ARCH_SIZE("num_key_value_heads", kv_heads, 2),
    ARCH_SIZE("head_dim", head_width, 128),
    ARCH_SIZE("max_position_embeddings", max_positions, 131072),
    ARCH_F32("rms_norm_eps", norm_eps, 1.5625e-7),
    ARCH_ACTIVATION("hidden_act", activation, "silu"),
    ARCH_TIED(false, "lm_head.weight"),
    ARCH_PADDING(151329),
};

static void glm_complete(transformer_config *c)
{
    static const char *const names[TRANSFORMER_PARTS] = {
        LLAMA_NAMES,
        LLAMA_QKV_NAMES,
        LLAMA_QKV_BIAS_NAMES,
        [PART_GATE_UP] = LLAMA_LAYER "mlp.gate_up_proj.weight",
    };
    llama_like(c, names);
    c->rope.kind = ROPE_PAIRS;
}

static lorec_err glm_read(transformer_config *c, const json_t *json)
{
    *c = (transformer_config){0};
    glm_complete(c);
    TRY(ARCH_READ(c, json, fields));
    TRY(llama_get_bias(json, true, false, c));
    return arch_get_rope(json, ROPE_PAIRS, 10000, .5, c);
}

static json_t *glm_write(const transformer_config *c)
{
    json_t *o = ARCH_WRITE(c, "glm", "GlmForCausalLM", fields);
    o = arch_put_bool(o, "attention_bias", c->name[PART_Q_BIAS] != NULL);
    return arch_put_rope(o, c);
}

const lm_arch lm_arch_glm = {.type = "glm",
                             .class_name = "GlmForCausalLM",
                             .base = "model.",
                             .complete = glm_complete,
                             .read = glm_read,
                             .write = glm_write,
                             .heads = &arch_score_head};
