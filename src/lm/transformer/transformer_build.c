/* From a config to parameters: which parts there are, their shapes, how they start. */
#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/str.h"
#include "lm/transformer/transformer_parts.h"

void transformer_name_plainly(transformer_config *c)
{
    static const char *const plain[TRANSFORMER_PARTS] = {
        [PART_TOKENS] = "tokens.weight",
        [PART_POSITIONS] = "positions.weight",
        [PART_FINAL_NORM] = "norm.weight",
        [PART_FINAL_NORM_BIAS] = "norm.bias",
        [PART_ATTN_NORM] = "blocks.%d.attn_norm.weight",
        [PART_ATTN_NORM_BIAS] = "blocks.%d.attn_norm.bias",
        [PART_Q] = "blocks.%d.attn.q.weight",
        [PART_Q_BIAS] = "blocks.%d.attn.q.bias",
        [PART_K] = "blocks.%d.attn.k.weight",
        [PART_K_BIAS] = "blocks.%d.attn.k.bias",
        [PART_V] = "blocks.%d.attn.v.weight",
        [PART_V_BIAS] = "blocks.%d.attn.v.bias",
        [PART_OUT] = "blocks.%d.attn.out.weight",
        [PART_OUT_BIAS] = "blocks.%d.attn.out.bias",
        [PART_FFN_NORM] = "blocks.%d.ffn_norm.weight",
        [PART_FFN_NORM_BIAS] = "blocks.%d.ffn_norm.bias",
        [PART_UP] = "blocks.%d.ffn.up.weight",
        [PART_UP_BIAS] = "blocks.%d.ffn.up.bias",
        [PART_DOWN] = "blocks.%d.ffn.down.weight",
        [PART_DOWN_BIAS] = "blocks.%d.ffn.down.bias",
    };
    for (int p = 0; p < TRANSFORMER_PARTS; p++) c->name[p] = plain[p];
    if (c->place == NORM_POST) c->name[PART_FINAL_NORM] = c->name[PART_FINAL_NORM_BIAS] = NULL;
    c->layout = LINEAR_OUT_IN;
}

/* ---- does the config make sense? ----------------------------------------------------------------------------------- */

static lorec_err need_size(const char *field, int64_t value, int64_t max)
{
    if (value >= 1 && value <= max) return LOREC_OK;
    return err_set(LOREC_INPUT, "a transformer's %s has to be 1 to %lld, not %lld", field, (long long)max,
                   (long long)value);
}

static lorec_err need_rate(const char *field, float p)
{
    if (p >= 0 && p < 1) return LOREC_OK;
    return err_set(LOREC_INPUT, "a transformer's %s has to be at least 0 and below 1, not %g", field, (double)p);
}

static lorec_err check(const transformer_config *c)
{
    enum { WIDE = 1 << 20, LONG = INT32_MAX - 1 };
    if (c->name[PART_TOKENS] || c->name[PART_HEAD]) TRY(need_size("vocab_size", c->vocab_size, LONG));
    TRY(need_size("width", c->width, WIDE));
    TRY(need_size("embed_width", c->embed_width, WIDE));
    TRY(need_size("layers", c->layers, TRANSFORMER_MAX_LAYERS));
    TRY(need_size("heads", c->heads, 4096));
    TRY(need_size("kv_heads", c->kv_heads, c->heads));
    TRY(need_size("head_width", c->head_width, WIDE));
    TRY(need_size("ffn_width", c->ffn_width, WIDE));
    TRY(need_size("max_positions", c->max_positions, LONG));
    TRY(need_rate("embed_dropout", c->embed_dropout));
    TRY(need_rate("attn_dropout", c->attn_dropout));
    TRY(need_rate("residual_dropout", c->residual_dropout));
    TRY(need_rate("ffn_dropout", c->ffn_dropout));
    TRY(need_rate("final_dropout", c->final_dropout));
    if (c->position_offset < 0 || c->position_offset > 1024 || c->token_types < 0 || c->token_types > WIDE ||
        c->window < 0 || c->window > LONG || c->padding < 0 || c->padding > c->vocab_size)
        return err_set(LOREC_INPUT, "a transformer's position_offset, token_types, window or padding is out of range");
    bool in = c->name[PART_EMBED_PROJECT] || c->name[PART_TOKEN_PROJECT],
         out = c->headless || c->name[PART_HEAD_DENSE] || c->name[PART_FINAL_PROJECT];
    if (c->embed_width != c->width && (!in || !out))
        return err_set(LOREC_INPUT, "embeddings of %lld values in a transformer of %lld need a projection in and out",
                       (long long)c->embed_width, (long long)c->width);
    if (c->bias == BIAS_TABLE) {
        TRY(need_size("bias_buckets", c->bias_buckets, WIDE));
        TRY(need_size("bias_max_distance", c->bias_max_distance, LONG));
    }
    if (c->heads % c->kv_heads)
        return err_set(LOREC_INPUT, "%lld heads can not share %lld kv_heads evenly", (long long)c->heads,
                       (long long)c->kv_heads);
    return LOREC_OK;
}

