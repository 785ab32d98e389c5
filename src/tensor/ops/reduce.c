/* Sums: all values, with weights, and over one dimension. Sums of all values are made in double, in fixed blocks. */
#include "tensor/ops.h"
#include "tensor/ops/piece.h"

typedef struct reduce_spec {
    const float *weight; /* [count] or NULL */
    int64_t n;
    bool mean;
    double scale; /* of the sum; made by forward */
} reduce_spec;

static lorec_err reduce_shape(tape *t, node *n)
{
    const reduce_spec *s = n->spec;
    if (n->in[0]->type == DTYPE_I32) return node_shape_error(n, "needs numbers, not ids");
    if (s->weight && s->n != n->in[0]->count) return node_shape_error(n, "needs one weight a value");
    return node_output(t, n, DTYPE_F32, 1, (int64_t[]){1});
}

typedef struct reduce_job {
    const node *n;
    double *partial; /* one a PAR_GRAIN values */
    float beta;
    void *dx;
} reduce_job;

static lorec_err reduce_blocks(void *ctx, size_t begin, size_t end, int worker)
{
    const reduce_job *job = ctx;
    const reduce_spec *s = job->n->spec;
    size_t total = (size_t)job->n->in[0]->count;
    (void)worker;
    for (size_t block = begin; block < end; block++) {
        double sum = 0;
        size_t stop = (block + 1) * PAR_GRAIN < total ? (block + 1) * PAR_GRAIN : total;
        for (size_t at = block * PAR_GRAIN, m; (m = piece_length(at, stop)) > 0; at += m) {
            float buf[PIECE];
            const float *x = piece_read(job->n->in[0], at, m, buf);
            /* a weight of 0 leaves its value out, even one that is not finite */
            for (size_t i = 0; i < m; i++)
                if (!s->weight || s->weight[at + i] != 0) sum += s->weight ? (double)s->weight[at + i] * x[i] : x[i];
        }
        job->partial[block] = sum;
    }
    return LOREC_OK;
}

static lorec_err reduce_forward(tape *t, node *n)
{
    reduce_spec *s = n->spec;
    size_t count = (size_t)n->in[0]->count, blocks = (count + PAR_GRAIN - 1) / PAR_GRAIN;
    reduce_job job = {.n = n, .partial = tape_scratch(t, blocks * sizeof(double))};
    if (!job.partial) return tape_error(t);
    TRY(par_for(blocks, 1, reduce_blocks, &job));
    double sum = 0, weights = s->weight ? 0 : (double)count;
    for (size_t i = 0; i < blocks; i++) sum += job.partial[i];
    for (size_t i = 0; s->weight && i < count; i++) weights += s->weight[i];
    s->scale = !s->mean ? 1 : weights != 0 ? 1 / weights : 0;
    f32(n->out)[0] = s->scale == 0 ? 0 : (float)(sum * s->scale);
    return LOREC_OK;
}

static lorec_err reduce_slopes(void *ctx, size_t begin, size_t end, int worker)
{
    const reduce_job *job = ctx;
    const reduce_spec *s = job->n->spec;
    float dy = (float)(grad(job->n->out)[0] * s->scale);
    dtype type = job->n->in[0]->type;
    (void)worker;
    for (size_t at = begin, m; (m = piece_length(at, end)) > 0; at += m) {
        float buf[PIECE], *g = piece_target(type, job->dx, at, job->beta, buf);
        for (size_t i = 0; i < m; i++) g[i] = s->weight ? dy * s->weight[at + i] : dy;
        piece_store(type, job->dx, at, m, g, job->beta);
    }
    return LOREC_OK;
}

static lorec_err reduce_backward(tape *t, node *n)
{
    reduce_job job = {.n = n};
    job.dx = node_grad_any(t, n->in[0], &job.beta);
    return job.dx ? par_for((size_t)n->in[0]->count, PAR_GRAIN, reduce_slopes, &job) : tape_error(t);
}

static double reduce_flops(const node *n)
{
    return (double)n->in[0]->count;
}

#define REDUCE(name_)                                                                                                  \
    const op_def op_##name_##_def = {.name = #name_,                                                                   \
                                     .shape = reduce_shape,                                                            \
                                     .forward = reduce_forward,                                                        \
                                     .backward = reduce_backward,                                                      \
                                     .flops = reduce_flops,                                                            \
                                     .flags = OP_REDUCES}
REDUCE(sum);
REDUCE(mean);
REDUCE(weighted_mean);

tensor *op_sum(tape *t, tensor *x)
{
    return tape_apply(t, &op_sum_def, (tensor *[]){x}, 1, &(reduce_spec){0}, sizeof(reduce_spec));
}

