#include "recipes/places.h"

#include "base/mem.h"

lorec_err user_places_find(user_places *l, const interactions *x, int64_t min_history, const char *method)
{
    l->n = 0;
    for (uint32_t u = 0; u < x->n_users; u++)
        for (uint64_t r = x->start[u] + (uint64_t)min_history; r < x->start[u + 1]; r++) {
            TRY(mem_grow(&l->place, &l->cap, l->n + 1));
            l->place[l->n++] = (user_place){u, r};
        }
    if (l->n == 0)
        return err_set(LOREC_INPUT,
                       "%s: no user has more than min_history=%lld rows to learn from; lower it (--set min_history=3)",
                       method, (long long)min_history);
    if (l->n > UINT32_MAX) return err_set(LOREC_RESOURCE, "%s: more than 2^32 rows to draw from", method);
    return LOREC_OK;
}

user_place user_places_draw(user_places *l, size_t i, rng *r)
{
    size_t j = i + rng_below(r, (uint32_t)(l->n - i));
    user_place taken = l->place[j];
    l->place[j] = l->place[i];
    l->place[i] = taken;
    return taken;
}

void user_places_free(user_places *l)
{
    mem_free(l->place);
    *l = (user_places){0};
}
