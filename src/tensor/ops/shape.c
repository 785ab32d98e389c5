/* The same values in another shape, order, type, or without their gradient. */
#include "base/mem.h"
#include "tensor/ops.h"
#include "tensor/ops/piece.h"

static size_t value_bytes(const tensor *x)
{
    return x->type == DTYPE_BF16 ? 2 : 4;
}

static double no_flops(const node *n)
{
    (void)n;
    return 0;
}

static lorec_err nothing(tape *t, node *n)
{
    (void)t, (void)n;
    return LOREC_OK;
}

static lorec_err pass_backward(tape *t, node *n)
{
    return node_grad_pass(t, n->in[0], n->out);
}

/* ---- reshape: a view --------------------------------------------------------------------------------------------------- */

typedef struct reshape_spec {
    int ndim;
    int64_t size[TENSOR_MAX_DIMS];
} reshape_spec;

/* Where rows are split, each part belongs to its row's example; where they are joined, the joined row belongs to the
 * example of its first (rows of several examples would be coupled). */
static lorec_err reshape_examples(tape *t, node *n)
{
    const tensor *x = n->in[0];
    tensor *y = n->out;
    int64_t from = x->size[0], to = y->size[0];
    if (from == to || x->rowless || x->type == DTYPE_I32 || from == 0 || to == 0) return LOREC_OK;
    if ((to > from && to % from) || (from > to && from % to)) {
        tape_couples(t);
        return LOREC_OK;
    }
    int32_t *example = tape_alloc(t, (size_t)to * sizeof *example);
    if (!example) return tape_error(t);
    for (int64_t r = 0; r < to; r++) {
        int64_t first = to > from ? r / (to / from) : r * (from / to);
        example[r] = x->example ? x->example[first] : (int32_t)first;
        for (int64_t k = 1; from > to && k < from / to; k++)
            if ((x->example ? x->example[first + k] : first + k) != example[r]) tape_couples(t);
    }
    y->example = example;
    return LOREC_OK;
}

static lorec_err reshape_shape(tape *t, node *n)
{
    reshape_spec s = *(reshape_spec *)n->spec;
    tensor *x = n->in[0];
    int open = -1;
    int64_t known = 1;
    for (int i = 0; i < s.ndim; i++) {
        bool wrong = s.size[i] < -1 || (s.size[i] == -1 && open >= 0);
        if (s.size[i] == -1)
            open = i;
        else
            wrong = wrong || __builtin_mul_overflow(known, s.size[i], &known);
        if (wrong) return node_shape_error(n, "the new sizes are not 0 or more, with at most one -1");
    }
    if (open >= 0) s.size[open] = known ? x->count / known : 0;
    if (open >= 0 && __builtin_mul_overflow(known, s.size[open], &known))
        return node_shape_error(n, "the new sizes are too large");
    if (known != x->count) return node_shape_error(n, "the new sizes do not have as many values");
    TRY(node_output_view(t, n, x->type, s.ndim, s.size, x->data));
    return reshape_examples(t, n);
}

const op_def op_reshape_def = {.name = "reshape",
                               .shape = reshape_shape,
                               .forward = nothing,
                               .backward = pass_backward,
                               .flops = no_flops,
                               .bytes = no_flops};

tensor *op_reshape(tape *t, tensor *x, int ndim, const int64_t *shape)
{
    reshape_spec s = {.ndim = ndim};
    if (ndim < 1 || ndim > TENSOR_MAX_DIMS)
        return tape_fail(t, err_set(LOREC_USAGE, "reshape: %d dimensions; there are 1 to %d", ndim, TENSOR_MAX_DIMS));
    memcpy(s.size, shape, (size_t)ndim * sizeof *shape);
    return tape_apply(t, &op_reshape_def, (tensor *[]){x}, 1, &s, sizeof s);
}

/* ---- detach ------------------------------------------------------------------------------------------------------------- */

static lorec_err detach_shape(tape *t, node *n)
{
    const tensor *x = n->in[0];
    return node_output_view(t, n, x->type, x->ndim, x->size, x->data);
}

