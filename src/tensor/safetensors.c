#include "tensor/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

enum { HEADER_MAX = 100000000, SHAPE_MAX = 8, LENGTH_BYTES = 8 };

int64_t st_entry_count(const st_entry *e)
{
    int64_t n = 1;
    for (int i = 0; i < e->ndim; i++) n *= e->shape[i]; /* checked when it was read */
    return n;
}

/* ---- reading ------------------------------------------------------------------------------------------------------------ */

static bool size_from(const json_t *v, size_t *out)
{
    if (!json_is_integer(v) || json_integer_value(v) < 0) return false;
    *out = (size_t)json_integer_value(v);
    return true;
}

static lorec_err entry_dtype(st_entry *e, const json_t *info)
{
    const char *name = json_string_value(json_object_get(info, "dtype"));
    if (!name) return err_set(LOREC_INPUT, "no dtype");
    if (elem_find(name, &e->dtype) && !elem_quantised(e->dtype) && strcmp(name, elem_name(e->dtype)) == 0)
        return LOREC_OK;
    return err_set(LOREC_INPUT, "the dtype \"%.20s\" is not one of F32, F16, BF16, F64, I64, I32, I16, I8, U8, BOOL",
                   name);
}

/* Shape and offsets; the bytes have to be exactly what the shape needs. */
static lorec_err entry_place(st_entry *e, const json_t *info, size_t buffer)
{
    const json_t *shape = json_object_get(info, "shape"), *offsets = json_object_get(info, "data_offsets");
    size_t ndim = json_array_size(shape), bytes = elem_bytes(e->dtype), end;
    if (!json_is_array(shape) || ndim > SHAPE_MAX)
        return err_set(LOREC_INPUT, "the shape is not a list of at most %d sizes", SHAPE_MAX);
    e->ndim = (int)ndim;
    for (size_t i = 0; i < ndim; i++) {
        size_t size;
        if (!size_from(json_array_get(shape, i), &size))
            return err_set(LOREC_INPUT, "a size of the shape is not 0 or more");
        /* zero sizes must not hide an overflow of the others */
        if (!size_mul(bytes, size ? size : 1, &bytes) || bytes > INT64_MAX)
            return err_set(LOREC_INPUT, "the shape's product does not fit in 64 bits");
        e->shape[i] = (int64_t)size;
    }
    for (int i = 0; i < e->ndim; i++)
        if (e->shape[i] == 0) bytes = 0;
    if (json_array_size(offsets) != 2 || !size_from(json_array_get(offsets, 0), &e->begin) ||
        !size_from(json_array_get(offsets, 1), &end))
        return err_set(LOREC_INPUT, "data_offsets is not [begin, end]");
    if (e->begin > end || end > buffer)
        return err_set(LOREC_INPUT, "data_offsets [%zu, %zu] are not inside the %zu bytes of values", e->begin, end,
                       buffer);
    if (end - e->begin != bytes)
        return err_set(LOREC_INPUT, "its shape needs %zu bytes and data_offsets give %zu", bytes, end - e->begin);
    e->bytes = bytes;
    return LOREC_OK;
}

static lorec_err read_meta(safetensors *f, json_t *meta)
{
    const char *key;
    json_t *value;
    if (!json_is_object(meta)) return err_set(LOREC_INPUT, "__metadata__ is not an object");
    TRY(mem_new(&f->meta, 2 * json_object_size(meta)));
    json_object_foreach(meta, key, value)
    {
        if (!json_is_string(value)) return err_set(LOREC_INPUT, "__metadata__.%.40s is not a string", key);
        TRY(mem_dup(&f->meta[2 * f->n_meta], key));
        f->n_meta++;
        TRY(mem_dup(&f->meta[2 * f->n_meta - 1], json_string_value(value)));
    }
    return LOREC_OK;
}

static int by_place(const void *a, const void *b)
{
    const st_entry *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const st_entry *)a)->name, ((const st_entry *)b)->name);
}

/* No holes, no overlaps, nothing left over. */
static lorec_err check_cover(safetensors *f, size_t buffer)
{
    size_t at = 0;
    if (f->n) qsort(f->entry, f->n, sizeof *f->entry, by_place);
    for (size_t i = 0; i < f->n; at += f->entry[i].bytes, i++)
        if (f->entry[i].begin != at)
            return err_set(LOREC_INPUT, "tensor %.100s begins at byte %zu of the values where %zu is due: %s",
                           f->entry[i].name, f->entry[i].begin, at,
                           f->entry[i].begin > at ? "there is a hole" : "it overlaps another");
    if (at != buffer) return err_set(LOREC_INPUT, "%zu bytes after the last tensor belong to none", buffer - at);
    if (f->n) qsort(f->entry, f->n, sizeof *f->entry, by_name);
    return LOREC_OK;
}

