#include <string.h>

#include "base/mem.h"
#include "base/threads.h"
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

/* Columns from .. from + n - 1 of a row, as f32. */
static const float *piece_of(const tensor *x, int64_t i, int64_t from, int64_t n, float *wide)
{
    int64_t at = i * x->size[1] + from;
    if (x->type == DTYPE_F32) return f32(x) + at;
    isa()->from_bf16((size_t)n, bf16(x) + at, wide);
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

enum { COLUMNS = 16, ALONE = 1 << 11 /* values not worth a second worker */ };

typedef struct storing {
    const kv_cache *c;
    const tensor *k, *v;
    const int32_t *row;
    int64_t layer;
} storing;

/* Some columns of all keys: a line of a block's column has room for 16 rows, and one worker writes it. */
static lorec_err store_keys(void *ctx, size_t begin, size_t end, int worker)
{
    const storing *s = ctx;
    float wide[COLUMNS];
    (void)worker;
    for (int64_t j = (int64_t)begin * COLUMNS; j < (int64_t)end * COLUMNS; j += COLUMNS) {
        int64_t n = s->k->size[1] - j < COLUMNS ? s->k->size[1] - j : COLUMNS;
        for (int64_t i = 0; i < s->k->size[0]; i++) {
            const float *from = piece_of(s->k, i, j, n, wide);
            float *to = kv_key(s->c, s->layer, s->row[i]) + j * KV_BLOCK;
            for (int64_t x = 0; x < n; x++) to[x * KV_BLOCK] = from[x];
        }
    }
    return LOREC_OK;
}

static lorec_err store_values(void *ctx, size_t begin, size_t end, int worker)
{
    const storing *s = ctx;
    int64_t width = s->v->size[1];
    (void)worker;
    for (int64_t i = (int64_t)begin; i < (int64_t)end; i++) {
        float *to = kv_value(s->c, s->layer, s->row[i]);
        const float *from = piece_of(s->v, i, 0, width, to);
        if (from != to) memcpy(to, from, (size_t)width * sizeof *to);
    }
    return LOREC_OK;
}

static lorec_err store(kv_cache *c, int64_t layer, const tensor *k, const tensor *v, const int32_t *row)
{
    TRY(check(c, layer, 0, k, row));
    TRY(check(c, layer, 1, v, row));
    storing s = {c, k, v, row, layer};
    size_t tiles = (size_t)(k->size[1] + COLUMNS - 1) / COLUMNS, rows = (size_t)v->size[0];
    TRY(par_for(tiles, k->count < ALONE ? tiles : 1, store_keys, &s));
    return par_for(rows, v->count < ALONE ? rows : 1, store_values, &s);
}

void kv_cache_store(tape *t, kv_cache *c, int64_t layer, tensor *k, tensor *v, const int32_t *row)
{
    if (!k || !v || tape_error(t)) return;
    lorec_err e = store(c, layer, k, v, row);
    if (e) tape_fail(t, e);
}