static lorec_err check_rope(const transformer_config *c)
{
    const rope *r = &c->rope;
    if (r->kind == ROPE_NONE) return LOREC_OK;
    int64_t parts = r->kind == ROPE_2D ? 2 : 1, dims = r->dims ? r->dims : c->head_width;
    if (c->head_width > 1024 || dims < 0 || dims > c->head_width || dims % (2 * parts))
        return err_set(LOREC_INPUT,
                       "%lld of a head's %lld values can not be rotated: an even number (with two positions, of fours) "
                       "within a head of at most 1024",
                       (long long)dims, (long long)c->head_width);
    if (!(r->base >= 0 && r->base < 1e30f) || (r->scaling != ROPE_UNSCALED && !(r->original_length > 0)) ||
        (r->scaling != ROPE_UNSCALED && r->scaling != ROPE_DYNAMIC_STEPS && !(r->factor > 0)) ||
        (r->scaling == ROPE_LLAMA3 && !(r->low_freq > 0 && r->high_freq > r->low_freq)) || !(r->magnitude >= 0))
        return err_set(LOREC_INPUT,
                       "the base, factor, original length or frequencies of the rotation are out of range");
    return LOREC_OK;
}

static lorec_err complete(transformer_config *c)
{
    if (c->kv_heads == 0) c->kv_heads = c->heads;
    if (c->head_width == 0) {
        if (c->heads < 1 || c->width % c->heads)
            return err_set(LOREC_INPUT, "a width of %lld can not be cut into %lld heads; name head_width or change one",
                           (long long)c->width, (long long)c->heads);
        c->head_width = c->width / c->heads;
    }
    if (c->norm_eps == 0) c->norm_eps = 1e-5f;
    if (c->embed_scale == 0) c->embed_scale = 1;
    if (c->head_scale == 0) c->head_scale = 1;
    if (c->embed_width == 0) c->embed_width = c->width;
    if (c->residual_scale == 0) c->residual_scale = 1;
    TRY(check(c));
    return check_rope(c);
}

/* ---- parts --------------------------------------------------------------------------------------------------------- */

typedef enum part_kind { KIND_TABLE, KIND_PRODUCT, KIND_GAIN, KIND_BIAS } part_kind;
typedef struct part_shape {
    part_kind kind;
    int64_t out, in; /* gains and biases: out values; tables: out rows */
} part_shape;

