/* Qwen, the first (Bai et al. 2023): q, k and v as one product with biases; beyond the length it was trained on the rotation's
 * base grows in steps (dynamic NTK) and queries are multiplied by the logarithm of their position (logn).
 *
 * Published code takes both from the prompt's length and leaves them out while training; here they follow from each
 * sequence's length (after a cache: so far), and training on such lengths sees them too. */
#include "lm/arch_fields.h"

#define LAYER "transformer.h.%d."

enum { LONGEST = 32768 /* what logn is tabled for */, MANY = INT32_MAX - 1 };

static const arch_field fields[] = {
    ARCH_SIZE("vocab_size", vocab_size, 151936),
    ARCH_SIZE("hidden_size", width, 4096),
    ARCH_SIZE("num_hidden_layers", layers, 32),
    ARCH_SIZE("num_attention_heads", heads, 32),
    ARCH_SIZE("kv_channels", head_width, 128),
    ARCH_RATE("emb_dropout_prob", embed_dropout, 0),
    ARCH_RATE("attn_dropout_prob", attn_dropout, 0),
    ARCH_F32("layer_norm_epsilon", norm_eps, 1e-6),
    ARCH_SD("initializer_range", .02),
    ARCH_TIED(false, "lm_head.weight"),
};

static void qwen_complete(transformer_config *c)
{
    static const char *const names[TRANSFORMER_PARTS] = {
        [PART_TOKENS] = "transformer.wte.weight", [PART_FINAL_NORM] = "transformer.ln_f.weight",
        [PART_HEAD] = "lm_head.weight",           [PART_ATTN_NORM] = LAYER "ln_1.weight",
        [PART_QKV] = LAYER "attn.c_attn.weight",  [PART_QKV_BIAS] = LAYER "attn.c_attn.bias",
        [PART_OUT] = LAYER "attn.c_proj.weight",  [PART_FFN_NORM] = LAYER "ln_2.weight",
        [PART_UP] = LAYER "mlp.w1.weight",        [PART_GATE] = LAYER "mlp.w2.weight",
        [PART_DOWN] = LAYER "mlp.c_proj.weight",
    };
    memcpy(c->name, names, sizeof names);
    c->norm = NORM_RMS;
    c->place = NORM_PRE;
    c->causal = true;
    c->layout = LINEAR_OUT_IN;
    c->rope.kind = ROPE_HALF;
    c->activation = ACT_SILU;
}

static lorec_err qwen_read(transformer_config *c, const json_t *json)
{
    bool ntk, logn, bare;
    int64_t both, trained, longest;
    *c = (transformer_config){0};
    qwen_complete(c);
    TRY(ARCH_READ(c, json, fields));
    TRY(json_get_i64_or(json, "intermediate_size", 2, MANY, 22016, &both)); /* w1's and w2's together */
    c->ffn_width = both / 2;
    TRY(json_get_bool_or(json, "no_bias", true, &bare));
    if (!bare) {
        c->name[PART_OUT_BIAS] = LAYER "attn.c_proj.bias";
        c->name[PART_UP_BIAS] = LAYER "mlp.w1.bias";
        c->name[PART_GATE_BIAS] = LAYER "mlp.w2.bias";
        c->name[PART_DOWN_BIAS] = LAYER "mlp.c_proj.bias";
    }
    TRY(json_get_i64_or(json, "max_position_embeddings", 1, MANY, 8192, &longest));
    TRY(json_get_i64_or(json, "seq_length", 1, MANY, longest, &trained));
    TRY(json_get_bool_or(json, "use_dynamic_ntk", true, &ntk));
    TRY(json_get_bool_or(json, "use_logn_attn", true, &logn));
    c->max_positions = longest > trained ? longest : trained;
    TRY(arch_get_rope(json, ROPE_HALF, 10000, 1, c));
    if (ntk) {
        c->rope.scaling = ROPE_DYNAMIC_STEPS;
        c->rope.original_length = (float)trained;
        if (c->max_positions < LONGEST) c->max_positions = LONGEST;
    }
    if (logn && trained > 1) c->log_length = (float)trained;
    return LOREC_OK;
}

static json_t *qwen_write(const transformer_config *c)
{
    bool ntk = c->rope.scaling == ROPE_DYNAMIC_STEPS, logn = c->log_length > 1;
    json_t *o = ARCH_WRITE(c, "qwen", "QWenLMHeadModel", fields);
    o = arch_put_i64(o, "intermediate_size", 2 * c->ffn_width);
    o = arch_put_bool(o, "no_bias", !c->name[PART_OUT_BIAS]);
    o = arch_put_i64(o, "max_position_embeddings", c->max_positions);
    if (ntk || logn) o = arch_put_i64(o, "seq_length", (int64_t)(ntk ? c->rope.original_length : c->log_length));
    o = arch_put_bool(o, "use_dynamic_ntk", ntk);
    o = arch_put_bool(o, "use_logn_attn", logn);
    o = arch_put_f32(o, "rotary_emb_base", c->rope.base);
    if (!c->rope.span || c->rope.span == c->head_width) return o;
    return arch_put_f32(o, "rotary_pct", ((float)c->rope.span + .25f) / (float)c->head_width);
}

const lm_arch lm_arch_qwen = {.type = "qwen",
                              .class_name = "QWenLMHeadModel",
                              .base = "transformer.",
                              .complete = qwen_complete,
                              .read = qwen_read,
                              .write = qwen_write,
                              .heads = &arch_score_head};
