/* op_layer_norm (Ba et al. 2016) and op_rms_norm (Zhang & Sennrich 2019): x [.., d] -> [.., d]; per row
 *     y = (x - mean) r gain + bias, r = 1 / sqrt(var + eps);   rms: y = x r (gain_plus + gain), r = 1 / sqrt(mean x^2 + eps).
 * Kept for backward: mean and r, two floats a row. */
#include "tensor/ops.h"
#include "tensor/ops/example_rows.h"
#include "tensor/ops/piece.h"

typedef struct norm_spec {
    bool rms;
    float eps, gain_plus;
} norm_spec;

static lorec_err norm_shape(tape *t, node *n)
{
    const tensor *x = n->in[0], *gain = n->in[1], *bias = n->in[2];
    int64_t d = tensor_width(x);
    if (x->type == DTYPE_I32) return node_shape_error(n, "needs numbers, not ids");
    if (gain->count != d || (bias && bias->count != d))
        return node_shape_error(n, "x [.., d] needs gain [d] and bias [d]");
    return node_output(t, n, tape_compute(t) == DTYPE_BF16 ? DTYPE_BF16 : x->type, x->ndim, x->size);
}

/* What a worker's rows are read into and written from when they are bf16. */
typedef struct norm_job {
    const node *n;
    float *stats; /* [rows, 2] */
    float *rows;  /* [workers][3 d] */
    void *dx;
    float beta;
    float *sums;     /* [workers][2 d]: dgain, dbias */
    bool gain, bias; /* wanted */
} norm_job;

static const float *row_in(dtype type, const void *data, int64_t row, int64_t d, float *buf)
{
    return piece_read_from(type, data, (size_t)(row * d), (size_t)d, buf);
}

static lorec_err norm_rows(void *ctx, size_t begin, size_t end, int worker)
{
    const norm_job *j = ctx;
    const node *n = j->n;
    const norm_spec *s = n->spec;
    int64_t d = tensor_width(n->in[0]);
    float *buf = j->rows + worker * 3 * d;
    for (size_t i = begin; i < end; i++) {
        const float *x = row_in(n->in[0]->type, n->in[0]->data, (int64_t)i, d, buf);
        bool half = n->out->type == DTYPE_BF16;
        float *y = half ? buf + d : f32(n->out) + (int64_t)i * d;
        isa()->norm_f32(s->rms, (size_t)d, x, f32(n->in[1]), s->gain_plus, n->in[2] ? f32(n->in[2]) : NULL, s->eps, y,
                        j->stats + 2 * i);
        if (half) isa()->to_bf16((size_t)d, y, bf16(n->out) + (int64_t)i * d);
    }
    return LOREC_OK;
}

static lorec_err norm_forward(tape *t, node *n)
{
    int64_t rows = tensor_rows(n->in[0]), d = tensor_width(n->in[0]);
    norm_job j = {.n = n};
    size_t bytes = (size_t)rows * 2 * sizeof(float);
    n->saved = j.stats = n->out->needs_grad ? tape_alloc(t, bytes) : tape_scratch(t, bytes);
    j.rows = tape_scratch(t, (size_t)(par_workers() * 3 * d) * sizeof(float));
    if (!j.stats || !j.rows) return tape_error(t);
    return d ? par_for((size_t)rows, row_grain(d), norm_rows, &j) : LOREC_OK;
}

static lorec_err norm_back_rows(void *ctx, size_t begin, size_t end, int worker)
{
    const norm_job *j = ctx;
    const node *n = j->n;
    const norm_spec *s = n->spec;
    const tensor *x = n->in[0];
    int64_t d = tensor_width(x);
    float *buf = j->rows + worker * 3 * d, *sums = j->sums + worker * 2 * d;
    for (size_t i = begin; i < end; i++) {
        const float *from = row_in(x->type, x->data, (int64_t)i, d, buf);
        const float *dy = row_in(n->out->type, n->out->grad, (int64_t)i, d, buf + d);
        float *dx = NULL, beta = j->beta;
        if (j->dx && x->type == DTYPE_F32)
            dx = (float *)j->dx + (int64_t)i * d;
        else if (j->dx) {
            dx = buf + 2 * d;
            if (beta != 0) isa()->from_bf16((size_t)d, (uint16_t *)j->dx + (int64_t)i * d, dx);
        }
        isa()->norm_grad_f32(s->rms, (size_t)d, from, f32(n->in[1]), s->gain_plus, j->stats + 2 * i, dy, beta, dx,
                             j->gain ? sums : NULL, j->bias ? sums + d : NULL);
        if (dx && x->type == DTYPE_BF16) isa()->to_bf16((size_t)d, dx, (uint16_t *)j->dx + (int64_t)i * d);
    }
    return LOREC_OK;
}

