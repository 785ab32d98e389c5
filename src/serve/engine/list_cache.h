/* list_cache.h: lists that were made a moment ago: the same person, nothing new of her, the same question. A list is a function
 * of its key (the model's hash, the user and her last event, the state of the catalogue, the question), so what is found is
 * what would be made.
 *
 *     list_key k = list_key_of(variant, live, a);            // k.id 0: such a question is not kept
 *     if (list_cache_get(&c, &k, a)) ...                     // a->list, a->dropped, a->state as they were
 *     list_cache_put(&c, &k, a);
 *
 * Ownership: a cache owns copies; it belongs to the executor's thread. */
#ifndef LOREC_SERVE_ENGINE_LIST_CACHE_H
#define LOREC_SERVE_ENGINE_LIST_CACHE_H

#include "serve/engine/engine.h"

typedef struct list_key {
    uint64_t id, check; /* two hashes of the same: a list of somebody else's must not come out */
} list_key;

list_key list_key_of(const variant *r, const live *v, const ask *a);
bool list_cache_get(list_cache *c, const list_key *k, ask *a);
void list_cache_put(list_cache *c, const list_key *k, const ask *a); /* out of memory: it is not kept */
void list_cache_free(list_cache *c);

#endif
