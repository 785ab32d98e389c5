#include "lm/convert/convert_rows.h"

#include "base/mem.h"

enum { PIECE = 1 << 20 }; /* values at a time */

/* Which of Hugging Face's rows lies at row f of the other order; the inverse of what read.c does. */
static int64_t row_from(const convert_rows *c, int64_t rows, int64_t f)
{
    int64_t head = c->order == ROWS_SAME ? 1 : rows / c->heads, half = head / 2, third = head / 3;
    switch (c->order) {
    case ROWS_PAIRED:
        return f / head * head + f % head % 2 * half + f % head / 2;
    case ROWS_BY_KIND: {
        int64_t kind = f / (rows / 3), rest = f % (rows / 3);
        return rest / third * head + kind * third + rest % third;
    }
    default:
        return f;
    }
}

static lorec_err give_f32(const convert_rows *c, float *values, int64_t n)
{
    size_t bytes;
    void *out;
    for (int64_t i = 0; i < n && c->plus != 0; i++) values[i] += c->plus;
    if (c->type == ELEM_F32) return c->give(c->ctx, values, (size_t)n * sizeof *values);
    if (!elem_size(c->type, n, &bytes)) return err_set(LOREC_USAGE, "rows are no whole %s blocks", elem_name(c->type));
    TRY(mem_new(&out, bytes));
    lorec_err e = elem_from_f32(c->type, values, out, n);
    if (!e) e = c->give(c->ctx, out, bytes);
    mem_free(out);
    return e;
}

/* One row, or all that follow each other in both orders, at once. */
static lorec_err run_rows(const convert_rows *c, int64_t rows, int64_t width)
{
    bool raw = c->type == c->x->type && c->plus == 0;
    int64_t at_once = PIECE / (width > 0 ? width : 1);
    size_t bytes;
    unsigned char *part = NULL;
    if (at_once < 1) at_once = 1;
    if (at_once > rows) at_once = rows;
    if (!elem_size(raw ? c->type : ELEM_F32, at_once * width, &bytes))
        return err_set(LOREC_USAGE, "rows are no whole blocks");
    TRY(mem_new(&part, bytes));
    lorec_err e = LOREC_OK;
    for (int64_t f = 0; f < rows && !e;) {
        int64_t from = row_from(c, rows, f), n = 1;
        while (n < at_once && f + n < rows && row_from(c, rows, f + n) == from + n) n++;
        e = raw ? weights_read(c->w, c->x, c->first + from, n, part)
                : weights_read_f32(c->w, c->x, c->first + from, n, (float *)(void *)part);
        if (!e && raw && elem_size(c->type, n * width, &bytes)) e = c->give(c->ctx, part, bytes);
        if (!e && !raw) e = give_f32(c, (float *)(void *)part, n * width);
        f += n;
    }
    mem_free(part);
    return e;
}

/* The whole tensor in memory: vectors with an order, matrices that turn. */
static lorec_err run_whole(const convert_rows *c, int64_t rows, int64_t width)
{
    float *in, *out = NULL;
    int64_t n = rows * width;
    TRY(mem_new(&in, (size_t)n));
    lorec_err e = mem_new(&out, (size_t)n);
    if (!e && c->x->ndim < 2)
        e = weights_read_f32(c->w, c->x, 0, 1, in);
    else if (!e)
        e = weights_read_f32(c->w, c->x, c->first, rows, in);
    for (int64_t r = 0; r < rows && !e; r++)
        for (int64_t k = 0; k < width; k++)
            out[c->turn ? k * rows + r : r * width + k] = in[(c->turn ? r : row_from(c, rows, r)) * width + k];
    if (!e) e = give_f32(c, out, n);
    mem_free(in);
    mem_free(out);
    return e;
}

lorec_err convert_rows_run(const convert_rows *c)
{
    const weight *x = c->x;
    bool vector = x->ndim < 2;
    int64_t width = vector ? 1 : x->shape[x->ndim - 1], rows = c->rows  ? c->rows
                                                               : vector ? weight_values(x)
                                                                        : weight_rows(x);
    int64_t group = c->order == ROWS_PAIRED ? 2 : 3;
    if (c->order != ROWS_SAME && (c->heads < 1 || rows % c->heads || rows / c->heads % group))
        return err_set(LOREC_INPUT, "the tensor %s: %lld rows do not divide into %lld heads", x->name, (long long)rows,
                       (long long)c->heads);
    if (rows == 0 || width == 0) return LOREC_OK;
    lorec_err e;
    if (vector && c->rows)
        e = err_set(LOREC_USAGE, "a part of a vector");
    else if (vector || c->turn)
        e = run_whole(c, rows, width);
    else
        e = run_rows(c, rows, width);
    return e ? err_context(e, "the tensor %s", x->name) : LOREC_OK;
}