static void norm_sums(tape *t, tensor *p, const float *sums, int64_t d)
{
    float beta, *g = node_grad(t, p, &beta);
    if (!g) return;
    for (int64_t i = 0; i < d; i++) {
        float sum = beta == 0 ? 0 : g[i];
        for (int w = 0; w < par_workers(); w++) sum += sums[w * 2 * d + i];
        g[i] = sum;
    }
}

static lorec_err norm_backward(tape *t, node *n)
{
    int64_t rows = tensor_rows(n->in[0]), d = tensor_width(n->in[0]);
    norm_job j = {.n = n, .stats = n->saved};
    j.gain = n->in[1]->needs_grad;
    j.bias = n->in[2] && n->in[2]->needs_grad;
    j.rows = tape_scratch(t, (size_t)(par_workers() * 5 * d) * sizeof(float));
    if (!j.rows) return tape_error(t);
    j.sums = j.rows + par_workers() * 3 * d;
    memset(j.sums, 0, (size_t)(par_workers() * 2 * d) * sizeof(float));
    j.dx = node_grad_any(t, n->in[0], &j.beta);
    TRY(tape_error(t));
    if (d) TRY(par_for((size_t)rows, row_grain(d), norm_back_rows, &j));
    norm_sums(t, n->in[1], j.sums, d);
    norm_sums(t, n->in[2], j.sums + d, d);
    return tape_error(t);
}

/* The gradients of gain and bias of each example's rows alone. */
static lorec_err norm_example_norms(tape *t, node *n, float *sq, int64_t n_examples)
{
    const tensor *x = n->in[0], *gain = n->in[1], *bias = n->in[2];
    const norm_spec *s = n->spec;
    const float *stats = n->saved;
    bool of_gain = gain->param && gain->needs_grad, of_bias = bias && bias->param && bias->needs_grad;
    int64_t d = tensor_width(x);
    example_rows g;
    float *buf = tape_scratch(t, (size_t)(4 * d) * sizeof *buf);
    if (!buf) return tape_error(t);
    TRY(example_rows_of(t, n->out, n_examples, &g));
    for (int64_t e = 0; e < n_examples; e++) {
        float *sums = buf + 2 * d;
        memset(sums, 0, (size_t)(2 * d) * sizeof *sums);
        for (int32_t at = g.start[e]; at < g.start[e + 1]; at++) {
            const float *from = row_in(x->type, x->data, g.row[at], d, buf);
            const float *dy = row_in(n->out->type, n->out->grad, g.row[at], d, buf + d);
            isa()->norm_grad_f32(s->rms, (size_t)d, from, f32(gain), s->gain_plus, stats + 2 * g.row[at], dy, 0, NULL,
                                 sums, sums + d);
        }
        if (of_gain) sq[e] += isa()->dot_f32((size_t)d, sums, sums);
        if (of_bias) sq[e] += isa()->dot_f32((size_t)d, sums + d, sums + d);
    }
    return LOREC_OK;
}

static double norm_flops(const node *n)
{
    return 8.0 * (double)n->out->count;
}

static uint32_t norm_reads(const node *n)
{
    (void)n;
    return ~READS_OUTPUT;
}

const op_def op_layer_norm_def = {.name = "layer_norm",
                                  .shape = norm_shape,
                                  .forward = norm_forward,
                                  .backward = norm_backward,
                                  .example_norms = norm_example_norms,
                                  .flops = norm_flops,
                                  .optional = 1u << 2,
                                  .reads = norm_reads};
const op_def op_rms_norm_def = {.name = "rms_norm",
                                .shape = norm_shape,
                                .forward = norm_forward,
                                .backward = norm_backward,
                                .example_norms = norm_example_norms,
                                .flops = norm_flops,
                                .optional = 1u << 2,
                                .reads = norm_reads};

tensor *op_layer_norm(tape *t, tensor *x, tensor *gain, tensor *bias, float eps)
{
    return tape_apply(t, &op_layer_norm_def, (tensor *[]){x, tape_as_f32(t, gain), tape_as_f32(t, bias)}, 3,
                      &(norm_spec){.eps = eps}, sizeof(norm_spec));
}

tensor *op_rms_norm(tape *t, tensor *x, tensor *gain, float eps, float gain_plus)
{
    return tape_apply(t, &op_rms_norm_def, (tensor *[]){x, tape_as_f32(t, gain), NULL}, 3,
                      &(norm_spec){.rms = true, .eps = eps, .gain_plus = gain_plus}, sizeof(norm_spec));
}
