#include "lm/block.h"

#include <stdio.h>

static void linear_add(params *ps, const char *prefix, const char *name, int64_t in, int64_t out, double sd, tensor **w,
                       tensor **b)
{
    char full[128];
    snprintf(full, sizeof full, "%s.%s.weight", prefix, name);
    *w = params_add(ps, full, INIT_NORMAL(sd), 2, (int64_t[]){out, in});
    snprintf(full, sizeof full, "%s.%s.bias", prefix, name);
    *b = params_add(ps, full, INIT_ZERO, 1, (int64_t[]){out});
}

static void norm_add(params *ps, const char *prefix, const char *name, int64_t width, tensor **w, tensor **b)
{
    char full[128];
    snprintf(full, sizeof full, "%s.%s.weight", prefix, name);
    *w = params_add(ps, full, INIT_CONST(1), 1, (int64_t[]){width});
    snprintf(full, sizeof full, "%s.%s.bias", prefix, name);
    *b = params_add(ps, full, INIT_ZERO, 1, (int64_t[]){width});
}

void block_add(block *b, params *ps, const block_spec *spec, const char *prefix)
{
    int64_t d = spec->width;
    double sd = spec->init_sd;
    *b = (block){.spec = *spec};
    norm_add(ps, prefix, "norm1", d, &b->norm1, &b->norm1_bias);
    linear_add(ps, prefix, "attention.query", d, d, sd, &b->wq, &b->bq);
    linear_add(ps, prefix, "attention.key", d, d, sd, &b->wk, &b->bk);
    linear_add(ps, prefix, "attention.value", d, d, sd, &b->wv, &b->bv);
    linear_add(ps, prefix, "attention.output", d, d, sd, &b->wo, &b->bo);
    norm_add(ps, prefix, "norm2", d, &b->norm2, &b->norm2_bias);
    linear_add(ps, prefix, "inner", d, spec->inner, sd, &b->w1, &b->b1);
    linear_add(ps, prefix, "output", spec->inner, d, sd, &b->w2, &b->b2);
}

static tensor *attend(const block *b, tape *t, tensor *q, tensor *kv, const segments *q_rows, const segments *kv_rows)
{
    attention spec = {.heads = b->spec.heads,
                      .causal = b->spec.causal,
                      .q_rows = q_rows,
                      .kv_rows = kv_rows,
                      .dropout = b->spec.attention_dropout};
    tensor *queries = op_linear(t, q, b->wq, b->bq, LINEAR_OUT_IN, ACT_NONE);
    tensor *keys = op_linear(t, kv, b->wk, b->bk, LINEAR_OUT_IN, ACT_NONE);
    tensor *values = op_linear(t, kv, b->wv, b->bv, LINEAR_OUT_IN, ACT_NONE);
    return op_linear(t, op_attention(t, queries, keys, values, &spec), b->wo, b->bo, LINEAR_OUT_IN, ACT_NONE);
}

static tensor *feed_forward(const block *b, tape *t, tensor *x)
{
    x = op_linear(t, x, b->w1, b->b1, LINEAR_OUT_IN, b->spec.act);
    return op_linear(t, x, b->w2, b->b2, LINEAR_OUT_IN, ACT_NONE);
}

tensor *block_apply(const block *b, tape *t, tensor *x, const segments *s, bool last)
{
    if (!s) return NULL;
    const block_spec *o = &b->spec;
    const segments *asking = last ? tape_segments_even(t, s->n, 1) : s;
    tensor *in = o->post_norm ? x : op_layer_norm(t, x, b->norm1, b->norm1_bias, o->norm_eps);
    if (last) x = op_segment_reduce(t, x, s, SEGMENT_LAST);
    tensor *q = last ? op_segment_reduce(t, in, s, SEGMENT_LAST) : in;
    x = op_add_dropout(t, x, attend(b, t, q, in, asking, s), o->dropout);
    if (o->post_norm) {
        x = op_layer_norm(t, x, b->norm1, b->norm1_bias, o->norm_eps);
        x = op_add_dropout(t, x, feed_forward(b, t, x), o->dropout);
        return op_layer_norm(t, x, b->norm2, b->norm2_bias, o->norm_eps);
    }
    return op_add_dropout(t, x, feed_forward(b, t, op_layer_norm(t, x, b->norm2, b->norm2_bias, o->norm_eps)),
                          o->dropout);
}
