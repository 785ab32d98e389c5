/* trie.h: a set of token sequences, each with the numbers it stands for, so that decoding can be kept inside the set.
 *
 *     trie codes = {0};
 *     TRY(trie_build(&codes, tokens, start, n_items));            // sequence i is tokens[start[i] .. start[i + 1] - 1]
 *     uint32_t node = TRIE_ROOT;
 *     node = trie_step(&codes, node, token);                      // TRIE_NONE: nothing begins so
 *     size_t n;
 *     const int32_t *next = trie_next(&codes, node, &n);          // what may follow, ascending
 *     const uint32_t *who = trie_values(&codes, node, &n);        // the sequences that end here, ascending
 *     trie_free(&codes);
 *
 * Nodes are numbered by level, so the children of a node are neighbours: child c of `node` is trie_child(..) + c.
 *
 * Ownership: a trie owns its arrays until trie_free; it is immutable and may be shared. */
#ifndef LOREC_TEXT_TRIE_H
#define LOREC_TEXT_TRIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { TRIE_ROOT = 0, TRIE_NONE = UINT32_MAX };

typedef struct trie {
    uint32_t nodes, values;
    int32_t *token;        /* [nodes] on the edge into it; 0 for the root */
    uint32_t *child;       /* [nodes + 1] node i's children are nodes child[i] .. child[i + 1] - 1 */
    uint32_t *value_start; /* [nodes + 1] */
    uint32_t *value;       /* [values] */
    uint32_t depth;        /* of the longest sequence */
} trie;

/* n sequences (their numbers are 0 .. n - 1); equal sequences share a node, an empty one ends at the root. Tokens are 0
 * or more (LOREC_USAGE otherwise). */
lorec_err trie_build(trie *out, const int32_t *tokens, const uint64_t *start, uint32_t n);
void trie_free(trie *t);

uint32_t trie_step(const trie *t, uint32_t node, int32_t token);
uint32_t trie_find(const trie *t, const int32_t *tokens, size_t n); /* TRIE_NONE: nothing begins so */
static inline const int32_t *trie_next(const trie *t, uint32_t node, size_t *n)
{
    *n = t->child[node + 1] - t->child[node];
    return t->token + t->child[node];
}
static inline uint32_t trie_child(const trie *t, uint32_t node, size_t i)
{
    return t->child[node] + (uint32_t)i;
}
static inline const uint32_t *trie_values(const trie *t, uint32_t node, size_t *n)
{
    *n = t->value_start[node + 1] - t->value_start[node];
    return t->value + t->value_start[node];
}

#endif
