/* Any bytes: either refused with a message, or every key and tensor can be read to its last byte under its own type. */
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tensor/gguf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile unsigned sum;

static void touch(const void *p, size_t n)
{
    const unsigned char *b = p;
    for (size_t i = 0; i < n; i++) sum += b[i];
}

static void every_getter(const gguf *g, const char *name)
{
    int64_t i;
    double d;
    bool b;
    slice s;
    gguf_strings it;
    float *f;
    int32_t *v;
    size_t n;
    (void)gguf_get_i64(g, name, INT64_MIN, INT64_MAX, &i);
    (void)gguf_get_f64_or(g, name, 0, &d);
    (void)gguf_get_bool_or(g, name, false, &b);
    if (!gguf_get_string(g, name, &s)) touch(s.p, s.n);
    if (!gguf_get_strings(g, name, &it))
        while (gguf_strings_next(&it, &s)) touch(s.p, s.n);
    if (!gguf_get_f32s(g, name, &f, &n)) touch(f, n * sizeof *f), mem_free(f);
    if (!gguf_get_i32s(g, name, &v, &n)) touch(v, n * sizeof *v), mem_free(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gguf g;
    blob b = blob_of(data, size);
    if (gguf_read(&g, &b)) {
        if (!lorec_error_message()[0]) abort();
        return 0;
    }
    for (size_t i = 0; i < g.n_keys; i++) {
        char name[256];
        slice s = g.key[i].name;
        touch(s.p, s.n);
        touch(g.key[i].bytes, g.key[i].size);
        if (s.n >= sizeof name || memchr(s.p, 0, s.n)) continue;
        memcpy(name, s.p, s.n);
        name[s.n] = 0;
        if (gguf_find(&g, name) != &g.key[i]) abort();
        every_getter(&g, name);
    }
    for (size_t i = 0; i < g.n_tensors; i++) {
        const gguf_tensor *x = &g.tensor[i];
        unsigned char *copy = malloc(x->bytes + 1);
        if (!copy || blob_read(&g.file, x->at, copy, x->bytes)) abort();
        touch(copy, x->bytes);
        free(copy);
    }
    gguf_close(&g);
    return 0;
}
