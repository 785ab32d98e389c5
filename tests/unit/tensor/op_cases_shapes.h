/* op_cases_shapes.h: tables, shapes, types. */
#ifndef LOREC_TESTS_OP_CASES_SHAPES_H
#define LOREC_TESTS_OP_CASES_SHAPES_H

#include "op_cases.h"

enum { TABLE = 11, DEPTH = 35 };

/* ids repeat, and some are -1 */
static void embed_setup(trial *c)
{
    trial_param(c, 0, 2, (int64_t[]){TABLE, DEPTH}, -2, 2);
    trial_ids(c, 1, c->n, -1, TABLE);
    c->out_count = c->n * DEPTH;
}

static tensor *embed_apply(tape *t, tensor **in, const trial *c)
{
    (void)c;
    return op_embed(t, in[0], in[1]);
}

static tensor *embed_sparse_apply(tape *t, tensor **in, const trial *c)
{
    (void)c;
    params_sparse_rows(in[0], true);
    return op_embed(t, in[0], in[1]);
}

static void embed_naive(const trial *c, double *const *x, double *y)
{
    for (int64_t i = 0; i < c->in[1].count; i++)
        for (int64_t j = 0; j < DEPTH; j++)
            y[i * DEPTH + j] = c->in[1].id[i] < 0 ? 0 : x[0][c->in[1].id[i] * DEPTH + j];
}

static void gather_setup(trial *c)
{
    trial_leaf(c, 0, 2, (int64_t[]){TABLE, DEPTH}, -2, 2);
    trial_ids(c, 1, c->n, -1, TABLE);
    c->out_count = c->n * DEPTH;
}

static tensor *gather_apply(tape *t, tensor **in, const trial *c)
{
    (void)c;
    return op_gather_rows(t, in[0], in[1]);
}

static void scatter_setup(trial *c)
{
    trial_leaf(c, 0, 2, (int64_t[]){c->n, DEPTH}, -2, 2);
    trial_ids(c, 1, c->n, -1, TABLE);
    c->out_count = TABLE * DEPTH;
}

static tensor *scatter_apply(tape *t, tensor **in, const trial *c)
{
    (void)c;
    return op_scatter_rows(t, in[0], in[1], TABLE);
}

static void scatter_naive(const trial *c, double *const *x, double *y)
{
    for (int64_t i = 0; i < c->n; i++)
        for (int64_t j = 0; j < DEPTH && c->in[1].id[i] >= 0; j++) y[c->in[1].id[i] * DEPTH + j] += x[0][i * DEPTH + j];
}

static void bag_setup(trial *c, int64_t mean)
{
    const segments *s = trial_segments(c, 0, c->n, 6);
    trial_param(c, 0, 2, (int64_t[]){TABLE, DEPTH}, -2, 2);
    trial_ids(c, 1, s->rows, -1, TABLE);
    c->k[0] = mean;
    c->out_count = c->n * DEPTH;
}

static void bag_sum(trial *c)
{
    bag_setup(c, 0);
}

static void bag_mean(trial *c)
{
    bag_setup(c, 1);
}

static tensor *bag_apply(tape *t, tensor **in, const trial *c)
{
    return op_embed_bag(t, in[0], in[1], &c->seg[0], c->k[0]);
}

static void bag_naive(const trial *c, double *const *x, double *y)
{
    for (int64_t i = 0; i < c->n; i++) {
        double named = 0;
        for (int32_t r = c->seg[0].start[i]; r < c->seg[0].start[i + 1]; r++) named += c->in[1].id[r] >= 0;
        for (int32_t r = c->seg[0].start[i]; r < c->seg[0].start[i + 1]; r++)
            for (int64_t j = 0; j < DEPTH && c->in[1].id[r] >= 0; j++)
                y[i * DEPTH + j] += x[0][c->in[1].id[r] * DEPTH + j] / (c->k[0] ? named : 1);
    }
}

/* ---- shapes ------------------------------------------------------------------------------------------------------------------- */

static void cube_setup(trial *c)
{
    trial_leaf(c, 0, 4, (int64_t[]){c->n, 3, 4, 5}, -2, 2);
    c->out_count = c->n * 60;
}

static void copy_naive(const trial *c, double *const *x, double *y)
{
    for (int64_t i = 0; i < c->out_count; i++) y[i] = x[0][i];
}

static tensor *reshape_apply(tape *t, tensor **in, const trial *c)
{
    (void)c;
    return op_reshape(t, in[0], 2, (int64_t[]){-1, 20});
}

static tensor *detach_apply(tape *t, tensor **in, const trial *c)
{
    (void)c;
    return op_detach(t, in[0]);
}

static tensor *cast_apply(tape *t, tensor **in, const trial *c)
{
    (void)c;
    return op_cast(t, op_cast(t, in[0], DTYPE_BF16), DTYPE_F32); /* trial values are exact in bf16 */
}

/* k[0], k[1]: the exchanged dimensions */
#define TRANSPOSE_SETUP(a_, b_)                                                                                        \
    static void transpose_##a_##b_(trial *c)                                                                           \
    {                                                                                                                  \
        cube_setup(c);                                                                                                 \
        c->k[0] = a_;                                                                                                  \
        c->k[1] = b_;                                                                                                  \
    }
TRANSPOSE_SETUP(0, 1)
TRANSPOSE_SETUP(1, 2)
TRANSPOSE_SETUP(3, 2)
TRANSPOSE_SETUP(1, 3)
TRANSPOSE_SETUP(0, 3)
TRANSPOSE_SETUP(2, 2)

