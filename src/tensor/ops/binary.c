/* a + b, a - b, a * b, a / b, where b may be smaller: b over a's leading dimensions (a bias), one value a row, or one
 * value. The gradient of a smaller b is summed in fixed blocks of rows, so its bits do not depend on the workers. */
#include "tensor/ops.h"
#include "tensor/ops/piece.h"

typedef enum spread { SPREAD_NONE, SPREAD_LEADING, SPREAD_ROW, SPREAD_ONE } spread;
enum { ROW_BLOCK = 256 };

typedef struct binary_spec {
    char sign; /* + - * / */
    spread how;
} binary_spec;

static bool same_tail(const tensor *a, const tensor *b)
{
    for (int i = 1; i <= b->ndim; i++)
        if (i > a->ndim || a->size[a->ndim - i] != b->size[b->ndim - i]) return false;
    return true;
}

static lorec_err binary_shape(tape *t, node *n)
{
    const tensor *a = n->in[0], *b = n->in[1];
    binary_spec *s = n->spec;
    if (a->type == DTYPE_I32 || b->type == DTYPE_I32) return node_shape_error(n, "needs numbers, not ids");
    bool column = a->ndim == b->ndim && b->size[b->ndim - 1] == 1;
    for (int i = 0; column && i < a->ndim - 1; i++) column = a->size[i] == b->size[i];
    if (same_tail(a, b))
        s->how = a->ndim == b->ndim ? SPREAD_NONE : SPREAD_LEADING;
    else if (b->count == 1)
        s->how = SPREAD_ONE;
    else if (column)
        s->how = SPREAD_ROW;
    else
        return node_shape_error(
            n, "the second has to have the first's shape, its last dimensions, one value a row, or one value");
    /* a bf16 activation stays one beside an f32 parameter */
    bool bf = a->type == DTYPE_BF16 && (b->type == DTYPE_BF16 || b->rowless);
    return node_output(t, n, bf ? DTYPE_BF16 : DTYPE_F32, a->ndim, a->size);
}

/* b's values beside a's values at .. at + m - 1. */
static const float *beside(const node *n, size_t at, size_t m, float *buf)
{
    const binary_spec *s = n->spec;
    const tensor *b = n->in[1];
    if (s->how == SPREAD_NONE) return piece_read(b, at, m, buf);
    float one[PIECE];
    if (s->how == SPREAD_ONE) {
        float v = *piece_read(b, 0, 1, one);
        for (size_t i = 0; i < m; i++) buf[i] = v;
    } else if (s->how == SPREAD_ROW) {
        size_t width = (size_t)tensor_width(n->in[0]), row = at / width;
        for (size_t i = 0, end; i < m; i = end, row++) {
            end = (row + 1) * width - at;
            if (end > m) end = m;
            float v = *piece_read(b, row, 1, one);
            for (size_t j = i; j < end; j++) buf[j] = v;
        }
    } else {
        size_t width = (size_t)b->count, from = at % width;
        for (size_t i = 0, len; i < m; i += len, from = 0) {
            len = width - from < m - i ? width - from : m - i;
            memcpy(buf + i, piece_read(b, from, len, one), len * sizeof *buf);
        }
    }
    return buf;
}

static lorec_err binary_values(void *ctx, size_t begin, size_t end, int worker)
{
    const node *n = ctx;
    char sign = ((const binary_spec *)n->spec)->sign;
    tensor *out = n->out;
    (void)worker;
    for (size_t at = begin, m; (m = piece_length(at, end)) > 0; at += m) {
        float buf_a[PIECE], buf_b[PIECE], buf_y[PIECE];
        const float *a = piece_read(n->in[0], at, m, buf_a), *b = beside(n, at, m, buf_b);
        float *y = piece_target(out->type, out->data, at, 0, buf_y);
        if (sign == '+')
            for (size_t i = 0; i < m; i++) y[i] = a[i] + b[i];
        else if (sign == '-')
            for (size_t i = 0; i < m; i++) y[i] = a[i] - b[i];
        else if (sign == '*')
            for (size_t i = 0; i < m; i++) y[i] = a[i] * b[i];
        else
            for (size_t i = 0; i < m; i++) y[i] = a[i] / b[i];
        piece_store(out->type, out->data, at, m, y, 0);
    }
    return LOREC_OK;
}

static lorec_err binary_forward(tape *t, node *n)
{
    (void)t;
    return par_for((size_t)n->out->count, PAR_GRAIN, binary_values, n);
}

typedef struct binary_back {
    const node *n;
    bool second; /* the slope of b, else of a */
    float beta;
    dtype type;
    void *to;
    float *partial; /* smaller b: [blocks, b's count] */
} binary_back;

/* g = dy times the derivative by the asked input, at .. at + m - 1. */
static void slope(const binary_back *k, size_t at, size_t m, float *g)
{
    const node *n = k->n;
    char sign = ((const binary_spec *)n->spec)->sign;
    float buf_dy[PIECE], buf_a[PIECE], buf_b[PIECE];
    const float *dy = piece_read_from(n->out->type, n->out->grad, at, m, buf_dy);
    if (sign == '+' || (sign == '-' && !k->second)) {
        memcpy(g, dy, m * sizeof *g);
        return;
    }
    if (sign == '-') {
        for (size_t i = 0; i < m; i++) g[i] = -dy[i];
        return;
    }
    const float *b = sign == '/' || !k->second ? beside(n, at, m, buf_b) : NULL;
    const float *a = k->second ? piece_read(n->in[0], at, m, buf_a) : NULL;
    if (sign == '*')
        for (size_t i = 0; i < m; i++) g[i] = dy[i] * (k->second ? a[i] : b[i]);
    else if (!k->second)
        for (size_t i = 0; i < m; i++) g[i] = dy[i] / b[i];
    else
        for (size_t i = 0; i < m; i++) g[i] = -dy[i] * a[i] / (b[i] * b[i]);
}