const op_def op_detach_def = {
    .name = "detach", .shape = detach_shape, .forward = nothing, .flops = no_flops, .bytes = no_flops};

tensor *op_detach(tape *t, tensor *x)
{
    return tape_apply(t, &op_detach_def, (tensor *[]){x}, 1, NULL, 0);
}

/* ---- cast --------------------------------------------------------------------------------------------------------------- */

typedef struct cast_spec {
    dtype to;
} cast_spec;

static lorec_err cast_shape(tape *t, node *n)
{
    const tensor *x = n->in[0];
    dtype to = ((cast_spec *)n->spec)->to;
    if (x->type == DTYPE_I32 || to == DTYPE_I32) return node_shape_error(n, "changes between f32 and bf16 only");
    return node_output(t, n, to, x->ndim, x->size);
}

typedef struct cast_job {
    dtype from_type, to_type;
    const void *from;
    void *to;
    float beta;
} cast_job;

static lorec_err cast_values(void *ctx, size_t begin, size_t end, int worker)
{
    const cast_job *j = ctx;
    (void)worker;
    for (size_t at = begin, m; (m = piece_length(at, end)) > 0; at += m) {
        float buf[PIECE];
        float *v = (float *)piece_read_from(j->from_type, j->from, at, m, buf);
        if (v != buf) v = memcpy(buf, v, m * sizeof *v);
        piece_store(j->to_type, j->to, at, m, v, j->beta);
    }
    return LOREC_OK;
}

static lorec_err cast_forward(tape *t, node *n)
{
    cast_job j = {n->in[0]->type, n->out->type, n->in[0]->data, n->out->data, 0};
    (void)t;
    return par_for((size_t)n->out->count, PAR_GRAIN, cast_values, &j);
}

static lorec_err cast_backward(tape *t, node *n)
{
    if (n->in[0]->type == n->out->type) return pass_backward(t, n);
    cast_job j = {n->out->type, n->in[0]->type, n->out->grad, NULL, 0};
    j.to = node_grad_any(t, n->in[0], &j.beta);
    return j.to ? par_for((size_t)n->out->count, PAR_GRAIN, cast_values, &j) : tape_error(t);
}

const op_def op_cast_def = {.name = "cast",
                            .shape = cast_shape,
                            .forward = cast_forward,
                            .backward = cast_backward,
                            .flops = no_flops,
                            .reads = node_reads_nothing};

tensor *op_cast(tape *t, tensor *x, dtype to)
{
    return tape_apply(t, &op_cast_def, (tensor *[]){x}, 1, &(cast_spec){to}, sizeof(cast_spec));
}

/* ---- concat and slice: x seen as [outer, middle, inner] ------------------------------------------------------------------ */

typedef struct part_spec {
    int dim;
    int64_t begin, end;
} part_spec;

static size_t outer_of(const tensor *x, int dim)
{
    size_t n = 1;
    for (int i = 0; i < dim; i++) n *= (size_t)x->size[i];
    return n;
}

static size_t inner_of(const tensor *x, int dim)
{
    size_t n = 1;
    for (int i = dim + 1; i < x->ndim; i++) n *= (size_t)x->size[i];
    return n;
}

/* Copies (or, for gradients, adds) `outer` stretches of `length` values between two strides. */
typedef struct stretch_job {
    dtype type;
    const char *from;
    char *to;
    size_t length, from_stride, to_stride;
    float beta;
} stretch_job;

static lorec_err stretches(void *ctx, size_t begin, size_t end, int worker)
{
    const stretch_job *j = ctx;
    size_t bytes = j->type == DTYPE_BF16 ? 2 : 4;
    (void)worker;
    for (size_t o = begin; o < end; o++) {
        const char *from = j->from + o * j->from_stride * bytes;
        char *to = j->to + o * j->to_stride * bytes;
        if (j->beta == 0) {
            memcpy(to, from, j->length * bytes);
            continue;
        }
        for (size_t at = 0, m; (m = piece_length(at, j->length)) > 0; at += m) {
            float v[PIECE], buf[PIECE];
            memcpy(v, piece_read_from(j->type, from, at, m, buf), m * sizeof *v);
            piece_store(j->type, to, at, m, v, 1);
        }
    }
    return LOREC_OK;
}

