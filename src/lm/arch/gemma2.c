/* Gemma (Gemma Team 2024a) and Gemma 2 (2024b): scaled embeddings, gains of 1 + w, heads wider than width / heads; Gemma 2 caps
 * scores and logits, norms what comes out of attention and feed-forward too, and sees a window in every other layer. */
#include <math.h>

#include "lm/arch/llama_names.h"

static const arch_field gemma_fields[] = {
    LLAMA_FIELDS(256000, 3072, 24576, 28, 16),
    ARCH_SIZE("num_key_value_heads", kv_heads, 16),
    ARCH_SIZE("head_dim", head_width, 256),
    ARCH_SIZE("max_position_embeddings", max_positions, 8192),
    ARCH_F32("rms_norm_eps", norm_eps, 1e-6),
    ARCH_TIED(true, "lm_head.weight"),
    ARCH_PADDING(0),
};

static const arch_field gemma2_fields[] = {
    LLAMA_FIELDS(256000, 2304, 9216, 26, 8),  ARCH_SIZE("num_key_value_heads", kv_heads, 4),
    ARCH_SIZE("head_dim", head_width, 256),   ARCH_SIZE("max_position_embeddings", max_positions, 8192),
    ARCH_F32("rms_norm_eps", norm_eps, 1e-6), ARCH_ACTIVATION("hidden_activation", activation, "gelu_pytorch_tanh"),
    ARCH_TIED(true, "lm_head.weight"),        ARCH_PADDING(0),
};

static void scaled(transformer_config *c)
{
    c->name[PART_HEAD] = NULL;
    c->norm_plus = 1;
    c->embed_scale = sqrtf((float)c->width);
}

/* ---- Gemma -------------------------------------------------------------------------------------------------------------- */

static void gemma_complete(transformer_config *c)
{
    static const char *const names[TRANSFORMER_PARTS] = {LLAMA_NAMES, LLAMA_QKV_NAMES, LLAMA_FFN_NAMES};
    if (c->activation == ACT_NONE) c->activation = ACT_GELU_TANH;
    llama_like(c, names);
    scaled(c);
}

/* Files of 2024 say "hidden_act": "gelu" and mean the tanh form, as the model was trained. */
static lorec_err gemma_read(transformer_config *c, const json_t *json)
{
    *c = (transformer_config){0};
    gemma_complete(c);
    TRY(ARCH_READ(c, json, gemma_fields));
    c->embed_scale = sqrtf((float)c->width);
    TRY(arch_get_activation(json, json_object_get(json, "hidden_activation") ? "hidden_activation" : "hidden_act",
                            "gelu_pytorch_tanh", &c->activation));
    if (c->activation == ACT_GELU) c->activation = ACT_GELU_TANH;
    TRY(llama_get_bias(json, false, true, c));
    return arch_get_rope(json, ROPE_HALF, 10000, 1, c);
}

static json_t *gemma_write(const transformer_config *c)
{
    json_t *o = ARCH_WRITE(c, "gemma", "GemmaForCausalLM", gemma_fields);
    o = arch_put_text(o, "hidden_act", arch_activation_word(c->activation));
    o = arch_put_bool(o, "attention_bias", c->name[PART_Q_BIAS] != NULL);
    return arch_put_rope(o, c);
}

const lm_arch lm_arch_gemma = {.type = "gemma",
                               .class_name = "GemmaForCausalLM",
                               .base = "model.",
                               .complete = gemma_complete,
                               .read = gemma_read,
                               .write = gemma_write,
                               .heads = &arch_score_head};

/* ---- Gemma 2 ------------------------------------------------------------------------------------------------------------ */

static void gemma2_complete(transformer_config *c)
{
    static const char *const names[TRANSFORMER_PARTS] = {
        LLAMA_NAMES,
        LLAMA_QKV_NAMES,
        LLAMA_FFN_NAMES,
        [PART_ATTN_POST_NORM] = LLAMA_LAYER "post_attention_layernorm.weight",
        [PART_FFN_POST_NORM] = LLAMA_LAYER "post_feedforward_layernorm.weight",
    };
    if (c->activation == ACT_NONE) c->activation = ACT_GELU_TANH;
    llama_like(c, names);
    scaled(c);
    c->name[PART_FFN_NORM] = LLAMA_LAYER "pre_feedforward_layernorm.weight";
}

static bool gemma2_whole(const json_t *json, int64_t layer)
{
    (void)json;
    return layer % 2 == 1;
}

/* null is no cap */
static lorec_err get_cap(const json_t *json, const char *key, double fallback, float *out)
{
    *out = 0;
    if (json_is_null(json_object_get(json, key))) return LOREC_OK;
    TRY(arch_get_f32(json, key, fallback, out));
    return *out > 0 ? LOREC_OK : err_set(LOREC_INPUT, "\"%s\" is %g; it has to be above 0", key, (double)*out);
}

static lorec_err gemma2_read(transformer_config *c, const json_t *json)
{
    float scalar;
    *c = (transformer_config){0};
    gemma2_complete(c);
    TRY(ARCH_READ(c, json, gemma2_fields));
    c->embed_scale = sqrtf((float)c->width);
    TRY(get_cap(json, "attn_logit_softcapping", 50, &c->attn_softcap));
    TRY(get_cap(json, "final_logit_softcapping", 30, &c->logit_softcap));
    TRY(arch_get_f32(json, "query_pre_attn_scalar", 256, &scalar));
    if (!(scalar > 0)) return err_set(LOREC_INPUT, "\"query_pre_attn_scalar\" is %g", (double)scalar);
    c->attn_scale = 1 / sqrtf(scalar);
    TRY(llama_get_bias(json, false, true, c));
    TRY(arch_refuse(json, "use_bidirectional_attention"));
    TRY(arch_get_window(json, 4096, gemma2_whole, c));
    return arch_get_rope(json, ROPE_HALF, 10000, 1, c);
}

static json_t *gemma2_write(const transformer_config *c)
{
    json_t *o = ARCH_WRITE(c, "gemma2", "Gemma2ForCausalLM", gemma2_fields);
    o = c->attn_softcap > 0 ? arch_put_f32(o, "attn_logit_softcapping", c->attn_softcap)
                            : arch_put_null(o, "attn_logit_softcapping");
    o = c->logit_softcap > 0 ? arch_put_f32(o, "final_logit_softcapping", c->logit_softcap)
                             : arch_put_null(o, "final_logit_softcapping");
    float scale = c->attn_scale != 0 ? c->attn_scale : 1 / sqrtf((float)c->head_width);
    o = arch_put_f32(o, "query_pre_attn_scalar", 1 / (scale * scale));
    o = arch_put_bool(o, "attention_bias", c->name[PART_Q_BIAS] != NULL);
    return arch_put_rope(arch_put_window(o, c), c);
}

const lm_arch lm_arch_gemma2 = {.type = "gemma2",
                                .class_name = "Gemma2ForCausalLM",
                                .base = "model.",
                                .complete = gemma2_complete,
                                .read = gemma2_read,
                                .write = gemma2_write,
                                .heads = &arch_score_head};
