/* op_cases_kernels.h: linear layers, activations, dropout, norms; attention and GRU have their own headers. */
#ifndef LOREC_TESTS_OP_CASES_KERNELS_H
#define LOREC_TESTS_OP_CASES_KERNELS_H

#include "op_cases.h"

static double act_double(int act, double x)
{
    switch (act) {
    case ACT_RELU:
        return x > 0 ? x : 0;
    case ACT_GELU:
        return x * 0.5 * (1 + erf(x / sqrt(2)));
    case ACT_GELU_TANH:
        return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case ACT_SILU:
        return x / (1 + exp(-x));
    case ACT_SIGMOID:
        return 1 / (1 + exp(-x));
    case ACT_TANH:
        return tanh(x);
    case ACT_QUICK_GELU:
        return x / (1 + exp(-1.702 * x));
    case ACT_LEAKY_RELU:
        return x > 0 ? x : 0.01 * x;
    default:
        return x;
    }
}

/* ---- linear: k[0] layout, k[1] activation, k[2] in, k[3] out ------------------------------------------------------------- */

static void linear_setup(trial *c, linear_layout layout, activation act, int64_t in, int64_t out, bool bias)
{
    trial_leaf(c, 0, 2, (int64_t[]){c->n, in}, -1, 1);
    trial_param(c, 1, 2, (int64_t[]){layout == LINEAR_OUT_IN ? out : in, layout == LINEAR_OUT_IN ? in : out}, -0.5,
                0.5);
    if (bias) trial_param(c, 2, 1, (int64_t[]){out}, -1, 1);
    c->k[0] = layout;
    c->k[1] = act;
    c->k[2] = in;
    c->k[3] = out;
    c->out_count = c->n * out;
}

#define LINEAR_SETUP(name_, ...)                                                                                       \
    static void name_(trial *c)                                                                                        \
    {                                                                                                                  \
        linear_setup(c, __VA_ARGS__);                                                                                  \
    }
LINEAR_SETUP(linear_plain, LINEAR_OUT_IN, ACT_NONE, 7, 5, false)
LINEAR_SETUP(linear_bias, LINEAR_OUT_IN, ACT_NONE, 66, 65, true)
LINEAR_SETUP(linear_relu, LINEAR_OUT_IN, ACT_LEAKY_RELU, 16, 33, true)
LINEAR_SETUP(linear_gelu, LINEAR_IN_OUT, ACT_GELU_TANH, 9, 70, true)
LINEAR_SETUP(linear_in_out, LINEAR_IN_OUT, ACT_NONE, 70, 3, false)
LINEAR_SETUP(linear_sigmoid, LINEAR_OUT_IN, ACT_SIGMOID, 1, 1, true)
LINEAR_SETUP(linear_wide, LINEAR_IN_OUT, ACT_SILU, 150, 450, true)
LINEAR_SETUP(linear_wide_out_in, LINEAR_OUT_IN, ACT_NONE, 450, 150, true)

static tensor *linear_apply(tape *t, tensor **in, const trial *c)
{
    return op_linear(t, in[0], in[1], in[2], (linear_layout)c->k[0], (activation)c->k[1]);
}

static void linear_naive(const trial *c, double *const *x, double *y)
{
    int64_t in = c->k[2], out = c->k[3];
    for (int64_t i = 0; i < c->n; i++)
        for (int64_t j = 0; j < out; j++) {
            double sum = x[2] ? x[2][j] : 0;
            for (int64_t p = 0; p < in; p++)
                sum += x[0][i * in + p] * x[1][c->k[0] == LINEAR_OUT_IN ? j * in + p : p * out + j];
            y[i * out + j] = act_double((int)c->k[1], sum);
        }
}

/* ---- activations: k[0] which ------------------------------------------------------------------------------------------------- */

static void act_setup(trial *c, activation act, bool gate)
{
    trial_leaf(c, 0, 2, (int64_t[]){c->n, 9}, -3, 3);
    if (gate) trial_leaf(c, 1, 2, (int64_t[]){c->n, 9}, -3, 3);
    for (int64_t i = 0; i < c->n * 9; i++) /* away from the kink */
        if (fabs(c->in[0].value[i]) < 0.01) c->in[0].value[i] = 0.5;
    c->k[0] = act;
    c->out_count = c->n * 9;
}

#define ACT_SETUP(act_)                                                                                                \
    static void act_setup_##act_(trial *c)                                                                             \
    {                                                                                                                  \
        act_setup(c, act_, false);                                                                                     \
    }                                                                                                                  \
    static void gated_setup_##act_(trial *c)                                                                           \
    {                                                                                                                  \
        act_setup(c, act_, true);                                                                                      \
    }
ACT_SETUP(ACT_RELU)
ACT_SETUP(ACT_GELU)
ACT_SETUP(ACT_SILU)

static tensor *act_apply(tape *t, tensor **in, const trial *c)
{
    return in[1] ? op_gated(t, in[0], in[1], (activation)c->k[0]) : op_act(t, in[0], (activation)c->k[0]);
}

static void act_naive_case(const trial *c, double *const *x, double *y)
{
    for (int64_t i = 0; i < c->out_count; i++)
        y[i] = x[1] ? x[0][i] * act_double((int)c->k[0], x[1][i]) : act_double((int)c->k[0], x[0][i]);
}

/* ---- norms: k[0] width, k[1] rms ------------------------------------------------------------------------------------------------ */

