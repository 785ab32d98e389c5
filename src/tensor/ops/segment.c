/* Rows that belong together: reduce each segment to one row, repeat one row over a segment, softmax down a segment. */
#include "tensor/ops.h"
#include "tensor/ops/piece.h"

typedef struct segment_spec {
    const segments *s;
    segment_kind kind;
} segment_spec;

typedef struct segment_job {
    const node *n;
    const segments *s;
    float beta, *dx;
} segment_job;

static int32_t example_of(const segments *s, int64_t i)
{
    return s->example ? s->example[i] : (int32_t)i;
}

/* ---- reduce: [rows, ...] -> [segments, ...] -------------------------------------------------------------------------------- */

static lorec_err reduce_shape(tape *t, node *n)
{
    const tensor *x = n->in[0];
    const segment_spec *spec = n->spec;
    if (x->ndim < 2 || x->type != DTYPE_F32 || !spec->s || spec->s->rows != x->size[0])
        return node_shape_error(n, "needs [rows, d] and segments of so many rows");
    int64_t size[TENSOR_MAX_DIMS];
    memcpy(size, x->size, sizeof size);
    size[0] = spec->s->n;
    TRY(node_output(t, n, DTYPE_F32, x->ndim, size));
    n->out->example = spec->s->example;
    if (spec->kind == SEGMENT_MAX && n->out->needs_grad)
        n->saved = tape_alloc(t, (size_t)n->out->count * sizeof(int32_t)); /* the row that won */
    return tape_error(t);
}

static size_t width_of(const tensor *x)
{
    return x->size[0] ? (size_t)(x->count / x->size[0]) : 0;
}

static lorec_err reduce_segments(void *ctx, size_t begin, size_t end, int worker)
{
    const node *n = ctx;
    const segment_spec *spec = n->spec;
    size_t d = width_of(n->out);
    int32_t *won = n->saved;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        size_t from = (size_t)spec->s->start[i], to = (size_t)spec->s->start[i + 1];
        const float *x = f32(n->in[0]);
        float *y = f32(n->out) + i * d;
        memset(y, 0, d * sizeof *y);
        if (from == to) continue;
        if (spec->kind == SEGMENT_FIRST || spec->kind == SEGMENT_LAST) {
            memcpy(y, x + (spec->kind == SEGMENT_FIRST ? from : to - 1) * d, d * sizeof *y);
        } else if (spec->kind == SEGMENT_MAX) {
            memcpy(y, x + from * d, d * sizeof *y);
            for (size_t c = 0; won && c < d; c++) won[i * d + c] = (int32_t)from;
            for (size_t r = from + 1; r < to; r++)
                for (size_t c = 0; c < d; c++)
                    if (x[r * d + c] > y[c]) {
                        y[c] = x[r * d + c];
                        if (won) won[i * d + c] = (int32_t)r;
                    }
        } else {
            float by = spec->kind == SEGMENT_MEAN ? 1 / (float)(to - from) : 1;
            for (size_t r = from; r < to; r++)
                for (size_t c = 0; c < d; c++) y[c] += x[r * d + c];
            for (size_t c = 0; c < d; c++) y[c] *= by;
        }
    }
    return LOREC_OK;
}

/* How many segments are worth another worker. */
static size_t segment_grain(const segments *s, size_t d)
{
    return row_grain((int64_t)d * (s->n ? s->rows / s->n + 1 : 1));
}

static lorec_err reduce_forward(tape *t, node *n)
{
    const segments *s = ((segment_spec *)n->spec)->s;
    (void)t;
    return par_for((size_t)s->n, segment_grain(s, width_of(n->out)), reduce_segments, n);
}

