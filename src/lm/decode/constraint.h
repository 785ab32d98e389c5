/* constraint.h: what may be generated, as an interface that tries, FM-indexes and grammars implement and that composes.
 *
 *     constraint only = constraint_of_trie(&codes);             // nothing but the sequences of the trie can come out
 *     constraint_state s;
 *     constraint_start(&only, &s);
 *     TRY(constraint_allowed(&only, &s, &list));                // list.token[0 .. list.n - 1], ascending
 *     constraint_step(&only, &s, token);                        // false: that token was not allowed
 *     constraint_final(&only, &s);                              // may the sequence end here?
 *     TRY(constraint_and(&both, &pair, only, other));           // allowed by one and the other
 *
 * A state is a small value: the decoder copies it with each hypothesis. A constraint never changes.
 *
 * Ownership: a constraint borrows what it is made of. A token_list is the caller's, to token_list_free. */
#ifndef LOREC_LM_DECODE_CONSTRAINT_H
#define LOREC_LM_DECODE_CONSTRAINT_H

#include "text/fm_index.h"
#include "text/trie.h"

enum { CONSTRAINT_WORDS = 4 };
typedef struct constraint_state {
    uint64_t w[CONSTRAINT_WORDS];
} constraint_state;

typedef struct token_list {
    int32_t *token;
    size_t n, cap;
} token_list;
lorec_err token_list_add(token_list *l, int32_t token);
void token_list_free(token_list *l);

typedef struct constraint_verbs {
    int words; /* of the state that it uses */
    void (*start)(const void *self, uint64_t *state);
    /* The tokens that may come next, ascending, each once. */
    lorec_err (*allowed)(const void *self, const uint64_t *state, token_list *out);
    bool (*step)(const void *self, uint64_t *state, int32_t token); /* false: not allowed; the state is then void */
    bool (*final)(const void *self, const uint64_t *state);
    /* Asked once a hypothesis is complete: the log probability it goes on with (a bonus, a penalty), or -INFINITY to drop
     * it. NULL: as it is. */
    float (*hypothesis)(const void *self, const uint64_t *state, const int32_t *token, size_t n, float log_probability);
} constraint_verbs;
typedef struct constraint {
    const constraint_verbs *verbs;
    const void *self;
} constraint;

void constraint_start(const constraint *c, constraint_state *s);
lorec_err constraint_allowed(const constraint *c, const constraint_state *s,
                             token_list *out); /* out is cleared first */
/* And `end` (or -1), wherever a sequence may end. */
lorec_err constraint_allowed_or_end(const constraint *c, const constraint_state *s, int32_t end, token_list *out);
bool constraint_step(const constraint *c, constraint_state *s, int32_t token);
bool constraint_final(const constraint *c, const constraint_state *s);
float constraint_hypothesis(const constraint *c, const constraint_state *s, const int32_t *token, size_t n, float logp);

constraint constraint_of_trie(const trie *t);
uint32_t constraint_trie_node(const constraint_state *s); /* where a constraint_of_trie stands */

/* Whole sequences of an index, as a trie of them would; or pieces of any of them, from anywhere to anywhere, of at least one
 * token. */
constraint constraint_of_sequences(const fm_index *f);
constraint constraint_of_pieces(const fm_index *f);
fm_range
constraint_fm_range(const constraint_state *s); /* where one of those stands: fm_index_where tells in which items */

/* Both at once. Their states have to fit into CONSTRAINT_WORDS together (LOREC_USAGE). */
typedef struct constraint_pair {
    constraint a, b;
    constraint_verbs verbs;
} constraint_pair;
lorec_err constraint_and(constraint *out, constraint_pair *pair, constraint a, constraint b);

#endif