static tensor *transpose_apply(tape *t, tensor **in, const trial *c)
{
    return op_transpose(t, in[0], (int)c->k[0], (int)c->k[1]);
}

static void transpose_naive(const trial *c, double *const *x, double *y)
{
    int64_t size[4] = {c->n, 3, 4, 5}, at[4], kept = size[c->k[0]];
    size[c->k[0]] = size[c->k[1]];
    size[c->k[1]] = kept;
    for (int64_t i = 0; i < c->out_count; i++) {
        for (int64_t d = 3, left = i; d >= 0; left /= size[d], d--) at[d] = left % size[d];
        kept = at[c->k[0]];
        at[c->k[0]] = at[c->k[1]];
        at[c->k[1]] = kept;
        y[i] = x[0][((at[0] * 3 + at[1]) * 4 + at[2]) * 5 + at[3]];
    }
}

static void slice_setup(trial *c, int64_t dim, int64_t begin, int64_t end)
{
    const int64_t size[] = {c->n, 9, 5};
    trial_leaf(c, 0, 3, size, -2, 2);
    c->k[0] = dim;
    c->k[1] = begin;
    c->k[2] = end;
    c->out_count = dim == 0 ? (end - begin) * 45 : c->n * 45 / size[dim] * (end - begin);
}

static void slice_rows(trial *c)
{
    slice_setup(c, 0, c->n / 3, c->n - c->n / 4);
}

static void slice_middle(trial *c)
{
    slice_setup(c, 1, 2, 7);
}

static void slice_empty(trial *c)
{
    slice_setup(c, 2, 5, 5);
}

static tensor *slice_apply(tape *t, tensor **in, const trial *c)
{
    return op_slice(t, in[0], (int)c->k[0], c->k[1], c->k[2]);
}

static void slice_naive(const trial *c, double *const *x, double *y)
{
    for (int64_t i = 0, at = 0; i < c->n; i++)
        for (int64_t j = 0; j < 9; j++)
            for (int64_t k = 0; k < 5; k++) {
                const int64_t where[] = {i, j, k};
                if (where[c->k[0]] >= c->k[1] && where[c->k[0]] < c->k[2]) y[at++] = x[0][(i * 9 + j) * 5 + k];
            }
}

static void concat_setup(trial *c, int64_t dim)
{
    const int64_t rows[] = {c->n, 1, 3}, columns[] = {4, 1, 30};
    c->k[0] = dim;
    for (int i = 0; i < 3; i++) {
        trial_leaf(c, i, 2, (int64_t[]){dim ? c->n : rows[i], dim ? columns[i] : 35}, -2, 2);
        c->out_count += c->in[i].count;
    }
}

static void concat_rows(trial *c)
{
    concat_setup(c, 0);
}

static void concat_columns(trial *c)
{
    concat_setup(c, 1);
}

static tensor *concat_apply(tape *t, tensor **in, const trial *c)
{
    return op_concat(t, in, 3, (int)c->k[0]);
}

static void concat_naive(const trial *c, double *const *x, double *y)
{
    int64_t at = 0;
    for (int64_t r = 0; r < (c->k[0] ? c->n : 1); r++)
        for (int i = 0; i < 3; i++) {
            int64_t length = c->k[0] ? c->in[i].size[1] : c->in[i].count;
            for (int64_t j = 0; j < length; j++) y[at++] = x[i][r * length + j];
        }
}

static const op_case cases_shapes[] = {
    {"embed", "", embed_setup, embed_apply, embed_naive, .bf16 = true},
    {"embed", "sparse rows", embed_setup, embed_sparse_apply, embed_naive},
    {"gather_rows", "", gather_setup, gather_apply, embed_naive, .bf16 = true},
    {"scatter_rows", "", scatter_setup, scatter_apply, scatter_naive, .bf16 = true},
    {"embed_bag", "sum", bag_sum, bag_apply, bag_naive},
    {"embed_bag", "mean", bag_mean, bag_apply, bag_naive},
    {"reshape", "", cube_setup, reshape_apply, copy_naive, .bf16 = true},
    {"detach", "", cube_setup, detach_apply, copy_naive, .bf16 = true, .no_gradient = true},
    {"cast", "", cube_setup, cast_apply, copy_naive, .bf16 = true, .tolerance = 1e-3},
    {"transpose", "0 1", transpose_01, transpose_apply, transpose_naive, .bf16 = true},
    {"transpose", "1 2", transpose_12, transpose_apply, transpose_naive, .bf16 = true},
    {"transpose", "3 2", transpose_32, transpose_apply, transpose_naive},
    {"transpose", "1 3", transpose_13, transpose_apply, transpose_naive},
    {"transpose", "0 3", transpose_03, transpose_apply, transpose_naive},
    {"transpose", "2 2", transpose_22, transpose_apply, transpose_naive},
    {"slice", "rows", slice_rows, slice_apply, slice_naive, .bf16 = true},
    {"slice", "middle", slice_middle, slice_apply, slice_naive, .bf16 = true},
    {"slice", "empty", slice_empty, slice_apply, slice_naive},
    {"concat", "rows", concat_rows, concat_apply, concat_naive, .bf16 = true},
    {"concat", "columns", concat_columns, concat_apply, concat_naive, .bf16 = true},
};

#endif
