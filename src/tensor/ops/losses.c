/* Losses of single values: bce, bpr, mse. One loss a value; nothing is reduced. */
#include "tensor/ops.h"
#include "tensor/ops/piece.h"

/* log(1 + exp(x)) and its slope, without overflow on either side. */
static float softplus(float x)
{
    return (x > 0 ? x : 0) + log1pf(expf(-fabsf(x)));
}

static float sigmoid(float x)
{
    float e = expf(-fabsf(x));
    return (x > 0 ? 1 : e) / (1 + e);
}

typedef struct target_spec {
    const float *target, *weight;
    int64_t n;
} target_spec;

static lorec_err target_shape(tape *t, node *n)
{
    const tensor *x = n->in[0];
    const target_spec *s = n->spec;
    if (x->type != DTYPE_F32 || s->n != x->count || (!s->target && s->n))
        return node_shape_error(n, "needs one target a value");
    return node_output_like(t, n, x);
}

typedef struct loss_job {
    const node *n;
    float beta, *dx;
    float sign; /* bpr: of the input's slope */
} loss_job;

/* label y in [0, 1]: y softplus(-x) + (1 - y) softplus(x) = softplus(x) - y x */
static lorec_err bce_values(void *ctx, size_t begin, size_t end, int worker)
{
    const node *n = ctx;
    const target_spec *s = n->spec;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        float x = f32(n->in[0])[i], y = s->target[i];
        f32(n->out)[i] = (y * softplus(-x) + (1 - y) * softplus(x)) * (s->weight ? s->weight[i] : 1);
    }
    return LOREC_OK;
}

static lorec_err bce_forward(tape *t, node *n)
{
    (void)t;
    return par_for((size_t)n->out->count, PAR_GRAIN, bce_values, n);
}

static lorec_err bce_slopes(void *ctx, size_t begin, size_t end, int worker)
{
    const loss_job *k = ctx;
    const target_spec *s = k->n->spec;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        float g = (sigmoid(f32(k->n->in[0])[i]) - s->target[i]) * (s->weight ? s->weight[i] : 1);
        k->dx[i] = grad(k->n->out)[i] * g + (k->beta == 0 ? 0 : k->dx[i]);
    }
    return LOREC_OK;
}

static lorec_err bce_backward(tape *t, node *n)
{
    loss_job k = {.n = n};
    k.dx = node_grad(t, n->in[0], &k.beta);
    return k.dx ? par_for((size_t)n->out->count, PAR_GRAIN, bce_slopes, &k) : tape_error(t);
}

const op_def op_bce_def = {.name = "bce", .shape = target_shape, .forward = bce_forward, .backward = bce_backward};

tensor *op_bce(tape *t, tensor *logit, const float *label, const float *weight, int64_t n)
{
    target_spec s = {tape_keep(t, label, n), tape_keep(t, weight, n), n};
    return tape_apply(t, &op_bce_def, (tensor *[]){tape_as_f32(t, logit)}, 1, &s, sizeof s);
}

/* ---- mse ----------------------------------------------------------------------------------------------------------------- */

static lorec_err mse_forward(tape *t, node *n)
{
    const target_spec *s = n->spec;
    (void)t;
    for (int64_t i = 0; i < n->out->count; i++) {
        float d = f32(n->in[0])[i] - s->target[i];
        f32(n->out)[i] = d * d;
    }
    return LOREC_OK;
}

static lorec_err mse_backward(tape *t, node *n)
{
    const target_spec *s = n->spec;
    float beta, *dx = node_grad(t, n->in[0], &beta);
    for (int64_t i = 0; dx && i < n->out->count; i++)
        dx[i] = 2 * grad(n->out)[i] * (f32(n->in[0])[i] - s->target[i]) + (beta == 0 ? 0 : dx[i]);
    return tape_error(t);
}

const op_def op_mse_def = {.name = "mse", .shape = target_shape, .forward = mse_forward, .backward = mse_backward};

tensor *op_mse(tape *t, tensor *x, const float *target, int64_t n)
{
    target_spec s = {tape_keep(t, target, n), NULL, n};
    return tape_apply(t, &op_mse_def, (tensor *[]){tape_as_f32(t, x)}, 1, &s, sizeof s);
}

/* ---- bpr: -log sigmoid(p - n) = softplus(n - p) (Rendle et al., UAI 2009) ------------------------------------------------- */

static lorec_err bpr_shape(tape *t, node *n)
{
    const tensor *a = n->in[0], *b = n->in[1];
    bool same = a->ndim == b->ndim && a->type == DTYPE_F32 && b->type == DTYPE_F32;
    for (int i = 0; same && i < a->ndim; i++) same = a->size[i] == b->size[i];
    return same ? node_output_like(t, n, a) : node_shape_error(n, "needs two of the same shape");
}

static lorec_err bpr_values(void *ctx, size_t begin, size_t end, int worker)
{
    const node *n = ctx;
    (void)worker;
    for (size_t i = begin; i < end; i++) f32(n->out)[i] = softplus(f32(n->in[1])[i] - f32(n->in[0])[i]);
    return LOREC_OK;
}

static lorec_err bpr_forward(tape *t, node *n)
{
    (void)t;
    return par_for((size_t)n->out->count, PAR_GRAIN, bpr_values, n);
}

static lorec_err bpr_slopes(void *ctx, size_t begin, size_t end, int worker)
{
    const loss_job *k = ctx;
    const node *n = k->n;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        float g = k->sign * sigmoid(f32(n->in[1])[i] - f32(n->in[0])[i]);
        k->dx[i] = grad(n->out)[i] * g + (k->beta == 0 ? 0 : k->dx[i]);
    }
    return LOREC_OK;
}

static lorec_err bpr_backward(tape *t, node *n)
{
    for (int side = 0; side < 2; side++) {
        loss_job k = {.n = n, .sign = side ? 1 : -1};
        k.dx = node_grad(t, n->in[side], &k.beta);
        if (k.dx) TRY(par_for((size_t)n->out->count, PAR_GRAIN, bpr_slopes, &k));
    }
    return tape_error(t);
}

const op_def op_bpr_def = {.name = "bpr", .shape = bpr_shape, .forward = bpr_forward, .backward = bpr_backward};

tensor *op_bpr(tape *t, tensor *positive, tensor *negative)
{
    return tape_apply(t, &op_bpr_def, (tensor *[]){tape_as_f32(t, positive), tape_as_f32(t, negative)}, 2, NULL, 0);
}