static part_shape shape_of(const transformer_config *c, transformer_part p)
{
    int64_t d = c->width, e = c->embed_width, q = c->heads * c->head_width, kv = c->kv_heads * c->head_width,
            f = c->ffn_width, in = c->name[PART_TOKEN_PROJECT] ? d : e;
    switch (p) {
    case PART_TOKENS:
    case PART_HEAD:
        return (part_shape){KIND_TABLE, c->vocab_size, e};
    case PART_POSITIONS:
        return (part_shape){KIND_TABLE, c->max_positions + c->position_offset, in};
    case PART_TYPES:
        return (part_shape){KIND_TABLE, c->token_types, in};
    case PART_BIAS_TABLE:
        return (part_shape){KIND_TABLE, c->bias_buckets, c->heads};
    case PART_TOKEN_PROJECT:
    case PART_EMBED_PROJECT:
        return (part_shape){KIND_PRODUCT, d, e};
    case PART_FINAL_PROJECT:
    case PART_HEAD_DENSE:
        return (part_shape){KIND_PRODUCT, e, d};
    case PART_HEAD_BIAS:
        return (part_shape){KIND_BIAS, c->vocab_size, 0};
    case PART_EMBED_NORM:
        return (part_shape){KIND_GAIN, in, 0};
    case PART_EMBED_NORM_BIAS:
        return (part_shape){KIND_BIAS, in, 0};
    case PART_HEAD_NORM:
        return (part_shape){KIND_GAIN, e, 0};
    case PART_FINAL_PROJECT_BIAS:
    case PART_HEAD_DENSE_BIAS:
    case PART_HEAD_NORM_BIAS:
        return (part_shape){KIND_BIAS, e, 0};
    case PART_FINAL_NORM:
    case PART_ATTN_NORM:
    case PART_CROSS_NORM:
    case PART_FFN_NORM:
    case PART_ATTN_POST_NORM:
    case PART_FFN_POST_NORM:
        return (part_shape){KIND_GAIN, d, 0};
    case PART_Q_NORM:
    case PART_K_NORM:
        return (part_shape){KIND_GAIN, c->head_width, 0};
    case PART_Q_NORM_BIAS:
    case PART_K_NORM_BIAS:
        return (part_shape){KIND_BIAS, c->head_width, 0};
    case PART_TOKEN_PROJECT_BIAS:
    case PART_ATTN_POST_NORM_BIAS:
    case PART_FFN_POST_NORM_BIAS:
    case PART_EMBED_PROJECT_BIAS:
    case PART_FINAL_NORM_BIAS:
    case PART_ATTN_NORM_BIAS:
    case PART_CROSS_NORM_BIAS:
    case PART_FFN_NORM_BIAS:
    case PART_OUT_BIAS:
    case PART_CROSS_OUT_BIAS:
    case PART_DOWN_BIAS:
        return (part_shape){KIND_BIAS, d, 0};
    case PART_QKV:
        return (part_shape){KIND_PRODUCT, q + 2 * kv, d};
    case PART_QKV_BIAS:
        return (part_shape){KIND_BIAS, q + 2 * kv, 0};
    case PART_Q:
    case PART_CROSS_Q:
        return (part_shape){KIND_PRODUCT, q, d};
    case PART_Q_BIAS:
    case PART_CROSS_Q_BIAS:
        return (part_shape){KIND_BIAS, q, 0};
    case PART_K:
    case PART_V:
    case PART_CROSS_K:
    case PART_CROSS_V:
        return (part_shape){KIND_PRODUCT, kv, d};
    case PART_K_BIAS:
    case PART_V_BIAS:
    case PART_CROSS_K_BIAS:
    case PART_CROSS_V_BIAS:
        return (part_shape){KIND_BIAS, kv, 0};
    case PART_OUT:
    case PART_CROSS_OUT:
        return (part_shape){KIND_PRODUCT, d, q};
    case PART_UP:
    case PART_GATE:
        return (part_shape){KIND_PRODUCT, f, d};
    case PART_GATE_UP:
        return (part_shape){KIND_PRODUCT, 2 * f, d};
    case PART_GATE_UP_BIAS:
        return (part_shape){KIND_BIAS, 2 * f, 0};
    case PART_UP_BIAS:
    case PART_GATE_BIAS:
        return (part_shape){KIND_BIAS, f, 0};
    case PART_DOWN:
        return (part_shape){KIND_PRODUCT, d, f};
    case TRANSFORMER_PARTS:
        break;
    }
    return (part_shape){KIND_BIAS, 0, 0};
}

static init start_of(const transformer_config *c, transformer_part p, part_kind kind)
{
    if (kind == KIND_BIAS) return INIT_ZERO;
    if (kind == KIND_GAIN) return INIT_CONST(1 - c->norm_plus);
    init how = c->weights;
    if (c->scale_residual && (p == PART_OUT || p == PART_DOWN)) how.a /= sqrt(2.0 * (double)c->layers);
    return how;
}

