/* GPT-2 (Radford et al. 2019): pre-norm, learned positions, one product for q, k and v, weights stored [in, out]. */

#include "lm/arch.h"

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
}

static lorec_err refuse(const json_t *json, const char *key)
{
    bool asked;
    TRY(json_get_bool_or(json, key, false, &asked));
    return asked ? err_set(LOREC_INPUT, "\"%s\" is true; such a GPT-2 can not be run here", key) : LOREC_OK;
}

static lorec_err gpt2_read(transformer_config *c, const json_t *json)
{
    enum { MANY = INT32_MAX - 1, WIDE = 1 << 20 };
    *c = (transformer_config){0};
    gpt2_complete(c);
    TRY(json_get_i64_or(json, "vocab_size", 1, MANY, 50257, &c->vocab_size));
    TRY(json_get_i64_or(json, "n_positions", 1, MANY, 1024, &c->max_positions));
    TRY(json_get_i64_or(json, "n_embd", 1, WIDE, 768, &c->width));
    TRY(json_get_i64_or(json, "n_layer", 1, 4096, 12, &c->layers));
    TRY(json_get_i64_or(json, "n_head", 1, 4096, 12, &c->heads));
    TRY(json_get_i64_or(json, "n_inner", 1, WIDE, 4 * c->width, &c->ffn_width));
    TRY(arch_get_activation(json, "activation_function", "gelu_new", &c->activation));
    TRY(arch_get_rate(json, "embd_pdrop", .1, &c->embed_dropout));
    TRY(arch_get_rate(json, "attn_pdrop", .1, &c->attn_dropout));
    TRY(arch_get_rate(json, "resid_pdrop", .1, &c->residual_dropout));
    TRY(arch_get_f32(json, "layer_norm_epsilon", 1e-5, &c->norm_eps));
    double sd;
    TRY(json_get_f64_or(json, "initializer_range", .02, &sd));
    c->weights = INIT_NORMAL(sd);
    bool scaled, tied;
    TRY(json_get_bool_or(json, "scale_attn_weights", true, &scaled));
    if (!scaled) c->attn_scale = 1;
    TRY(json_get_bool_or(json, "tie_word_embeddings", true, &tied));
    if (!tied) c->name[PART_HEAD] = "lm_head.weight";
    TRY(refuse(json, "scale_attn_by_inverse_layer_idx"));
    return refuse(json, "add_cross_attention");
}

static json_t *gpt2_write(const transformer_config *c)
{
    return json_pack("{s:s,s:[s],s:I,s:I,s:I,s:I,s:I,s:I,s:s,s:f,s:f,s:f,s:f,s:f,s:b,s:b}", "model_type", "gpt2",
                     "architectures", "GPT2LMHeadModel", "vocab_size", (json_int_t)c->vocab_size, "n_positions",
                     (json_int_t)c->max_positions, "n_embd", (json_int_t)c->width, "n_layer", (json_int_t)c->layers,
                     "n_head", (json_int_t)c->heads, "n_inner", (json_int_t)c->ffn_width, "activation_function",
                     arch_activation_word(c->activation), "embd_pdrop", (double)c->embed_dropout, "attn_pdrop",
                     (double)c->attn_dropout, "resid_pdrop", (double)c->residual_dropout, "layer_norm_epsilon",
                     (double)c->norm_eps, "initializer_range", c->weights.a, "scale_attn_weights", c->attn_scale != 1,
                     "tie_word_embeddings", c->name[PART_HEAD] == NULL);
}

const lm_arch lm_arch_gpt2 = {
    .type = "gpt2", .base = "transformer.", .complete = gpt2_complete, .read = gpt2_read, .write = gpt2_write};
