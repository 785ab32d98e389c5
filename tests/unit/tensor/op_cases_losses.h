/* op_cases_losses.h: the losses, one value a row. */
#ifndef LOREC_TESTS_OP_CASES_LOSSES_H
#define LOREC_TESTS_OP_CASES_LOSSES_H

#include "op_cases.h"
#include "op_cases_rows.h"

enum { CLASSES = 29, SHOWN = 6, FEATURES = 17 };

static void logits_ce_setup(trial *c)
{
    trial_leaf(c, 0, 2, (int64_t[]){c->n, CLASSES}, -3, 3);
    trial_ids(c, 1, c->n, -1, CLASSES);
    c->out_count = c->n;
}

static tensor *logits_ce_apply(tape *t, tensor **in, const trial *c)
{
    (void)c;
    return op_cross_entropy(t, in[0], in[1]);
}

static void logits_ce_naive(const trial *c, double *const *x, double *y)
{
    for (int64_t r = 0; r < c->n; r++) {
        double most, sum = exp_sum(x[0] + r * CLASSES, CLASSES, &most);
        int32_t target = c->in[1].id[r];
        y[r] = target < 0 ? 0 : most + log(sum) - x[0][r * CLASSES + target];
    }
}

/* k[0]: with the sampler's log probabilities */
static void sampled_setup(trial *c)
{
    trial_leaf(c, 0, 2, (int64_t[]){c->n, CLASSES}, -3, 3);
    c->out_count = c->n;
}

static void sampled_corrected(trial *c)
{
    sampled_setup(c);
    trial_floats(c, 0, c->n * CLASSES, -4, 0);
    c->k[0] = 1;
}

static tensor *sampled_apply(tape *t, tensor **in, const trial *c)
{
    return op_sampled_softmax(t, in[0], c->f[0]);
}

static void sampled_naive(const trial *c, double *const *x, double *y)
{
    for (int64_t r = 0; r < c->n; r++) {
        double shifted[CLASSES], most;
        for (int64_t i = 0; i < CLASSES; i++)
            shifted[i] = x[0][r * CLASSES + i] - (c->k[0] ? c->f[0][r * CLASSES + i] : 0);
        double sum = exp_sum(shifted, CLASSES, &most);
        y[r] = shifted[0] == -INFINITY ? 0 : most + log(sum) - shifted[0];
    }
}

static void sampled_masked(trial *c) /* no target in the first row, a missing negative in the others */
{
    sampled_setup(c);
    for (int64_t r = 0; r < c->n; r++) c->in[0].value[r * CLASSES + (r ? 3 : 0)] = -INFINITY;
}

/* x, w, b, ids with some -1; k[0]: w is sparse */
static void linear_gather_setup(trial *c)
{
    trial_leaf(c, 0, 2, (int64_t[]){c->n, FEATURES}, -2, 2);
    trial_param(c, 1, 2, (int64_t[]){CLASSES, FEATURES}, -2, 2);
    trial_param(c, 2, 1, (int64_t[]){CLASSES}, -2, 2);
    trial_ids(c, 3, c->n * SHOWN, 0, CLASSES);
    c->out_count = c->n * SHOWN;
}

static void linear_gather_sparse(trial *c)
{
    linear_gather_setup(c);
    c->in[2].role = ROLE_NONE;
    c->k[0] = 1;
}

static void linear_gather_none(trial *c)
{
    linear_gather_setup(c);
    for (int64_t i = 0; i < c->in[3].count; i += 4) c->in[3].id[i] = -1;
}

static tensor *linear_gather_apply(tape *t, tensor **in, const trial *c)
{
    if (c->k[0]) params_sparse_rows(in[1], true);
    return op_linear_gather(t, in[0], in[1], in[2], in[3], SHOWN);
}

static void linear_gather_naive(const trial *c, double *const *x, double *y)
{
    for (int64_t i = 0; i < c->out_count; i++) {
        int32_t id = c->in[3].id[i];
        y[i] = id < 0 ? -INFINITY : c->k[0] ? 0 : x[2][id];
        for (int64_t j = 0; id >= 0 && j < FEATURES; j++)
            y[i] += x[0][i / SHOWN * FEATURES + j] * x[1][id * FEATURES + j];
    }
}

