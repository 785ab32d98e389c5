/* op_cases_products.h: products, sparse products, convolutions, rotary positions. */
#ifndef LOREC_TESTS_OP_CASES_PRODUCTS_H
#define LOREC_TESTS_OP_CASES_PRODUCTS_H

#include "op_cases.h"

/* [batches, m, k] x [batches, k, n], m = the size; k[0]: 0 both plain, 1 a transposed, 2 b transposed, 3 both;
 * k[1]: 0 both batched, 1 only a, 2 only b, 3 neither. */
static void matmul_setup(trial *c, int64_t how, int64_t lead)
{
    enum { BATCHES = 3, K = 5, N = 6 };
    const int64_t a[] = {BATCHES, how & 1 ? K : c->n, how & 1 ? c->n : K},
                  b[] = {BATCHES, how & 2 ? N : K, how & 2 ? K : N};
    bool flat_a = lead & 2, flat_b = lead & 1;
    trial_leaf(c, 0, flat_a ? 2 : 3, a + flat_a, -1, 1);
    trial_values(c, 1, flat_b ? ROLE_PARAM : ROLE_LEAF, flat_b ? 2 : 3, b + flat_b, -1, 1);
    c->k[0] = how;
    c->k[1] = lead;
    c->k[2] = lead == 3 ? 1 : BATCHES;
    c->out_count = c->k[2] * c->n * N;
}

#define MATMUL_SETUP(how_, lead_)                                                                                      \
    static void matmul_##how_##lead_(trial *c)                                                                         \
    {                                                                                                                  \
        matmul_setup(c, how_, lead_);                                                                                  \
    }
MATMUL_SETUP(0, 0)
MATMUL_SETUP(1, 0)
MATMUL_SETUP(2, 0)
MATMUL_SETUP(3, 0)
MATMUL_SETUP(0, 1)
MATMUL_SETUP(1, 1)
MATMUL_SETUP(2, 1)
MATMUL_SETUP(3, 2)
MATMUL_SETUP(0, 2)
MATMUL_SETUP(0, 3)
MATMUL_SETUP(3, 3)

static tensor *matmul_apply(tape *t, tensor **in, const trial *c)
{
    return op_matmul(t, in[0], in[1], c->k[0] & 1, c->k[0] & 2);
}

static void matmul_naive(const trial *c, double *const *x, double *y)
{
    enum { K = 5, N = 6 };
    for (int64_t b = 0; b < c->k[2]; b++)
        for (int64_t i = 0; i < c->n; i++)
            for (int64_t j = 0; j < N; j++) {
                const double *a = x[0] + (c->k[1] & 2 ? 0 : b * c->n * K), *w = x[1] + (c->k[1] & 1 ? 0 : b * K * N);
                double sum = 0;
                for (int64_t k = 0; k < K; k++)
                    sum += a[c->k[0] & 1 ? k * c->n + i : i * K + k] * w[c->k[0] & 2 ? j * K + k : k * N + j];
                y[(b * c->n + i) * N + j] = sum;
            }
}

/* ---- sparse: [n, 9] columns; k[0]: all ones -------------------------------------------------------------------------------------- */

enum { SPARSE_COLS = 9, SPARSE_DEPTH = 34 };

static void sparse_setup(trial *c)
{
    csr *m = trial_block(c, sizeof *m);
    int64_t *start = trial_block(c, (size_t)(c->n + 1) * sizeof *start);
    int32_t *col = trial_block(c, (size_t)c->n * SPARSE_COLS * sizeof *col);
    for (int64_t r = 0; r < c->n; r++) {
        start[r + 1] = start[r];
        for (int32_t j = 0; j < SPARSE_COLS; j++)
            if (r != 1 && rng_below(&c->r, 3) == 0) col[start[r + 1]++] = j;
    }
    *m = (csr){.rows = c->n, .cols = SPARSE_COLS, .start = start, .col = col};
    m->value = trial_floats(c, 0, start[c->n], -1, 1);
    trial_leaf(c, 0, 2, (int64_t[]){SPARSE_COLS, SPARSE_DEPTH}, -1, 1);
    c->out_count = c->n * SPARSE_DEPTH;
}

static void sparse_ones(trial *c)
{
    sparse_setup(c);
    ((csr *)c->block[0])->value = NULL;
}

