/* op_cases_rows.h: sums, softmax, norms, pairs of rows, segments. */
#ifndef LOREC_TESTS_OP_CASES_ROWS_H
#define LOREC_TESTS_OP_CASES_ROWS_H

#include "op_cases.h"

enum { ROW = 33 };

static void rows_setup(trial *c)
{
    trial_leaf(c, 0, 2, (int64_t[]){c->n, ROW}, -2, 2);
    c->out_count = c->n * ROW;
}

static void rows_to_one(trial *c)
{
    rows_setup(c);
    trial_floats(c, 0, c->n * ROW, 0, 1);
    for (int64_t i = 0; i < c->n * ROW; i += 5) c->f[0][i] = 0;
    c->out_count = 1;
}

static tensor *sum_apply(tape *t, tensor **in, const trial *c)
{
    (void)c;
    return op_sum(t, in[0]);
}

static void sum_naive(const trial *c, double *const *x, double *y)
{
    for (int64_t i = 0; i < c->in[0].count; i++) y[0] += x[0][i];
}

static tensor *mean_apply(tape *t, tensor **in, const trial *c)
{
    (void)c;
    return op_mean(t, in[0]);
}

static void mean_naive(const trial *c, double *const *x, double *y)
{
    sum_naive(c, x, y);
    if (c->in[0].count) y[0] /= (double)c->in[0].count;
}

static tensor *weighted_mean_apply(tape *t, tensor **in, const trial *c)
{
    return op_weighted_mean(t, in[0], c->f[0], c->in[0].count);
}

static void weighted_mean_naive(const trial *c, double *const *x, double *y)
{
    double sum = 0, weights = 0;
    for (int64_t i = 0; i < c->in[0].count; i++) {
        sum += c->f[0][i] * x[0][i];
        weights += c->f[0][i];
    }
    y[0] = weights > 0 ? sum / weights : 0;
}

/* [n, 3, 11] over dimension k[0] */
static void sum_dim_setup(trial *c, int64_t dim)
{
    const int64_t size[] = {c->n, 3, 11};
    trial_leaf(c, 0, 3, size, -2, 2);
    c->k[0] = dim;
    c->out_count = dim == 0 ? 33 : c->n * 33 / size[dim];
}

static void sum_dim_0(trial *c)
{
    sum_dim_setup(c, 0);
}

static void sum_dim_1(trial *c)
{
    sum_dim_setup(c, 1);
}

static void sum_dim_2(trial *c)
{
    sum_dim_setup(c, 2);
}

static tensor *sum_dim_apply(tape *t, tensor **in, const trial *c)
{
    return op_sum_dim(t, in[0], (int)c->k[0] - 3);
}

static void sum_dim_naive(const trial *c, double *const *x, double *y)
{
    for (int64_t i = 0; i < c->n; i++)
        for (int64_t j = 0; j < 3; j++)
            for (int64_t k = 0; k < 11; k++) {
                const int64_t at[] = {j * 11 + k, i * 11 + k, i * 3 + j};
                y[at[c->k[0]]] += x[0][(i * 3 + j) * 11 + k];
            }
}

/* ---- along rows --------------------------------------------------------------------------------------------------------------- */

static void masked_setup(trial *c) /* some -inf; the second row all of them */
{
    rows_setup(c);
    for (int64_t i = 0; i < c->in[0].count; i += 4) c->in[0].value[i] = -INFINITY;
    for (int64_t i = 0; i < ROW && c->n > 1; i++) c->in[0].value[ROW + i] = -INFINITY;
}

static double exp_sum(const double *x, int64_t n, double *most)
{
    double sum = 0;
    *most = -INFINITY;
    for (int64_t i = 0; i < n; i++) *most = fmax(*most, x[i]);
    for (int64_t i = 0; i < n; i++) sum += *most == -INFINITY ? 0 : exp(x[i] - *most);
    return sum;
}

