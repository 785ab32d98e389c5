#include "serve/engine/list_cache.h"

#include <xxhash.h>

#include "base/mem.h"

enum { SLOTS = 1 << 14 };

struct list_slot {
    list_key key;
    uint64_t state;
    bool indexed;
    size_t searched;
    listed *list;
    not_listed *dropped;
    size_t n_list, n_dropped;
};

list_key list_key_of(const variant *r, const live *v, const ask *a)
{
    if (!a->user_id.n || a->history || a->candidates || a->n_exclude || a->category != NO_NUMBER)
        return (list_key){0, 0};
    const live_user *u = a->user != NO_NUMBER ? &v->user[a->user] : NULL;
    struct {
        char model[17];
        int64_t last, change;
        uint64_t events, n, offset, keep, items;
    } what;
    memset(&what, 0, sizeof what); /* the gaps are hashed too */
    memcpy(what.model, r->model, sizeof what.model);
    what.last = u && u->n ? u->said[u->n - 1].seq : 0;
    what.events = u ? u->n : 0;
    what.change = v->change_seq;
    what.n = a->n;
    what.offset = a->offset;
    what.keep = a->keep_seen;
    what.items = v->items.n;
    XXH128_hash_t user = XXH3_128bits(a->user_id.p, a->user_id.n);
    XXH128_hash_t h = XXH3_128bits_withSeed(&what, sizeof what, user.low64);
    return (list_key){h.low64 | 1, h.high64 ^ user.high64};
}

static list_slot *slot_of(list_cache *c, const list_key *k)
{
    return c->slot ? &c->slot[k->id % SLOTS] : NULL;
}

bool list_cache_get(list_cache *c, const list_key *k, ask *a)
{
    list_slot *s = slot_of(c, k);
    if (!k->id || !s || s->key.id != k->id || s->key.check != k->check) return false;
    if (mem_new(&a->list, a->n)) return false;
    if (s->n_dropped && mem_grow(&a->dropped, &a->dropped_cap, s->n_dropped)) return false;
    if (s->n_list) memcpy(a->list, s->list, s->n_list * sizeof *a->list);
    if (s->n_dropped) memcpy(a->dropped, s->dropped, s->n_dropped * sizeof *a->dropped);
    a->n_list = s->n_list;
    a->n_dropped = s->n_dropped;
    a->state = s->state;
    a->indexed = s->indexed;
    a->searched = s->searched;
    return true;
}

static void slot_free(list_slot *s)
{
    mem_free(s->list);
    mem_free(s->dropped);
    *s = (list_slot){0};
}

void list_cache_put(list_cache *c, const list_key *k, const ask *a)
{
    if (!k->id || (!c->slot && mem_new(&c->slot, SLOTS))) return;
    list_slot *s = slot_of(c, k), fresh = {.key = *k,
                                           .state = a->state,
                                           .indexed = a->indexed,
                                           .searched = a->searched,
                                           .n_list = a->n_list,
                                           .n_dropped = a->n_dropped};
    if (mem_new(&fresh.list, a->n_list) || mem_new(&fresh.dropped, a->n_dropped)) {
        slot_free(&fresh);
        return;
    }
    if (a->n_list) memcpy(fresh.list, a->list, a->n_list * sizeof *fresh.list);
    if (a->n_dropped) memcpy(fresh.dropped, a->dropped, a->n_dropped * sizeof *fresh.dropped);
    slot_free(s);
    *s = fresh;
}

void list_cache_free(list_cache *c)
{
    for (size_t i = 0; c->slot && i < SLOTS; i++) slot_free(&c->slot[i]);
    mem_free(c->slot);
    c->slot = NULL;
}
