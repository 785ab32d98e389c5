/* Over the last dimension: softmax, log softmax, and division by the row's length. */
#include "tensor/ops.h"
#include "tensor/ops/piece.h"

static lorec_err row_shape(tape *t, node *n)
{
    if (n->in[0]->type != DTYPE_F32) return node_shape_error(n, "needs numbers");
    return node_output_like(t, n, n->in[0]);
}

typedef struct row_job {
    const node *n;
    float beta, *dx;
} row_job;

static lorec_err row_backward(tape *t, node *n, par_fn slopes)
{
    row_job k = {.n = n};
    k.dx = node_grad(t, n->in[0], &k.beta);
    return k.dx ? par_for((size_t)tensor_rows(n->out), row_grain(tensor_width(n->out)), slopes, &k) : tape_error(t);
}

static double softmax_flops(const node *n)
{
    return 10 * (double)n->out->count;
}

/* ---- softmax: dx = y (dy - <y, dy>) ---------------------------------------------------------------------------------------- */

static lorec_err softmax_rows(void *ctx, size_t begin, size_t end, int worker)
{
    const node *n = ctx;
    size_t d = (size_t)tensor_width(n->out);
    (void)worker;
    for (size_t r = begin; r < end; r++) {
        float *y = f32(n->out) + r * d, sum = isa()->softmax_exp_f32(d, f32(n->in[0]) + r * d, y);
        float by = sum > 0 ? 1 / sum : sum == 0 ? 0 : NAN;
        for (size_t i = 0; i < d; i++) y[i] *= by;
    }
    return LOREC_OK;
}

static lorec_err softmax_forward(tape *t, node *n)
{
    (void)t;
    return par_for((size_t)tensor_rows(n->out), row_grain(tensor_width(n->out) * 4), softmax_rows, n);
}

static lorec_err softmax_slopes(void *ctx, size_t begin, size_t end, int worker)
{
    const row_job *k = ctx;
    size_t d = (size_t)tensor_width(k->n->out);
    (void)worker;
    for (size_t r = begin; r < end; r++) {
        const float *y = f32(k->n->out) + r * d, *dy = grad(k->n->out) + r * d;
        float along = isa()->dot_f32(d, y, dy), *dx = k->dx + r * d;
        for (size_t i = 0; i < d; i++) dx[i] = y[i] * (dy[i] - along) + (k->beta == 0 ? 0 : dx[i]);
    }
    return LOREC_OK;
}

static lorec_err softmax_backward(tape *t, node *n)
{
    return row_backward(t, n, softmax_slopes);
}

const op_def op_softmax_def = {.name = "softmax",
                               .shape = row_shape,
                               .forward = softmax_forward,
                               .backward = softmax_backward,
                               .flops = softmax_flops};

tensor *op_softmax(tape *t, tensor *x)
{
    return tape_apply(t, &op_softmax_def, (tensor *[]){tape_as_f32(t, x)}, 1, NULL, 0);
}

/* ---- log softmax: dx = dy - exp(y) sum dy ------------------------------------------------------------------------------------ */

static lorec_err log_softmax_rows(void *ctx, size_t begin, size_t end, int worker)
{
    const node *n = ctx;
    size_t d = (size_t)tensor_width(n->out);
    (void)worker;
    for (size_t r = begin; r < end; r++) {
        const float *x = f32(n->in[0]) + r * d;
        float *y = f32(n->out) + r * d, most;
        double all = row_log_sum_exp(d, x, &most);
        for (size_t i = 0; i < d; i++) y[i] = all == -INFINITY ? -INFINITY : (float)(x[i] - all);
    }
    return LOREC_OK;
}

static lorec_err log_softmax_forward(tape *t, node *n)
{
    (void)t;
    return par_for((size_t)tensor_rows(n->out), row_grain(tensor_width(n->out) * 4), log_softmax_rows, n);
}

