/* op_cases_elementwise.h: add, sub, mul, div in every spread, and the functions of one value. */
#ifndef LOREC_TESTS_OP_CASES_ELEMENTWISE_H
#define LOREC_TESTS_OP_CASES_ELEMENTWISE_H

#include "op_cases.h"

enum { WIDE = 37 };

/* The second input's shape: as the first's, [37], [n, 1], [1]; k[0] says which. Kept away from 0, to be divided by. */
static void two(trial *c, int64_t how, trial_role second)
{
    const int64_t same[] = {c->n, WIDE}, tail[] = {WIDE}, column[] = {c->n, 1}, one[] = {1};
    const int64_t *shapes[] = {same, tail, column, one};
    trial_leaf(c, 0, 2, same, -2, 2);
    trial_values(c, 1, second, how == 0 || how == 2 ? 2 : 1, shapes[how], 0.5, 2);
    c->k[0] = how;
    c->out_count = c->n * WIDE;
}

static void two_same(trial *c)
{
    two(c, 0, ROLE_LEAF);
}

static void two_tail(trial *c)
{
    two(c, 1, ROLE_PARAM);
}

static void two_column(trial *c)
{
    two(c, 2, ROLE_LEAF);
}

static void two_one(trial *c)
{
    two(c, 3, ROLE_PARAM);
}

static double second_of(const trial *c, double *const *x, int64_t i)
{
    const int64_t at[] = {i, i % WIDE, i / WIDE, 0};
    return x[1][at[c->k[0]]];
}

#define TWO_CASE(name_, sign_)                                                                                         \
    static tensor *name_##_apply(tape *t, tensor **in, const trial *c)                                                 \
    {                                                                                                                  \
        (void)c;                                                                                                       \
        return op_##name_(t, in[0], in[1]);                                                                            \
    }                                                                                                                  \
    static void name_##_naive(const trial *c, double *const *x, double *y)                                             \
    {                                                                                                                  \
        for (int64_t i = 0; i < c->out_count; i++) y[i] = x[0][i] sign_ second_of(c, x, i);                            \
    }
TWO_CASE(add, +)
TWO_CASE(sub, -)
TWO_CASE(mul, *)
TWO_CASE(div, /)

/* x with itself: both gradients go to one place */
static void itself_setup(trial *c)
{
    trial_leaf(c, 0, 2, (int64_t[]){c->n, WIDE}, 0.5, 2);
    c->out_count = c->n * WIDE;
}

static tensor *add_itself_apply(tape *t, tensor **in, const trial *c)
{
    (void)c;
    return op_add(t, in[0], in[0]);
}

static tensor *div_itself_apply(tape *t, tensor **in, const trial *c)
{
    (void)c;
    return op_div(t, op_mul(t, in[0], in[0]), in[0]);
}

static void add_itself_naive(const trial *c, double *const *x, double *y)
{
    for (int64_t i = 0; i < c->out_count; i++) y[i] = 2 * x[0][i];
}

static void div_itself_naive(const trial *c, double *const *x, double *y)
{
    for (int64_t i = 0; i < c->out_count; i++) y[i] = x[0][i];
}

static void one_setup(trial *c)
{
    trial_leaf(c, 0, 3, (int64_t[]){c->n, 3, 13}, 0.25, 3);
    c->out_count = c->n * 39;
}

static void signed_setup(trial *c)
{
    trial_leaf(c, 0, 1, (int64_t[]){c->n * 39}, -4, 4);
    c->out_count = c->n * 39;
}

#define ONE_CASE(name_, value_)                                                                                        \
    static tensor *name_##_apply(tape *t, tensor **in, const trial *c)                                                 \
    {                                                                                                                  \
        (void)c;                                                                                                       \
        return op_##name_(t, in[0]);                                                                                   \
    }                                                                                                                  \
    static void name_##_naive(const trial *c, double *const *x, double *y)                                             \
    {                                                                                                                  \
        for (int64_t i = 0; i < c->out_count; i++) y[i] = (value_);                                                    \
    }
ONE_CASE(exp, exp(x[0][i]))
ONE_CASE(log, log(x[0][i]))
ONE_CASE(sqrt, sqrt(x[0][i]))
ONE_CASE(square, x[0][i] * x[0][i])
ONE_CASE(log_sigmoid, -log1p(exp(-x[0][i])))

static tensor *scale_apply(tape *t, tensor **in, const trial *c)
{
    (void)c;
    return op_scale(t, in[0], -1.5f, 0.25f);
}

static void scale_naive(const trial *c, double *const *x, double *y)
{
    for (int64_t i = 0; i < c->out_count; i++) y[i] = -1.5 * x[0][i] + 0.25;
}

#define TWO_ROWS(name_)                                                                                                \
    {#name_, "same shape", two_same, name_##_apply, name_##_naive, .bf16 = true},                                      \
        {#name_, "over leading", two_tail, name_##_apply, name_##_naive, .bf16 = true},                                \
        {#name_, "one a row", two_column, name_##_apply, name_##_naive, .bf16 = true},                                 \
    {                                                                                                                  \
#name_, "one value", two_one, name_##_apply, name_##_naive, .bf16 = true                                       \
    }

static const op_case cases_elementwise[] = {
    TWO_ROWS(add),
    TWO_ROWS(sub),
    TWO_ROWS(mul),
    TWO_ROWS(div),
    {"add", "with itself", itself_setup, add_itself_apply, add_itself_naive, .bf16 = true},
    {"div", "x x / x", itself_setup, div_itself_apply, div_itself_naive},
    {"scale", "", signed_setup, scale_apply, scale_naive, .bf16 = true},
    {"exp", "", signed_setup, exp_apply, exp_naive, .bf16 = true},
    {"log", "", one_setup, log_apply, log_naive, .bf16 = true},
    {"sqrt", "", one_setup, sqrt_apply, sqrt_naive, .bf16 = true},
    {"square", "", signed_setup, square_apply, square_naive, .bf16 = true},
    {"log_sigmoid", "", signed_setup, log_sigmoid_apply, log_sigmoid_naive, .bf16 = true},
};

#endif
