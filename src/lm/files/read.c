/* Reading a weight's rows in Hugging Face's order, from parts that may be stacked and permuted. */
#include "base/mem.h"
#include "lm/files/place.h"

/* Where row r of Hugging Face's lies in the part. */
static int64_t row_in_file(const weight_part *p, int64_t r)
{
    int64_t head = p->heads ? p->rows / p->heads : p->rows; /* rows of a head */
    switch (p->order) {
    case ROWS_PAIRED: {
        int64_t half = head / 2, h = r / head, i = r % head;
        return h * head + 2 * (i % half) + i / half;
    }
    case ROWS_BY_KIND: {
        int64_t third = head / 3, h = r / head, i = r % head;
        return (i / third) * (p->rows / 3) + h * third + i % third;
    }
    default:
        return r;
    }
}

static int64_t row_width(const weight *x)
{
    return x->ndim && !x->place->by_value ? x->shape[x->ndim - 1] : 1;
}

/* n rows of one part: as long as they follow each other in the file too, they are read at once. */
static lorec_err read_part(const weights *w, const weight *x, const weight_part *p, int64_t row, int64_t n, void *into,
                           bool f32)
{
    const weight_place *place = x->place;
    int64_t width = row_width(x);
    size_t bytes;
    if (!elem_size(x->type, width, &bytes)) return err_set(LOREC_USAGE, "%s: rows are no whole blocks", x->name);
    const blob *b = weights_file(w, p->file);
    for (int64_t i = 0; i < n;) {
        int64_t from = row_in_file(p, row + i), run = 1;
        while (i + run < n && row_in_file(p, row + i + run) == from + run) run++;
        unsigned char *to = (unsigned char *)into + (size_t)i * (f32 ? (size_t)width * sizeof(float) : bytes);
        uint64_t at = p->at + (uint64_t)from * bytes;
        if (place->decode)
            TRY(place->decode(w, x, p, from, run, (float *)(void *)to));
        else if (f32)
            TRY(elem_read_f32(b, at, x->type, (float *)(void *)to, run * width));
        else
            TRY(blob_read(b, at, to, (size_t)run * bytes));
        i += run;
    }
    return LOREC_OK;
}

static lorec_err read_rows(const weights *w, const weight *x, int64_t row, int64_t n, void *into, bool f32)
{
    int64_t rows = weight_rows(x), width = row_width(x);
    if (row < 0 || n < 0 || row > rows || n > rows - row)
        return err_set(LOREC_USAGE, "the tensor %s has %lld rows; %lld from %lld on were asked for", x->name,
                       (long long)rows, (long long)n, (long long)row);
    if (width == 0) return LOREC_OK;
    if (x->place->by_value) n *= x->shape[0]; /* the one row of a vector */
    size_t bytes = (size_t)width * sizeof(float);
    if (!f32 && !elem_size(x->type, width, &bytes))
        return err_set(LOREC_USAGE, "%s: rows are no whole blocks", x->name);
    const weight_place *place = x->place;
    int64_t first = 0; /* row of the part's first */
    unsigned char *to = into;
    for (int k = 0; k < place->parts && n > 0; k++) {
        const weight_part *p = &place->part[k];
        int64_t skip = row - first, now = p->rows - skip < n ? p->rows - skip : n;
        if (skip < p->rows) {
            lorec_err e = read_part(w, x, p, skip, now, to, f32);
            if (e) return err_context(e, "the tensor %s", x->name);
            to += (size_t)now * bytes;
            row += now;
            n -= now;
        }
        first += p->rows;
    }
    return LOREC_OK;
}

lorec_err weights_read(const weights *w, const weight *x, int64_t row, int64_t n, void *into)
{
    if (x->place->plus != 0 || x->place->decode) return weights_read_f32(w, x, row, n, into); /* the type is F32 */
    return read_rows(w, x, row, n, into, false);
}

lorec_err weights_read_f32(const weights *w, const weight *x, int64_t row, int64_t n, float *into)
{
    TRY(read_rows(w, x, row, n, into, true));
    if (x->place->plus == 0) return LOREC_OK;
    int64_t values = n * (x->ndim ? x->shape[x->ndim - 1] : 1);
    for (int64_t i = 0; i < values; i++) into[i] += x->place->plus;
    return LOREC_OK;
}
