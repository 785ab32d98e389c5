/* -log softmax(x)[target] of rows of logits (op_cross_entropy), and of column 0 among sampled ones with the sampler's
 * log probability taken off (op_sampled_softmax; Bengio & Senecal 2008). Only log sum exp is kept for the way back. */
#include "tensor/ops.h"
#include "tensor/ops/piece.h"

typedef struct ce_spec {
    const float *log_q; /* [rows * k] or NULL */
} ce_spec;

typedef struct ce_job {
    const node *n;
    float beta, *dx;
} ce_job;

static int64_t target_of(const node *n, size_t r)
{
    return n->n_in == 2 ? i32(n->in[1])[r] : 0;
}

/* The row's logits, shifted where there is a log_q; buf has room for a row. */
static const float *logits(const node *n, size_t r, float *buf)
{
    const float *log_q = ((const ce_spec *)n->spec)->log_q;
    size_t v = (size_t)n->in[0]->size[1];
    const float *x = f32(n->in[0]) + r * v;
    if (!log_q) return x;
    for (size_t i = 0; i < v; i++) buf[i] = x[i] - log_q[r * v + i];
    return buf;
}

static lorec_err ce_check(node *n)
{
    const tensor *x = n->in[0];
    if (x->ndim != 2 || x->type != DTYPE_F32) return node_shape_error(n, "needs logits [rows, v]");
    if (n->n_in == 1) return x->size[1] < 1 ? node_shape_error(n, "needs a column 0") : LOREC_OK;
    const tensor *target = n->in[1];
    if (target->type != DTYPE_I32 || target->count != x->size[0]) return node_shape_error(n, "needs one target a row");
    for (int64_t r = 0; r < target->count; r++)
        if (i32(target)[r] < -1 || i32(target)[r] >= x->size[1])
            return err_set(LOREC_USAGE, "%s: target %d of row %lld is outside %lld classes; -1 means none", n->op->name,
                           i32(target)[r], (long long)r, (long long)x->size[1]);
    return LOREC_OK;
}

static lorec_err ce_shape(tape *t, node *n)
{
    TRY(ce_check(n));
    return node_output(t, n, DTYPE_F32, 1, n->in[0]->size);
}

/* saved [rows]: log sum exp; NaN marks a row without loss. */
static lorec_err ce_rows(void *ctx, size_t begin, size_t end, int worker)
{
    const node *n = ctx;
    size_t v = (size_t)n->in[0]->size[1];
    double *saved = n->saved;
    float *buf = NULL;
    (void)worker;
    if (((const ce_spec *)n->spec)->log_q) TRY(mem_new(&buf, v));
    for (size_t r = begin; r < end; r++) {
        int64_t target = target_of(n, r);
        const float *x = target < 0 ? NULL : logits(n, r, buf);
        bool none = target < 0 || (n->n_in == 1 && x[0] == -INFINITY);
        float most;
        saved[r] = none ? NAN : row_log_sum_exp(v, x, &most);
        f32(n->out)[r] = none ? 0 : (float)(saved[r] - x[target]);
    }
    mem_free(buf);
    return LOREC_OK;
}

static lorec_err ce_forward(tape *t, node *n)
{
    if (!(n->saved = tape_alloc(t, (size_t)n->out->count * sizeof(double)))) return tape_error(t);
    return par_for((size_t)n->out->count, row_grain(n->in[0]->size[1]), ce_rows, n);
}

/* dx = dy (softmax(x) - onehot(target)) */
static lorec_err ce_slopes(void *ctx, size_t begin, size_t end, int worker)
{
    const ce_job *k = ctx;
    const node *n = k->n;
    size_t v = (size_t)n->in[0]->size[1];
    const double *saved = n->saved;
    float *row = NULL;
    lorec_err e = ((const ce_spec *)n->spec)->log_q ? mem_new(&row, v) : LOREC_OK;
    (void)worker;
    for (size_t r = begin; e == LOREC_OK && r < end; r++) {
        float *dx = k->dx + r * v, dy = grad(n->out)[r];
        int64_t target = target_of(n, r);
        bool none = target < 0 || (n->n_in == 1 && isnan(saved[r]) && f32(n->out)[r] == 0);
        if (none) {
            if (k->beta == 0) memset(dx, 0, v * sizeof *dx);
            continue;
        }
        const float *x = logits(n, r, row);
        for (size_t at = 0, m; (m = piece_length(at, v)) > 0; at += m) {
            float p[PIECE];
            for (size_t i = 0; i < m; i++) p[i] = (float)(x[at + i] - saved[r]);
            isa()->exp_f32(m, p, p);
            for (size_t i = 0; i < m; i++) dx[at + i] = dy * p[i] + (k->beta == 0 ? 0 : dx[at + i]);
        }
        dx[target] -= dy;
    }
    mem_free(row);
    return e;
}

static lorec_err ce_backward(tape *t, node *n)
{
    ce_job k = {.n = n};
    k.dx = node_grad(t, n->in[0], &k.beta);
    return k.dx ? par_for((size_t)n->out->count, row_grain(n->in[0]->size[1]), ce_slopes, &k) : tape_error(t);
}

static double ce_flops(const node *n)
{
    return 10 * (double)n->in[0]->count; /* an exponential each */
}

const op_def op_cross_entropy_def = {
    .name = "cross_entropy", .shape = ce_shape, .forward = ce_forward, .backward = ce_backward, .flops = ce_flops};

tensor *op_cross_entropy(tape *t, tensor *x, tensor *target)
{
    return tape_apply(t, &op_cross_entropy_def, (tensor *[]){tape_as_f32(t, x), target}, 2, &(ce_spec){NULL},
                      sizeof(ce_spec));
}

const op_def op_sampled_softmax_def = {
    .name = "sampled_softmax", .shape = ce_shape, .forward = ce_forward, .backward = ce_backward, .flops = ce_flops};

tensor *op_sampled_softmax(tape *t, tensor *scores, const float *log_q)
{
    return tape_apply(t, &op_sampled_softmax_def, (tensor *[]){tape_as_f32(t, scores)}, 1,
                      &(ce_spec){tape_keep(t, log_q, scores ? scores->count : 0)}, sizeof(ce_spec));
}
