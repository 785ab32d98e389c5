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

/* Several rows an example, and the rows of one example apart. */
static void linear_examples(trial *c)
{
    int32_t *example = trial_block(c, (size_t)c->n * sizeof *example);
    int64_t segments_asked = c->n;
    trial_segments(c, 0, segments_asked, 4);
    for (int64_t i = 0; i < segments_asked; i++) example[i] = (int32_t)(i % 2);
    c->seg[0].example = example;
    c->n = c->seg[0].rows;
    linear_setup(c, LINEAR_OUT_IN, ACT_SILU, 5, 7, true);
}

static tensor *linear_examples_apply(tape *t, tensor **in, const trial *c)
{
    return linear_apply(t, (tensor *[]){tape_examples(t, in[0], &c->seg[0]), in[1], in[2]}, c);
}

/* ---- low rank: y 0 (or the product of x with w 4), x 1, a 2, b 3, factor of rows 5 -------------------------------------------- */

enum { LOW_IN = 21, LOW_OUT = 18, LOW_RANK = 3 };

static void low_rank_setup(trial *c)
{
    trial_leaf(c, 0, 2, (int64_t[]){c->n, LOW_OUT}, -1, 1);
    trial_leaf(c, 1, 2, (int64_t[]){c->n, LOW_IN}, -1, 1);
    trial_param(c, 2, 2, (int64_t[]){LOW_RANK, LOW_IN}, -1, 1);
    trial_param(c, 3, 2, (int64_t[]){LOW_OUT, LOW_RANK}, -1, 1);
    c->out_count = c->n * LOW_OUT;
}

static void low_rank_rows(trial *c)
{
    low_rank_setup(c);
    trial_fixed(c, 5, 2, (int64_t[]){c->n, 1}, 0, 2);
}

static void low_rank_on_linear(trial *c)
{
    low_rank_rows(c);
    c->in[0] = (trial_input){0};
    trial_param(c, 4, 2, (int64_t[]){LOW_OUT, LOW_IN}, -1, 1);
}

static tensor *low_rank_apply(tape *t, tensor **in, const trial *c)
{
    (void)c;
    tensor *y = in[0] ? in[0] : op_linear(t, in[1], in[4], NULL, LINEAR_OUT_IN, ACT_NONE);
    return op_low_rank(t, y, in[1], in[2], in[3], 0.5f, in[5]);
}

/* twice: in the place of the first one's output */
static tensor *low_rank_twice(tape *t, tensor **in, const trial *c)
{
    return op_low_rank(t, low_rank_apply(t, in, c), in[1], in[2], in[3], -1.5f, NULL);
}

static void low_rank_sum(const trial *c, double *const *x, double *y, double plain)
{
    for (int64_t r = 0; r < c->n; r++)
        for (int64_t j = 0; j < LOW_OUT; j++) {
            double sum = x[0] ? x[0][r * LOW_OUT + j] : 0;
            for (int64_t i = 0; i < LOW_IN; i++) {
                double v = x[1][r * LOW_IN + i], by = 0.5 * (x[5] ? x[5][r] : 1) + plain;
                if (x[4]) sum += v * x[4][j * LOW_IN + i];
                for (int64_t k = 0; k < LOW_RANK; k++) sum += by * v * x[2][k * LOW_IN + i] * x[3][j * LOW_RANK + k];
            }
            y[r * LOW_OUT + j] = sum;
        }
}

static void low_rank_naive(const trial *c, double *const *x, double *y)
{
    low_rank_sum(c, x, y, 0);
}

