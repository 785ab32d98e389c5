/* kv_cache.h: keys and values of tokens already read, so that the next one costs one row. A cache is rows: each holds one
 * token's keys and values in every layer. What a query sees is a list of spans of rows, so continuations that share a
 * beginning share its rows, and reordering beams moves numbers only (Kwon et al., SOSP 2023, with spans of any length).
 * Queries that see the same rows are multiplied with them together, however many sequences they belong to.
 *
 *     kv_cache *c = kv_cache_new(layers, k_width, v_width);
 *     TRY(kv_cache_reserve(c, rows));
 *     kv_cache_store(t, c, layer, k, v, row);                                      // k [n, k_width] into row[0 .. n-1]
 *     y = op_attention_cached(t, q, c, layer, &spec, &view);                       // q [n, heads * d] -> [n, heads * dv]
 *
 * Ownership: the cache owns its memory; it belongs to one thread at a time. A view is borrowed until the tape's next step. */
#ifndef LOREC_TENSOR_KV_CACHE_H
#define LOREC_TENSOR_KV_CACHE_H

#include "tensor/ops.h"

typedef struct kv_cache kv_cache;

typedef struct kv_span { /* cached rows row .. row + n - 1, of tokens that follow each other */
    int32_t row, n;
} kv_span;

/* Queries in groups: a group's queries follow each other (a prompt, a continuation; one token in a step), and its spans
 * are all that its last query sees, in order of position. Groups that begin with the same spans should be neighbours. */
typedef struct kv_view {
    int64_t groups;
    const int32_t *first;      /* [groups + 1] group g's queries are first[g] .. first[g + 1] - 1 */
    const int64_t *span_start; /* [groups + 1] */
    const kv_span *span;
    const int32_t *seen;  /* [queries] how many of its group's rows, from the first on, each query sees */
    const int32_t *ahead; /* [groups] so many of its first rows are a trained prefix: seen whatever the window, without
                           * bias; NULL: none. Groups that begin with the same span have the same */
} kv_view;

kv_cache *kv_cache_new(int64_t layers, int64_t k_width, int64_t v_width); /* NULL: out of memory (message set) */
void kv_cache_free(kv_cache *c);
lorec_err kv_cache_reserve(kv_cache *c, int64_t rows); /* at least; what is stored stays */
size_t kv_cache_bytes(const kv_cache *c);
size_t kv_cache_row_bytes(const kv_cache *c); /* of one token in all layers */

/* Copies; failures go into the tape. */
void kv_cache_store(tape *t, kv_cache *c, int64_t layer, tensor *k, tensor *v, const int32_t *row);
/* Attention over what is stored; no gradient. Of the spec: heads, kv_heads, scale, window, softcap, bias (BIAS_TABLE: of
 * distances back, as a decoder has them; alibi_slopes); prefix_k and prefix_v are refused: the view says which rows they are. Scores are the same bits whatever is beside a query and however
 * its rows are cut into spans; the sum over values is taken span by span, so it may differ in its last bits. */
tensor *op_attention_cached(tape *t, tensor *q, kv_cache *c, int64_t layer, const attention *spec, const kv_view *view);

#endif