static lorec_err stretch_all(const stretch_job *j, size_t outer)
{
    return j->length ? par_for(outer, row_grain((int64_t)j->length), stretches, (void *)j) : LOREC_OK;
}

static lorec_err concat_examples(tape *t, node *n)
{
    bool any = false;
    for (int i = 0; i < n->n_in; i++) any = any || n->in[i]->needs_grad;
    if (!any || ((part_spec *)n->spec)->dim != 0 || n->n_in < 2 || n->out->rowless) return LOREC_OK;
    int32_t *example = tape_alloc(t, (size_t)n->out->size[0] * sizeof *example);
    if (!example) return tape_error(t);
    n->out->example = example;
    for (int i = 0; i < n->n_in; i++)
        for (int64_t r = 0; r < n->in[i]->size[0]; r++)
            *example++ = n->in[i]->example ? n->in[i]->example[r] : (int32_t)r;
    return LOREC_OK;
}

static lorec_err concat_shape(tape *t, node *n)
{
    part_spec *s = n->spec;
    const tensor *x = n->n_in ? n->in[0] : NULL;
    if (!x) return err_set(LOREC_USAGE, "concat: nothing to put together");
    if (s->dim < 0) s->dim += x->ndim;
    if (s->dim < 0 || s->dim >= x->ndim) return node_shape_error(n, "has no such dimension");
    int64_t size[TENSOR_MAX_DIMS];
    memcpy(size, x->size, sizeof size);
    size[s->dim] = 0;
    for (int i = 0; i < n->n_in; i++) {
        const tensor *part = n->in[i];
        bool fits = part->ndim == x->ndim && part->type == x->type;
        for (int d = 0; fits && d < x->ndim; d++) fits = d == s->dim || part->size[d] == x->size[d];
        if (!fits) return node_shape_error(n, "the inputs may differ in the joined dimension only");
        size[s->dim] += part->size[s->dim];
    }
    TRY(node_output(t, n, x->type, x->ndim, size));
    return concat_examples(t, n);
}

static lorec_err concat_forward(tape *t, node *n)
{
    int dim = ((part_spec *)n->spec)->dim;
    size_t inner = inner_of(n->out, dim), at = 0, whole = (size_t)n->out->size[dim] * inner;
    (void)t;
    for (int i = 0; i < n->n_in; i++) {
        const tensor *x = n->in[i];
        size_t length = (size_t)x->size[dim] * inner;
        TRY(stretch_all(&(stretch_job){.type = x->type,
                                       .from = x->data,
                                       .length = length,
                                       .from_stride = length,
                                       .to = (char *)n->out->data + at * value_bytes(x),
                                       .to_stride = whole},
                        outer_of(x, dim)));
        at += length;
    }
    return LOREC_OK;
}

static lorec_err concat_backward(tape *t, node *n)
{
    int dim = ((part_spec *)n->spec)->dim;
    size_t inner = inner_of(n->out, dim), at = 0, whole = (size_t)n->out->size[dim] * inner;
    for (int i = 0; i < n->n_in; i++) {
        tensor *x = n->in[i];
        size_t length = (size_t)x->size[dim] * inner;
        stretch_job j = {.type = x->type,
                         .from = (char *)n->out->grad + at * value_bytes(x),
                         .length = length,
                         .from_stride = whole,
                         .to_stride = length};
        j.to = node_grad_any(t, x, &j.beta);
        if (j.to) TRY(stretch_all(&j, outer_of(x, dim)));
        at += length;
    }
    return tape_error(t);
}

const op_def op_concat_def = {
    .name = "concat", .shape = concat_shape, .forward = concat_forward, .backward = concat_backward, .flops = no_flops};

/* Where the tape computes in bf16, products are bf16 and sums of table rows f32: joined, they are f32. */
static bool mixed(tensor *const *xs, int n)
{
    for (int i = 0; i < n; i++) {
        if (!xs[i]) return false; /* a failure before; tape_apply tells */
    }
    for (int i = 1; i < n; i++) {
        if (xs[i]->type != xs[0]->type) return true;
    }
    return false;
}