static lorec_err reduce_slopes(void *ctx, size_t begin, size_t end, int worker)
{
    const segment_job *k = ctx;
    const node *n = k->n;
    segment_kind kind = ((segment_spec *)n->spec)->kind;
    size_t d = width_of(n->out);
    const int32_t *won = n->saved;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        size_t from = (size_t)k->s->start[i], to = (size_t)k->s->start[i + 1];
        const float *dy = grad(n->out) + i * d;
        float by = kind == SEGMENT_MEAN ? 1 / (float)(to - from) : 1;
        for (size_t r = from; r < to; r++) {
            float *dx = k->dx + r * d;
            bool taken = kind == SEGMENT_SUM || kind == SEGMENT_MEAN || (kind == SEGMENT_FIRST && r == from) ||
                         (kind == SEGMENT_LAST && r == to - 1);
            for (size_t c = 0; c < d; c++) {
                float g = taken || (kind == SEGMENT_MAX && won[i * d + c] == (int32_t)r) ? by * dy[c] : 0;
                dx[c] = g + (k->beta == 0 ? 0 : dx[c]);
            }
        }
    }
    return LOREC_OK;
}

static lorec_err reduce_backward(tape *t, node *n)
{
    segment_job k = {.n = n, .s = ((segment_spec *)n->spec)->s};
    k.dx = node_grad(t, n->in[0], &k.beta);
    return k.dx ? par_for((size_t)k.s->n, segment_grain(k.s, width_of(n->out)), reduce_slopes, &k) : tape_error(t);
}

static double input_flops(const node *n)
{
    return (double)n->in[0]->count;
}

const op_def op_segment_reduce_def = {
    .name = "segment_reduce",
    .shape = reduce_shape,
    .forward = reduce_forward,
    .backward = reduce_backward,
    .flops = input_flops,
};

tensor *op_segment_reduce(tape *t, tensor *x, const segments *s, segment_kind kind)
{
    return tape_apply(t, &op_segment_reduce_def, (tensor *[]){tape_as_f32(t, x)}, 1, &(segment_spec){s, kind},
                      sizeof(segment_spec));
}

/* ---- repeat: [segments, ...] -> [rows, ...] ---------------------------------------------------------------------------------- */

static lorec_err repeat_shape(tape *t, node *n)
{
    const tensor *x = n->in[0];
    const segments *s = ((segment_spec *)n->spec)->s;
    if (x->ndim < 2 || x->type != DTYPE_F32 || !s || s->n != x->size[0])
        return node_shape_error(n, "needs [segments, d] and so many segments");
    int64_t size[TENSOR_MAX_DIMS];
    memcpy(size, x->size, sizeof size);
    size[0] = s->rows;
    TRY(node_output(t, n, DTYPE_F32, x->ndim, size));
    if (!x->needs_grad || x->rowless) return LOREC_OK;
    int32_t *example = tape_alloc(t, (size_t)s->rows * sizeof *example);
    if (!example) return tape_error(t);
    for (int64_t i = 0; i < s->n; i++)
        for (int32_t r = s->start[i]; r < s->start[i + 1]; r++)
            example[r] = x->example ? x->example[i] : example_of(s, i);
    n->out->example = example;
    return LOREC_OK;
}

static lorec_err repeat_rows(void *ctx, size_t begin, size_t end, int worker)
{
    const segment_job *k = ctx;
    size_t d = width_of(k->n->in[0]);
    (void)worker;
    for (size_t i = begin; i < end; i++)
        for (size_t r = (size_t)k->s->start[i]; r < (size_t)k->s->start[i + 1]; r++)
            memcpy(f32(k->n->out) + r * d, f32(k->n->in[0]) + i * d, d * sizeof(float));
    return LOREC_OK;
}

static lorec_err repeat_forward(tape *t, node *n)
{
    segment_job k = {.n = n, .s = ((segment_spec *)n->spec)->s};
    (void)t;
    return par_for((size_t)k.s->n, segment_grain(k.s, width_of(n->in[0])), repeat_rows, &k);
}

static lorec_err repeat_slopes(void *ctx, size_t begin, size_t end, int worker)
{
    const segment_job *k = ctx;
    size_t d = width_of(k->n->in[0]);
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        float *dx = k->dx + i * d;
        if (k->beta == 0) memset(dx, 0, d * sizeof *dx);
        for (size_t r = (size_t)k->s->start[i]; r < (size_t)k->s->start[i + 1]; r++)
            for (size_t c = 0; c < d; c++) dx[c] += grad(k->n->out)[r * d + c];
    }
    return LOREC_OK;
}

