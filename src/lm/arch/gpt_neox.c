/* GPT-NeoX (Black et al. 2022): Pythia, Dolly. One product for q, k and v, head by head; part of each head turned; attention
 * and feed-forward side by side, each after a norm of its own. */
#include "lm/arch_fields.h"

#define LAYER "gpt_neox.layers.%d."

static const arch_field fields[] = {
    ARCH_SIZE("vocab_size", vocab_size, 50432),
    ARCH_SIZE("hidden_size", width, 6144),
    ARCH_SIZE("intermediate_size", ffn_width, 24576),
    ARCH_SIZE("num_hidden_layers", layers, 44),
    ARCH_SIZE("num_attention_heads", heads, 64),
    ARCH_SIZE("max_position_embeddings", max_positions, 2048),
    ARCH_RATE("hidden_dropout", residual_dropout, 0),
    ARCH_RATE("attention_dropout", attn_dropout, 0),
    ARCH_ACTIVATION("hidden_act", activation, "gelu"),
    ARCH_F32("layer_norm_eps", norm_eps, 1e-5),
    ARCH_SD("initializer_range", .02),
    ARCH_TIED(false, "embed_out.weight"),
};

static void gpt_neox_complete(transformer_config *c)
{
    static const char *const names[TRANSFORMER_PARTS] = {
        [PART_TOKENS] = "gpt_neox.embed_in.weight",
        [PART_FINAL_NORM] = "gpt_neox.final_layer_norm.weight",
        [PART_FINAL_NORM_BIAS] = "gpt_neox.final_layer_norm.bias",
        [PART_HEAD] = "embed_out.weight",
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
    c->place = NORM_PARALLEL;
    c->qkv_layout = QKV_BY_GROUP;
    c->causal = true;
    c->layout = LINEAR_OUT_IN;
    c->rope.kind = ROPE_HALF;
}

static lorec_err gpt_neox_read(transformer_config *c, const json_t *json)
{
    bool parallel, biased;
    *c = (transformer_config){0};
    gpt_neox_complete(c);
    TRY(ARCH_READ(c, json, fields));
    c->embed_dropout = c->residual_dropout;
    TRY(json_get_bool_or(json, "use_parallel_residual", true, &parallel));
    c->place = parallel ? NORM_PARALLEL : NORM_PRE;
    TRY(json_get_bool_or(json, "attention_bias", true, &biased));
    if (!biased) c->name[PART_QKV_BIAS] = c->name[PART_OUT_BIAS] = NULL;
    return arch_get_rope(json, ROPE_HALF, 10000, .25, c);
}

static json_t *gpt_neox_write(const transformer_config *c)
{
    json_t *o = ARCH_WRITE(c, "gpt_neox", "GPTNeoXForCausalLM", fields);
    o = arch_put_bool(o, "use_parallel_residual", c->place == NORM_PARALLEL);
    o = arch_put_bool(o, "attention_bias", c->name[PART_QKV_BIAS] != NULL);
    return arch_put_rope(o, c);
}

const lm_arch lm_arch_gpt_neox = {.type = "gpt_neox",
                                  .class_name = "GPTNeoXForCausalLM",
                                  .base = "gpt_neox.",
                                  .complete = gpt_neox_complete,
                                  .read = gpt_neox_read,
                                  .write = gpt_neox_write,
                                  .heads = &arch_score_head};
