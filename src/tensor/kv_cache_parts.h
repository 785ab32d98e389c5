/* kv_cache_parts.h: inside this floor only: how a cache lies in memory, shared by kv_cache.c and attention_cached.c.
 *
 * Values are rows. Keys are kept in blocks of KV_BLOCK rows, each block turned: the products of queries and keys then read
 * both along their rows, and nothing has to be packed for them.
 *
 * Ownership: all of it is the cache's. */
#ifndef LOREC_TENSOR_KV_CACHE_PARTS_H
#define LOREC_TENSOR_KV_CACHE_PARTS_H

#include "tensor/kv_cache.h"

enum { KV_BLOCK = 64 };

struct kv_cache {
    int64_t layers, width[2]; /* of keys, of values */
    int64_t rows;             /* room for so many; a multiple of KV_BLOCK */
    float **kept;             /* [layers][2]: keys [rows / KV_BLOCK][width][KV_BLOCK], values [rows][width] */
};

static inline float *kv_key(const kv_cache *c, int64_t layer, int64_t row) /* its first; the next is KV_BLOCK away */
{
    return c->kept[layer * 2] + row / KV_BLOCK * KV_BLOCK * c->width[0] + row % KV_BLOCK;
}

static inline float *kv_value(const kv_cache *c, int64_t layer, int64_t row)
{
    return c->kept[layer * 2 + 1] + row * c->width[1];
}

#endif