static void norm_setup(trial *c, int64_t d, bool rms, bool bias)
{
    trial_leaf(c, 0, 2, (int64_t[]){c->n, d}, -2, 2);
    trial_param(c, 1, 1, (int64_t[]){d}, 0.5, 1.5);
    if (bias) trial_param(c, 2, 1, (int64_t[]){d}, -1, 1);
    c->k[0] = d;
    c->k[1] = rms;
    c->out_count = c->n * d;
}

#define NORM_SETUP(name_, ...)                                                                                         \
    static void name_(trial *c)                                                                                        \
    {                                                                                                                  \
        norm_setup(c, __VA_ARGS__);                                                                                    \
    }
NORM_SETUP(norm_64, 64, false, true)
NORM_SETUP(norm_37, 37, false, false)
NORM_SETUP(norm_rms, 50, true, false)

static tensor *norm_apply(tape *t, tensor **in, const trial *c)
{
    return c->k[1] ? op_rms_norm(t, in[0], in[1], 1e-5f, 0.25f) : op_layer_norm(t, in[0], in[1], in[2], 1e-5f);
}

static void norm_naive(const trial *c, double *const *x, double *y)
{
    int64_t d = c->k[0];
    for (int64_t i = 0; i < c->n; i++) {
        const double *row = x[0] + i * d;
        double mean = 0, var = 0;
        for (int64_t j = 0; j < d && !c->k[1]; j++) mean += row[j] / (double)d;
        for (int64_t j = 0; j < d; j++) var += (row[j] - mean) * (row[j] - mean) / (double)d;
        for (int64_t j = 0; j < d; j++)
            y[i * d + j] = (row[j] - mean) / sqrt(var + 1e-5) * (x[1][j] + (c->k[1] ? 0.25 : 0)) + (x[2] ? x[2][j] : 0);
    }
}

/* ---- dropout: the mask drawn again by rng.h, draw by draw -------------------------------------------------------------------------- */

static void dropout_setup(trial *c)
{
    trial_leaf(c, 0, 2, (int64_t[]){c->n, 37}, -1, 1);
    c->out_count = c->n * 37;
}

static void add_dropout_setup(trial *c)
{
    dropout_setup(c);
    trial_leaf(c, 1, 2, (int64_t[]){c->n, 37}, -1, 1);
}

static tensor *dropout_apply(tape *t, tensor **in, const trial *c)
{
    (void)c;
    return in[1] ? op_add_dropout(t, in[0], in[1], 0.3f) : op_dropout(t, in[0], 0.3f);
}

static void dropout_naive(const trial *c, double *const *x, double *y)
{
    enum { THRESHOLD = 19661 /* 0.3 * 65536 */ };
    for (int64_t i = 0; i < c->out_count; i++) {
        uint32_t words[4];
        uint64_t at = (uint64_t)i % 128, block = (uint64_t)i / 128 * 16 + at % 16;
        rng_block(3, (uint64_t)RNG_DROPOUT << 56 | 1u << 20, block, words); /* seed 3, step 1, the first stream */
        uint32_t word = words[at % 64 / 16], draw = at < 64 ? word & 0xffff : word >> 16;
        double mask = draw < THRESHOLD ? 0 : 65536.0 / (65536 - THRESHOLD);
        y[i] = x[1] ? x[0][i] + mask * x[1][i] : mask * x[0][i];
    }
}

static const op_case cases_kernels[] = {
    {"linear", "plain", linear_plain, linear_apply, linear_naive, .bf16 = true, .several_bits = true},
    {"linear", "bias", linear_bias, linear_apply, linear_naive, .bf16 = true, .several_bits = true},
    {"linear", "leaky relu", linear_relu, linear_apply, linear_naive, .bf16 = true, .several_bits = true},
    {"linear", "in-out, gelu", linear_gelu, linear_apply, linear_naive, .bf16 = true, .several_bits = true},
    {"linear", "in-out", linear_in_out, linear_apply, linear_naive, .bf16 = true, .several_bits = true},
    {"linear", "1 x 1, sigmoid", linear_sigmoid, linear_apply, linear_naive, .bf16 = true, .several_bits = true},
    {"linear", "wide, in-out", linear_wide, linear_apply, linear_naive, .most = 64, .several_bits = true},
    {"linear", "wide", linear_wide_out_in, linear_apply, linear_naive, .most = 64, .several_bits = true},
    {"act", "relu", act_setup_ACT_RELU, act_apply, act_naive_case, .bf16 = true},
    {"act", "gelu", act_setup_ACT_GELU, act_apply, act_naive_case, .bf16 = true},
    {"act", "silu", act_setup_ACT_SILU, act_apply, act_naive_case, .bf16 = true},
    {"gated", "relu", gated_setup_ACT_RELU, act_apply, act_naive_case, .bf16 = true},
    {"gated", "gelu", gated_setup_ACT_GELU, act_apply, act_naive_case, .bf16 = true},
    {"gated", "silu", gated_setup_ACT_SILU, act_apply, act_naive_case, .bf16 = true},
    {"layer_norm", "with bias", norm_64, norm_apply, norm_naive, .bf16 = true, .several_bits = true},
    {"layer_norm", "without", norm_37, norm_apply, norm_naive, .bf16 = true, .several_bits = true},
    {"rms_norm", "gain plus", norm_rms, norm_apply, norm_naive, .bf16 = true, .several_bits = true},
    {"dropout", "0.3", dropout_setup, dropout_apply, dropout_naive, .bf16 = true},
    {"add_dropout", "0.3", add_dropout_setup, dropout_apply, dropout_naive, .bf16 = true},
};

#endif