static tensor *softmax_apply(tape *t, tensor **in, const trial *c)
{
    (void)c;
    return op_softmax(t, in[0]);
}

static void softmax_naive(const trial *c, double *const *x, double *y)
{
    for (int64_t r = 0; r < c->n; r++) {
        double most, sum = exp_sum(x[0] + r * ROW, ROW, &most);
        for (int64_t i = r * ROW; i < (r + 1) * ROW; i++) y[i] = sum > 0 ? exp(x[0][i] - most) / sum : 0;
    }
}

static tensor *log_softmax_apply(tape *t, tensor **in, const trial *c)
{
    (void)c;
    return op_log_softmax(t, in[0]);
}

static void log_softmax_naive(const trial *c, double *const *x, double *y)
{
    for (int64_t r = 0; r < c->n; r++) {
        double most, sum = exp_sum(x[0] + r * ROW, ROW, &most);
        for (int64_t i = r * ROW; i < (r + 1) * ROW; i++) y[i] = sum > 0 ? x[0][i] - most - log(sum) : -INFINITY;
    }
}

static void zero_row_setup(trial *c)
{
    rows_setup(c);
    for (int64_t i = 0; i < ROW && c->n > 2; i++) c->in[0].value[2 * ROW + i] = 0;
}

static tensor *l2_normalize_apply(tape *t, tensor **in, const trial *c)
{
    (void)c;
    return op_l2_normalize(t, in[0], 1e-2f);
}

static void l2_normalize_naive(const trial *c, double *const *x, double *y)
{
    for (int64_t r = 0; r < c->n; r++) {
        double sum = 0;
        for (int64_t i = r * ROW; i < (r + 1) * ROW; i++) sum += x[0][i] * x[0][i];
        for (int64_t i = r * ROW; i < (r + 1) * ROW; i++) y[i] = x[0][i] / fmax(sqrt(sum), 1e-2f);
    }
}

/* columns over the norms of a table's rows */
enum { NORMED = 5 };
static void over_norms_setup(trial *c)
{
    trial_leaf(c, 0, 2, (int64_t[]){c->n, NORMED}, -1, 1);
    trial_param(c, 1, 2, (int64_t[]){NORMED, ROW}, -1, 1);
    c->out_count = c->n * NORMED;
}

static tensor *over_norms_apply(tape *t, tensor **in, const trial *c)
{
    (void)c;
    return op_over_norms(t, in[0], in[1]);
}

static void over_norms_naive(const trial *c, double *const *x, double *y)
{
    for (int64_t v = 0; v < NORMED; v++) {
        double sum = 0;
        for (int64_t i = v * ROW; i < (v + 1) * ROW; i++) sum += x[1][i] * x[1][i];
        for (int64_t r = 0; r < c->n; r++) y[r * NORMED + v] = x[0][r * NORMED + v] / sqrt(sum);
    }
}

/* gain and bias learn; mean (in[3]) and var (in[4]) run */
static void batch_norm_setup(trial *c)
{
    rows_setup(c);
    trial_param(c, 1, 1, (int64_t[]){ROW}, 0.5, 1.5);
    trial_param(c, 2, 1, (int64_t[]){ROW}, -1, 1);
    trial_fixed(c, 3, 1, (int64_t[]){ROW}, -1, 1);
    trial_fixed(c, 4, 1, (int64_t[]){ROW}, 0.5, 2);
}

static tensor *batch_norm_apply(tape *t, tensor **in, const trial *c)
{
    (void)c;
    return op_batch_norm(t, in[0], in[1], in[2], in[3], in[4], 0.1f, 1e-3f);
}

