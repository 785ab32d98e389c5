#include "base/npy.h"

#include "base/mem.h"

static const struct {
    const char *code; /* as NumPy writes it on a little-endian machine */
    size_t size;
} types[] = {[NPY_U8] = {"|u1", 1},  [NPY_I32] = {"<i4", 4}, [NPY_U32] = {"<u4", 4}, [NPY_I64] = {"<i8", 8},
             [NPY_U64] = {"<u8", 8}, [NPY_F32] = {"<f4", 4}, [NPY_F64] = {"<f8", 8}, [NPY_BOOL] = {"|b1", 1}};
enum { TYPES = sizeof types / sizeof *types };

/* What follows 'key': in the header's Python dict; an empty slice where the key is missing. */
static slice header_value(slice header, const char *key)
{
    slice rest = header;
    slice_cut_text(&rest, key);
    if (rest.n == 0) return rest;
    slice_cut(&rest, ':');
    while (rest.n && rest.p[0] == ' ') rest.p++, rest.n--;
    return rest;
}

static lorec_err header_parse(npy *a, slice header, bool *fortran, const char *path)
{
    slice descr = header_value(header, "'descr'");
    int type = -1;
    for (int i = 0; i < TYPES; i++) {
        size_t n = strlen(types[i].code);
        if (descr.n > n + 1 && descr.p[0] == '\'' && !memcmp(descr.p + 1, types[i].code, n) && descr.p[n + 1] == '\'')
            type = i;
    }
    if (type < 0)
        return err_set(LOREC_INPUT, "%s: an element type that lorec does not read; save as float32 or int64", path);
    a->type = (npy_type)type;

    slice order = header_value(header, "'fortran_order'");
    *fortran = order.n >= 4 && !memcmp(order.p, "True", 4);
    if (!*fortran && (order.n < 5 || memcmp(order.p, "False", 5) != 0))
        return err_set(LOREC_INPUT, "%s: the .npy header does not say which order it is in", path);

    slice shape = header_value(header, "'shape'");
    if (shape.n == 0 || shape.p[0] != '(') return err_set(LOREC_INPUT, "%s: no shape in the .npy header", path);
    shape.p++, shape.n--;
    slice sizes = slice_cut(&shape, ')');
    a->count = 1;
    while (sizes.n) {
        slice part = slice_trim(slice_cut(&sizes, ','));
        if (part.n == 0) continue;
        int64_t size;
        if (a->ndim == 8 || !slice_to_i64(part, &size) || size < 0 || __builtin_mul_overflow(a->count, size, &a->count))
            return err_set(LOREC_INPUT, "%s: a shape that can not be", path);
        a->shape[a->ndim++] = size;
    }
    return LOREC_OK;
}

/* NumPy keeps a transposed matrix as it lies ("Fortran order"); here it is turned, into memory of our own. */
static lorec_err to_c_order(npy *a)
{
    size_t size = types[a->type].size;
    char *to;
    TRY(mem_new(&to, (size_t)a->count * size)); /* no overflow: the file holds as many bytes */
    int64_t at[8] = {0};
    for (int64_t i = 0; i < a->count; i++) {
        int64_t from = 0;
        for (int d = a->ndim - 1; d >= 0; d--) from = from * a->shape[d] + at[d];
        memcpy(to + (size_t)i * size, (const char *)a->data + (size_t)from * size, size);
        for (int d = a->ndim - 1; d >= 0 && ++at[d] == a->shape[d]; d--) at[d] = 0;
    }
    a->data = a->turned = to;
    return LOREC_OK;
}

static lorec_err npy_parse(npy *a, const char *path)
{
    bool fortran = false;
    const unsigned char *p = a->map.bytes;
    size_t size = a->map.size;
    if (size < 12 || memcmp(p, "\x93NUMPY", 6) != 0) return err_set(LOREC_INPUT, "%s: is not a .npy file", path);
    size_t header, length;
    if (p[6] == 1) {
        header = 10;
        length = (size_t)p[8] | (size_t)p[9] << 8;
    } else if (p[6] == 2 || p[6] == 3) {
        header = 12;
        length = (size_t)p[8] | (size_t)p[9] << 8 | (size_t)p[10] << 16 | (size_t)p[11] << 24;
    } else {
        return err_set(LOREC_INPUT, "%s: .npy version %d is not known", path, p[6]);
    }
    if (length > size - header) return err_set(LOREC_INPUT, "%s: the .npy header is longer than the file", path);
    TRY(header_parse(a, (slice){(const char *)p + header, length}, &fortran, path));
    size_t bytes;
    if (!size_mul((size_t)a->count, types[a->type].size, &bytes) || bytes != size - header - length)
        return err_set(LOREC_INPUT, "%s: the shape needs other than the %zu bytes of data that are there", path,
                       size - header - length);
    if ((header + length) % types[a->type].size) return err_set(LOREC_INPUT, "%s: data is not aligned", path);
    a->data = p + header + length;
    return fortran && a->ndim > 1 ? to_c_order(a) : LOREC_OK;
}

lorec_err npy_open_any(npy *a, const char *path)
{
    *a = (npy){0};
    TRY(file_map_open(&a->map, path));
    lorec_err e = npy_parse(a, path);
    if (e) npy_close(a);
    return e;
}

lorec_err npy_open(npy *a, const char *path, npy_type type, int ndim)
{
    TRY(npy_open_any(a, path));
    if (a->type == type && a->ndim == ndim) return LOREC_OK;
    lorec_err e = err_set(LOREC_INPUT, "%s: %s with %d dimensions where %s with %d are expected", path,
                          types[a->type].code, a->ndim, types[type].code, ndim);
    npy_close(a);
    return e;
}

void npy_close(npy *a)
{
    file_map_close(&a->map);
    mem_free(a->turned);
    *a = (npy){0};
}

lorec_err npy_header(buf *out, npy_type type, int ndim, const int64_t *shape)
{
    buf words = {0};
    lorec_err e = buf_printf(&words, "{'descr': '%s', 'fortran_order': False, 'shape': (", types[type].code);
    for (int i = 0; i < ndim && !e; i++)
        e = buf_printf(&words, "%lld,%s", (long long)shape[i], i + 1 < ndim ? " " : "");
    if (!e) e = buf_puts(&words, "), }");
    while (!e && (10 + words.n + 1) % 64) e = buf_puts(&words, " ");
    if (!e) e = buf_puts(&words, "\n");
    unsigned char start[10] = {
        0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)words.n, (unsigned char)(words.n >> 8)};
    if (!e) e = buf_add(out, start, sizeof start);
    if (!e) e = buf_add(out, words.p, words.n);
    buf_free(&words);
    return e;
}

lorec_err npy_write(const char *path, npy_type type, int ndim, const int64_t *shape, const void *data)
{
    buf header = {0};
    size_t bytes = types[type].size;
    lorec_err e = npy_header(&header, type, ndim, shape);
    for (int i = 0; i < ndim && !e; i++)
        if (shape[i] < 0 || !size_mul(bytes, (size_t)shape[i], &bytes))
            e = err_set(LOREC_USAGE, "%s: a shape that can not be", path);
    writer w;
    if (!e) e = writer_open(&w, path);
    if (!e) {
        writer_put(&w, header.p, header.n);
        writer_put(&w, data, bytes);
        e = writer_commit(&w);
    }
    buf_free(&header);
    return e;
}
