/* op_low_rank: out [.., out] = y + scale (x A^T) B^T, A [rank, in], B [out, rank] (Hu et al., LoRA, ICLR 2022); each row's share
 * times row_scale [rows] where given. Where y is the plain product of an op_linear (or of this op), its memory becomes the
 * output's. Of the middle, h = x A^T, rank values a row are kept. Backward, with dh = scale dout B:
 *     dy = dout,   dB = scale dout^T h,   dA = dh^T x,   dx = dh A. */
#include <string.h>

#include "tensor/cpu/gemm.h"
#include "tensor/ops.h"
#include "tensor/ops/example_norms.h"
#include "tensor/ops/piece.h"
#include "tensor/ops/plain.h"

enum { IN_Y, IN_X, IN_A, IN_B, IN_ROW_SCALE, INPUTS };

typedef struct low_rank_spec {
    float scale;
} low_rank_spec;

/* The middle of every row, times its row_scale: f32, and once more as bf16 where the tape computes in that. */
typedef struct middle {
    float *h;
    uint16_t *half;
} middle;

static lorec_err low_rank_shape(tape *t, node *n)
{
    const tensor *y = n->in[IN_Y], *x = n->in[IN_X], *a = n->in[IN_A], *b = n->in[IN_B], *w = n->in[IN_ROW_SCALE];
    if (!a->param || !b->param) return node_shape_error(n, "needs parameters as a and b");
    if (y->type == DTYPE_I32 || x->type != y->type || a->ndim != 2 || b->ndim != 2 || a->size[1] != tensor_width(x) ||
        b->size[0] != tensor_width(y) || b->size[1] != a->size[0] || tensor_rows(x) != tensor_rows(y))
        return node_shape_error(n, "needs y [rows, out], x [rows, in], a [rank, in], b [out, rank]");
    if (w && (w->type != DTYPE_F32 || w->count != tensor_rows(y) || w->needs_grad))
        return node_shape_error(n, "needs a constant factor a row");
    bool plain = linear_is_plain(y) || (y->maker && y->maker->op == n->op);
    if (!plain || y->viewed || y->kept) return node_output_like(t, n, y);
    TRY(node_output_view(t, n, y->type, y->ndim, y->size, y->data));
    n->out->viewed = false; /* the memory is the output's now */
    return LOREC_OK;
}

static const void *of_type(tensor *w, bool half)
{
    return half ? (const void *)param_bf16(w) : w->data;
}

static void scale_rows(const tensor *w, int64_t rows, int64_t rank, float *h)
{
    for (int64_t i = 0; w && i < rows; i++)
        for (int64_t j = 0; j < rank; j++) h[i * rank + j] *= f32(w)[i];
}

static uint16_t *as_half(tape *t, const float *x, int64_t n, bool keep)
{
    uint16_t *y = keep ? tape_alloc(t, (size_t)n * sizeof *y) : tape_scratch(t, (size_t)n * sizeof *y);
    if (y) isa()->to_bf16((size_t)n, x, y);
    return y;
}

static lorec_err low_rank_forward(tape *t, node *n)
{
    tensor *y = n->in[IN_Y], *x = n->in[IN_X], *a = n->in[IN_A], *b = n->in[IN_B];
    bool half = y->type == DTYPE_BF16;
    int64_t rows = tensor_rows(x), in = tensor_width(x), out = tensor_width(y), rank = a->size[0];
    const void *down = of_type(a, half), *up = of_type(b, half);
    middle *m = tape_alloc(t, sizeof *m);
    if (!m) return tape_error(t);
    if (!down || !up) return LOREC_RESOURCE;
    *m = (middle){.h = tape_alloc(t, (size_t)(rows * rank) * sizeof *m->h)};
    if (!m->h) return tape_error(t);
    n->saved = m;
    TRY(gemm_run(&(gemm){.bf16 = half,
                         .tb = true,
                         .m = rows,
                         .n = rank,
                         .k = in,
                         .alpha = 1,
                         .a = x->data,
                         .lda = in,
                         .b = down,
                         .ldb = in,
                         .c = m->h,
                         .ldc = rank}));
    scale_rows(n->in[IN_ROW_SCALE], rows, rank, m->h);
    if (n->out->data != y->data && y->count) memcpy(n->out->data, y->data, (size_t)y->count * (half ? 2 : 4));
    float scale = ((low_rank_spec *)n->spec)->scale;
    if (!half) return gemm_f32(false, true, rows, out, rank, scale, m->h, rank, up, rank, 1, n->out->data, out);
    m->half = as_half(t, m->h, rows * rank, true);
    if (!m->half) return tape_error(t);
    return gemm_bf16(false, true, rows, out, rank, scale, m->half, rank, up, rank, 1, n->out->data, out, true);
}

/* dh = scale dout B, times row_scale */
static lorec_err middle_slope(tape *t, node *n, float **dh)
{
    tensor *y = n->in[IN_Y], *b = n->in[IN_B];
    bool half = y->type == DTYPE_BF16;
    int64_t rows = tensor_rows(y), out = tensor_width(y), rank = b->size[1];
    const void *up = of_type(b, half);
    if (!up) return LOREC_RESOURCE;
    *dh = tape_scratch(t, (size_t)(rows * rank) * sizeof **dh);
    if (!*dh) return tape_error(t);
    TRY(gemm_run(&(gemm){.bf16 = half,
                         .m = rows,
                         .n = rank,
                         .k = out,
                         .alpha = ((low_rank_spec *)n->spec)->scale,
                         .a = n->out->grad,
                         .lda = out,
                         .b = up,
                         .ldb = rank,
                         .c = *dh,
                         .ldc = rank}));
    scale_rows(n->in[IN_ROW_SCALE], rows, rank, *dh);
    return LOREC_OK;
}

