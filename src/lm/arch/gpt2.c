/* GPT-2 (Radford et al. 2019): pre-norm, learned positions, one product for q, k and v, weights stored [in, out]. */
#include "lm/arch_fields.h"

static const arch_field fields[] = {
    ARCH_SIZE("vocab_size", vocab_size, 50257),
    ARCH_SIZE("n_positions", max_positions, 1024),
    ARCH_SIZE("n_embd", width, 768),
    ARCH_SIZE("n_layer", layers, 12),
    ARCH_SIZE("n_head", heads, 12),
    ARCH_SIZE("n_inner", ffn_width, 0),
    ARCH_ACTIVATION("activation_function", activation, "gelu_new"),
    ARCH_RATE("embd_pdrop", embed_dropout, .1),
    ARCH_RATE("attn_pdrop", attn_dropout, .1),
    ARCH_RATE("resid_pdrop", residual_dropout, .1),
    ARCH_F32("layer_norm_epsilon", norm_eps, 1e-5),
    ARCH_SD("initializer_range", .02),
    ARCH_TIED(true, "lm_head.weight"),
};

static void gpt2_complete(transformer_config *c)
{
    static const char *const names[TRANSFORMER_PARTS] = {
        [PART_TOKENS] = "transformer.wte.weight",           [PART_POSITIONS] = "transformer.wpe.weight",
        [PART_FINAL_NORM] = "transformer.ln_f.weight",      [PART_FINAL_NORM_BIAS] = "transformer.ln_f.bias",
        [PART_ATTN_NORM] = "transformer.h.%d.ln_1.weight",  [PART_ATTN_NORM_BIAS] = "transformer.h.%d.ln_1.bias",
        [PART_QKV] = "transformer.h.%d.attn.c_attn.weight", [PART_QKV_BIAS] = "transformer.h.%d.attn.c_attn.bias",
        [PART_OUT] = "transformer.h.%d.attn.c_proj.weight", [PART_OUT_BIAS] = "transformer.h.%d.attn.c_proj.bias",
        [PART_FFN_NORM] = "transformer.h.%d.ln_2.weight",   [PART_FFN_NORM_BIAS] = "transformer.h.%d.ln_2.bias",
        [PART_UP] = "transformer.h.%d.mlp.c_fc.weight",     [PART_UP_BIAS] = "transformer.h.%d.mlp.c_fc.bias",
        [PART_DOWN] = "transformer.h.%d.mlp.c_proj.weight", [PART_DOWN_BIAS] = "transformer.h.%d.mlp.c_proj.bias",
    };
    memcpy(c->name, names, sizeof names);
    c->norm = NORM_LAYER;
    c->place = NORM_PRE;
    c->causal = true;
    c->layout = LINEAR_IN_OUT;
    c->scale_residual = true;
    if (c->ffn_width == 0) c->ffn_width = 4 * c->width;
}

static lorec_err gpt2_read(transformer_config *c, const json_t *json)
{
    bool scaled;
    *c = (transformer_config){0};
    TRY(ARCH_READ(c, json, fields));
    const char *head = c->name[PART_HEAD];
    gpt2_complete(c);
    c->name[PART_HEAD] = head;
    TRY(json_get_bool_or(json, "scale_attn_weights", true, &scaled));
    if (!scaled) c->attn_scale = 1;
    TRY(arch_refuse(json, "scale_attn_by_inverse_layer_idx"));
    return arch_refuse(json, "add_cross_attention");
}

static json_t *gpt2_write(const transformer_config *c)
{
    json_t *o = ARCH_WRITE(c, "gpt2", "GPT2LMHeadModel", fields);
    return arch_put_bool(o, "scale_attn_weights", c->attn_scale != 1);
}

const lm_arch lm_arch_gpt2 = {.type = "gpt2",
                              .class_name = "GPT2LMHeadModel",
                              .base = "transformer.",
                              .complete = gpt2_complete,
                              .read = gpt2_read,
                              .write = gpt2_write,
                              .heads = &arch_score_head};
