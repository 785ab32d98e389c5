/* Scores of given classes only: x [rows, d], w [v, d], b [v], ids [rows * k] -> [rows, k]; id -1: -inf. */
#include "tensor/cpu/packed.h"
#include "tensor/cpu/scratch.h"
#include "tensor/ops.h"
#include "tensor/ops/piece.h"
#include "tensor/ops/scatter.h"

typedef struct gather_spec {
    int64_t k;
} gather_spec;

static lorec_err linear_gather_shape(tape *t, node *n)
{
    const tensor *x = n->in[0], *w = n->in[1], *b = n->in[2], *ids = n->in[3];
    int64_t k = ((gather_spec *)n->spec)->k;
    if (x->ndim != 2 || w->ndim != 2 || x->size[1] != w->size[1] || x->type != DTYPE_F32 ||
        (w->type != DTYPE_F32 && (!packed_of(w) || packed_of(w)->in_out)) || (b && b->count != w->size[0]) ||
        ids->type != DTYPE_I32 || k < 0 || ids->count != x->size[0] * k)
        return node_shape_error(n, "needs x [rows, d], w [v, d], b [v] or nothing, ids [rows * k]");
    TRY(ids_check(n, ids, w->size[0]));
    return node_output(t, n, DTYPE_F32, 2, (int64_t[]){x->size[0], k});
}

/* Row id of w: as it lies, or unpacked to `wide`. */
static const float *class_row(const tensor *w, int32_t id, size_t d, float *wide)
{
    if (!packed_of(w)) return f32(w) + (size_t)id * d;
    packed_read_rows(packed_of(w), id, 1, wide);
    return wide;
}

static lorec_err linear_gather_rows(void *ctx, size_t begin, size_t end, int worker)
{
    const node *n = ctx;
    const tensor *b = n->in[2];
    size_t k = (size_t)n->out->size[1], d = (size_t)n->in[0]->size[1];
    (void)worker;
    float *wide = scratch_get(SCRATCH_OP, d * sizeof *wide);
    if (!wide) return LOREC_RESOURCE;
    for (size_t r = begin; r < end; r++) {
        const float *x = f32(n->in[0]) + r * d;
        for (size_t j = r * k; j < (r + 1) * k; j++) {
            int32_t id = i32(n->in[3])[j];
            if (id < 0)
                f32(n->out)[j] = -INFINITY;
            else
                f32(n->out)[j] = isa()->dot_f32(d, x, class_row(n->in[1], id, d, wide)) + (b ? f32(b)[id] : 0);
        }
    }
    return LOREC_OK;
}

static lorec_err linear_gather_forward(tape *t, node *n)
{
    (void)t;
    return par_for((size_t)n->out->size[0], row_grain(n->out->size[1] * n->in[0]->size[1]), linear_gather_rows, n);
}

typedef struct gather_back {
    const node *n;
    float beta, *dx;
} gather_back;

static lorec_err linear_gather_slopes(void *ctx, size_t begin, size_t end, int worker)
{
    const gather_back *g = ctx;
    const node *n = g->n;
    size_t k = (size_t)n->out->size[1], d = (size_t)n->in[0]->size[1];
    (void)worker;
    float *wide = scratch_get(SCRATCH_OP, d * sizeof *wide);
    if (!wide) return LOREC_RESOURCE;
    for (size_t r = begin; r < end; r++) {
        float *dx = g->dx + r * d;
        if (g->beta == 0) memset(dx, 0, d * sizeof *dx);
        for (size_t j = r * k; j < (r + 1) * k; j++) {
            int32_t id = i32(n->in[3])[j];
            if (id >= 0) isa()->axpy_f32(d, grad(n->out)[j], class_row(n->in[1], id, d, wide), dx);
        }
    }
    return LOREC_OK;
}

static scatter weight_scatter(const node *n, float *to)
{
    return (scatter){.to = to,
                     .width = n->in[0]->size[1],
                     .n = n->in[3]->count,
                     .id = i32(n->in[3]),
                     .from = f32(n->in[0]),
                     .per_row = n->out->size[1] ? n->out->size[1] : 1,
                     .weight = grad(n->out)};
}

static scatter bias_scatter(const node *n, float *to)
{
    return (scatter){
        .to = to, .width = 1, .n = n->in[3]->count, .id = i32(n->in[3]), .from = grad(n->out), .per_row = 1};
}

static lorec_err linear_gather_backward(tape *t, node *n)
{
    tensor *x = n->in[0], *w = n->in[1], *b = n->in[2], *ids = n->in[3];
    gather_back g = {.n = n};
    g.dx = node_grad(t, x, &g.beta);
    if (g.dx) TRY(par_for((size_t)x->size[0], row_grain(n->out->size[1] * x->size[1]), linear_gather_slopes, &g));
    float *dw = w->needs_grad ? scatter_target(t, w, i32(ids), ids->count) : NULL;
    scatter sw = weight_scatter(n, dw);
    if (dw) TRY(scatter_add(t, &sw));
    float *db = b ? scatter_target(t, b, i32(ids), ids->count) : NULL;
    scatter sb = bias_scatter(n, db);
    if (db) TRY(scatter_add(t, &sb));
    return tape_error(t);
}

/* A bias entry belongs to the example of its row: entries are rows of their own there, so their examples are spread. */
static lorec_err linear_gather_example_norms(tape *t, node *n, float *sq, int64_t n_examples)
{
    const tensor *w = n->in[1], *b = n->in[2];
    scatter s = weight_scatter(n, NULL);
    if (param_learns(w)) TRY(scatter_example_norms(t, &s, n->out->example, sq, n_examples));
    if (!param_learns(b)) return LOREC_OK;
    int32_t *example = tape_scratch(t, (size_t)n->out->count * sizeof *example);
    if (!example) return tape_error(t);
    for (int64_t i = 0; i < n->out->count; i++) {
        int64_t r = i / n->out->size[1];
        example[i] = n->out->example ? n->out->example[r] : (int32_t)r;
    }
    s = bias_scatter(n, NULL);
    return scatter_example_norms(t, &s, example, sq, n_examples);
}

static double linear_gather_flops(const node *n)
{
    return 2 * (double)n->out->count * (double)n->in[0]->size[1];
}

const op_def op_linear_gather_def = {
    .name = "linear_gather",
    .shape = linear_gather_shape,
    .forward = linear_gather_forward,
    .backward = linear_gather_backward,
    .example_norms = linear_gather_example_norms,
    .flops = linear_gather_flops,
    .flags = OP_PACKED,
    .optional = 1u << 2,
};

tensor *op_linear_gather(tape *t, tensor *x, tensor *w, tensor *b, tensor *ids, int64_t k)
{
    return tape_apply(t, &op_linear_gather_def, (tensor *[]){tape_as_f32(t, x), tape_as_f32(t, w), b, ids}, 4,
                      &(gather_spec){k}, sizeof(gather_spec));
}