static lorec_err low_rank_backward(tape *t, node *n)
{
    tensor *y = n->in[IN_Y], *x = n->in[IN_X], *a = n->in[IN_A], *b = n->in[IN_B];
    const middle *m = n->saved;
    bool half = y->type == DTYPE_BF16;
    int64_t rows = tensor_rows(x), in = tensor_width(x), out = tensor_width(y), rank = a->size[0];
    float beta, *db = node_grad(t, b, &beta);
    if (db)
        TRY(gemm_run(&(gemm){.bf16 = half,
                             .ta = true,
                             .m = out,
                             .n = rank,
                             .k = rows,
                             .alpha = ((low_rank_spec *)n->spec)->scale,
                             .beta = beta,
                             .a = n->out->grad,
                             .lda = out,
                             .b = half ? (const void *)m->half : m->h,
                             .ldb = rank,
                             .c = db,
                             .ldc = rank}));
    float *dh = NULL;
    if (a->needs_grad || x->needs_grad) TRY(middle_slope(t, n, &dh));
    uint16_t *dh_half = half && dh ? as_half(t, dh, rows * rank, false) : NULL;
    TRY(tape_error(t));
    float *da = node_grad(t, a, &beta);
    if (da)
        TRY(gemm_run(&(gemm){.bf16 = half,
                             .ta = true,
                             .m = rank,
                             .n = in,
                             .k = rows,
                             .alpha = 1,
                             .beta = beta,
                             .a = half ? (const void *)dh_half : dh,
                             .lda = rank,
                             .b = x->data,
                             .ldb = in,
                             .c = da,
                             .ldc = in}));
    void *dx = node_grad_any(t, x, &beta);
    if (dx && half) {
        const uint16_t *down = of_type(a, true);
        if (!down) return LOREC_RESOURCE;
        TRY(gemm_bf16(false, false, rows, in, rank, 1, dh_half, rank, down, in, beta, dx, in, true));
    } else if (dx) {
        TRY(gemm_f32(false, false, rows, in, rank, 1, dh, rank, f32(a), in, beta, dx, in));
    }
    TRY(tape_error(t));
    return node_grad_pass(t, y, n->out);
}

static lorec_err low_rank_example_norms(tape *t, node *n, float *sq, int64_t n_examples)
{
    const tensor *y = n->out, *x = n->in[IN_X];
    const middle *m = n->saved;
    int64_t rows = tensor_rows(x), each = x->size[0] ? rows / x->size[0] : 1, rank = n->in[IN_A]->size[0];
    bool half = y->type == DTYPE_BF16;
    float scale = ((low_rank_spec *)n->spec)->scale;
    float *dout = tape_scratch(t, (size_t)y->count * sizeof *dout), *dh = NULL;
    float *wide = half ? tape_scratch(t, (size_t)x->count * sizeof *wide) : f32(x);
    if (!dout || !wide) return tape_error(t);
    for (size_t at = 0, k; (k = piece_length(at, (size_t)y->count)) > 0; at += k) {
        float buf[PIECE];
        const float *g = piece_read_from(y->type, y->grad, at, k, buf);
        for (size_t i = 0; i < k; i++) dout[at + i] = scale * g[i];
    }
    if (half) isa()->from_bf16((size_t)x->count, bf16(x), wide);
    if (param_learns(n->in[IN_B]))
        TRY(outer_example_norms(t, rows, rank, m->h, tensor_width(y), dout, y->example, each, sq, n_examples));
    if (!param_learns(n->in[IN_A])) return LOREC_OK;
    TRY(middle_slope(t, n, &dh));
    return outer_example_norms(t, rows, tensor_width(x), wide, rank, dh, y->example, each, sq, n_examples);
}

static uint32_t low_rank_reads(const node *n)
{
    return 1u << IN_A | 1u << IN_B | 1u << IN_ROW_SCALE | (n->in[IN_A]->needs_grad ? 1u << IN_X : 0);
}

static double low_rank_flops(const node *n)
{
    return 2.0 * (double)n->in[IN_A]->size[0] * (double)(n->out->count + n->in[IN_X]->count);
}

const op_def op_low_rank_def = {.name = "low_rank",
                                .shape = low_rank_shape,
                                .forward = low_rank_forward,
                                .backward = low_rank_backward,
                                .example_norms = low_rank_example_norms,
                                .flops = low_rank_flops,
                                .optional = 1u << IN_ROW_SCALE,
                                .reads = low_rank_reads};

tensor *op_low_rank(tape *t, tensor *y, tensor *x, tensor *a, tensor *b, float scale, tensor *row_scale)
{
    if (y && x && x->type != y->type && x->type != DTYPE_I32) x = op_cast(t, x, y->type);
    return tape_apply(t, &op_low_rank_def, (tensor *[]){y, x, a, b, row_scale}, INPUTS, &(low_rank_spec){scale},
                      sizeof(low_rank_spec));
}