tensor *op_mean(tape *t, tensor *x)
{
    return tape_apply(t, &op_mean_def, (tensor *[]){x}, 1, &(reduce_spec){.mean = true}, sizeof(reduce_spec));
}

tensor *op_weighted_mean(tape *t, tensor *x, const float *weight, int64_t n)
{
    reduce_spec s = {tape_keep(t, weight, n), n, true, 0};
    if (!weight) return tape_fail(t, err_set(LOREC_USAGE, "weighted_mean: the weights are missing (NULL)"));
    return tape_apply(t, &op_weighted_mean_def, (tensor *[]){x}, 1, &s, sizeof s);
}

/* ---- one dimension: x seen as [outer, middle, inner] -> [outer, 1, inner] ----------------------------------------------- */

typedef struct sum_dim_spec {
    int dim;
    size_t outer, middle, inner;
} sum_dim_spec;

static lorec_err sum_dim_shape(tape *t, node *n)
{
    const tensor *x = n->in[0];
    sum_dim_spec *s = n->spec;
    if (s->dim < 0) s->dim += x->ndim;
    if (s->dim < 0 || s->dim >= x->ndim || x->type == DTYPE_I32) return node_shape_error(n, "has no such dimension");
    int64_t size[TENSOR_MAX_DIMS];
    memcpy(size, x->size, sizeof size);
    s->outer = s->inner = 1;
    for (int i = 0; i < s->dim; i++) s->outer *= (size_t)size[i];
    for (int i = s->dim + 1; i < x->ndim; i++) s->inner *= (size_t)size[i];
    s->middle = (size_t)size[s->dim];
    size[s->dim] = 1;
    if (s->dim == 0) tape_couples(t);
    return node_output(t, n, x->type, x->ndim, size);
}

static lorec_err sum_dim_outer(void *ctx, size_t begin, size_t end, int worker)
{
    const node *n = ctx;
    const sum_dim_spec *s = n->spec;
    (void)worker;
    for (size_t o = begin; o < end; o++) {
        for (size_t at = 0, m; (m = piece_length(at, s->inner)) > 0; at += m) {
            float sum[PIECE], buf[PIECE];
            memset(sum, 0, m * sizeof *sum);
            for (size_t k = 0; k < s->middle; k++) {
                const float *x = piece_read(n->in[0], (o * s->middle + k) * s->inner + at, m, buf);
                for (size_t i = 0; i < m; i++) sum[i] += x[i];
            }
            piece_store(n->out->type, n->out->data, o * s->inner + at, m, sum, 0);
        }
    }
    return LOREC_OK;
}

static lorec_err sum_dim_forward(tape *t, node *n)
{
    const sum_dim_spec *s = n->spec;
    (void)t;
    if (s->middle == 0 && n->out->count)
        memset(n->out->data, 0, (size_t)n->out->count * (n->out->type == DTYPE_BF16 ? 2 : 4));
    return par_for(s->outer, row_grain((int64_t)(s->middle * s->inner)), sum_dim_outer, n);
}

static lorec_err sum_dim_spread(void *ctx, size_t begin, size_t end, int worker)
{
    const reduce_job *job = ctx;
    const node *n = job->n;
    const sum_dim_spec *s = n->spec;
    dtype type = n->out->type;
    (void)worker;
    for (size_t row = begin; row < end; row++) { /* of [outer * middle] */
        for (size_t at = 0, m; (m = piece_length(at, s->inner)) > 0; at += m) {
            float g[PIECE], buf[PIECE];
            memcpy(g, piece_read_from(type, n->out->grad, row / s->middle * s->inner + at, m, buf), m * sizeof *g);
            piece_store(type, job->dx, row * s->inner + at, m, g, job->beta);
        }
    }
    return LOREC_OK;
}

static lorec_err sum_dim_backward(tape *t, node *n)
{
    const sum_dim_spec *s = n->spec;
    reduce_job job = {.n = n};
    job.dx = node_grad_any(t, n->in[0], &job.beta);
    return job.dx ? par_for(s->outer * s->middle, row_grain((int64_t)s->inner), sum_dim_spread, &job) : tape_error(t);
}

const op_def op_sum_dim_def = {
    .name = "sum_dim",
    .shape = sum_dim_shape,
    .forward = sum_dim_forward,
    .backward = sum_dim_backward,
    .flops = reduce_flops,
};

tensor *op_sum_dim(tape *t, tensor *x, int dim)
{
    return tape_apply(t, &op_sum_dim_def, (tensor *[]){x}, 1, &(sum_dim_spec){.dim = dim}, sizeof(sum_dim_spec));
}