static lorec_err binary_slopes(void *ctx, size_t begin, size_t end, int worker)
{
    const binary_back *k = ctx;
    (void)worker;
    for (size_t at = begin, m; (m = piece_length(at, end)) > 0; at += m) {
        float buf[PIECE], *g = piece_target(k->type, k->to, at, k->beta, buf);
        slope(k, at, m, g);
        piece_store(k->type, k->to, at, m, g, k->beta);
    }
    return LOREC_OK;
}

/* Sums of one block of ROW_BLOCK rows (b over leading dimensions) or of values (one b) into partial. */
static lorec_err leading_sums(void *ctx, size_t begin, size_t end, int worker)
{
    const binary_back *k = ctx;
    size_t width = (size_t)k->n->in[1]->count, total = (size_t)k->n->out->count;
    (void)worker;
    for (size_t block = begin; block < end; block++) {
        float *sum = k->partial + block * width;
        memset(sum, 0, width * sizeof *sum);
        size_t stop = (block + 1) * ROW_BLOCK * width;
        if (stop > total) stop = total;
        for (size_t at = block * ROW_BLOCK * width, m; at < stop; at += m) {
            float g[PIECE];
            size_t column = at % width;
            m = piece_length(at, stop);
            if (m > width - column) m = width - column;
            slope(k, at, m, g);
            for (size_t i = 0; i < m; i++) sum[column + i] += g[i];
        }
    }
    return LOREC_OK;
}

static lorec_err row_sums(void *ctx, size_t begin, size_t end, int worker)
{
    const binary_back *k = ctx;
    size_t width = (size_t)tensor_width(k->n->in[0]);
    (void)worker;
    for (size_t row = begin; row < end; row++) {
        float sum = 0;
        for (size_t at = row * width, m; (m = piece_length(at, (row + 1) * width)) > 0; at += m) {
            float g[PIECE];
            slope(k, at, m, g);
            for (size_t i = 0; i < m; i++) sum += g[i];
        }
        piece_store(k->type, k->to, row, 1, &sum, k->beta);
    }
    return LOREC_OK;
}

static lorec_err small_slopes(tape *t, binary_back *k, const tensor *b)
{
    const binary_spec *s = k->n->spec;
    if (s->how == SPREAD_ROW) return par_for((size_t)b->count, row_grain(tensor_width(k->n->in[0])), row_sums, k);
    size_t width = (size_t)b->count, rows = width ? (size_t)k->n->out->count / width : 0;
    size_t blocks = (rows + ROW_BLOCK - 1) / ROW_BLOCK;
    if (!(k->partial = tape_scratch(t, (blocks + 1) * width * sizeof *k->partial))) return tape_error(t);
    TRY(par_for(blocks, row_grain(b->count * ROW_BLOCK), leading_sums, k));
    float *sum = k->partial + blocks * width;
    memset(sum, 0, width * sizeof *sum);
    for (size_t block = 0; block < blocks; block++) isa()->axpy_f32(width, 1, k->partial + block * width, sum);
    for (size_t at = 0, m; (m = piece_length(at, width)) > 0; at += m)
        piece_store(k->type, k->to, at, m, sum + at, k->beta);
    return LOREC_OK;
}

static lorec_err binary_backward(tape *t, node *n)
{
    const binary_spec *s = n->spec;
    tensor *a = n->in[0], *b = n->in[1];
    binary_back k = {.n = n, .second = true, .type = b->type};
    if ((k.to = node_grad_any(t, b, &k.beta))) {
        if (s->how == SPREAD_NONE)
            TRY(par_for((size_t)n->out->count, PAR_GRAIN, binary_slopes, &k));
        else
            TRY(small_slopes(t, &k, b));
    }
    if ((s->sign == '+' || s->sign == '-') && a->type == n->out->type) return node_grad_pass(t, a, n->out);
    k = (binary_back){.n = n, .type = a->type};
    if ((k.to = node_grad_any(t, a, &k.beta))) TRY(par_for((size_t)n->out->count, PAR_GRAIN, binary_slopes, &k));
    return tape_error(t);
}

#define BINARY(name_, sign_)                                                                                           \
    const op_def op_##name_##_def = {                                                                                  \
        .name = #name_, .shape = binary_shape, .forward = binary_forward, .backward = binary_backward};                \
    tensor *op_##name_(tape *t, tensor *a, tensor *b)                                                                  \
    {                                                                                                                  \
        return tape_apply(t, &op_##name_##_def, (tensor *[]){a, b}, 2, &(binary_spec){.sign = (sign_)},                \
                          sizeof(binary_spec));                                                                        \
    }

BINARY(add, '+')
BINARY(sub, '-')
BINARY(mul, '*')
BINARY(div, '/')
