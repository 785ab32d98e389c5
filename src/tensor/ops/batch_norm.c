/* Normalisation over the rows (Ioffe & Szegedy 2015). Statistics are sums in double of fixed blocks of columns, so they
 * do not depend on the number of workers. saved [2, d]: mean, 1 / sqrt(var + eps). */
#include "tensor/ops.h"
#include "tensor/ops/piece.h"
#include "tensor/tape.h"

typedef struct norm_spec {
    float momentum, eps;
    bool batch; /* the batch's own statistics */
} norm_spec;

enum { IN_X, IN_GAIN, IN_BIAS, IN_MEAN, IN_VAR, INPUTS };

static lorec_err norm_shape(tape *t, node *n)
{
    const tensor *x = n->in[IN_X];
    norm_spec *s = n->spec;
    bool fits = x->ndim >= 2 && x->type == DTYPE_F32;
    for (int i = IN_GAIN; i < INPUTS; i++) fits = fits && (!n->in[i] || n->in[i]->count == tensor_width(x));
    if (!fits) return node_shape_error(n, "needs x [.., d] and gain, bias, mean, var of [d]");
    s->batch = tape_trains(t) && tensor_rows(x) > 1;
    if (s->batch && (n->in[IN_MEAN]->needs_grad || n->in[IN_VAR]->needs_grad))
        return node_shape_error(n, "the running mean and variance have to be frozen (params_freeze)");
    return node_output_like(t, n, x);
}

typedef struct norm_job {
    const node *n;
    float *mean, *inv, *var;
    float *dgain, *dbias; /* sums over the rows, [d] each */
    float beta, *dx;
} norm_job;

enum { COLUMNS = 64 };

static lorec_err norm_columns(void *ctx, size_t begin, size_t end, int worker)
{
    const norm_job *k = ctx;
    const float *x = f32(k->n->in[IN_X]);
    size_t rows = (size_t)tensor_rows(k->n->out), d = (size_t)tensor_width(k->n->out);
    float eps = ((norm_spec *)k->n->spec)->eps;
    (void)worker;
    for (size_t block = begin; block < end; block++) {
        size_t from = block * COLUMNS, m = d - from < COLUMNS ? d - from : COLUMNS;
        double sum[COLUMNS] = {0}, squares[COLUMNS] = {0};
        for (size_t r = 0; r < rows; r++)
            for (size_t i = 0; i < m; i++) sum[i] += x[r * d + from + i];
        for (size_t i = 0; i < m; i++) sum[i] /= (double)rows;
        for (size_t r = 0; r < rows; r++)
            for (size_t i = 0; i < m; i++) {
                double off = x[r * d + from + i] - sum[i];
                squares[i] += off * off;
            }
        for (size_t i = 0; i < m; i++) {
            k->mean[from + i] = (float)sum[i];
            k->var[from + i] = (float)(squares[i] / (double)(rows - 1)); /* unbiased, for the running one */
            k->inv[from + i] = (float)(1 / sqrt(squares[i] / (double)rows + eps));
        }
    }
    return LOREC_OK;
}

static lorec_err norm_values(void *ctx, size_t begin, size_t end, int worker)
{
    const norm_job *k = ctx;
    const node *n = k->n;
    size_t d = (size_t)tensor_width(n->out);
    const float *gain = f32(n->in[IN_GAIN]), *bias = n->in[IN_BIAS] ? f32(n->in[IN_BIAS]) : NULL;
    (void)worker;
    for (size_t r = begin; r < end; r++) {
        const float *x = f32(n->in[IN_X]) + r * d;
        float *y = f32(n->out) + r * d;
        for (size_t i = 0; i < d; i++) y[i] = (x[i] - k->mean[i]) * k->inv[i] * gain[i] + (bias ? bias[i] : 0);
    }
    return LOREC_OK;
}

static void move_running(tensor *running, const float *now, float momentum)
{
    for (int64_t i = 0; i < running->count; i++) f32(running)[i] += momentum * (now[i] - f32(running)[i]);
    if (running->param) param_changed(running);
}

static lorec_err norm_forward(tape *t, node *n)
{
    const norm_spec *s = n->spec;
    size_t d = (size_t)tensor_width(n->out), rows = (size_t)tensor_rows(n->out);
    norm_job k = {.n = n, .mean = tape_alloc(t, 2 * d * sizeof(float)), .var = tape_scratch(t, d * sizeof(float))};
    if (!k.mean || !k.var) return tape_error(t);
    n->saved = k.mean;
    k.inv = k.mean + d;
    if (s->batch) {
        TRY(par_for((d + COLUMNS - 1) / COLUMNS, row_grain((int64_t)rows * COLUMNS), norm_columns, &k));
        move_running(n->in[IN_MEAN], k.mean, s->momentum);
        move_running(n->in[IN_VAR], k.var, s->momentum);
    } else {
        for (size_t i = 0; i < d; i++) {
            k.mean[i] = f32(n->in[IN_MEAN])[i];
            k.inv[i] = 1 / sqrtf(f32(n->in[IN_VAR])[i] + s->eps);
        }
    }
    return par_for(rows, row_grain((int64_t)d), norm_values, &k);
}

