/* byte_trie.h: a set of byte strings that is walked one byte at a time: which of them begin here, and which is longest.
 *
 *     byte_trie t = {0};
 *     TRY(byte_trie_add(&t, slice_of("ab"), 7));
 *     uint32_t node = byte_trie_step(&t, 0, 'a');     // 0: nothing begins so
 *     int32_t value = t.value[node];                  // -1: only a beginning
 *     byte_trie_free(&t);
 *
 * Edges lie in one hash table, so that building takes a step a byte; the root's are an array.
 *
 * Ownership: a trie owns its arrays until byte_trie_free; walked by many threads at once once it is built. */
#ifndef LOREC_TEXT_TOKENIZER_BYTE_TRIE_H
#define LOREC_TEXT_TOKENIZER_BYTE_TRIE_H

#include "base/str.h"

typedef struct byte_edge {
    uint32_t from; /* node << 8 | byte */
    uint32_t to;   /* 0: free */
} byte_edge;
typedef struct byte_trie {
    uint32_t root[256];
    byte_edge *edge; /* [size], a power of 2 */
    size_t size;
    int32_t *value; /* [nodes] */
    uint32_t nodes;
    size_t value_cap;
} byte_trie;

/* The same in one array (Aoe 1989: a child lies at its parent's base + byte): a step touches one place of memory. For tries
 * that are walked for every byte of a text. */
typedef struct packed_node {
    uint32_t base, parent; /* parent + 1; 0: free */
    int32_t value;
} packed_node;
typedef struct packed_trie {
    packed_node *node; /* node 0 is the root */
    size_t n, cap;
} packed_trie;
lorec_err packed_trie_build(packed_trie *out, const byte_trie *t);
void packed_trie_free(packed_trie *t);
static inline uint32_t packed_trie_step(const packed_trie *t, uint32_t node, unsigned char byte) /* 0: nothing */
{
    size_t at = (size_t)t->node[node].base + byte;
    return at < t->n && t->node[at].parent == node + 1 ? (uint32_t)at : 0;
}

lorec_err byte_trie_add(byte_trie *t, slice text, int32_t value); /* value >= 0; the last one of a text counts */
void byte_trie_free(byte_trie *t);
/* The longest text that s begins with: its value and length, or -1. */
int32_t byte_trie_longest(const byte_trie *t, slice s, size_t *length);

static inline uint32_t byte_trie_step(const byte_trie *t, uint32_t node, unsigned char byte)
{
    if (node == 0) return t->root[byte];
    uint32_t from = node << 8 | byte;
    for (size_t i = (from * 0x9E3779B97F4A7C15ull >> 32) & (t->size - 1);; i = (i + 1) & (t->size - 1)) {
        if (t->edge[i].to == 0) return 0;
        if (t->edge[i].from == from) return t->edge[i].to;
    }
}

#endif
