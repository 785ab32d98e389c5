/* op_linear: y [.., out] = act(x [.., in] W^T + b). Bias and activation are applied to each piece of the product while it is
 * in the cache. Backward, with dz = dy act'(z):
 *     dx [.., in] = dz W,   dW [out, in] = dz^T x,   db [out] = sum of dz's rows.
 * Narrow layers do the three in one pass over the rows, since they are bound by memory: each worker keeps its own dW and db,
 * added up in the workers' order. (LINEAR_IN_OUT: W is [in, out], so dx = dz W^T and dW = x^T dz.) */
#include <string.h>

#include "tensor/cpu/packed.h"
#include "tensor/ops.h"
#include "tensor/ops/example_norms.h"
#include "tensor/ops/piece.h"
#include "tensor/ops/plain.h"

enum { NARROW = 1 << 16 /* weights of a layer done in one pass */, PASS_VALUES = 8192 /* of dz or x at a time */ };

typedef struct linear_spec {
    linear_layout layout;
    activation act;
} linear_spec;

static int64_t linear_in(const node *n)
{
    return tensor_width(n->in[0]);
}

static int64_t linear_out(const node *n)
{
    return tensor_width(n->out);
}

static lorec_err linear_shape(tape *t, node *n)
{
    const tensor *x = n->in[0], *w = n->in[1], *b = n->in[2];
    const linear_spec *s = n->spec;
    int in = s->layout == LINEAR_OUT_IN ? 1 : 0;
    if (x->type == DTYPE_I32 || w->type == DTYPE_I32) return node_shape_error(n, "needs numbers, not ids");
    if (packed_of(x) || packed_of(b)) return node_shape_error(n, "takes packed weights as w only");
    if (packed_of(w) && packed_of(w)->in_out != (s->layout == LINEAR_IN_OUT))
        return node_shape_error(n, "the weights were packed for the other layout");
    if (w->ndim != 2 || w->size[in] != tensor_width(x) || (b && b->count != w->size[1 - in]))
        return node_shape_error(n, s->layout == LINEAR_OUT_IN ? "x [.., in] needs w [out, in] and b [out]"
                                                              : "x [.., in] needs w [in, out] and b [out]");
    int64_t size[TENSOR_MAX_DIMS];
    memcpy(size, x->size, sizeof size);
    size[x->ndim - 1] = w->size[1 - in];
    return node_output(t, n, x->type, x->ndim, size);
}

/* ---- forward ----------------------------------------------------------------------------------------------------------- */

/* The sign of y tells these slopes as the sign of z would, so z is not kept. */
static bool slope_from_output(activation act)
{
    return act == ACT_NONE || act == ACT_RELU || act == ACT_LEAKY_RELU;
}

static void finish_piece(void *ctx, int64_t row, int64_t rows, int64_t col, int64_t cols, float *c, int64_t ldc)
{
    const node *n = ctx;
    const linear_spec *s = n->spec;
    const isa_kernels *cpu = isa();
    const float *bias = n->in[2] ? f32(n->in[2]) + col : NULL;
    int64_t width = linear_out(n);
    for (int64_t i = 0; i < rows; i++) {
        float *z = c + i * ldc;
        int64_t at = (row + i) * width + col;
        if (bias) cpu->axpy_f32((size_t)cols, 1, bias, z);
        if (n->out->type == DTYPE_BF16) {
            if (n->saved) cpu->to_bf16((size_t)cols, z, (uint16_t *)n->saved + at);
            if (s->act != ACT_NONE) cpu->act_f32(s->act, (size_t)cols, z, z);
            cpu->to_bf16((size_t)cols, z, bf16(n->out) + at);
        } else if (s->act != ACT_NONE) {
            cpu->act_f32(s->act, (size_t)cols, z, f32(n->out) + at);
        }
    }
}

static const void *weights(tensor *w, bool half)
{
    return half && w->type == DTYPE_F32 ? (const void *)param_bf16(w) : w->data;
}