static lorec_err read_header(safetensors *f, json_t *header, size_t buffer)
{
    const char *key;
    json_t *info;
    if (!json_is_object(header)) return err_set(LOREC_INPUT, "the header is not a JSON object");
    TRY(mem_new(&f->entry, json_object_size(header)));
    json_object_foreach(header, key, info)
    {
        if (strcmp(key, "__metadata__") == 0) {
            TRY(read_meta(f, info));
            continue;
        }
        st_entry *e = &f->entry[f->n++];
        TRY(mem_dup(&e->name, key));
        lorec_err bad = json_is_object(info) ? LOREC_OK : err_set(LOREC_INPUT, "its description is not an object");
        if (bad == LOREC_OK) bad = entry_dtype(e, info);
        if (bad == LOREC_OK) bad = entry_place(e, info, buffer);
        if (bad) return err_context(bad, "tensor %.100s", key);
    }
    return check_cover(f, buffer);
}

static lorec_err read_text(const safetensors *f, size_t n, json_t **header)
{
    char *text;
    TRY(mem_new(&text, n));
    lorec_err e = blob_read(&f->file, LENGTH_BYTES, text, n);
    if (!e && text[0] != '{') e = err_set(LOREC_INPUT, "the header does not begin with {");
    if (!e) e = json_parse(header, text, n, "header");
    mem_free(text);
    return e;
}

static lorec_err parse(safetensors *f)
{
    unsigned char length[LENGTH_BYTES];
    uint64_t size = f->file.size, n = 0;
    if (size < LENGTH_BYTES) return err_set(LOREC_INPUT, "%zu bytes are too few for a safetensors file", (size_t)size);
    TRY(blob_read(&f->file, 0, length, sizeof length));
    for (int i = LENGTH_BYTES - 1; i >= 0; i--) n = n << 8 | length[i];
    if (n > HEADER_MAX) return err_set(LOREC_INPUT, "the header's length %zu is beyond %d", (size_t)n, HEADER_MAX);
    if (n > size - LENGTH_BYTES)
        return err_set(LOREC_INPUT,
                       "the header's length %zu is beyond the file's end: it was cut off, or is not safetensors",
                       (size_t)n);
    if (n == 0) return err_set(LOREC_INPUT, "the header does not begin with {");
    json_t *header = NULL;
    TRY(read_text(f, (size_t)n, &header));
    f->buffer = LENGTH_BYTES + n;
    lorec_err e = read_header(f, header, (size_t)(size - f->buffer));
    json_decref(header);
    return e;
}

lorec_err safetensors_read(safetensors *f, const blob *file)
{
    *f = (safetensors){.file = *file, .borrowed = true};
    lorec_err e = parse(f);
    if (e) safetensors_close(f);
    return e;
}

lorec_err safetensors_parse(safetensors *f, const unsigned char *bytes, size_t size, const char *where)
{
    blob memory = blob_of(bytes, size);
    lorec_err e = safetensors_read(f, &memory);
    return e ? err_context(e, "%s", where) : LOREC_OK;
}

lorec_err safetensors_open(safetensors *f, const char *path)
{
    *f = (safetensors){0};
    TRY(blob_open(&f->file, path));
    lorec_err e = parse(f);
    if (e == LOREC_OK) return e;
    safetensors_close(f);
    return err_context(e, "%s", path);
}

void safetensors_close(safetensors *f)
{
    for (size_t i = 0; i < f->n; i++) mem_free(f->entry[i].name);
    for (size_t i = 0; i < 2 * f->n_meta; i++) mem_free(f->meta[i]);
    mem_free(f->entry);
    mem_free(f->meta);
    if (!f->borrowed) blob_close(&f->file);
    *f = (safetensors){0};
}

const st_entry *safetensors_find(const safetensors *f, const char *name)
{
    st_entry key = {.name = (char *)name};
    return f->n ? bsearch(&key, f->entry, f->n, sizeof key, by_name) : NULL;
}

const char *safetensors_meta(const safetensors *f, const char *key)
{
    for (size_t i = 0; i < f->n_meta; i++)
        if (strcmp(f->meta[2 * i], key) == 0) return f->meta[2 * i + 1];
    return NULL;
}

lorec_err safetensors_read_f32(const safetensors *f, const st_entry *e, float *values, int64_t n)
{
    if (n != st_entry_count(e))
        return err_set(LOREC_USAGE, "tensor %s has %lld values, not %lld", e->name, (long long)st_entry_count(e),
                       (long long)n);
    if (e->dtype == ELEM_F32) return blob_read(&f->file, f->buffer + e->begin, values, e->bytes);
    if (e->dtype != ELEM_F16 && e->dtype != ELEM_BF16)
        return err_set(LOREC_INPUT, "tensor %s is %s, where F32, F16 or BF16 is needed", e->name, elem_name(e->dtype));
    return elem_read_f32(&f->file, f->buffer + e->begin, e->dtype, values, n);
}

