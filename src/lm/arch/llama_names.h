/* llama_names.h: what LLaMA's relatives share: names, and rows of their tables.
 *
 *     static const char *const names[TRANSFORMER_PARTS] = {LLAMA_NAMES, LLAMA_QKV_NAMES, LLAMA_FFN_NAMES};
 *     static const arch_field fields[] = {LLAMA_FIELDS, ARCH_SIZE("num_hidden_layers", layers, 32), ...};
 *
 * Ownership: everything is static. */
#ifndef LOREC_LM_ARCH_LLAMA_NAMES_H
#define LOREC_LM_ARCH_LLAMA_NAMES_H

#include "lm/arch_fields.h"

#define LLAMA_LAYER "model.layers.%d."
#define LLAMA_NAMES                                                                                                    \
    [PART_TOKENS] = "model.embed_tokens.weight", [PART_FINAL_NORM] = "model.norm.weight",                              \
    [PART_HEAD] = "lm_head.weight", [PART_ATTN_NORM] = LLAMA_LAYER "input_layernorm.weight",                           \
    [PART_OUT] = LLAMA_LAYER "self_attn.o_proj.weight",                                                                \
    [PART_FFN_NORM] = LLAMA_LAYER "post_attention_layernorm.weight", [PART_DOWN] = LLAMA_LAYER "mlp.down_proj.weight"
#define LLAMA_QKV_NAMES                                                                                                \
    [PART_Q] = LLAMA_LAYER "self_attn.q_proj.weight", [PART_K] = LLAMA_LAYER "self_attn.k_proj.weight",                \
    [PART_V] = LLAMA_LAYER "self_attn.v_proj.weight"
#define LLAMA_QKV_BIAS_NAMES                                                                                           \
    [PART_Q_BIAS] = LLAMA_LAYER "self_attn.q_proj.bias", [PART_K_BIAS] = LLAMA_LAYER "self_attn.k_proj.bias",          \
    [PART_V_BIAS] = LLAMA_LAYER "self_attn.v_proj.bias"
#define LLAMA_FFN_NAMES [PART_UP] = LLAMA_LAYER "mlp.up_proj.weight", [PART_GATE] = LLAMA_LAYER "mlp.gate_proj.weight"

/* The fields that all of them have; their other sizes have defaults of their own. */
#define LLAMA_FIELDS(vocab, wide, ffn, deep, heads_)                                                                   \
    ARCH_SIZE("vocab_size", vocab_size, vocab), ARCH_SIZE("hidden_size", width, wide),                                 \
        ARCH_SIZE("intermediate_size", ffn_width, ffn), ARCH_SIZE("num_hidden_layers", layers, deep),                  \
        ARCH_SIZE("num_attention_heads", heads, heads_), ARCH_RATE("attention_dropout", attn_dropout, 0),              \
        ARCH_SD("initializer_range", .02)

static inline void llama_like(transformer_config *c, const char *const names[TRANSFORMER_PARTS])
{
    memcpy(c->name, names, sizeof c->name);
    c->norm = NORM_RMS;
    c->place = NORM_PRE;
    c->causal = true;
    c->layout = LINEAR_OUT_IN;
    c->rope.kind = ROPE_HALF;
    if (c->activation == ACT_NONE) c->activation = ACT_SILU;
}

/* "attention_bias" (and, where `out` says so, of the output too): which of the biases there are. */
static inline lorec_err llama_get_bias(const json_t *json, bool fallback, bool out, transformer_config *c)
{
    bool asked;
    TRY(json_get_bool_or(json, "attention_bias", fallback, &asked));
    static const char *const names[TRANSFORMER_PARTS] = {LLAMA_QKV_BIAS_NAMES};
    for (int p = PART_Q_BIAS; p <= PART_V_BIAS; p++)
        if (names[p]) c->name[p] = asked ? names[p] : NULL;
    if (out) c->name[PART_OUT_BIAS] = asked ? LLAMA_LAYER "self_attn.o_proj.bias" : NULL;
    return LOREC_OK;
}

#endif