static lorec_err repeat_backward(tape *t, node *n)
{
    segment_job k = {.n = n, .s = ((segment_spec *)n->spec)->s};
    k.dx = node_grad(t, n->in[0], &k.beta);
    return k.dx ? par_for((size_t)k.s->n, segment_grain(k.s, width_of(n->in[0])), repeat_slopes, &k) : tape_error(t);
}

const op_def op_segment_repeat_def = {.name = "segment_repeat",
                                      .shape = repeat_shape,
                                      .forward = repeat_forward,
                                      .backward = repeat_backward,
                                      .flops = input_flops};

tensor *op_segment_repeat(tape *t, tensor *x, const segments *s)
{
    return tape_apply(t, &op_segment_repeat_def, (tensor *[]){tape_as_f32(t, x)}, 1, &(segment_spec){.s = s},
                      sizeof(segment_spec));
}

/* ---- softmax down each segment, column by column: [rows, h] ------------------------------------------------------------------- */

static lorec_err softmax_shape(tape *t, node *n)
{
    const tensor *x = n->in[0];
    const segments *s = ((segment_spec *)n->spec)->s;
    if (x->ndim != 2 || x->type != DTYPE_F32 || !s || s->rows != x->size[0])
        return node_shape_error(n, "needs [rows, h] and segments of so many rows");
    return node_output_like(t, n, x);
}

static lorec_err softmax_segments(void *ctx, size_t begin, size_t end, int worker)
{
    const segment_job *k = ctx;
    size_t h = (size_t)k->n->in[0]->size[1];
    const float *x = f32(k->n->in[0]);
    float *y = f32(k->n->out);
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        size_t from = (size_t)k->s->start[i], to = (size_t)k->s->start[i + 1];
        for (size_t c = 0; c < h; c++) {
            float most = -INFINITY, sum = 0;
            for (size_t r = from; r < to; r++) most = x[r * h + c] > most ? x[r * h + c] : most;
            for (size_t r = from; r < to; r++) {
                y[r * h + c] = most == -INFINITY ? 0 : expf(x[r * h + c] - most);
                sum += y[r * h + c];
            }
            for (size_t r = from; r < to && sum > 0; r++) y[r * h + c] /= sum;
        }
    }
    return LOREC_OK;
}

static lorec_err softmax_forward(tape *t, node *n)
{
    segment_job k = {.n = n, .s = ((segment_spec *)n->spec)->s};
    (void)t;
    return par_for((size_t)k.s->n, segment_grain(k.s, (size_t)n->in[0]->size[1] * 8), softmax_segments, &k);
}

/* dx = y (dy - sum of y dy over the segment) */
static lorec_err softmax_slopes(void *ctx, size_t begin, size_t end, int worker)
{
    const segment_job *k = ctx;
    size_t h = (size_t)k->n->in[0]->size[1];
    const float *y = f32(k->n->out), *dy = grad(k->n->out);
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        size_t from = (size_t)k->s->start[i] * h, to = (size_t)k->s->start[i + 1] * h;
        for (size_t c = 0; c < h; c++) {
            float along = 0;
            for (size_t j = from + c; j < to; j += h) along += y[j] * dy[j];
            for (size_t j = from + c; j < to; j += h) k->dx[j] = y[j] * (dy[j] - along) + (k->beta == 0 ? 0 : k->dx[j]);
        }
    }
    return LOREC_OK;
}

static lorec_err softmax_backward(tape *t, node *n)
{
    segment_job k = {.n = n, .s = ((segment_spec *)n->spec)->s};
    k.dx = node_grad(t, n->in[0], &k.beta);
    return k.dx ? par_for((size_t)k.s->n, segment_grain(k.s, (size_t)n->in[0]->size[1]), softmax_slopes, &k)
                : tape_error(t);
}

static double softmax_flops(const node *n)
{
    return 10 * (double)n->in[0]->count;
}

const op_def op_segment_softmax_def = {
    .name = "segment_softmax",
    .shape = softmax_shape,
    .forward = softmax_forward,
    .backward = softmax_backward,
    .flops = softmax_flops,
};

tensor *op_segment_softmax(tape *t, tensor *x, const segments *s)
{
    return tape_apply(t, &op_segment_softmax_def, (tensor *[]){tape_as_f32(t, x)}, 1, &(segment_spec){.s = s},
                      sizeof(segment_spec));
}