/* ---- writing ------------------------------------------------------------------------------------------------------------ */

static lorec_err item_bytes(const st_item *item, size_t *out)
{
    size_t bytes = elem_bytes(item->dtype);
    bool fits = item->ndim >= 0 && item->ndim <= SHAPE_MAX;
    for (int i = 0; fits && i < item->ndim; i++)
        fits = item->shape[i] >= 0 && size_mul(bytes, (size_t)item->shape[i], &bytes);
    *out = bytes;
    return fits ? LOREC_OK : err_set(LOREC_USAGE, "tensor %s has a shape that can not be written", item->name);
}

static lorec_err header_add(json_t *header, const st_item *item, size_t begin, size_t end)
{
    json_t *shape = json_array(), *info;
    for (int i = 0; i < item->ndim; i++) json_array_append_new(shape, json_integer(item->shape[i]));
    if (json_object_get(header, item->name)) {
        json_decref(shape);
        return err_set(LOREC_USAGE, "two tensors are named %s", item->name);
    }
    info = json_pack("{s:s, s:o, s:[I, I]}", "dtype", elem_name(item->dtype), "shape", shape, "data_offsets",
                     (json_int_t)begin, (json_int_t)end);
    if (!info || json_array_size(shape) != (size_t)item->ndim || json_object_set_new(header, item->name, info))
        return err_set(LOREC_RESOURCE, "tensor %s could not be described: out of memory, or its name is not UTF-8",
                       item->name);
    return LOREC_OK;
}

static lorec_err header_build(json_t *header, const st_item *items, size_t n, const char *const *meta, size_t n_meta)
{
    if (n_meta) {
        json_t *object = json_object();
        bool made = object != NULL;
        for (size_t i = 0; made && i < n_meta; i++)
            made = json_object_set_new(object, meta[2 * i], json_string(meta[2 * i + 1])) == 0;
        if (json_object_set_new(header, "__metadata__", object) || !made)
            return err_set(LOREC_RESOURCE, "the metadata could not be described: out of memory, or it is not UTF-8");
    }
    size_t at = 0, bytes;
    for (size_t i = 0; i < n; i++) {
        TRY(item_bytes(&items[i], &bytes));
        TRY(header_add(header, &items[i], at, at + bytes));
        if (!size_add(at, bytes, &at)) return err_set(LOREC_USAGE, "the tensors together do not fit in 64 bits");
    }
    return LOREC_OK;
}

static lorec_err write_values(writer *w, const st_item *items, size_t n, st_fill *fill, void *ctx)
{
    size_t bytes;
    for (size_t i = 0; i < n; i++) {
        TRY(item_bytes(&items[i], &bytes));
        if (bytes == 0) continue;
        if (!fill) {
            writer_put(w, items[i].values, bytes);
            continue;
        }
        off_t from = ftello(w->f);
        TRY(fill(ctx, i, w));
        if (!w->err && (size_t)(ftello(w->f) - from) != bytes)
            return err_set(LOREC_USAGE, "tensor %s was given other than its %zu bytes", items[i].name, bytes);
    }
    return LOREC_OK;
}

static lorec_err write_all(const char *path, const char *header, const st_item *items, size_t n, st_fill *fill,
                           void *ctx)
{
    size_t length = strlen(header), padded = (length + 7) / 8 * 8;
    unsigned char prefix[LENGTH_BYTES];
    if (padded > HEADER_MAX)
        return err_set(LOREC_USAGE, "%s: the header would be longer than %d bytes", path, HEADER_MAX);
    for (int i = 0; i < LENGTH_BYTES; i++) prefix[i] = (unsigned char)(padded >> 8 * i);
    writer w;
    TRY(writer_open(&w, path));
    writer_put(&w, prefix, sizeof prefix);
    writer_put(&w, header, length);
    writer_put(&w, "       ", padded - length);
    lorec_err e = write_values(&w, items, n, fill, ctx);
    if (e) {
        writer_abort(&w);
        return e;
    }
    return writer_commit(&w);
}

lorec_err safetensors_write_filled(const char *path, const st_item *items, size_t n, const char *const *meta,
                                   size_t n_meta, st_fill *fill, void *ctx)
{
    json_t *header = json_object();
    lorec_err e = header ? header_build(header, items, n, meta, n_meta) : err_set(LOREC_RESOURCE, "out of memory");
    char *text = e ? NULL : json_dumps(header, JSON_COMPACT);
    if (e == LOREC_OK && !text) e = err_set(LOREC_RESOURCE, "out of memory");
    if (e)
        e = err_context(e, "%s", path);
    else
        e = write_all(path, text, items, n, fill, ctx);
    free(text);
    if (header) json_decref(header);
    return e;
}

lorec_err safetensors_write(const char *path, const st_item *items, size_t n, const char *const *meta, size_t n_meta)
{
    return safetensors_write_filled(path, items, n, meta, n_meta, NULL, NULL);
}