static lorec_err take_part(transformer *m, params *ps, transformer_part p, int64_t layer, const char *prefix)
{
    const transformer_config *c = &m->c;
    if (!c->name[p]) return LOREC_OK;
    buf name = {0};
    const char *hole = strstr(c->name[p], "%d");
    lorec_err e = buf_puts(&name, prefix);
    if (!e && hole) {
        e = buf_add(&name, c->name[p], (size_t)(hole - c->name[p]));
        if (!e) e = buf_printf(&name, "%lld%s", (long long)layer, hole + 2);
    } else if (!e) {
        e = buf_puts(&name, c->name[p]);
    }
    if (e) {
        buf_free(&name);
        return e;
    }
    part_shape s = shape_of(c, p);
    bool flat = s.kind == KIND_GAIN || s.kind == KIND_BIAS,
         turned = s.kind == KIND_PRODUCT && c->layout == LINEAR_IN_OUT;
    int64_t size[2] = {turned ? s.in : s.out, turned ? s.out : s.in};
    bool fixed = p == PART_HEAD_BIAS && c->head_bias_fixed;
    if (fixed) {
        flat = false;
        size[0] = 1;
        size[1] = s.out;
    }
    tensor *w = params_find(ps, name.p);
    if (!w) {
        w = params_add(ps, name.p, start_of(c, p, s.kind), flat ? 1 : 2, size);
        e = w ? LOREC_OK : params_error(ps);
    } else if (tensor_dims(w) != (flat ? 1 : 2) || tensor_size(w, 0) != size[0] ||
               (!flat && tensor_size(w, 1) != size[1])) {
        e = err_set(LOREC_INPUT, "the parameter %s that is there has another shape than this transformer needs",
                    name.p);
    }
    buf_free(&name);
    if (w && fixed) params_freeze(w, true);
    if (p < PART_FIRST_OF_BLOCK)
        m->part[p] = w;
    else
        m->block[layer].part[p - PART_FIRST_OF_BLOCK] = w;
    return e;
}

static lorec_err need_part(const transformer_config *c, transformer_part p, const char *what)
{
    return c->name[p] ? LOREC_OK : err_set(LOREC_INPUT, "a transformer needs a name for its %s", what);
}

static lorec_err build(transformer *m, params *ps, const char *prefix)
{
    TRY(complete(&m->c));
    const transformer_config *c = &m->c;
    if (!c->name[PART_QKV]) {
        TRY(need_part(c, PART_Q, "queries"));
        TRY(need_part(c, PART_K, "keys"));
        TRY(need_part(c, PART_V, "values"));
    }
    TRY(need_part(c, PART_OUT, "attention output"));
    if (!c->name[PART_GATE_UP]) TRY(need_part(c, PART_UP, "first feed-forward product"));
    TRY(need_part(c, PART_DOWN, "second feed-forward product"));
    TRY(need_part(c, PART_ATTN_NORM, "attention norm"));
    if (c->place != NORM_PARALLEL) TRY(need_part(c, PART_FFN_NORM, "feed-forward norm"));
    if (c->bias == BIAS_TABLE) TRY(need_part(c, PART_BIAS_TABLE, "relative positions"));
    if (c->name[PART_CROSS_Q]) {
        TRY(need_part(c, PART_CROSS_K, "keys of cross-attention"));
        TRY(need_part(c, PART_CROSS_V, "values of cross-attention"));
        TRY(need_part(c, PART_CROSS_OUT, "output of cross-attention"));
        TRY(need_part(c, PART_CROSS_NORM, "norm of cross-attention"));
    }
    TRY(mem_new(&m->block, (size_t)c->layers));
    for (int p = 0; p < PART_FIRST_OF_BLOCK; p++) TRY(take_part(m, ps, (transformer_part)p, 0, prefix));
    for (int64_t layer = 0; layer < c->layers; layer++)
        for (int p = PART_FIRST_OF_BLOCK; p < TRANSFORMER_PARTS; p++)
            TRY(take_part(m, ps, (transformer_part)p, layer, prefix));
    return LOREC_OK;
}

lorec_err transformer_new(transformer **out, params *ps, const transformer_config *config, const char *prefix)
{
    *out = NULL;
    transformer *m;
    TRY(mem_new(&m, 1));
    m->c = *config;
    lorec_err e = build(m, ps, prefix ? prefix : "");
    if (e)
        transformer_free(m);
    else
        *out = m;
    return e;
}

lorec_err transformer_check(const transformer_config *config)
{
    transformer_config c = *config;
    return complete(&c);
}

void transformer_free(transformer *m)
{
    if (!m) return;
    mem_free(m->block);
    mem_free(m);
}

const transformer_config *transformer_settings(const transformer *m)
{
    return &m->c;
}

int64_t transformer_window(const transformer_config *c, int64_t layer)
{
    return layer_set_has(&c->whole, layer) ? 0 : c->window;
}

int64_t transformer_out_width(const transformer_config *c)
{
    return c->name[PART_FINAL_PROJECT] ? c->embed_width : c->width;
}

tensor *transformer_tensor(const transformer *m, transformer_part part, int64_t layer)
{
    if (part < PART_FIRST_OF_BLOCK) return m->part[part];
    return layer >= 0 && layer < m->c.layers ? m->block[layer].part[part - PART_FIRST_OF_BLOCK] : NULL;
}
