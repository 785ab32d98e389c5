/* op_cases.h: how a row of the op table is tested. A case makes inputs for a size n, applies the op, and computes the
 * same naively in double; test_ops.c then checks, for every size and instruction set: values, gradients (against
 * differences of the naive function, once and accumulated twice), per-example norms of parameters, bf16, and the same
 * bits with any number of workers. test_ops.c fails when an op of the table has no case.
 *
 *     static void dot_setup(trial *c)
 *     {
 *         trial_leaf(c, 0, 2, (int64_t[]){c->n, 5}, -1, 1);      // in[0]: uniform in [-1, 1], gets a gradient
 *         trial_leaf(c, 1, 2, (int64_t[]){c->n, 5}, -1, 1);
 *         c->out_count = c->n;
 *     }
 *     static tensor *dot_apply(tape *t, tensor **in, const trial *c) { return op_dot(t, in[0], in[1]); }
 *     static void dot_naive(const trial *c, double *const *x, double *y) { ... y[i] = sum x[0][..] * x[1][..] ... }
 *     static const op_case cases_mine[] = {{"dot", "plain", dot_setup, dot_apply, dot_naive}};
 *
 * Ownership: what trial_* make belongs to the trial and is freed after it. */
#ifndef LOREC_TESTS_OP_CASES_H
#define LOREC_TESTS_OP_CASES_H

#include <math.h>

#include "support/support.h"
#include "tensor/ops.h"
#include "tensor/rng.h"

enum { TRIAL_INPUTS = 8, TRIAL_BLOCKS = 32 };
typedef enum trial_role { ROLE_NONE /* NULL is given */, ROLE_LEAF, ROLE_PARAM, ROLE_FIXED, ROLE_IDS } trial_role;

typedef struct trial_input {
    trial_role role;
    int ndim;
    int64_t size[TENSOR_MAX_DIMS], count;
    double *value; /* exactly what the f32 holds */
    int32_t *id;
} trial_input;

typedef struct trial {
    int64_t n; /* the size asked for: 0, 1, 2, 3, 7, 63, 64, 65, or larger */
    trial_input in[TRIAL_INPUTS];
    int64_t out_count;
    rng r;
    int64_t k[4];    /* the case's own numbers */
    segments seg[2]; /* by trial_segments */
    float *f[2];     /* the case's own constants, by trial_floats */
    void *block[TRIAL_BLOCKS];
    int blocks;
} trial;

typedef struct op_case {
    const char *op, *what;
    void (*setup)(trial *c);
    tensor *(*apply)(tape *t, tensor **in, const trial *c);
    void (*naive)(const trial *c, double *const *x, double *y); /* x[i]: values of in[i] (ids: NULL, see c->in[i].id) */
    bool bf16;                                                  /* leaves are also given in bf16 */
    bool no_gradient;                                           /* the op has none */
    double tolerance;                                           /* relative, of values and gradients; 0: 2e-5 */
    int64_t most;                                               /* larger sizes are left out; 0: none */
    bool several_bits; /* with more workers sums may differ in the last bits (within 1e-4) */
} op_case;

static inline void *trial_block(trial *c, size_t bytes)
{
    assert_true(c->blocks < TRIAL_BLOCKS);
    void *p = calloc(1, bytes ? bytes : 1);
    assert_non_null(p);
    return c->block[c->blocks++] = p;
}

static inline double trial_uniform(trial *c, double low, double high)
{
    return low + (high - low) * rng_uniform(&c->r);
}

static inline void trial_input_set(trial *c, int i, trial_role role, int ndim, const int64_t *size)
{
    trial_input *in = &c->in[i];
    in->role = role;
    in->ndim = ndim;
    in->count = 1;
    for (int d = 0; d < ndim; d++) in->count *= in->size[d] = size[d];
}

static inline void trial_values(trial *c, int i, trial_role role, int ndim, const int64_t *size, double low,
                                double high)
{
    trial_input_set(c, i, role, ndim, size);
    c->in[i].value = trial_block(c, (size_t)c->in[i].count * sizeof(double));
    /* multiples of 1/128 below 2 in size are exact in bf16 as well, so that one reference serves both */
    for (int64_t j = 0; j < c->in[i].count; j++) {
        double v = trial_uniform(c, low, high), exponent = floor(log2(fabs(v) + 1e-9)), unit = exp2(exponent - 6);
        c->in[i].value[j] = (float)(round(v / unit) * unit);
    }
}

static inline void trial_leaf(trial *c, int i, int ndim, const int64_t *size, double low, double high)
{
    trial_values(c, i, ROLE_LEAF, ndim, size, low, high);
}

static inline void trial_param(trial *c, int i, int ndim, const int64_t *size, double low, double high)
{
    trial_values(c, i, ROLE_PARAM, ndim, size, low, high);
}

static inline void trial_fixed(trial *c, int i, int ndim, const int64_t *size, double low, double high)
{
    trial_values(c, i, ROLE_FIXED, ndim, size, low, high);
}

/* n ids in first .. below - 1 (first -1: some are none). */
static inline void trial_ids(trial *c, int i, int64_t n, int32_t first, int32_t below)
{
    trial_input_set(c, i, ROLE_IDS, 1, &n);
    c->in[i].id = trial_block(c, (size_t)n * sizeof(int32_t));
    for (int64_t j = 0; j < n; j++) c->in[i].id[j] = first + (int32_t)rng_below(&c->r, (uint32_t)(below - first));
}

static inline float *trial_floats(trial *c, int which, int64_t n, double low, double high)
{
    c->f[which] = trial_block(c, (size_t)n * sizeof(float));
    for (int64_t j = 0; j < n; j++) c->f[which][j] = (float)trial_uniform(c, low, high);
    return c->f[which];
}

/* c->seg[which]: n segments of 0 .. longest rows (with an empty one, where there are several). */
static inline const segments *trial_segments(trial *c, int which, int64_t n, int64_t longest)
{
    int32_t *start = trial_block(c, (size_t)(n + 1) * sizeof(int32_t));
    segments *s = &c->seg[which];
    *s = (segments){.n = n, .start = start};
    for (int64_t i = 0; i < n; i++) {
        int32_t length = i == 1 ? 0 : (int32_t)rng_below(&c->r, (uint32_t)longest + 1);
        start[i + 1] = start[i] + length;
        if (length > s->longest) s->longest = length;
    }
    s->rows = start[n];
    return s;
}

#endif