static lorec_err linear_forward(tape *t, node *n)
{
    const linear_spec *s = n->spec;
    bool half = n->out->type == DTYPE_BF16;
    int64_t in = linear_in(n), out = linear_out(n);
    if (n->out->needs_grad && !slope_from_output(s->act)) {
        n->saved = tape_alloc(t, (size_t)n->out->count * (half ? 2 : 4));
        if (!n->saved) return tape_error(t);
    }
    gemm_after after = half || n->in[2] || s->act != ACT_NONE ? finish_piece : NULL;
    float *c = half ? NULL : n->saved ? n->saved : n->out->data;
    if (packed_of(n->in[1]))
        return packed_run(&(packed_product){.w = packed_of(n->in[1]),
                                            .m = tensor_rows(n->in[0]),
                                            .x = n->in[0]->data,
                                            .bf16 = half,
                                            .ldx = in,
                                            .c = c,
                                            .ldc = out,
                                            .after = after,
                                            .ctx = n});
    gemm g = {.bf16 = half,
              .tb = s->layout == LINEAR_OUT_IN,
              .m = tensor_rows(n->in[0]),
              .n = out,
              .k = in,
              .alpha = 1,
              .a = n->in[0]->data,
              .lda = in,
              .b = weights(n->in[1], half),
              .ldc = out,
              .ctx = n};
    if (!g.b) return LOREC_RESOURCE;
    g.ldb = g.tb ? in : out;
    g.c = c;
    g.after = after;
    return gemm_run(&g);
}

/* ---- backward ---------------------------------------------------------------------------------------------------------- */

typedef struct linear_back {
    const node *n;
    int64_t in, out, rows;
    float *dx, *dw, *db; /* NULL: nobody wants it */
    float beta_x, beta_w, beta_b;
    const float *w; /* [out, in], or panels of it */
    bool panels;
    float *sums;     /* [workers][size of dw + size of db] */
    size_t sum_size; /* values of one worker's */
} linear_back;

/* dz in place of dy for rows [i, i + rows), and their sum onto db. */
static void slope_rows(const linear_back *b, int64_t i, int64_t rows, float *db)
{
    const node *n = b->n;
    const linear_spec *s = n->spec;
    const isa_kernels *cpu = isa();
    size_t at = (size_t)(i * b->out), count = (size_t)(rows * b->out);
    if (n->out->type == DTYPE_F32) {
        const float *z = n->saved ? n->saved : n->out->data;
        float *dz = n->out->grad;
        if (s->act != ACT_NONE) cpu->act_grad_f32(s->act, count, z + at, dz + at, dz + at);
        for (int64_t r = 0; db && r < rows; r++) cpu->axpy_f32((size_t)b->out, 1, dz + at + (size_t)(r * b->out), db);
        return;
    }
    const uint16_t *z = n->saved ? n->saved : n->out->data;
    uint16_t *dz = n->out->grad;
    for (int64_t r = 0; r < rows; r++)
        for (size_t j = 0, m; (m = piece_length(j, (size_t)b->out)) > 0; j += m) {
            float buf_z[PIECE], buf[PIECE];
            size_t from = at + (size_t)(r * b->out) + j;
            cpu->from_bf16(m, dz + from, buf);
            if (s->act != ACT_NONE) {
                cpu->from_bf16(m, z + from, buf_z);
                cpu->act_grad_f32(s->act, m, buf_z, buf, buf);
                cpu->to_bf16(m, buf, dz + from);
            }
            if (db) cpu->axpy_f32(m, 1, buf, db + j);
        }
}

static lorec_err slope_pass(void *ctx, size_t begin, size_t end, int worker)
{
    const linear_back *b = ctx;
    float *db = b->db ? b->sums + (size_t)worker * b->sum_size : NULL;
    slope_rows(b, (int64_t)begin, (int64_t)(end - begin), db);
    return LOREC_OK;
}

/* Everything for some rows at a time. */
static lorec_err one_pass(void *ctx, size_t begin, size_t end, int worker)
{
    const linear_back *b = ctx;
    const node *n = b->n;
    const linear_spec *s = n->spec;
    const isa_kernels *cpu = isa();
    int64_t in = b->in, out = b->out, wide = in > out ? in : out;
    int64_t step = PASS_VALUES / wide < 48 ? 48 : PASS_VALUES / wide / 6 * 6;
    float *dw = b->dw ? b->sums + (size_t)worker * b->sum_size : NULL;
    float *db = b->db ? b->sums + (size_t)worker * b->sum_size + (b->dw ? (size_t)(in * out) : 0) : NULL;
    for (int64_t i = (int64_t)begin; i < (int64_t)end; i += step) {
        int64_t rows = (int64_t)end - i < step ? (int64_t)end - i : step;
        const float *dz = grad(n->out) + i * out, *x = dw ? f32(n->in[0]) + i * in : NULL;
        slope_rows(b, i, rows, db);
        if (b->dx && !b->panels)
            cpu->product_f32(rows, in, out, 1, dz, out, 1, b->w, in, b->beta_x, b->dx + i * in, in);
        for (int64_t j = 0; b->dx && b->panels && j < in; j += cpu->tile)
            cpu->product_f32(rows, in - j < cpu->tile ? in - j : cpu->tile, out, 1, dz, out, 1, b->w + j * out,
                             cpu->tile, b->beta_x, b->dx + i * in + j, in);
        if (dw && s->layout == LINEAR_OUT_IN)
            cpu->product_f32(out, in, rows, 1, dz, 1, out, x, in, 1, dw, in);
        else if (dw)
            cpu->product_f32(in, out, rows, 1, x, 1, in, dz, out, 1, dw, out);
    }
    return LOREC_OK;
}

