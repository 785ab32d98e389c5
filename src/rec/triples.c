#include "rec/triples.h"

#include "base/mem.h"

lorec_err triples_make(triples *x, const interactions *train)
{
    *x = (triples){.train = train};
    lorec_err e = mem_new(&x->user_of, train->n);
    if (e == LOREC_OK) e = sparse_from(&x->had, train);
    if (e) {
        triples_free(x);
        return e;
    }
    for (uint32_t u = 0; u < train->n_users; u++)
        for (uint64_t r = train->start[u]; r < train->start[u + 1]; r++) x->user_of[r] = u;
    return LOREC_OK;
}

static void free_batch(triples *x)
{
    mem_free(x->who);
    mem_free(x->user);
    mem_free(x->item);
    mem_free(x->other);
    mem_free(x->before);
    x->who = NULL;
    x->user = x->item = x->other = x->before = NULL;
    x->cap = 0;
}

void triples_free(triples *x)
{
    free_batch(x);
    mem_free(x->user_of);
    sparse_free(&x->had);
    *x = (triples){0};
}

static lorec_err room(triples *x, size_t n)
{
    if (n <= x->cap) return LOREC_OK;
    free_batch(x);
    TRY(mem_new(&x->who, n));
    TRY(mem_new(&x->user, n));
    TRY(mem_new(&x->item, n));
    TRY(mem_new(&x->other, n));
    TRY(mem_new(&x->before, n));
    x->cap = n;
    return LOREC_OK;
}

lorec_err triples_draw(triples *x, const uint32_t *example, size_t n, rng *r)
{
    TRY(room(x, n));
    for (size_t i = 0; i < n; i++) {
        uint32_t row = example[i];
        x->who[i] = x->user_of[row];
        x->user[i] = (int32_t)x->who[i];
        x->item[i] = (int32_t)x->train->item[row];
        x->before[i] = row > x->train->start[x->who[i]] ? (int32_t)x->train->item[row - 1] : -1;
    }
    return negatives_fill(&x->had, *r, x->who, n, 1, 1, x->other);
}
