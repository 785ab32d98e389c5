#include "text/tokenizer/byte_trie.h"

#include "base/mem.h"

enum { NODES_MAX = (1 << 24) - 1, SIZE_MIN = 64 };

static void edge_put(byte_edge *edge, size_t size, uint32_t from, uint32_t to)
{
    size_t i = (from * 0x9E3779B97F4A7C15ull >> 32) & (size - 1);
    while (edge[i].to) i = (i + 1) & (size - 1);
    edge[i] = (byte_edge){from, to};
}

static lorec_err grow(byte_trie *t)
{
    size_t size = t->size ? t->size * 2 : SIZE_MIN;
    byte_edge *edge;
    TRY(mem_new(&edge, size));
    for (size_t i = 0; i < t->size; i++)
        if (t->edge[i].to) edge_put(edge, size, t->edge[i].from, t->edge[i].to);
    mem_free(t->edge);
    t->edge = edge;
    t->size = size;
    return LOREC_OK;
}

static lorec_err node_new(byte_trie *t, uint32_t from, unsigned char byte, uint32_t *out)
{
    if (t->nodes >= NODES_MAX)
        return err_set(LOREC_INPUT, "the vocabulary has more than %d different beginnings", NODES_MAX);
    if (t->nodes >= t->size / 2) TRY(grow(t));
    TRY(mem_grow(&t->value, &t->value_cap, (size_t)t->nodes + 1));
    t->value[t->nodes] = -1;
    *out = t->nodes++;
    if (from == 0)
        t->root[byte] = *out;
    else
        edge_put(t->edge, t->size, from << 8 | byte, *out);
    return LOREC_OK;
}

lorec_err byte_trie_add(byte_trie *t, slice text, int32_t value)
{
    uint32_t node = 0;
    if (t->nodes == 0) {
        TRY(grow(t));
        TRY(mem_grow(&t->value, &t->value_cap, 1));
        t->value[0] = -1;
        t->nodes = 1;
    }
    for (size_t i = 0; i < text.n; i++) {
        uint32_t next = byte_trie_step(t, node, (unsigned char)text.p[i]);
        if (!next) TRY(node_new(t, node, (unsigned char)text.p[i], &next));
        node = next;
    }
    t->value[node] = value;
    return LOREC_OK;
}

int32_t byte_trie_longest(const byte_trie *t, slice s, size_t *length)
{
    int32_t best = -1;
    uint32_t node = 0;
    for (size_t i = 0; i < s.n; i++) {
        node = byte_trie_step(t, node, (unsigned char)s.p[i]);
        if (!node) break;
        if (t->value[node] < 0) continue;
        best = t->value[node];
        *length = i + 1;
    }
    return best;
}

void byte_trie_free(byte_trie *t)
{
    mem_free(t->edge);
    mem_free(t->value);
    *t = (byte_trie){0};
}