/* the transpose belongs to the case's matrix, which several applications share; it is leaked into the trial */
static tensor *sparse_apply(tape *t, tensor **in, const trial *c)
{
    csr *m = c->block[0];
    tensor *y = NULL;
    assert_ok(csr_prepare(m));
    trial *mine = (trial *)c;
    if (mine->k[3] == 0) {
        mine->k[3] = 1;
        mine->block[mine->blocks++] = m->transpose;
        mine->block[mine->blocks++] = (void *)m->transpose->start;
        mine->block[mine->blocks++] = (void *)m->transpose->col;
        if (m->transpose->value) mine->block[mine->blocks++] = (void *)m->transpose->value;
    }
    y = op_sparse_matmul(t, m, in[0]);
    return y;
}

static void sparse_naive(const trial *c, double *const *x, double *y)
{
    const csr *m = c->block[0];
    for (int64_t r = 0; r < c->n; r++)
        for (int64_t i = m->start[r]; i < m->start[r + 1]; i++)
            for (int64_t j = 0; j < SPARSE_DEPTH; j++)
                y[r * SPARSE_DEPTH + j] += (m->value ? m->value[i] : 1) * x[0][m->col[i] * SPARSE_DEPTH + j];
}

/* ---- convolutions; k: stride, pad, dilation ----------------------------------------------------------------------------------------- */

static void conv1d_setup(trial *c, int64_t stride, int64_t pad, int64_t dilation)
{
    trial_leaf(c, 0, 3, (int64_t[]){c->n, 3, 11}, -1, 1);
    trial_param(c, 1, 3, (int64_t[]){4, 3, 3}, -1, 1);
    trial_param(c, 2, 1, (int64_t[]){4}, -1, 1);
    c->k[0] = stride;
    c->k[1] = pad;
    c->k[2] = dilation;
    c->k[3] = (11 + 2 * pad - 2 * dilation - 1) / stride + 1;
    c->out_count = c->n * 4 * c->k[3];
}

static void conv1d_plain(trial *c)
{
    conv1d_setup(c, 1, 0, 1);
}

static void conv1d_wide(trial *c)
{
    conv1d_setup(c, 2, 2, 3);
}

static tensor *conv1d_apply(tape *t, tensor **in, const trial *c)
{
    return op_conv1d(t, in[0], in[1], in[2], (int)c->k[0], (int)c->k[1], (int)c->k[2]);
}

static void conv1d_naive(const trial *c, double *const *x, double *y)
{
    for (int64_t i = 0, at = 0; i < c->n; i++)
        for (int64_t o = 0; o < 4; o++)
            for (int64_t p = 0; p < c->k[3]; p++, at++) {
                y[at] = x[2][o];
                for (int64_t ch = 0; ch < 3; ch++)
                    for (int64_t k = 0; k < 3; k++) {
                        int64_t from = p * c->k[0] - c->k[1] + k * c->k[2];
                        if (from >= 0 && from < 11)
                            y[at] += x[0][(i * 3 + ch) * 11 + from] * x[1][(o * 3 + ch) * 3 + k];
                    }
            }
}

/* x [n, 2, 5, 6], w [3, 2, 3, 2]; k: stride, pad */
static void conv2d_setup(trial *c, int64_t stride, int64_t pad)
{
    trial_leaf(c, 0, 4, (int64_t[]){c->n, 2, 5, 6}, -1, 1);
    trial_param(c, 1, 4, (int64_t[]){3, 2, 3, 2}, -1, 1);
    c->k[0] = stride;
    c->k[1] = pad;
    c->k[2] = (5 + 2 * pad - 3) / stride + 1;
    c->k[3] = (6 + 2 * pad - 2) / stride + 1;
    c->out_count = c->n * 3 * c->k[2] * c->k[3];
}

static void conv2d_plain(trial *c)
{
    conv2d_setup(c, 1, 0);
}

static void conv2d_wide(trial *c)
{
    conv2d_setup(c, 2, 1);
}

static tensor *conv2d_apply(tape *t, tensor **in, const trial *c)
{
    return op_conv2d(t, in[0], in[1], in[2], (int)c->k[0], (int)c->k[1]);
}