static lorec_err log_softmax_slopes(void *ctx, size_t begin, size_t end, int worker)
{
    const row_job *k = ctx;
    size_t d = (size_t)tensor_width(k->n->out);
    (void)worker;
    for (size_t r = begin; r < end; r++) {
        const float *y = f32(k->n->out) + r * d, *dy = grad(k->n->out) + r * d;
        float *dx = k->dx + r * d, sum = 0;
        for (size_t i = 0; i < d; i++) sum += dy[i];
        for (size_t at = 0, m; (m = piece_length(at, d)) > 0; at += m) {
            float p[PIECE];
            isa()->exp_f32(m, y + at, p);
            for (size_t i = 0; i < m; i++) dx[at + i] = dy[at + i] - p[i] * sum + (k->beta == 0 ? 0 : dx[at + i]);
        }
    }
    return LOREC_OK;
}

static lorec_err log_softmax_backward(tape *t, node *n)
{
    return row_backward(t, n, log_softmax_slopes);
}

const op_def op_log_softmax_def = {.name = "log_softmax",
                                   .shape = row_shape,
                                   .forward = log_softmax_forward,
                                   .backward = log_softmax_backward,
                                   .flops = softmax_flops};

tensor *op_log_softmax(tape *t, tensor *x)
{
    return tape_apply(t, &op_log_softmax_def, (tensor *[]){tape_as_f32(t, x)}, 1, NULL, 0);
}

/* ---- x / max(|x|, eps); saved [rows]: the divisor -------------------------------------------------------------------------- */

typedef struct normalize_spec {
    float eps;
} normalize_spec;

static lorec_err normalize_rows(void *ctx, size_t begin, size_t end, int worker)
{
    const node *n = ctx;
    size_t d = (size_t)tensor_width(n->out);
    float *saved = n->saved, eps = ((normalize_spec *)n->spec)->eps;
    (void)worker;
    for (size_t r = begin; r < end; r++) {
        const float *x = f32(n->in[0]) + r * d;
        float *y = f32(n->out) + r * d, length = sqrtf(isa()->dot_f32(d, x, x));
        saved[r] = length > eps || isnan(length) ? length : eps;
        float by = 1 / saved[r];
        for (size_t i = 0; i < d; i++) y[i] = x[i] * by;
    }
    return LOREC_OK;
}

static lorec_err normalize_forward(tape *t, node *n)
{
    if (!(n->saved = tape_alloc(t, (size_t)tensor_rows(n->out) * sizeof(float)))) return tape_error(t);
    return par_for((size_t)tensor_rows(n->out), row_grain(tensor_width(n->out)), normalize_rows, n);
}

/* dx = (dy - y <y, dy>) / |x|; where eps divides, y is linear in x */
static lorec_err normalize_slopes(void *ctx, size_t begin, size_t end, int worker)
{
    const row_job *k = ctx;
    size_t d = (size_t)tensor_width(k->n->out);
    const float *saved = k->n->saved;
    float eps = ((normalize_spec *)k->n->spec)->eps;
    (void)worker;
    for (size_t r = begin; r < end; r++) {
        const float *y = f32(k->n->out) + r * d, *dy = grad(k->n->out) + r * d;
        float along = saved[r] > eps ? isa()->dot_f32(d, y, dy) : 0, by = 1 / saved[r], *dx = k->dx + r * d;
        for (size_t i = 0; i < d; i++) dx[i] = (dy[i] - y[i] * along) * by + (k->beta == 0 ? 0 : dx[i]);
    }
    return LOREC_OK;
}

static lorec_err normalize_backward(tape *t, node *n)
{
    return row_backward(t, n, normalize_slopes);
}

static double normalize_flops(const node *n)
{
    return 3 * (double)n->out->count;
}

const op_def op_l2_normalize_def = {.name = "l2_normalize",
                                    .shape = row_shape,
                                    .forward = normalize_forward,
                                    .backward = normalize_backward,
                                    .flops = normalize_flops};

tensor *op_l2_normalize(tape *t, tensor *x, float eps)
{
    return tape_apply(t, &op_l2_normalize_def, (tensor *[]){tape_as_f32(t, x)}, 1, &(normalize_spec){eps},
                      sizeof(normalize_spec));
}
