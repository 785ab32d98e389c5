/* Tables read by id: op_embed (also of a computed table: op_gather_rows) and its opposite, op_scatter_rows. */
#include "tensor/cpu/packed.h"
#include "tensor/cpu/scratch.h"
#include "tensor/ops.h"
#include "tensor/ops/piece.h"
#include "tensor/ops/scatter.h"

static const float *grad_as_f32(tape *t, const tensor *y)
{
    if (y->type == DTYPE_F32) return grad(y);
    float *f = tape_scratch(t, (size_t)y->count * sizeof *f);
    if (f) isa()->from_bf16((size_t)y->count, y->grad, f);
    return f;
}

typedef struct embed_spec {
    int32_t padding;         /* its row gets no gradient; -1: none */
    const int32_t *learning; /* the ids that do, -1 elsewhere */
} embed_spec;

/* The ids whose rows get gradients. */
static const int32_t *learning(const node *n)
{
    const embed_spec *spec = n->spec;
    return spec && spec->learning ? spec->learning : i32(n->in[1]);
}

static lorec_err leave_out(tape *t, node *n)
{
    embed_spec *spec = n->spec;
    const tensor *ids = n->in[1];
    if (!spec || spec->padding < 0 || !n->in[0]->needs_grad) return LOREC_OK;
    int32_t *learn = tape_alloc(t, (size_t)ids->count * sizeof *learn);
    if (!learn) return tape_error(t);
    for (int64_t i = 0; i < ids->count; i++) learn[i] = i32(ids)[i] == spec->padding ? -1 : i32(ids)[i];
    spec->learning = learn;
    return LOREC_OK;
}

/* w [v, ...], ids [n] -> [n, ...] */
static lorec_err embed_shape(tape *t, node *n)
{
    const tensor *w = n->in[0], *ids = n->in[1];
    if (w->ndim < 2 || (w->type != DTYPE_F32 && (!packed_of(w) || packed_of(w)->in_out)) || ids->type != DTYPE_I32)
        return node_shape_error(n, "needs a table [v, d] and ids");
    TRY(ids_check(n, ids, w->size[0]));
    TRY(leave_out(t, n));
    int64_t size[TENSOR_MAX_DIMS];
    memcpy(size, w->size, sizeof size);
    size[0] = ids->count;
    bool bf = tape_compute(t) == DTYPE_BF16 && w->param;
    TRY(node_output(t, n, bf ? DTYPE_BF16 : DTYPE_F32, w->ndim, size));
    if (w->rowless || (!w->example && !w->needs_grad)) return LOREC_OK; /* row i of the output is example i */
    int32_t *example = tape_alloc(t, (size_t)ids->count * sizeof *example);
    if (!example) return tape_error(t);
    for (int64_t i = 0; i < ids->count; i++) {
        int32_t id = i32(ids)[i] < 0 ? 0 : i32(ids)[i];
        example[i] = w->example && w->size[0] ? w->example[id] : id;
    }
    n->out->example = example;
    return LOREC_OK;
}

static lorec_err packed_rows(const node *n, size_t begin, size_t end, size_t d)
{
    const packed *w = packed_of(n->in[0]);
    bool half = n->out->type == DTYPE_BF16;
    float *wide = scratch_get(SCRATCH_OP, d * sizeof *wide);
    if (!wide) return LOREC_RESOURCE;
    for (size_t r = begin; r < end; r++) {
        int32_t id = i32(n->in[1])[r];
        float *to = half ? wide : f32(n->out) + r * d;
        if (id < 0)
            memset(to, 0, d * sizeof *to);
        else
            packed_read_rows(w, id, 1, to);
        if (half) isa()->to_bf16(d, wide, bf16(n->out) + r * d);
    }
    return LOREC_OK;
}

static lorec_err embed_rows(void *ctx, size_t begin, size_t end, int worker)
{
    const node *n = ctx;
    const tensor *w = n->in[0];
    size_t d = w->size[0] ? (size_t)(w->count / w->size[0]) : 0;
    (void)worker;
    if (packed_of(w)) return packed_rows(n, begin, end, d);
    for (size_t r = begin; r < end; r++) {
        int32_t id = i32(n->in[1])[r];
        const float *row = f32(w) + (size_t)(id < 0 ? 0 : id) * d;
        if (n->out->type == DTYPE_BF16) {
            if (id < 0)
                memset(bf16(n->out) + r * d, 0, d * 2);
            else
                isa()->to_bf16(d, row, bf16(n->out) + r * d);
        } else if (id < 0) {
            memset(f32(n->out) + r * d, 0, d * 4);
        } else {
            memcpy(f32(n->out) + r * d, row, d * 4);
        }
    }
    return LOREC_OK;
}

static int64_t row_width(const tensor *x)
{
    return x->size[0] ? x->count / x->size[0] : 0;
}

static lorec_err embed_forward(tape *t, node *n)
{
    (void)t;
    if (!n->out->count) return LOREC_OK;
    return par_for((size_t)n->out->size[0], row_grain(row_width(n->out)), embed_rows, n);
}