static void conv2d_naive(const trial *c, double *const *x, double *y)
{
    for (int64_t i = 0, at = 0; i < c->n; i++)
        for (int64_t o = 0; o < 3; o++)
            for (int64_t p = 0; p < c->k[2]; p++)
                for (int64_t q = 0; q < c->k[3]; q++, at++)
                    for (int64_t k = 0; k < 12; k++) {
                        int64_t ch = k / 6, row = p * c->k[0] - c->k[1] + k / 2 % 3,
                                col = q * c->k[0] - c->k[1] + k % 2;
                        if (row >= 0 && row < 5 && col >= 0 && col < 6)
                            y[at] += x[0][((i * 2 + ch) * 5 + row) * 6 + col] * x[1][o * 12 + k];
                    }
}

/* ---- rotary positions: 3 heads of 12; k[0] the kind, k[1] dims, k[2] the scaling -------------------------------------------- */

enum { HEADS = 3, HEAD = 12, ROPE_BASE = 100, ROPE_FACTOR = 4, ROPE_SHORT = 64, ROPE_ODD = 7 };

static void rope_setup(trial *c, rope_kind kind, int64_t dims, rope_scaling scaling)
{
    trial_leaf(c, 0, 2, (int64_t[]){c->n, HEADS * HEAD}, -1, 1);
    trial_ids(c, 1, c->n * (kind == ROPE_2D ? 2 : 1), 0, 40);
    trial_ids(c, 2, c->n, 1, 400); /* the sequences' lengths */
    c->k[0] = kind;
    c->k[1] = dims;
    c->k[2] = scaling;
    c->out_count = c->n * HEADS * HEAD;
}

#define ROPE_SETUP(name_, ...)                                                                                         \
    static void rope_##name_(trial *c)                                                                                 \
    {                                                                                                                  \
        rope_setup(c, __VA_ARGS__);                                                                                    \
    }
ROPE_SETUP(half, ROPE_HALF, 0, ROPE_UNSCALED)
ROPE_SETUP(part, ROPE_HALF, 8, ROPE_LINEAR)
ROPE_SETUP(llama3, ROPE_HALF, 0, ROPE_LLAMA3)
ROPE_SETUP(yarn, ROPE_HALF, 0, ROPE_YARN)
ROPE_SETUP(dynamic, ROPE_HALF, 10, ROPE_DYNAMIC)
ROPE_SETUP(steps, ROPE_HALF, 0, ROPE_DYNAMIC_STEPS)
ROPE_SETUP(pairs, ROPE_PAIRS, 6, ROPE_UNSCALED)
ROPE_SETUP(both, ROPE_2D, 0, ROPE_UNSCALED)
ROPE_SETUP(none, ROPE_NONE, 0, ROPE_UNSCALED)

static tensor *rope_apply(tape *t, tensor **in, const trial *c)
{
    rope how = {.kind = (rope_kind)c->k[0],
                .dims = (int)c->k[1],
                .base = ROPE_BASE,
                .scaling = (rope_scaling)c->k[2],
                .factor = ROPE_FACTOR,
                .original_length = ROPE_SHORT,
                .low_freq = 1,
                .high_freq = 4,
                .beta_fast = 6,
                .span = c->k[2] == ROPE_LINEAR ? ROPE_ODD : 0,
                .magnitude = c->k[2] == ROPE_YARN ? 1.25f : 0,
                .length = c->in[2].id};
    return op_rope(t, in[0], HEADS, in[1], &how);
}

static double rope_frequency(const trial *c, int64_t row, int64_t i, int64_t pairs)
{
    double dims = 2.0 * (double)pairs, base = ROPE_BASE, length = c->in[2].id[row], times = length / ROPE_SHORT;
    if (c->k[2] == ROPE_DYNAMIC && times > 1) base *= pow(ROPE_FACTOR * times - (ROPE_FACTOR - 1), dims / (dims - 2));
    if (c->k[2] == ROPE_DYNAMIC_STEPS && times > 1)
        base *= pow((times <= 2 ? 4 : times <= 4 ? 8 : 16) - 1, dims / (dims - 2));
    double span = c->k[2] == ROPE_LINEAR ? ROPE_ODD : dims;
    double f = pow(base, -2.0 * (double)i / span), turns = ROPE_SHORT * f / (2 * M_PI);
    switch ((rope_scaling)c->k[2]) {
    case ROPE_LINEAR:
        return f / ROPE_FACTOR;
    case ROPE_LLAMA3:
        return turns > 4 ? f : turns < 1 ? f / 4 : f / 4 + (f - f / 4) * (turns - 1) / 3;
    case ROPE_YARN: { /* 6 turns in 64 positions: dimension 0.69; 1 turn: 3.02 */
        double slow = i <= 0 ? 0 : i >= 4 ? 1 : (double)i / 4;
        return f * (1 - slow) + f / ROPE_FACTOR * slow;
    }
    default:
        return f;
    }
}