static void batch_norm_naive(const trial *c, double *const *x, double *y)
{
    for (int64_t i = 0; i < ROW; i++) {
        double mean = 0, var = 0;
        for (int64_t r = 0; r < c->n; r++) mean += x[0][r * ROW + i] / (double)c->n;
        for (int64_t r = 0; r < c->n; r++) var += pow(x[0][r * ROW + i] - mean, 2) / (double)c->n;
        if (c->n < 2) {
            mean = x[3][i];
            var = x[4][i];
        }
        for (int64_t r = 0; r < c->n; r++)
            y[r * ROW + i] = (x[0][r * ROW + i] - mean) / sqrt(var + 1e-3f) * x[1][i] + x[2][i];
    }
}

/* ---- pairs of rows --------------------------------------------------------------------------------------------------------------- */

static void pairs_setup(trial *c)
{
    for (int i = 0; i < 2; i++) trial_leaf(c, i, 2, (int64_t[]){c->n, ROW}, -2, 2);
    c->out_count = c->n;
}

static tensor *dot_apply(tape *t, tensor **in, const trial *c)
{
    (void)c;
    return op_dot(t, in[0], in[1]);
}

static double inner(const double *a, const double *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

static void dot_naive(const trial *c, double *const *x, double *y)
{
    for (int64_t r = 0; r < c->n; r++) y[r] = inner(x[0] + r * ROW, x[1] + r * ROW, ROW);
}

static tensor *cosine_apply(tape *t, tensor **in, const trial *c)
{
    (void)c;
    return op_cosine(t, in[0], in[1]);
}

static void cosine_naive(const trial *c, double *const *x, double *y)
{
    for (int64_t r = 0; r < c->n; r++) {
        const double *a = x[0] + r * ROW, *b = x[1] + r * ROW;
        y[r] = inner(a, b, ROW) / sqrt(inner(a, a, ROW) * inner(b, b, ROW));
    }
}

/* ---- segments ---------------------------------------------------------------------------------------------------------------------- */

static void segment_setup(trial *c, segment_kind kind)
{
    const segments *s = trial_segments(c, 0, c->n, 5);
    trial_leaf(c, 0, 2, (int64_t[]){s->rows, ROW}, -2, 2);
    c->k[0] = kind;
    c->out_count = s->n * ROW;
}

#define SEGMENT_SETUP(name_, kind_)                                                                                    \
    static void segment_##name_(trial *c)                                                                              \
    {                                                                                                                  \
        segment_setup(c, kind_);                                                                                       \
    }
SEGMENT_SETUP(sum, SEGMENT_SUM)
SEGMENT_SETUP(mean, SEGMENT_MEAN)
SEGMENT_SETUP(max, SEGMENT_MAX)
SEGMENT_SETUP(first, SEGMENT_FIRST)
SEGMENT_SETUP(last, SEGMENT_LAST)

static tensor *segment_reduce_apply(tape *t, tensor **in, const trial *c)
{
    return op_segment_reduce(t, in[0], &c->seg[0], (segment_kind)c->k[0]);
}

static void segment_reduce_naive(const trial *c, double *const *x, double *y)
{
    const segments *s = &c->seg[0];
    for (int64_t i = 0; i < s->n; i++)
        for (int64_t j = 0; j < ROW; j++) {
            double sum = 0, most = -INFINITY, length = s->start[i + 1] - s->start[i];
            for (int32_t r = s->start[i]; r < s->start[i + 1]; r++) {
                sum += x[0][r * ROW + j];
                most = fmax(most, x[0][r * ROW + j]);
            }
            if (length == 0) continue;
            const double found[] = {[SEGMENT_SUM] = sum,
                                    [SEGMENT_MEAN] = sum / length,
                                    [SEGMENT_MAX] = most,
                                    [SEGMENT_FIRST] = x[0][s->start[i] * ROW + j],
                                    [SEGMENT_LAST] = x[0][(s->start[i + 1] - 1) * ROW + j]};
            y[i * ROW + j] = found[c->k[0]];
        }
}

static void segment_softmax_setup(trial *c)
{
    segment_setup(c, SEGMENT_SUM);
    c->out_count = c->in[0].count;
}

static tensor *segment_softmax_apply(tape *t, tensor **in, const trial *c)
{
    return op_segment_softmax(t, in[0], &c->seg[0]);
}

static void segment_softmax_naive(const trial *c, double *const *x, double *y)
{
    const segments *s = &c->seg[0];
    for (int64_t i = 0; i < s->n; i++)
        for (int64_t j = 0; j < ROW; j++) {
            double sum = 0;
            for (int32_t r = s->start[i]; r < s->start[i + 1]; r++) sum += exp(x[0][r * ROW + j]);
            for (int32_t r = s->start[i]; r < s->start[i + 1]; r++) y[r * ROW + j] = exp(x[0][r * ROW + j]) / sum;
        }
}

static void segment_repeat_setup(trial *c)
{
    const segments *s = trial_segments(c, 0, c->n, 5);
    trial_leaf(c, 0, 2, (int64_t[]){s->n, ROW}, -2, 2);
    c->out_count = s->rows * ROW;
}

static tensor *segment_repeat_apply(tape *t, tensor **in, const trial *c)
{
    return op_segment_repeat(t, in[0], &c->seg[0]);
}

static void segment_repeat_naive(const trial *c, double *const *x, double *y)
{
    for (int64_t i = 0; i < c->seg[0].n; i++)
        for (int32_t r = c->seg[0].start[i]; r < c->seg[0].start[i + 1]; r++)
            for (int64_t j = 0; j < ROW; j++) y[r * ROW + j] = x[0][i * ROW + j];
}

static const op_case cases_rows[] = {
    {"sum", "", rows_to_one, sum_apply, sum_naive, .bf16 = true},
    {"mean", "", rows_to_one, mean_apply, mean_naive, .bf16 = true},
    {"weighted_mean", "", rows_to_one, weighted_mean_apply, weighted_mean_naive, .bf16 = true},
    {"sum_dim", "first", sum_dim_0, sum_dim_apply, sum_dim_naive},
    {"sum_dim", "middle", sum_dim_1, sum_dim_apply, sum_dim_naive, .bf16 = true},
    {"sum_dim", "last", sum_dim_2, sum_dim_apply, sum_dim_naive},
    {"softmax", "", rows_setup, softmax_apply, softmax_naive, .bf16 = true},
    {"softmax", "with -inf", masked_setup, softmax_apply, softmax_naive, .no_gradient = true},
    {"log_softmax", "", rows_setup, log_softmax_apply, log_softmax_naive, .bf16 = true},
    {"log_softmax", "with -inf", masked_setup, log_softmax_apply, log_softmax_naive, .no_gradient = true},
    {"l2_normalize", "", zero_row_setup, l2_normalize_apply, l2_normalize_naive},
    {"over_norms", "", over_norms_setup, over_norms_apply, over_norms_naive, .bf16 = true, .several_bits = true},
    {"batch_norm", "", batch_norm_setup, batch_norm_apply, batch_norm_naive, .tolerance = 1e-4},
    {"dot", "", pairs_setup, dot_apply, dot_naive, .bf16 = true},
    {"cosine", "", pairs_setup, cosine_apply, cosine_naive},
    {"segment_reduce", "sum", segment_sum, segment_reduce_apply, segment_reduce_naive, .bf16 = true},
    {"segment_reduce", "mean", segment_mean, segment_reduce_apply, segment_reduce_naive},
    {"segment_reduce", "max", segment_max, segment_reduce_apply, segment_reduce_naive},
    {"segment_reduce", "first", segment_first, segment_reduce_apply, segment_reduce_naive},
    {"segment_reduce", "last", segment_last, segment_reduce_apply, segment_reduce_naive},
    {"segment_softmax", "", segment_softmax_setup, segment_softmax_apply, segment_softmax_naive},
    {"segment_repeat", "", segment_repeat_setup, segment_repeat_apply, segment_repeat_naive, .bf16 = true},
};

#endif