static void low_rank_twice_naive(const trial *c, double *const *x, double *y)
{
    low_rank_sum(c, x, y, -1.5);
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

/* ---- linear and cross-entropy in one: k[0] the spec --------------------------------------------------------------------------------- */

static linear_ce *linear_ce_setup(trial *c, int64_t d, int32_t classes, bool bias, int32_t first)
{
    linear_ce *s = trial_block(c, sizeof *s);
    trial_leaf(c, 0, 2, (int64_t[]){c->n, d}, -1, 1);
    trial_param(c, 1, 2, (int64_t[]){classes, d}, -0.5, 0.5);
    if (bias) trial_param(c, 2, 1, (int64_t[]){classes}, -1, 1);
    trial_ids(c, 3, c->n, first, classes);
    c->k[0] = (intptr_t)s;
    c->out_count = c->n;
    return s;
}

static void linear_ce_plain(trial *c)
{
    linear_ce_setup(c, 17, 33, false, 0);
}

static void ce_ignored(trial *c) /* some rows have no target */
{
    linear_ce_setup(c, 16, 65, true, -1);
}

static void ce_smooth(trial *c)
{
    linear_ce *s = linear_ce_setup(c, 9, 40, true, 2);
    *s = (linear_ce){.temperature = 0.5f, .label_smoothing = 0.1f, .skip_first = 2};
}

static void ce_capped(trial *c)
{
    linear_ce *s = linear_ce_setup(c, 9, 40, true, -1);
    *s = (linear_ce){.temperature = 0.5f, .softcap = 1.5f};
}

static tensor *linear_ce_apply(tape *t, tensor **in, const trial *c)
{
    return op_linear_cross_entropy(t, in[0], in[1], in[2], in[3], (const linear_ce *)(intptr_t)c->k[0]);
}

static void linear_ce_naive(const trial *c, double *const *x, double *y)
{
    const linear_ce *s = (const linear_ce *)(intptr_t)c->k[0];
    int64_t d = c->in[0].size[1], classes = c->in[1].size[0];
    double temperature = s->temperature > 0 ? s->temperature : 1;
    for (int64_t i = 0; i < c->n; i++) {
        double sum = 0, all = 0, right = 0;
        for (int64_t j = s->skip_first; j < classes; j++) {
            double z = x[2] ? x[2][j] : 0;
            for (int64_t p = 0; p < d; p++) z += x[0][i * d + p] * x[1][j * d + p];
            if (s->softcap > 0) z = s->softcap * tanh(z / s->softcap);
            z /= temperature;
            sum += exp(z);
            all += z;
            if (j == c->in[3].id[i]) right = z;
        }
        double mean = all / (double)(classes - s->skip_first), e = s->label_smoothing;
        y[i] = c->in[3].id[i] < 0 ? 0 : log(sum) - (1 - e) * right - e * mean;
    }
}

/* The mean: all rows get the same upstream gradient, and backward scales what forward made. */
static void ce_mean_setup(trial *c)
{
    linear_ce *s = linear_ce_setup(c, 9, 40, true, -1);
    *s = (linear_ce){.temperature = 2, .softcap = c->n % 2 ? 3 : 0};
    c->out_count = 1;
}

static tensor *ce_mean_apply(tape *t, tensor **in, const trial *c)
{
    return op_mean(t, linear_ce_apply(t, in, c));
}

static void ce_mean_naive(const trial *c, double *const *x, double *y)
{
    double *all = calloc((size_t)c->n + 1, sizeof *all);
    linear_ce_naive(c, x, all);
    y[0] = 0;
    for (int64_t i = 0; i < c->n; i++) y[0] += all[i] / (double)c->n;
    free(all);
}

/* ---- GRU ------------------------------------------------------------------------------------------------------------------------------- */

static void gru_setup(trial *c)
{
    enum { IN = 5, H = 6 };
    const segments *s = trial_segments(c, 0, c->n, 5);
    trial_leaf(c, 0, 2, (int64_t[]){s->rows, IN}, -1, 1);
    trial_param(c, 1, 2, (int64_t[]){3 * H, IN}, -1, 1);
    trial_param(c, 2, 2, (int64_t[]){3 * H, H}, -1, 1);
    trial_param(c, 3, 1, (int64_t[]){3 * H}, -1, 1);
    trial_param(c, 4, 1, (int64_t[]){3 * H}, -1, 1);
    c->k[0] = H;
    c->out_count = s->rows * H;
}

static void gru_setup_state(trial *c)
{
    gru_setup(c);
    trial_leaf(c, 5, 2, (int64_t[]){c->n, c->k[0]}, -1, 1);
}

static void gru_setup_wide(trial *c)
{
    enum { IN = 3, H = 35 };
    const segments *s = trial_segments(c, 0, c->n, 4);
    trial_leaf(c, 0, 2, (int64_t[]){s->rows, IN}, -1, 1);
    trial_param(c, 1, 2, (int64_t[]){3 * H, IN}, -1, 1);
    trial_param(c, 2, 2, (int64_t[]){3 * H, H}, -0.3, 0.3);
    trial_param(c, 3, 1, (int64_t[]){3 * H}, -1, 1);
    trial_param(c, 4, 1, (int64_t[]){3 * H}, -1, 1);
    c->k[0] = H;
    c->out_count = s->rows * H;
}

static tensor *gru_apply(tape *t, tensor **in, const trial *c)
{
    return op_gru(t, in[0], in[1], in[2], in[3], in[4], in[5], &c->seg[0]);
}

static void gru_naive(const trial *c, double *const *x, double *y)
{
    int64_t h = c->k[0], in = c->in[0].size[1];
    const segments *s = &c->seg[0];
    for (int64_t g = 0; g < s->n; g++)
        for (int64_t row = s->start[g]; row < s->start[g + 1]; row++) {
            const double *before = row > s->start[g] ? y + (row - 1) * h : x[5] ? x[5] + g * h : NULL;
            for (int64_t i = 0; i < h; i++) {
                double gi[3], gh[3];
                for (int part = 0; part < 3; part++) {
                    int64_t at = part * h + i;
                    gi[part] = x[3][at];
                    gh[part] = x[4][at];
                    for (int64_t p = 0; p < in; p++) gi[part] += x[1][at * in + p] * x[0][row * in + p];
                    for (int64_t p = 0; before && p < h; p++) gh[part] += x[2][at * h + p] * before[p];
                }
                double r = act_double(ACT_SIGMOID, gi[0] + gh[0]), z = act_double(ACT_SIGMOID, gi[1] + gh[1]);
                double candidate = tanh(gi[2] + r * gh[2]);
                y[row * h + i] = (1 - z) * candidate + z * (before ? before[i] : 0);
            }
        }
}

static const op_case cases_kernels[] = {
    {"linear_cross_entropy", "plain", linear_ce_plain, linear_ce_apply, linear_ce_naive, .bf16 = true,
     .several_bits = true},
    {"linear_cross_entropy", "rows ignored", ce_ignored, linear_ce_apply, linear_ce_naive, .bf16 = true,
     .several_bits = true},
    {"linear_cross_entropy", "smoothing, temperature, skip", ce_smooth, linear_ce_apply, linear_ce_naive, .bf16 = true,
     .several_bits = true},
    {"linear_cross_entropy", "capped", ce_capped, linear_ce_apply, linear_ce_naive, .bf16 = true, .several_bits = true},
    {"linear_cross_entropy", "mean", ce_mean_setup, ce_mean_apply, ce_mean_naive, .bf16 = true, .several_bits = true},
    {"gru", "plain", gru_setup, gru_apply, gru_naive, .several_bits = true},
    {"gru", "with a first state", gru_setup_state, gru_apply, gru_naive, .several_bits = true},
    {"gru", "wide", gru_setup_wide, gru_apply, gru_naive, .most = 65, .several_bits = true},
    {"linear", "plain", linear_plain, linear_apply, linear_naive, .bf16 = true, .several_bits = true},
    {"linear", "bias", linear_bias, linear_apply, linear_naive, .bf16 = true, .several_bits = true},
    {"linear", "leaky relu", linear_relu, linear_apply, linear_naive, .bf16 = true, .several_bits = true},
    {"linear", "in-out, gelu", linear_gelu, linear_apply, linear_naive, .bf16 = true, .several_bits = true},
    {"linear", "in-out", linear_in_out, linear_apply, linear_naive, .bf16 = true, .several_bits = true},
    {"linear", "1 x 1, sigmoid", linear_sigmoid, linear_apply, linear_naive, .bf16 = true, .several_bits = true},
    {"linear", "examples of several rows", linear_examples, linear_examples_apply, linear_naive, .several_bits = true},
    {"low_rank", "plain", low_rank_setup, low_rank_apply, low_rank_naive, .bf16 = true, .several_bits = true},
    {"low_rank", "rows with factors", low_rank_rows, low_rank_apply, low_rank_naive, .bf16 = true,
     .several_bits = true},
    {"low_rank", "on a product", low_rank_on_linear, low_rank_apply, low_rank_naive, .several_bits = true},
    {"low_rank", "two on a product", low_rank_on_linear, low_rank_twice, low_rank_twice_naive, .several_bits = true},
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
