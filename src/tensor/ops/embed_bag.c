/* Sum or mean of the table rows that each bag names. w [v, d], ids [rows] (-1: counts for nothing) -> [bags, d] */
#include "tensor/ops.h"
#include "tensor/ops/piece.h"
#include "tensor/ops/scatter.h"

typedef struct bag_spec {
    const segments *bags;
    bool mean;
} bag_spec;

typedef struct bag_saved { /* of each entry */
    int32_t *bag;
    float *weight; /* 1, or 1 / the bag's ids; 0 for id -1 */
} bag_saved;

static lorec_err bag_shape(tape *t, node *n)
{
    const tensor *w = n->in[0], *ids = n->in[1];
    const bag_spec *s = n->spec;
    if (w->ndim != 2 || w->type != DTYPE_F32 || ids->type != DTYPE_I32 || !s->bags || s->bags->rows != ids->count)
        return node_shape_error(n, "needs a table [v, d], ids, and bags of so many ids");
    TRY(ids_check(n, ids, w->size[0]));
    TRY(node_output(t, n, DTYPE_F32, 2, (int64_t[]){s->bags->n, w->size[1]}));
    n->out->example = s->bags->example;
    return LOREC_OK;
}

static lorec_err bag_sums(void *ctx, size_t begin, size_t end, int worker)
{
    const node *n = ctx;
    const bag_spec *s = n->spec;
    const bag_saved *saved = n->saved;
    size_t d = (size_t)n->out->size[1];
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        float *y = f32(n->out) + i * d;
        memset(y, 0, d * sizeof *y);
        for (int32_t r = s->bags->start[i]; r < s->bags->start[i + 1]; r++)
            if (i32(n->in[1])[r] >= 0)
                isa()->axpy_f32(d, saved->weight[r], f32(n->in[0]) + (size_t)i32(n->in[1])[r] * d, y);
    }
    return LOREC_OK;
}

static lorec_err bag_forward(tape *t, node *n)
{
    const bag_spec *s = n->spec;
    size_t rows = (size_t)s->bags->rows;
    bag_saved *saved = n->saved = tape_alloc(t, sizeof *saved);
    if (!saved || !(saved->bag = tape_alloc(t, rows * sizeof *saved->bag)) ||
        !(saved->weight = tape_alloc(t, rows * sizeof *saved->weight)))
        return tape_error(t);
    for (int64_t i = 0; i < s->bags->n; i++) {
        int32_t named = 0;
        for (int32_t r = s->bags->start[i]; r < s->bags->start[i + 1]; r++) named += i32(n->in[1])[r] >= 0;
        for (int32_t r = s->bags->start[i]; r < s->bags->start[i + 1]; r++) {
            saved->bag[r] = (int32_t)i;
            saved->weight[r] = i32(n->in[1])[r] < 0 ? 0 : s->mean ? 1 / (float)named : 1;
        }
    }
    int64_t work = n->out->size[1] * (s->bags->n ? s->bags->rows / s->bags->n + 1 : 1);
    return par_for((size_t)s->bags->n, row_grain(work), bag_sums, n);
}

static scatter bag_scatter(const node *n, float *to)
{
    const bag_saved *saved = n->saved;
    return (scatter){.to = to,
                     .width = n->out->size[1],
                     .n = n->in[1]->count,
                     .id = i32(n->in[1]),
                     .from = grad(n->out),
                     .source = saved->bag,
                     .weight = saved->weight};
}

static lorec_err bag_backward(tape *t, node *n)
{
    float *dw = scatter_target(t, n->in[0], i32(n->in[1]), n->in[1]->count);
    scatter s = bag_scatter(n, dw);
    return dw ? scatter_add(t, &s) : tape_error(t);
}

static lorec_err bag_example_norms(tape *t, node *n, float *sq, int64_t n_examples)
{
    if (!param_learns(n->in[0])) return LOREC_OK;
    scatter s = bag_scatter(n, NULL);
    return scatter_example_norms(t, &s, n->out->example, sq, n_examples);
}

static double bag_flops(const node *n)
{
    return 2 * (double)n->in[1]->count * (double)n->out->size[1];
}

const op_def op_embed_bag_def = {
    .name = "embed_bag",
    .shape = bag_shape,
    .forward = bag_forward,
    .backward = bag_backward,
    .example_norms = bag_example_norms,
    .flops = bag_flops,
};

tensor *op_embed_bag(tape *t, tensor *w, tensor *ids, const segments *bags, bool mean)
{
    return tape_apply(t, &op_embed_bag_def, (tensor *[]){tape_as_f32(t, w), ids}, 2, &(bag_spec){bags, mean},
                      sizeof(bag_spec));
}
