/* kv_cache.h: keys and values of tokens already read, so that the next one costs one row. A cache is rows: each holds one
 * token's keys and values in every layer. Which rows a query sees is a list of row numbers, so continuations that share
 * a beginning share its rows, and reordering beams moves numbers only (Kwon et al., SOSP 2023, with pages of one row).
 *
 *     kv_cache *c = kv_cache_new(layers, k_width, v_width);
 *     TRY(kv_cache_reserve(c, rows));
 *     kv_cache_store(t, c, layer, k, v, row);                                      // k [n, k_width] into row[0 .. n-1]
 *     y = op_attention_cached(t, q, c, layer, &spec, &view);                       // q [n, heads * d] -> [n, heads * dv]
 *
 * Ownership: the cache owns its memory; it belongs to one thread at a time. */
#ifndef LOREC_TENSOR_KV_CACHE_H
#define LOREC_TENSOR_KV_CACHE_H

#include "tensor/ops.h"

typedef struct kv_cache kv_cache;

/* For n rows of a step: where each one's keys and values go, and which cached rows each one sees, in order of position
 * with its own last: seen[start[i]] .. seen[start[i + 1] - 1]. `seen` NULL: only store. */
typedef struct kv_view {
    int64_t n;
    const int32_t *row;   /* [n] */
    const int64_t *start; /* [n + 1] */
    const int32_t *seen;
} kv_view;

kv_cache *kv_cache_new(int64_t layers, int64_t k_width, int64_t v_width); /* NULL: out of memory (message set) */
void kv_cache_free(kv_cache *c);
lorec_err kv_cache_reserve(kv_cache *c, int64_t rows); /* at least; what is stored stays */
size_t kv_cache_bytes(const kv_cache *c);

/* Copies; failures go into the tape. */
void kv_cache_store(tape *t, kv_cache *c, int64_t layer, tensor *k, tensor *v, const int32_t *row);
/* Attention of single rows over what is stored; no gradient. Of the spec: heads, kv_heads, scale, window, softcap, bias
 * BIAS_ALIBI. */
tensor *op_attention_cached(tape *t, tensor *q, kv_cache *c, int64_t layer, const attention *spec, const kv_view *view);

#endif
