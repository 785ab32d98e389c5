/* Writing GGUF, version 3. */
#include "base/mem.h"
#include "tensor/gguf.h"

enum { ALIGNMENT = 32 };

static void keep(gguf_writer *o, lorec_err e)
{
    if (e && !o->err) o->err = e;
}

static void add(gguf_writer *o, buf *to, const void *bytes, size_t n)
{
    if (!o->err && n) keep(o, buf_add(to, bytes, n));
}

static void add_u32(gguf_writer *o, buf *to, uint32_t v)
{
    add(o, to, &v, sizeof v);
}

static void add_u64(gguf_writer *o, buf *to, uint64_t v)
{
    add(o, to, &v, sizeof v);
}

static void add_string(gguf_writer *o, buf *to, slice s)
{
    add_u64(o, to, s.n);
    add(o, to, s.p, s.n);
}

static void begin_key(gguf_writer *o, slice name, gguf_type type)
{
    add_string(o, &o->keys, name);
    add_u32(o, &o->keys, type);
    o->n_keys++;
}

void gguf_put_string(gguf_writer *o, const char *name, slice value)
{
    begin_key(o, slice_of(name), GGUF_STRING);
    add_string(o, &o->keys, value);
}

void gguf_put_u32(gguf_writer *o, const char *name, uint32_t value)
{
    begin_key(o, slice_of(name), GGUF_U32);
    add_u32(o, &o->keys, value);
}

void gguf_put_f32(gguf_writer *o, const char *name, float value)
{
    begin_key(o, slice_of(name), GGUF_F32);
    add(o, &o->keys, &value, sizeof value);
}

void gguf_put_bool(gguf_writer *o, const char *name, bool value)
{
    begin_key(o, slice_of(name), GGUF_BOOL);
    add(o, &o->keys, &(unsigned char){value}, 1);
}

static void begin_array(gguf_writer *o, slice name, gguf_type item, uint64_t n)
{
    begin_key(o, name, GGUF_ARRAY);
    add_u32(o, &o->keys, item);
    add_u64(o, &o->keys, n);
}

void gguf_put_key(gguf_writer *o, const gguf_key *key)
{
    if (key->type == GGUF_ARRAY)
        begin_array(o, key->name, key->item, key->n);
    else
        begin_key(o, key->name, key->type);
    add(o, &o->keys, key->bytes, key->size);
}

void gguf_put_array(gguf_writer *o, const char *name, gguf_type item, const void *values, size_t n)
{
    static const unsigned char width[GGUF_TYPES] = {
        [GGUF_U8] = 1,  [GGUF_I8] = 1,   [GGUF_U16] = 2, [GGUF_I16] = 2, [GGUF_U32] = 4, [GGUF_I32] = 4,
        [GGUF_F32] = 4, [GGUF_BOOL] = 1, [GGUF_U64] = 8, [GGUF_I64] = 8, [GGUF_F64] = 8};
    begin_array(o, slice_of(name), item, n);
    add(o, &o->keys, values, n * width[item]);
}

void gguf_put_strings(gguf_writer *o, const char *name, const slice *values, size_t n)
{
    begin_array(o, slice_of(name), GGUF_STRING, n);
    for (size_t i = 0; i < n; i++) add_string(o, &o->keys, values[i]);
}

static uint64_t padded(uint64_t n)
{
    return (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

void gguf_put_tensor(gguf_writer *o, const char *name, elem type, int ndim, const int64_t *size)
{
    size_t bytes = 0, rows = 1;
    uint32_t number;
    bool fits = ndim >= 1 && ndim <= GGUF_DIMS && strlen(name) < GGUF_NAME_MAX && gguf_type_of(type, &number);
    for (int d = 1; fits && d < ndim; d++) fits = size[d] >= 0 && size_mul(rows, (size_t)size[d], &rows);
    fits = fits && elem_size(type, size[0], &bytes) && size_mul(bytes, rows, &bytes);
    if (!fits) {
        keep(o, err_set(LOREC_USAGE, "the tensor %s can not be written as %s: its name, shape or type", name,
                        elem_name(type)));
        return;
    }
    add_string(o, &o->tensors, slice_of(name));
    add_u32(o, &o->tensors, (uint32_t)ndim);
    for (int d = 0; d < ndim; d++) add_u64(o, &o->tensors, (uint64_t)size[d]);
    add_u32(o, &o->tensors, number);
    add_u64(o, &o->tensors, o->offset);
    keep(o, mem_grow(&o->bytes, &o->bytes_cap, (size_t)o->n_tensors + 1));
    if (o->err) return;
    o->bytes[o->n_tensors++] = bytes;
    o->offset += padded(bytes);
}

static void pad(gguf_writer *o, uint64_t written)
{
    static const char zeros[ALIGNMENT] = {0};
    writer_put(&o->out, zeros, (size_t)(padded(written) - written));
}

lorec_err gguf_begin(gguf_writer *o, const char *path)
{
    if (o->err) return o->err;
    TRY(writer_open(&o->out, path));
    uint64_t counts[] = {o->n_tensors, o->n_keys};
    writer_put(&o->out, "GGUF", 4);
    writer_put(&o->out, &(uint32_t){3}, sizeof(uint32_t));
    writer_put(&o->out, counts, sizeof counts);
    if (o->keys.n) writer_put(&o->out, o->keys.p, o->keys.n);
    if (o->tensors.n) writer_put(&o->out, o->tensors.p, o->tensors.n);
    pad(o, 4 + sizeof(uint32_t) + sizeof counts + o->keys.n + o->tensors.n);
    return o->out.err;
}

lorec_err gguf_values(gguf_writer *o, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    for (size_t now; n; p += now, n -= now) {
        while (o->current < o->n_tensors && o->bytes[o->current] == 0) o->current++;
        if (o->current == o->n_tensors) return err_set(LOREC_USAGE, "more values than the tensors that were announced");
        size_t left = o->bytes[o->current] - (size_t)o->given;
        now = n < left ? n : left;
        writer_put(&o->out, p, now);
        o->given += now;
        if (now < left) continue;
        pad(o, o->given);
        o->given = 0;
        o->current++;
    }
    return o->out.err;
}

static void forget(gguf_writer *o)
{
    buf_free(&o->keys);
    buf_free(&o->tensors);
    mem_free(o->bytes);
    *o = (gguf_writer){0};
}

lorec_err gguf_commit(gguf_writer *o)
{
    while (o->current < o->n_tensors && o->bytes[o->current] == 0) o->current++;
    lorec_err e = LOREC_OK;
    if (o->current < o->n_tensors) {
        writer_abort(&o->out);
        e = err_set(LOREC_USAGE, "fewer values than the tensors that were announced");
    } else {
        e = writer_commit(&o->out);
    }
    forget(o);
    return e;
}

void gguf_abort(gguf_writer *o)
{
    writer_abort(&o->out);
    forget(o);
}
