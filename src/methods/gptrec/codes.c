#include "methods/gptrec/codes.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "learn/svd.h"
#include "rec/arrays.h"
#include "tensor/rng.h"

#define BLUR 1e-5

void codes_free(item_codes *c)
{
    mem_free(c->token);
    mem_free(c->leaf);
    trie_free(&c->trie);
    *c = (item_codes){0};
}

/* The trie and what it tells, from the tokens. */
static lorec_err index_codes(item_codes *c)
{
    uint64_t *start;
    TRY(mem_new(&start, (size_t)c->n_items + 1));
    for (uint32_t i = 0; i <= c->n_items; i++) start[i] = (uint64_t)i * c->t;
    lorec_err e = trie_build(&c->trie, c->token, start, c->n_items);
    mem_free(start);
    TRY(e);
    TRY(mem_new(&c->leaf, c->n_items));
    uint32_t different = 0;
    for (uint32_t node = 0; node < c->trie.nodes; node++) {
        size_t n;
        const uint32_t *who = trie_values(&c->trie, node, &n);
        different += n > 0;
        for (size_t i = 0; i < n; i++) c->leaf[who[i]] = node;
    }
    c->collisions = c->n_items - different;
    return LOREC_OK;
}

typedef struct ranked {
    double value;
    uint32_t item;
} ranked;

static int ranked_order(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->value != y->value) return x->value < y->value ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

/* Column j of E into bins: the item of rank r of n gets bin floor(r v / n). */
static void quantise(item_codes *c, const svd *s, uint32_t j, ranked *order, rng *noise)
{
    double low = INFINITY, high = -INFINITY;
    for (uint32_t i = 0; i < c->n_items; i++) {
        double x = s->v[(size_t)i * s->rank + j];
        low = x < low ? x : low;
        high = x > high ? x : high;
    }
    double range = high > low ? high - low : 1;
    for (uint32_t i = 0; i < c->n_items; i++)
        order[i] = (ranked){(s->v[(size_t)i * s->rank + j] - low) / range + BLUR * rng_normal(noise), i};
    qsort(order, c->n_items, sizeof *order, ranked_order);
    for (uint32_t r = 0; r < c->n_items; r++) {
        uint64_t bin = (uint64_t)r * c->v / c->n_items;
        c->token[(size_t)order[r].item * c->t + j] = (int32_t)(bin + (uint64_t)c->v * j);
    }
}

static lorec_err cut(item_codes *c, const svd *s, uint64_t seed)
{
    if (s->rank < c->t)
        return err_set(LOREC_INPUT,
                       "%u tokens an item need as many singular vectors; these data have %u (users or items)", c->t,
                       s->rank);
    ranked *order;
    TRY(mem_new(&c->token, (size_t)c->n_items * c->t));
    TRY(mem_new(&order, c->n_items));
    rng noise = rng_make(seed, RNG_CODES);
    for (uint32_t j = 0; j < c->t; j++) quantise(c, s, j, order, &noise);
    mem_free(order);
    return index_codes(c);
}

lorec_err codes_svd(item_codes *out, const interactions *train, uint32_t t, uint32_t v, uint64_t seed)
{
    *out = (item_codes){.n_items = train->n_items, .t = t, .v = v};
    sparse had = {0};
    svd s = {0};
    lorec_err e = sparse_from(&had, train);
    if (!e) e = svd_sparse(&s, &had, &(svd_options){.rank = t, .seed = seed});
    if (!e) e = cut(out, &s, seed);
    svd_free(&s);
    sparse_free(&had);
    if (e) codes_free(out);
    return e;
}

lorec_err codes_identity(item_codes *out, uint32_t n_items)
{
    *out = (item_codes){.n_items = n_items, .t = 1, .v = n_items};
    lorec_err e = mem_new(&out->token, n_items);
    for (uint32_t i = 0; i < n_items && !e; i++) out->token[i] = (int32_t)i;
    if (!e) e = index_codes(out);
    if (e) codes_free(out);
    return e;
}

lorec_err codes_save(const item_codes *c, const char *folder)
{
    return array_save(folder, "codes", NPY_I32, 2, (int64_t[]){c->n_items, c->t}, c->token);
}

static lorec_err check_tokens(const item_codes *c, const char *folder)
{
    for (size_t i = 0; i < (size_t)c->n_items * c->t; i++) {
        int64_t bin = c->token[i] - (int64_t)(i % c->t) * c->v;
        if (bin < 0 || bin >= c->v)
            return err_set(LOREC_INPUT, "%s/codes.npy: token %d of item %zu is outside its codebook", folder,
                           c->token[i], i / c->t);
    }
    return LOREC_OK;
}

lorec_err codes_load(item_codes *out, const char *folder, uint32_t t, uint32_t v)
{
    int64_t shape[2];
    *out = (item_codes){0};
    lorec_err e = array_load((void **)&out->token, folder, "codes", NPY_I32, 2, shape);
    if (!e && (shape[0] < 1 || shape[0] > INT32_MAX - 2 || shape[1] != t))
        e = err_set(LOREC_INPUT, "%s/codes.npy is [%lld, %lld] where the options say %u tokens an item", folder,
                    (long long)shape[0], (long long)shape[1], t);
    if (!e) {
        out->n_items = (uint32_t)shape[0];
        out->t = t;
        out->v = t == 1 ? out->n_items : v;
        e = check_tokens(out, folder);
    }
    if (!e) e = index_codes(out);
    if (e) codes_free(out);
    return e;
}