static lorec_err norm_sums(void *ctx, size_t begin, size_t end, int worker)
{
    const norm_job *k = ctx;
    const float *x = f32(k->n->in[IN_X]), *dy = grad(k->n->out);
    size_t rows = (size_t)tensor_rows(k->n->out), d = (size_t)tensor_width(k->n->out);
    (void)worker;
    for (size_t block = begin; block < end; block++) {
        size_t from = block * COLUMNS, m = d - from < COLUMNS ? d - from : COLUMNS;
        double gain[COLUMNS] = {0}, bias[COLUMNS] = {0};
        for (size_t r = 0; r < rows; r++)
            for (size_t i = 0; i < m; i++) {
                size_t at = r * d + from + i;
                bias[i] += dy[at];
                gain[i] += (double)dy[at] * (x[at] - k->mean[from + i]) * k->inv[from + i];
            }
        for (size_t i = 0; i < m; i++) {
            k->dgain[from + i] = (float)gain[i];
            k->dbias[from + i] = (float)bias[i];
        }
    }
    return LOREC_OK;
}

/* With xhat = (x - mean) inv: dx = gain inv (dy - mean(dy) - xhat mean(dy xhat)); constant statistics: gain inv dy. */
static lorec_err norm_slopes(void *ctx, size_t begin, size_t end, int worker)
{
    const norm_job *k = ctx;
    const node *n = k->n;
    size_t d = (size_t)tensor_width(n->out);
    bool batch = ((norm_spec *)n->spec)->batch;
    const float *gain = f32(n->in[IN_GAIN]);
    float share = 1 / (float)tensor_rows(n->out);
    (void)worker;
    for (size_t r = begin; r < end; r++) {
        const float *x = f32(n->in[IN_X]) + r * d, *dy = grad(n->out) + r * d;
        float *dx = k->dx + r * d;
        for (size_t i = 0; i < d; i++) {
            float xhat = (x[i] - k->mean[i]) * k->inv[i];
            float g = dy[i] - (batch ? share * (k->dbias[i] + xhat * k->dgain[i]) : 0);
            dx[i] = gain[i] * k->inv[i] * g + (k->beta == 0 ? 0 : dx[i]);
        }
    }
    return LOREC_OK;
}

static void sums_pass(tape *t, tensor *p, const float *sums)
{
    float beta, *g = p ? node_grad(t, p, &beta) : NULL;
    for (int64_t i = 0; g && i < p->count; i++) g[i] = sums[i] + (beta == 0 ? 0 : g[i]);
}

static lorec_err norm_backward(tape *t, node *n)
{
    size_t d = (size_t)tensor_width(n->out), rows = (size_t)tensor_rows(n->out);
    norm_job k = {.n = n, .mean = n->saved, .dgain = tape_scratch(t, 2 * d * sizeof(float))};
    if (!k.dgain) return tape_error(t);
    k.inv = k.mean + d;
    k.dbias = k.dgain + d;
    TRY(par_for((d + COLUMNS - 1) / COLUMNS, row_grain((int64_t)rows * COLUMNS), norm_sums, &k));
    k.dx = node_grad(t, n->in[IN_X], &k.beta);
    if (k.dx) TRY(par_for(rows, row_grain((int64_t)d), norm_slopes, &k));
    sums_pass(t, n->in[IN_GAIN], k.dgain);
    sums_pass(t, n->in[IN_BIAS], k.dbias);
    return tape_error(t);
}

static double norm_flops(const node *n)
{
    return 8 * (double)n->out->count;
}

const op_def op_batch_norm_def = {
    .name = "batch_norm",
    .shape = norm_shape,
    .forward = norm_forward,
    .backward = norm_backward,
    .flops = norm_flops,
    .flags = OP_COUPLES,
    .optional = 1u << IN_BIAS,
};

tensor *op_batch_norm(tape *t, tensor *x, tensor *gain, tensor *bias, tensor *mean, tensor *var, float momentum,
                      float eps)
{
    return tape_apply(t, &op_batch_norm_def, (tensor *[]){tape_as_f32(t, x), gain, bias, mean, var}, INPUTS,
                      &(norm_spec){momentum, eps, false}, sizeof(norm_spec));
}
