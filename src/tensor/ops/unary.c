/* Functions of one value: scale, exp, log, sqrt, square, log sigmoid. One pair of small loops each; the rest is shared. */
#include "tensor/ops.h"
#include "tensor/ops/piece.h"

typedef struct unary_spec {
    void (*value)(const struct unary_spec *s, size_t n, const float *x, float *y);
    void (*slope)(const struct unary_spec *s, size_t n, const float *x, const float *y, const float *dy, float *dx);
    float by, plus;
} unary_spec;

static lorec_err unary_shape(tape *t, node *n)
{
    if (n->in[0]->type == DTYPE_I32) return node_shape_error(n, "needs numbers, not ids");
    return node_output_like(t, n, n->in[0]);
}

static lorec_err unary_values(void *ctx, size_t begin, size_t end, int worker)
{
    const node *n = ctx;
    const unary_spec *s = n->spec;
    tensor *out = n->out;
    (void)worker;
    for (size_t at = begin, m; (m = piece_length(at, end)) > 0; at += m) {
        float buf_x[PIECE], buf_y[PIECE];
        const float *x = piece_read(n->in[0], at, m, buf_x);
        float *y = piece_target(out->type, out->data, at, 0, buf_y);
        s->value(s, m, x, y);
        piece_store(out->type, out->data, at, m, y, 0);
    }
    return LOREC_OK;
}

static lorec_err unary_forward(tape *t, node *n)
{
    (void)t;
    return par_for((size_t)n->out->count, PAR_GRAIN, unary_values, n);
}

typedef struct unary_back {
    const node *n;
    float beta;
    void *dx;
} unary_back;

static lorec_err unary_slopes(void *ctx, size_t begin, size_t end, int worker)
{
    const unary_back *b = ctx;
    const node *n = b->n;
    const unary_spec *s = n->spec;
    dtype type = n->out->type;
    (void)worker;
    for (size_t at = begin, m; (m = piece_length(at, end)) > 0; at += m) {
        float buf_x[PIECE], buf_y[PIECE], buf_dy[PIECE], buf_dx[PIECE];
        const float *x = piece_read(n->in[0], at, m, buf_x), *y = piece_read(n->out, at, m, buf_y);
        const float *dy = piece_read_from(type, n->out->grad, at, m, buf_dy);
        float *dx = piece_target(type, b->dx, at, b->beta, buf_dx);
        s->slope(s, m, x, y, dy, dx);
        piece_store(type, b->dx, at, m, dx, b->beta);
    }
    return LOREC_OK;
}

static lorec_err unary_backward(tape *t, node *n)
{
    unary_back b = {.n = n};
    b.dx = node_grad_any(t, n->in[0], &b.beta);
    return b.dx ? par_for((size_t)n->out->count, PAR_GRAIN, unary_slopes, &b) : tape_error(t);
}

#define UNARY_VALUE(name_, value_)                                                                                     \
    static void name_##_value(const unary_spec *s, size_t n, const float *x, float *y)                                 \
    {                                                                                                                  \
        (void)s;                                                                                                       \
        for (size_t i = 0; i < n; i++) y[i] = (value_);                                                                \
    }
#define UNARY_OP(name_, slope_)                                                                                        \
    static void name_##_slope(const unary_spec *s, size_t n, const float *x, const float *y, const float *dy,          \
                              float *dx)                                                                               \
    {                                                                                                                  \
        (void)s, (void)x, (void)y;                                                                                     \
        for (size_t i = 0; i < n; i++) dx[i] = (slope_);                                                               \
    }                                                                                                                  \
    const op_def op_##name_##_def = {                                                                                  \
        .name = #name_, .shape = unary_shape, .forward = unary_forward, .backward = unary_backward}

/* log sigmoid(x) = min(x, 0) - log(1 + exp(-|x|)): no overflow on either side; its slope is sigmoid(-x). */
static float log_sigmoid(float x)
{
    return (x < 0 ? x : 0) - log1pf(expf(-fabsf(x)));
}

static float sigmoid_minus(float x)
{
    float e = expf(-fabsf(x));
    return (x > 0 ? e : 1) / (1 + e);
}

static void exp_value(const unary_spec *s, size_t n, const float *x, float *y)
{
    (void)s;
    isa()->exp_f32(n, x, y);
}

UNARY_VALUE(scale, s->by *x[i] + s->plus)
UNARY_VALUE(log, logf(x[i]))
UNARY_VALUE(sqrt, sqrtf(x[i]))
UNARY_VALUE(square, x[i] * x[i])
UNARY_VALUE(log_sigmoid, log_sigmoid(x[i]))
UNARY_OP(scale, s->by *dy[i]);
UNARY_OP(exp, dy[i] * y[i]);
UNARY_OP(log, dy[i] / x[i]);
UNARY_OP(sqrt, dy[i] * 0.5f / y[i]);
UNARY_OP(square, 2 * dy[i] * x[i]);
UNARY_OP(log_sigmoid, dy[i] * sigmoid_minus(x[i]));

static tensor *apply(tape *t, const op_def *op, tensor *x, unary_spec spec)
{
    return tape_apply(t, op, (tensor *[]){x}, 1, &spec, sizeof spec);
}

tensor *op_scale(tape *t, tensor *x, float by, float plus)
{
    return apply(t, &op_scale_def, x, (unary_spec){scale_value, scale_slope, by, plus});
}

tensor *op_exp(tape *t, tensor *x)
{
    return apply(t, &op_exp_def, x, (unary_spec){.value = exp_value, .slope = exp_slope});
}

tensor *op_log(tape *t, tensor *x)
{
    return apply(t, &op_log_def, x, (unary_spec){.value = log_value, .slope = log_slope});
}

tensor *op_sqrt(tape *t, tensor *x)
{
    return apply(t, &op_sqrt_def, x, (unary_spec){.value = sqrt_value, .slope = sqrt_slope});
}

tensor *op_square(tape *t, tensor *x)
{
    return apply(t, &op_square_def, x, (unary_spec){.value = square_value, .slope = square_slope});
}

tensor *op_log_sigmoid(tape *t, tensor *x)
{
    return apply(t, &op_log_sigmoid_def, x, (unary_spec){.value = log_sigmoid_value, .slope = log_sigmoid_slope});
}