static void bce_setup(trial *c)
{
    trial_leaf(c, 0, 2, (int64_t[]){c->n, ROW}, -4, 4);
    trial_floats(c, 0, c->n * ROW, 0, 1);
    trial_floats(c, 1, c->n * ROW, 0, 2);
    c->out_count = c->n * ROW;
}

static void bce_plain(trial *c)
{
    bce_setup(c);
    c->f[1] = NULL;
}

static tensor *bce_apply(tape *t, tensor **in, const trial *c)
{
    return op_bce(t, in[0], c->f[0], c->f[1], c->out_count);
}

static void bce_naive(const trial *c, double *const *x, double *y)
{
    for (int64_t i = 0; i < c->out_count; i++) {
        double p = 1 / (1 + exp(-x[0][i])), label = c->f[0][i];
        y[i] = -(label * log(p) + (1 - label) * log(1 - p)) * (c->f[1] ? c->f[1][i] : 1);
    }
}

static tensor *mse_apply(tape *t, tensor **in, const trial *c)
{
    return op_mse(t, in[0], c->f[0], c->out_count);
}

static void mse_naive(const trial *c, double *const *x, double *y)
{
    for (int64_t i = 0; i < c->out_count; i++) y[i] = pow(x[0][i] - c->f[0][i], 2);
}

static void bpr_setup(trial *c)
{
    for (int i = 0; i < 2; i++) trial_leaf(c, i, 1, (int64_t[]){c->n * ROW}, -3, 3);
    c->out_count = c->n * ROW;
}

static tensor *bpr_apply(tape *t, tensor **in, const trial *c)
{
    (void)c;
    return op_bpr(t, in[0], in[1]);
}

static void bpr_naive(const trial *c, double *const *x, double *y)
{
    for (int64_t i = 0; i < c->out_count; i++) y[i] = -log(1 / (1 + exp(x[1][i] - x[0][i])));
}

static tensor *nce_apply(tape *t, tensor **in, const trial *c)
{
    (void)c;
    return op_info_nce(t, in[0], in[1], 3);
}

static void nce_naive(const trial *c, double *const *x, double *y)
{
    double *s = malloc((size_t)c->n * sizeof *s + 1), most;
    for (int64_t r = 0; r < c->n; r++) {
        for (int64_t i = 0; i < c->n; i++) s[i] = inner(x[0] + r * ROW, x[1] + i * ROW, ROW) / 3;
        double sum = exp_sum(s, c->n, &most);
        y[r] = most + log(sum) - s[r];
    }
    free(s);
}

static const op_case cases_losses[] = {
    {"cross_entropy", "", logits_ce_setup, logits_ce_apply, logits_ce_naive, .bf16 = true},
    {"sampled_softmax", "plain", sampled_setup, sampled_apply, sampled_naive, .bf16 = true},
    {"sampled_softmax", "corrected", sampled_corrected, sampled_apply, sampled_naive},
    {"sampled_softmax", "with -inf", sampled_masked, sampled_apply, sampled_naive, .no_gradient = true},
    {"linear_gather", "", linear_gather_setup, linear_gather_apply, linear_gather_naive, .bf16 = true},
    {"linear_gather", "sparse rows", linear_gather_sparse, linear_gather_apply, linear_gather_naive},
    {"linear_gather", "some none", linear_gather_none, linear_gather_apply, linear_gather_naive},
    {"bce", "weighted", bce_setup, bce_apply, bce_naive, .bf16 = true},
    {"bce", "plain", bce_plain, bce_apply, bce_naive},
    {"mse", "", bce_setup, mse_apply, mse_naive, .bf16 = true},
    {"bpr", "", bpr_setup, bpr_apply, bpr_naive, .bf16 = true},
    {"info_nce", "", pairs_setup, nce_apply, nce_naive, .tolerance = 1e-4, .most = 300, .several_bits = true},
};

#endif