tensor *op_concat(tape *t, tensor *const *xs, int n, int dim)
{
    tensor **wide = NULL;
    if (mixed(xs, n)) {
        lorec_err e = mem_new(&wide, (size_t)n);
        if (e) return tape_fail(t, e);
        for (int i = 0; i < n; i++) wide[i] = xs[i]->type == DTYPE_BF16 ? op_cast(t, xs[i], DTYPE_F32) : xs[i];
    }
    tensor *y = tape_apply(t, &op_concat_def, wide ? wide : xs, n, &(part_spec){.dim = dim}, sizeof(part_spec));
    mem_free(wide);
    return y;
}

/* x[.., begin:end, ..]. A stretch of whole rows that begins on a 64-byte boundary is a view. */
static lorec_err slice_shape(tape *t, node *n)
{
    part_spec *s = n->spec;
    tensor *x = n->in[0];
    if (s->dim < 0) s->dim += x->ndim;
    if (s->dim < 0 || s->dim >= x->ndim || s->begin < 0 || s->end < s->begin || s->end > x->size[s->dim])
        return node_shape_error(n, "the slice is outside");
    int64_t size[TENSOR_MAX_DIMS];
    memcpy(size, x->size, sizeof size);
    size[s->dim] = s->end - s->begin;
    size_t skipped = (size_t)s->begin * inner_of(x, s->dim) * value_bytes(x);
    bool view = outer_of(x, s->dim) == 1 && skipped % 64 == 0;
    TRY(node_output_view(t, n, x->type, x->ndim, size, view ? (char *)x->data + skipped : NULL));
    if (s->dim != 0 || x->rowless || !x->needs_grad || (s->begin == 0 && !x->example)) return LOREC_OK;
    int32_t *example = tape_alloc(t, (size_t)size[0] * sizeof *example);
    if (!example) return tape_error(t);
    for (int64_t r = 0; r < size[0]; r++) example[r] = x->example ? x->example[s->begin + r] : (int32_t)(s->begin + r);
    n->out->example = example;
    return LOREC_OK;
}

static lorec_err slice_forward(tape *t, node *n)
{
    const part_spec *s = n->spec;
    const tensor *x = n->in[0];
    size_t inner = inner_of(x, s->dim), skipped = (size_t)s->begin * inner * value_bytes(x);
    (void)t;
    if (n->out->data == (char *)x->data + skipped) return LOREC_OK;
    return stretch_all(&(stretch_job){.type = x->type,
                                      .from = (char *)x->data + skipped,
                                      .to = n->out->data,
                                      .length = (size_t)(s->end - s->begin) * inner,
                                      .from_stride = (size_t)x->size[s->dim] * inner,
                                      .to_stride = (size_t)(s->end - s->begin) * inner},
                       outer_of(x, s->dim));
}

static lorec_err slice_backward(tape *t, node *n)
{
    const part_spec *s = n->spec;
    tensor *x = n->in[0];
    size_t inner = inner_of(x, s->dim), length = (size_t)(s->end - s->begin) * inner;
    char *dx = node_grad_zeroed(t, x);
    if (!dx) return tape_error(t);
    return stretch_all(&(stretch_job){.type = x->type,
                                      .from = n->out->grad,
                                      .from_stride = length,
                                      .length = length,
                                      .to = dx + (size_t)s->begin * inner * value_bytes(x),
                                      .to_stride = (size_t)x->size[s->dim] * inner,
                                      .beta = 1},
                       outer_of(x, s->dim));
}

const op_def op_slice_def = {
    .name = "slice", .shape = slice_shape, .forward = slice_forward, .backward = slice_backward, .flops = no_flops};

tensor *op_slice(tape *t, tensor *x, int dim, int64_t begin, int64_t end)
{
    return tape_apply(t, &op_slice_def, (tensor *[]){x}, 1, &(part_spec){dim, begin, end}, sizeof(part_spec));
}

/* ---- transpose of two dimensions: x seen as [a, p, b, q, c] -> [a, q, b, p, c] -------------------------------------------- */

