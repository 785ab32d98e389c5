/* Pieces that click networks are put together from (click.h). */
#include <stdio.h>

#include "rec/click.h"

static int64_t hidden_width(const click *m, int layer)
{
    slice rest = slice_of(m->hidden ? m->hidden : "");
    int64_t width = 0;
    for (int i = 0; i <= layer; i++) {
        if (rest.n == 0) return 0;
        if (!slice_to_i64(slice_trim(slice_cut(&rest, ',')), &width) || width < 1 || width > 1 << 20) return -1;
    }
    return width;
}

const char *click_check(const void *self)
{
    const click *m = self;
    for (int i = 0;; i++) {
        int64_t width = hidden_width(m, i);
        if (width < 0 || i > 64) return "hidden: widths of layers, as in \"128,64\"";
        if (width == 0) return NULL;
    }
}

int64_t click_mlp_width(const click *m)
{
    int64_t width = 0;
    for (int i = 0; hidden_width(m, i) > 0; i++) width = hidden_width(m, i);
    return width;
}

lorec_err click_add_table(click *m, const char *name, int64_t width, init how)
{
    tensor *table = params_add(m->params, name, how, 2, (int64_t[]){m->features.total, width});
    if (table) params_sparse_rows(table, true);
    return params_error(m->params);
}

tensor *click_fields(const click *m, tape *t, const click_batch *b, const char *table)
{
    return op_embed_bag(t, params_find(m->params, table), b->codes, b->bags, true);
}

tensor *click_linear(const click *m, tape *t, const click_batch *b)
{
    int64_t fields = (int64_t)m->features.n;
    tensor *w = op_reshape(t, click_fields(m, t, b, "linear.weight"), 2, (int64_t[]){b->n, fields});
    return op_add(t, op_sum_dim(t, w, 1), params_find(m->params, "linear.bias"));
}

lorec_err click_add_mlp(click *m, const char *prefix, int64_t in, bool head)
{
    char name[96];
    int layer = 0;
    for (int64_t out; (out = hidden_width(m, layer)) > 0; in = out, layer++) {
        snprintf(name, sizeof name, "%s.%d.weight", prefix, layer);
        params_add(m->params, name, init_xavier_uniform(in, out), 2, (int64_t[]){out, in});
        snprintf(name, sizeof name, "%s.%d.bias", prefix, layer);
        params_add(m->params, name, INIT_ZERO, 1, (int64_t[]){out});
    }
    if (!head) return params_error(m->params);
    snprintf(name, sizeof name, "%s.out.weight", prefix);
    params_add(m->params, name, init_xavier_uniform(in, 1), 2, (int64_t[]){1, in});
    snprintf(name, sizeof name, "%s.out.bias", prefix);
    params_add(m->params, name, INIT_ZERO, 1, (int64_t[]){1});
    return params_error(m->params);
}

static tensor *layer_of(const click *m, tape *t, tensor *x, const char *prefix, const char *layer, activation act)
{
    char weight[96], bias[96];
    snprintf(weight, sizeof weight, "%s.%s.weight", prefix, layer);
    snprintf(bias, sizeof bias, "%s.%s.bias", prefix, layer);
    return op_linear(t, x, params_find(m->params, weight), params_find(m->params, bias), LINEAR_OUT_IN, act);
}

tensor *click_mlp(const click *m, tape *t, tensor *x, const char *prefix, bool head)
{
    char layer[16];
    for (int i = 0; hidden_width(m, i) > 0; i++) {
        snprintf(layer, sizeof layer, "%d", i);
        x = op_dropout(t, layer_of(m, t, x, prefix, layer, ACT_RELU), (float)m->dropout);
    }
    return head ? layer_of(m, t, x, prefix, "out", ACT_NONE) : x;
}

tensor *click_pairwise(tape *t, tensor *v, int64_t n)
{
    int64_t d = v ? tensor_size(v, 2) : 0;
    int64_t flat[2] = {n, d};
    tensor *sum = op_reshape(t, op_sum_dim(t, v, 1), 2, flat);
    tensor *squares = op_reshape(t, op_sum_dim(t, op_square(t, v), 1), 2, flat);
    return op_scale(t, op_sum_dim(t, op_sub(t, op_square(t, sum), squares), 1), 0.5f, 0);
}
