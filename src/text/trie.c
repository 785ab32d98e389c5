#include "text/trie.h"

#include <stdlib.h>

#include "base/mem.h"

/* One sequence while they are sorted. */
typedef struct entry {
    const int32_t *token;
    uint64_t n;
    uint32_t number;
} entry;

static int entry_order(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    for (uint64_t i = 0; i < x->n && i < y->n; i++)
        if (x->token[i] != y->token[i]) return x->token[i] < y->token[i] ? -1 : 1;
    if (x->n != y->n) return x->n < y->n ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

/* Sequences first .. end - 1 begin alike up to the node's depth. */
typedef struct span {
    uint32_t first, end;
} span;

typedef struct building {
    trie *t;
    const entry *sorted;
    span *of; /* [nodes] */
    size_t token_cap, child_cap, value_cap, of_cap;
} building;

static lorec_err node_add(building *b, int32_t token, span s)
{
    trie *t = b->t;
    if (t->nodes == UINT32_MAX - 1) return err_set(LOREC_RESOURCE, "a trie can not have more than 2^32 - 2 nodes");
    size_t need = (size_t)t->nodes + 2;
    TRY(mem_grow(&t->token, &b->token_cap, need));
    TRY(mem_grow(&t->child, &b->child_cap, need));
    TRY(mem_grow(&t->value_start, &b->value_cap, need));
    TRY(mem_grow(&b->of, &b->of_cap, need));
    t->token[t->nodes] = token;
    b->of[t->nodes++] = s;
    return LOREC_OK;
}

/* Ends of the node's own sequences, then one child for each different next token. */
static lorec_err node_open(building *b, uint32_t node, uint64_t depth)
{
    trie *t = b->t;
    span s = b->of[node];
    t->value_start[node] = t->values;
    t->child[node] = t->nodes;
    while (s.first < s.end && b->sorted[s.first].n == depth) t->value[t->values++] = b->sorted[s.first++].number;
    while (s.first < s.end) {
        int32_t token = b->sorted[s.first].token[depth];
        span inner = {s.first, s.first};
        while (inner.end < s.end && b->sorted[inner.end].token[depth] == token) inner.end++;
        TRY(node_add(b, token, inner));
        s.first = inner.end;
    }
    return LOREC_OK;
}

static lorec_err grow(building *b, uint32_t n)
{
    trie *t = b->t;
    TRY(mem_new(&t->value, n));
    TRY(node_add(b, 0, (span){0, n}));
    uint32_t level = 0; /* where the present depth's nodes begin */
    for (uint64_t depth = 0; level < t->nodes; depth++) {
        uint32_t end = t->nodes;
        for (uint32_t node = level; node < end; node++) TRY(node_open(b, node, depth));
        if (t->nodes > end) t->depth = (uint32_t)depth + 1;
        level = end;
    }
    t->child[t->nodes] = t->nodes;
    t->value_start[t->nodes] = t->values;
    return LOREC_OK;
}

lorec_err trie_build(trie *out, const int32_t *tokens, const uint64_t *start, uint32_t n)
{
    *out = (trie){0};
    for (uint64_t i = 0; n && i < start[n]; i++)
        if (tokens[i] < 0) return err_set(LOREC_USAGE, "token %d of a trie; they are 0 or more", tokens[i]);
    entry *sorted;
    TRY(mem_new(&sorted, n));
    for (uint32_t i = 0; i < n; i++) sorted[i] = (entry){tokens + start[i], start[i + 1] - start[i], i};
    if (n) qsort(sorted, n, sizeof *sorted, entry_order);
    building b = {.t = out, .sorted = sorted};
    lorec_err e = grow(&b, n);
    mem_free(b.of);
    mem_free(sorted);
    if (e) trie_free(out);
    return e;
}

void trie_free(trie *t)
{
    mem_free(t->token);
    mem_free(t->child);
    mem_free(t->value_start);
    mem_free(t->value);
    *t = (trie){0};
}

uint32_t trie_step(const trie *t, uint32_t node, int32_t token)
{
    uint32_t low = t->child[node], high = t->child[node + 1];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (t->token[middle] < token)
            low = middle + 1;
        else
            high = middle;
    }
    return low < t->child[node + 1] && t->token[low] == token ? low : TRIE_NONE;
}

uint32_t trie_find(const trie *t, const int32_t *tokens, size_t n)
{
    uint32_t node = TRIE_ROOT;
    for (size_t i = 0; i < n && node != TRIE_NONE; i++) node = trie_step(t, node, tokens[i]);
    return node;
}
