/* BLOOM (BigScience 2022): BLOOMZ, Phoenix, BELLE-7B. ALiBi instead of positions, a norm of the token vectors, one product for q,
 * k and v, head by head. */
#include "lm/arch_fields.h"

#define LAYER "transformer.h.%d."

static const arch_field fields[] = {
    ARCH_SIZE("vocab_size", vocab_size, 250880),
    ARCH_SIZE_ALSO("hidden_size", "n_embed", width, 64),
    ARCH_SIZE_ALSO("n_layer", "num_hidden_layers", layers, 2),
    ARCH_SIZE_ALSO("n_head", "num_attention_heads", heads, 8),
    ARCH_RATE("hidden_dropout", residual_dropout, 0),
    ARCH_RATE("attention_dropout", attn_dropout, 0),
    ARCH_F32("layer_norm_epsilon", norm_eps, 1e-5),
    ARCH_SD("initializer_range", .02),
    ARCH_TIED(true, "lm_head.weight"),
};

static void bloom_complete(transformer_config *c)
{
    static const char *const names[TRANSFORMER_PARTS] = {
        [PART_TOKENS] = "transformer.word_embeddings.weight",
        [PART_EMBED_NORM] = "transformer.word_embeddings_layernorm.weight",
        [PART_EMBED_NORM_BIAS] = "transformer.word_embeddings_layernorm.bias",
        [PART_FINAL_NORM] = "transformer.ln_f.weight",
        [PART_FINAL_NORM_BIAS] = "transformer.ln_f.bias",
        [PART_ATTN_NORM] = LAYER "input_layernorm.weight",
        [PART_ATTN_NORM_BIAS] = LAYER "input_layernorm.bias",
        [PART_QKV] = LAYER "self_attention.query_key_value.weight",
        [PART_QKV_BIAS] = LAYER "self_attention.query_key_value.bias",
        [PART_OUT] = LAYER "self_attention.dense.weight",
        [PART_OUT_BIAS] = LAYER "self_attention.dense.bias",
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
    c->bias = BIAS_ALIBI;
    c->activation = ACT_GELU_TANH;
    c->ffn_width = 4 * c->width;
    c->max_positions = ARCH_NO_END;
}

static lorec_err bloom_read(transformer_config *c, const json_t *json)
{
    *c = (transformer_config){0};
    TRY(ARCH_READ(c, json, fields));
    const char *head = c->name[PART_HEAD];
    bloom_complete(c);
    c->name[PART_HEAD] = head;
    return json_get_bool_or(json, "apply_residual_connection_post_layernorm", false, &c->residual_of_norm);
}

static json_t *bloom_write(const transformer_config *c)
{
    json_t *o = ARCH_WRITE(c, "bloom", "BloomForCausalLM", fields);
    return arch_put_bool(o, "apply_residual_connection_post_layernorm", c->residual_of_norm);
}

const lm_arch lm_arch_bloom = {.type = "bloom",
                               .class_name = "BloomForCausalLM",
                               .base = "transformer.",
                               .complete = bloom_complete,
                               .read = bloom_read,
                               .write = bloom_write,
                               .heads = &arch_score_head};
