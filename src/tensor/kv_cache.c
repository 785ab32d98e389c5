#include <string.h>

#include "base/mem.h"
#include "tensor/cpu/kernels.h"
#include "tensor/kv_cache_parts.h"
#include "tensor/op.h"

kv_cache *kv_cache_new(int64_t layers, int64_t k_width, int64_t v_width)
{
    kv_cache *c;
    if (mem_new(&c, 1)) return NULL;
    *c = (kv_cache){.layers = layers, .width = {k_width, v_width}};
    if (mem_new(&c->kept, (size_t)layers * 2)) {
        mem_free(c);
        return NULL;
    }
    return c;
}

void kv_cache_free(kv_cache *c)
{
    if (!c) return;
    for (int64_t i = 0; i < c->layers * 2; i++) mem_free(c->kept[i]);
    mem_free(c->kept);
    mem_free(c);
}

size_t kv_cache_row_bytes(const kv_cache *c)
{
    return (size_t)(c->layers * (c->width[0] + c->width[1])) * sizeof(float);
}

size_t kv_cache_bytes(const kv_cache *c)
{
    return (size_t)c->rows * kv_cache_row_bytes(c);
}

lorec_err kv_cache_reserve(kv_cache *c, int64_t rows)
{
    if (rows <= c->rows) return LOREC_OK;
    if (rows > INT32_MAX - KV_BLOCK) return err_set(LOREC_RESOURCE, "%lld cached tokens are too many", (long long)rows);
    int64_t room = (rows + KV_BLOCK - 1) / KV_BLOCK * KV_BLOCK;
    for (int64_t i = 0; i < c->layers * 2; i++) {
        float *wider;
        size_t width = (size_t)c->width[i % 2], count;
        if (!size_mul((size_t)room, width, &count)) return err_set(LOREC_RESOURCE, "the cache would be too large");
        TRY(mem_new(&wider, count)); /* arrays already exchanged are only longer than `rows` says */
        if (c->rows) memcpy(wider, c->kept[i], (size_t)c->rows * width * sizeof *wider);
        mem_free(c->kept[i]);
        c->kept[i] = wider;
    }
    c->rows = room;
    return LOREC_OK;
}

/* ---- store ---------------------------------------------------------------------------------------------------------- */

static const float *row_of(const tensor *x, int64_t i, float *wide)
{
    int64_t width = x->size[1];
    if (x->type == DTYPE_F32) return f32(x) + i * width;
    isa()->from_bf16((size_t)width, bf16(x) + i * width, wide);
    return wide;
}

static lorec_err check(const kv_cache *c, int64_t layer, int which, const tensor *x, const int32_t *row)
{
    int64_t width = c->width[which], n = x->size[0];
    if (x->ndim != 2 || x->size[1] != width || layer < 0 || layer >= c->layers)
        return err_set(LOREC_USAGE, "kv_cache_store: layer %lld, values [%lld, %lld] where [n, %lld] are kept",
                       (long long)layer, (long long)n, (long long)x->size[x->ndim - 1], (long long)width);
    for (int64_t i = 0; i < n; i++)
        if (row[i] < 0 || row[i] >= c->rows)
            return err_set(LOREC_USAGE, "kv_cache_store: row %d of %lld; reserve first", row[i], (long long)c->rows);
    return LOREC_OK;
}

static lorec_err store(tape *t, kv_cache *c, int64_t layer, const tensor *k, const tensor *v, const int32_t *row)
{
    TRY(check(c, layer, 0, k, row));
    TRY(check(c, layer, 1, v, row));
    int64_t kw = c->width[0], vw = c->width[1];
    float *wide = tape_scratch(t, (size_t)(kw > vw ? kw : vw) * sizeof *wide);
    if (!wide) return tape_error(t);
    for (int64_t i = 0; i < k->size[0]; i++) {
        const float *from = row_of(k, i, wide);
        float *to = kv_key(c, layer, row[i]);
        for (int64_t j = 0; j < kw; j++) to[j * KV_BLOCK] = from[j];
    }
    for (int64_t i = 0; i < v->size[0]; i++)
        memcpy(kv_value(c, layer, row[i]), row_of(v, i, wide), (size_t)vw * sizeof *wide);
    return LOREC_OK;
}

void kv_cache_store(tape *t, kv_cache *c, int64_t layer, tensor *k, tensor *v, const int32_t *row)
{
    if (!k || !v || tape_error(t)) return;
    lorec_err e = store(t, c, layer, k, v, row);
    if (e) tape_fail(t, e);
}