static void rope_naive(const trial *c, double *const *x, double *y)
{
    int64_t kind = c->k[0], parts = kind == ROPE_2D ? 2 : 1, dims = c->k[1] ? c->k[1] : HEAD, pairs = dims / 2 / parts;
    for (int64_t i = 0; i < c->out_count; i++) y[i] = x[0][i];
    for (int64_t r = 0; r < c->n && kind != ROPE_NONE; r++)
        for (int64_t h = 0; h < HEADS * parts; h++)
            for (int64_t p = 0; p < pairs; p++) {
                int64_t at = r * HEADS * HEAD + h * (HEAD / parts), position = c->in[1].id[h % parts * c->n + r];
                int64_t a = at + (kind == ROPE_PAIRS ? 2 * p : p),
                        b = at + (kind == ROPE_PAIRS ? 2 * p + 1 : p + pairs);
                double angle = (double)position * rope_frequency(c, r, p, pairs),
                       size = c->k[2] == ROPE_YARN ? 1.25 : 1;
                y[a] = size * (x[0][a] * cos(angle) - x[0][b] * sin(angle));
                y[b] = size * (x[0][b] * cos(angle) + x[0][a] * sin(angle));
            }
}

static const op_case cases_products[] = {
    {"matmul", "batched", matmul_00, matmul_apply, matmul_naive, .bf16 = true, .several_bits = true},
    {"matmul", "batched, a transposed", matmul_10, matmul_apply, matmul_naive, .several_bits = true},
    {"matmul", "batched, b transposed", matmul_20, matmul_apply, matmul_naive, .several_bits = true},
    {"matmul", "batched, both transposed", matmul_30, matmul_apply, matmul_naive, .several_bits = true},
    {"matmul", "shared b", matmul_01, matmul_apply, matmul_naive, .several_bits = true},
    {"matmul", "shared b, a transposed", matmul_11, matmul_apply, matmul_naive, .several_bits = true},
    {"matmul", "shared b transposed", matmul_21, matmul_apply, matmul_naive, .several_bits = true},
    {"matmul", "shared a, both transposed", matmul_32, matmul_apply, matmul_naive, .several_bits = true},
    {"matmul", "shared a", matmul_02, matmul_apply, matmul_naive, .several_bits = true},
    {"matmul", "plain", matmul_03, matmul_apply, matmul_naive, .several_bits = true},
    {"matmul", "both transposed", matmul_33, matmul_apply, matmul_naive, .several_bits = true},
    {"sparse_matmul", "", sparse_setup, sparse_apply, sparse_naive, .bf16 = true},
    {"sparse_matmul", "ones", sparse_ones, sparse_apply, sparse_naive},
    {"conv1d", "plain", conv1d_plain, conv1d_apply, conv1d_naive, .several_bits = true},
    {"conv1d", "stride 2, pad 2, dilation 3", conv1d_wide, conv1d_apply, conv1d_naive, .several_bits = true},
    {"conv2d", "plain", conv2d_plain, conv2d_apply, conv2d_naive, .several_bits = true},
    {"conv2d", "stride 2, pad 1", conv2d_wide, conv2d_apply, conv2d_naive, .several_bits = true},
    {"rope", "half", rope_half, rope_apply, rope_naive, .bf16 = true},
    {"rope", "part, linear scaling", rope_part, rope_apply, rope_naive},
    {"rope", "llama 3 scaling", rope_llama3, rope_apply, rope_naive},
    {"rope", "yarn", rope_yarn, rope_apply, rope_naive},
    {"rope", "dynamic", rope_dynamic, rope_apply, rope_naive, .bf16 = true},
    {"rope", "dynamic, in steps", rope_steps, rope_apply, rope_naive},
    {"rope", "side by side", rope_pairs, rope_apply, rope_naive},
    {"rope", "two positions", rope_both, rope_apply, rope_naive},
    {"rope", "none", rope_none, rope_apply, rope_naive},
};

#endif