typedef struct transpose_spec {
    int dim0, dim1;
    size_t a, p, b, q, c;
} transpose_spec;

static lorec_err transpose_shape(tape *t, node *n)
{
    transpose_spec *s = n->spec;
    const tensor *x = n->in[0];
    if (s->dim0 < 0) s->dim0 += x->ndim;
    if (s->dim1 < 0) s->dim1 += x->ndim;
    if (s->dim0 > s->dim1) {
        int kept = s->dim0;
        s->dim0 = s->dim1;
        s->dim1 = kept;
    }
    if (s->dim0 < 0 || s->dim1 >= x->ndim) return node_shape_error(n, "has no such dimension");
    int64_t size[TENSOR_MAX_DIMS];
    memcpy(size, x->size, sizeof size);
    s->a = outer_of(x, s->dim0);
    s->c = inner_of(x, s->dim1);
    s->p = (size_t)size[s->dim0];
    s->q = s->dim0 == s->dim1 ? 1 : (size_t)size[s->dim1];
    s->b = 1;
    for (int i = s->dim0 + 1; i < s->dim1; i++) s->b *= (size_t)size[i];
    size[s->dim0] = x->size[s->dim1];
    size[s->dim1] = x->size[s->dim0];
    if (s->dim0 == 0 && s->dim1 != 0) tape_couples(t);
    return node_output(t, n, x->type, x->ndim, size);
}

typedef struct transpose_job {
    const transpose_spec *s;
    dtype type;
    const void *from;
    void *to;
    float beta;
    bool back; /* from has the output's order */
} transpose_job;

/* Rows [a, q, b] of the transposed array; each is p stretches of c values. */
static lorec_err transpose_rows(void *ctx, size_t begin, size_t end, int worker)
{
    const transpose_job *j = ctx;
    const transpose_spec *s = j->s;
    (void)worker;
    for (size_t r = begin; r < end; r++) {
        size_t b = r % s->b, q = r / s->b % s->q, a = r / (s->b * s->q);
        for (size_t p = 0; p < s->p; p++) {
            size_t here = (r * s->p + p) * s->c, there = (((a * s->p + p) * s->b + b) * s->q + q) * s->c;
            size_t from = j->back ? here : there, to = j->back ? there : here;
            if (j->type != DTYPE_BF16 && j->beta == 0) {
                const float *in = (const float *)j->from + from;
                float *out = (float *)j->to + to;
                for (size_t i = 0; i < s->c; i++) out[i] = in[i];
                continue;
            }
            for (size_t at = 0, m; (m = piece_length(at, s->c)) > 0; at += m) {
                float v[PIECE], buf[PIECE];
                memcpy(v, piece_read_from(j->type, j->from, from + at, m, buf), m * sizeof *v);
                piece_store(j->type, j->to, to + at, m, v, j->beta);
            }
        }
    }
    return LOREC_OK;
}

static lorec_err transpose_run(const transpose_job *j)
{
    const transpose_spec *s = j->s;
    return par_for(s->a * s->q * s->b, row_grain((int64_t)(s->p * s->c)), transpose_rows, (void *)j);
}

static lorec_err transpose_forward(tape *t, node *n)
{
    (void)t;
    return transpose_run(&(transpose_job){n->spec, n->out->type, n->in[0]->data, n->out->data, 0, false});
}

static lorec_err transpose_backward(tape *t, node *n)
{
    transpose_job j = {.s = n->spec, .type = n->out->type, .from = n->out->grad, .back = true};
    j.to = node_grad_any(t, n->in[0], &j.beta);
    return j.to ? transpose_run(&j) : tape_error(t);
}

const op_def op_transpose_def = {.name = "transpose",
                                 .shape = transpose_shape,
                                 .forward = transpose_forward,
                                 .backward = transpose_backward,
                                 .flops = no_flops};

tensor *op_transpose(tape *t, tensor *x, int dim0, int dim1)
{
    return tape_apply(t, &op_transpose_def, (tensor *[]){x}, 1, &(transpose_spec){.dim0 = dim0, .dim1 = dim1},
                      sizeof(transpose_spec));
}