/* to = beta * to + the workers' sums in order */
static void add_sums(const linear_back *b, size_t from, size_t count, float beta, float *to)
{
    if (!to) return;
    if (beta == 0) memset(to, 0, count * sizeof *to);
    for (int w = 0; w < par_workers(); w++) isa()->axpy_f32(count, 1, b->sums + (size_t)w * b->sum_size + from, to);
}

static lorec_err back_narrow(tape *t, node *n, linear_back *b)
{
    const linear_spec *s = n->spec;
    b->dx = node_grad(t, n->in[0], &b->beta_x);
    b->dw = node_grad(t, n->in[1], &b->beta_w);
    b->db = node_grad(t, n->in[2], &b->beta_b);
    TRY(tape_error(t));
    size_t w_size = b->dw ? (size_t)(b->in * b->out) : 0;
    b->sum_size = (w_size + (b->db ? (size_t)b->out : 0) + 31) / 16 * 16;
    b->sums = tape_scratch(t, (size_t)par_workers() * b->sum_size * sizeof(float));
    if (!b->sums) return tape_error(t);
    memset(b->sums, 0, (size_t)par_workers() * b->sum_size * sizeof(float));
    b->w = f32(n->in[1]);
    if (b->dx && s->layout == LINEAR_IN_OUT) {
        int64_t tile = isa()->tile, panels = (b->in + tile - 1) / tile;
        float *turned = tape_scratch(t, (size_t)(panels * tile * b->out) * sizeof(float));
        if (!turned) return tape_error(t);
        for (int64_t j = 0; j < b->in; j += tile)
            isa()->pack_f32(b->out, b->in - j < tile ? b->in - j : tile, b->w + j * b->out, 1, b->out,
                            turned + j * b->out);
        b->w = turned;
        b->panels = true;
    }
    TRY(par_for((size_t)b->rows, 64, one_pass, b));
    add_sums(b, 0, w_size, b->beta_w, b->dw);
    add_sums(b, w_size, (size_t)b->out, b->beta_b, b->db);
    return LOREC_OK;
}

static lorec_err back_wide(tape *t, node *n, linear_back *b)
{
    const linear_spec *s = n->spec;
    tensor *x = n->in[0], *w = n->in[1];
    bool half = n->out->type == DTYPE_BF16, out_in = s->layout == LINEAR_OUT_IN;
    const void *dz = n->out->grad;
    b->db = node_grad(t, n->in[2], &b->beta_b);
    TRY(tape_error(t));
    if (b->db || s->act != ACT_NONE) {
        b->sum_size = (size_t)b->out;
        b->sums = tape_scratch(t, (size_t)par_workers() * b->sum_size * sizeof(float));
        if (!b->sums) return tape_error(t);
        memset(b->sums, 0, (size_t)par_workers() * b->sum_size * sizeof(float));
        TRY(par_for((size_t)b->rows, row_grain(b->out), slope_pass, b));
        add_sums(b, 0, (size_t)b->out, b->beta_b, b->db);
    }
    float beta;
    void *dx = node_grad_any(t, x, &beta);
    if (dx && packed_of(w)) {
        TRY(packed_back(packed_of(w), b->rows, dz, half, beta, dx));
    } else if (dx && half) {
        const uint16_t *wh = weights(w, true);
        if (!wh) return LOREC_RESOURCE;
        TRY(gemm_bf16(false, !out_in, b->rows, b->in, b->out, 1, dz, b->out, wh, out_in ? b->in : b->out, beta, dx,
                      b->in, true));
    } else if (dx) {
        TRY(gemm_f32(false, !out_in, b->rows, b->in, b->out, 1, dz, b->out, f32(w), out_in ? b->in : b->out, beta, dx,
                     b->in));
    }
    TRY(tape_error(t));
    float *dw = node_grad_any(t, w, &beta);
    if (!dw) return tape_error(t);
    if (half && w->type == DTYPE_BF16) /* not a parameter but made on the tape */
        return gemm_bf16(true, false, out_in ? b->out : b->in, out_in ? b->in : b->out, b->rows, 1,
                         out_in ? dz : x->data, out_in ? b->out : b->in, out_in ? x->data : dz, out_in ? b->in : b->out,
                         beta, dw, out_in ? b->in : b->out, true);
    gemm g = {.bf16 = half, .ta = true, .k = b->rows, .alpha = 1, .beta = beta, .c = dw};
    g.m = g.lda = out_in ? b->out : b->in;
    g.n = g.ldb = g.ldc = out_in ? b->in : b->out;
    g.a = out_in ? dz : x->data;
    g.b = out_in ? x->data : dz;
    return gemm_run(&g);
}