static lorec_err embed_backward(tape *t, node *n)
{
    tensor *w = n->in[0], *ids = n->in[1];
    const int32_t *id = learning(n);
    float *dw = scatter_target(t, w, id, ids->count);
    if (!dw) return tape_error(t);
    const float *dy = grad_as_f32(t, n->out);
    if (!dy) return tape_error(t);
    return scatter_add(
        t, &(scatter){.to = dw, .width = row_width(w), .n = ids->count, .id = id, .from = dy, .per_row = 1});
}

static lorec_err embed_example_norms(tape *t, node *n, float *sq, int64_t n_examples)
{
    if (!param_learns(n->in[0])) return LOREC_OK;
    const float *dy = grad_as_f32(t, n->out);
    if (!dy) return tape_error(t);
    return scatter_example_norms(
        t, &(scatter){.width = row_width(n->in[0]), .n = n->in[1]->count, .id = learning(n), .from = dy, .per_row = 1},
        n->out->example, sq, n_examples);
}

static double embed_flops(const node *n)
{
    (void)n;
    return 0;
}

static double embed_bytes(const node *n)
{
    return (double)n->out->count * (n->out->type == DTYPE_BF16 ? 6 : 8) + (double)n->in[1]->count * 4;
}

const op_def op_embed_def = {
    .name = "embed",
    .shape = embed_shape,
    .forward = embed_forward,
    .backward = embed_backward,
    .example_norms = embed_example_norms,
    .flops = embed_flops,
    .bytes = embed_bytes,
    .flags = OP_PACKED,
};

tensor *op_embed(tape *t, tensor *w, tensor *ids)
{
    return op_embed_padded(t, w, ids, -1);
}

tensor *op_embed_padded(tape *t, tensor *w, tensor *ids, int32_t padding)
{
    return tape_apply(t, &op_embed_def, (tensor *[]){w, ids}, 2, &(embed_spec){.padding = padding}, sizeof(embed_spec));
}

const op_def op_gather_rows_def = {
    .name = "gather_rows",
    .shape = embed_shape,
    .forward = embed_forward,
    .backward = embed_backward,
    .example_norms = embed_example_norms,
    .flops = embed_flops,
    .bytes = embed_bytes,
};

tensor *op_gather_rows(tape *t, tensor *x, tensor *rows)
{
    return tape_apply(t, &op_gather_rows_def, (tensor *[]){tape_as_f32(t, x), rows}, 2, NULL, 0);
}

/* ---- scatter ----------------------------------------------------------------------------------------------------------- */

typedef struct scatter_spec {
    int64_t rows;
} scatter_spec;

/* x [m, ...], rows [m] in -1 .. n - 1 -> [n, ...] */
static lorec_err scatter_rows_shape(tape *t, node *n)
{
    const tensor *x = n->in[0], *rows = n->in[1];
    const scatter_spec *spec = n->spec;
    if (x->ndim < 2 || rows->type != DTYPE_I32 || rows->count != x->size[0] || spec->rows < 0)
        return node_shape_error(n, "needs rows [m, d] and a row number for each of the m");
    TRY(ids_check(n, rows, spec->rows));
    int64_t size[TENSOR_MAX_DIMS];
    memcpy(size, x->size, sizeof size);
    size[0] = spec->rows;
    return node_output(t, n, DTYPE_F32, x->ndim, size);
}

static lorec_err scatter_rows_forward(tape *t, node *n)
{
    const tensor *x = n->in[0], *rows = n->in[1];
    if (n->out->count) memset(n->out->data, 0, (size_t)n->out->count * 4);
    return scatter_add(
        t,
        &(scatter){
            .to = f32(n->out), .width = row_width(x), .n = rows->count, .id = i32(rows), .from = f32(x), .per_row = 1});
}

static lorec_err scatter_rows_backward(tape *t, node *n)
{
    tensor *x = n->in[0];
    int64_t d = row_width(x);
    float beta, *dx = node_grad(t, x, &beta);
    for (int64_t r = 0; dx && r < x->size[0]; r++) {
        int32_t to = i32(n->in[1])[r];
        if (to < 0 && beta == 0) memset(dx + r * d, 0, (size_t)d * 4);
        if (to < 0) continue;
        const float *dy = grad(n->out) + to * d;
        for (int64_t c = 0; c < d; c++) dx[r * d + c] = dy[c] + (beta == 0 ? 0 : dx[r * d + c]);
    }
    return tape_error(t);
}

const op_def op_scatter_rows_def = {
    .name = "scatter_rows",
    .shape = scatter_rows_shape,
    .forward = scatter_rows_forward,
    .backward = scatter_rows_backward,
    .flags = OP_COUPLES,
};

tensor *op_scatter_rows(tape *t, tensor *x, tensor *rows, int64_t n)
{
    return tape_apply(t, &op_scatter_rows_def, (tensor *[]){tape_as_f32(t, x), rows}, 2, &(scatter_spec){n},
                      sizeof(scatter_spec));
}