static lorec_err linear_backward(tape *t, node *n)
{
    linear_back b = {.n = n, .in = linear_in(n), .out = linear_out(n), .rows = tensor_rows(n->in[0])};
    bool apart = n->in[0] != n->in[1] && n->in[0] != n->in[2] && n->in[1] != n->in[2];
    if (n->out->type == DTYPE_F32 && !packed_of(n->in[1]) && b.in * b.out <= NARROW && apart)
        return back_narrow(t, n, &b);
    return back_wide(t, n, &b);
}

/* x and dz as f32, dz apart from dy: the backward pass comes after this. */
static lorec_err linear_example_norms(tape *t, node *n, float *sq, int64_t n_examples)
{
    const linear_spec *s = n->spec;
    const isa_kernels *cpu = isa();
    const tensor *x = n->in[0], *y = n->out;
    size_t count = (size_t)y->count;
    int64_t rows = tensor_rows(x), each = x->size[0] ? rows / x->size[0] : 1;
    float *dz = tape_scratch(t, count * sizeof *dz), *wide = tape_scratch(t, (size_t)x->count * sizeof *wide);
    if (!dz || !wide) return tape_error(t);
    for (size_t at = 0, m; (m = piece_length(at, count)) > 0; at += m) {
        float buf_z[PIECE], buf[PIECE];
        const float *dy = piece_read_from(y->type, y->grad, at, m, buf);
        const float *z = piece_read_from(y->type, n->saved ? n->saved : y->data, at, m, buf_z);
        if (s->act != ACT_NONE)
            cpu->act_grad_f32(s->act, m, z, dy, dz + at);
        else
            memcpy(dz + at, dy, m * sizeof *dz);
    }
    if (x->type == DTYPE_BF16) cpu->from_bf16((size_t)x->count, bf16(x), wide);
    if (param_learns(n->in[1]))
        TRY(outer_example_norms(t, rows, linear_in(n), x->type == DTYPE_BF16 ? wide : f32(x), linear_out(n), dz,
                                y->example, each, sq, n_examples));
    if (!param_learns(n->in[2])) return LOREC_OK;
    return outer_example_norms(t, rows, 0, NULL, linear_out(n), dz, y->example, each, sq, n_examples);
}

static double linear_flops(const node *n)
{
    return 2.0 * (double)n->out->count * (double)linear_in(n);
}

static uint32_t linear_reads(const node *n)
{
    const linear_spec *s = n->spec;
    bool output = s->act != ACT_NONE && slope_from_output(s->act);
    return 1u << 1 | 1u << 2 | (n->in[1]->needs_grad ? 1u : 0) | (output ? READS_OUTPUT : 0);
}

const op_def op_linear_def = {.name = "linear",
                              .shape = linear_shape,
                              .forward = linear_forward,
                              .backward = linear_backward,
                              .example_norms = linear_example_norms,
                              .flops = linear_flops,
                              .flags = OP_PACKED,
                              .optional = 1u << 2,
                              .reads = linear_reads};

bool linear_is_plain(const tensor *y)
{
    return y->maker && y->maker->op == &op_linear_def && ((const linear_spec *)y->maker->spec)->act == ACT_NONE;
}

/* In bf16 everything but parameters is given as bf16. */
static tensor *as_computed(tape *t, tensor *x)
{
    if (!x || x->type == DTYPE_I32 || x->type == DTYPE_PACKED || x->type == tape_compute(t) ||
        (x->param && tape_compute(t) == DTYPE_BF16))
        return x;
    return op_cast(t, x, tape_compute(t));
}

tensor *op_linear(tape *t, tensor *x, tensor *w, tensor *b, linear_layout layout, activation act)
{
    if (x && x->param && tape_compute(t) == DTYPE_BF16) x = op_cast(t, x, DTYPE_BF16);
    tensor *in[] = {as_computed(t, x), as_computed(t, w), b ? tape_as_f32(t, b) : NULL};
    return tape_apply(t, &op_linear_def, in, 3, &(linear_spec){layout, act}, sizeof(linear_spec));
}
