/* session_parts.h: a session from inside: session.c (branches, what is shared), session_run.c (passes through the model),
 * session_start.c (what adapters put before texts), session_encode.c (what an encoder-decoder's decoder looks at).
 *
 * Ownership: all of it is the session's but the transformers. */
#ifndef LOREC_LM_SESSION_SESSION_PARTS_H
#define LOREC_LM_SESSION_SESSION_PARTS_H

#include "lm/session/prefix_tree.h"
#include "lm/session/session.h"

typedef struct session_group { /* of a call: new tokens that follow each other */
    place end;                 /* after its last token */
    int64_t first, n;          /* of the call's tokens */
    int64_t run;               /* of the growth */
} session_group;

typedef struct session_rows { /* the tokens that a call runs through the model */
    int64_t n;
    int32_t *token, *position, *kept; /* kept: its cache row, TREE_SPARE_ROW for one that is there already */
    uint8_t *want;
    int32_t *at, *block, *sees; /* of a prefix language model (config.glm): where the model puts it, what it sees */
    size_t token_cap, position_cap, kept_cap, want_cap, at_cap, block_cap, sees_cap;
    session_group *group;
    int64_t groups;
    size_t group_cap;
    int64_t wanted;
} session_rows;

typedef struct session_pass { /* a part of them, as the model's input */
    int32_t *length, *first, *seen, *pick, *pick_seen, *pick_first;
    int64_t *span_start;
    kv_span *span;
    int32_t *ahead, *of;                   /* of each group: a prefix's rows, the adapter that acts */
    int32_t *cross_seen, *cross_pick_seen; /* of an encoder-decoder: the same of the encoder's rows */
    int64_t *cross_start;
    kv_span *cross_span;
    size_t cross_seen_cap, cross_pick_seen_cap, cross_start_cap, cross_span_cap;
    size_t ahead_cap, of_cap;
    size_t length_cap, first_cap, seen_cap, pick_cap, pick_seen_cap, pick_first_cap, span_start_cap, span_cap;
    float *x; /* between layers */
    size_t x_cap;
} session_pass;

struct lm_session {
    const transformer *net;
    lm_session_options opt;
    tape *tape;
    kv_cache *cache;
    prefix_tree tree;
    kv_cache *cross; /* of an encoder-decoder: keys and values of the last read's prompts; or NULL */
    kv_span *source; /* [sources] their rows */
    int64_t sources;
    int32_t *source_adapter; /* [sources] */
    int32_t beginnings;      /* of a prefix language model: so many were read; none is shared */
    int32_t use;             /* adapter_each: what texts begin under */
    size_t source_cap, source_adapter_cap;
    place *branch; /* run BRANCH_FREE: not in use */
    int64_t branches;
    size_t branch_cap;
    session_rows rows;
    session_pass pass;
    float *hidden; /* [wanted, width] */
    float *logits; /* [wanted, vocab], or of a few of them at a time */
    size_t hidden_cap, logits_cap;
    int64_t picked; /* logits each, where only some were asked for */
    lm_session_counts count;
};

enum { BRANCH_FREE = -2 };

/* Runs s->rows through the model: keys and values into the cache; what is wanted of logits as g says. */
lorec_err session_run(lm_session *s, const lm_growth *g);

/* Where texts begin, as the tree's variants: each adapter's apart, and each source's, or each text's where keys depend on all of
 * a context. Adapter -1: none, or the whole set. */
int32_t session_variant(const lm_session *s, int32_t beginning, int32_t item);
int32_t session_adapter_of(const lm_session *s, int32_t variant);
int32_t session_beginning_of(const lm_session *s, int32_t variant);
/* The item alone, or the whole set; n 0: nothing acts. */
struct adapter_set session_adapters(const lm_session *s, int32_t item);
/* The place behind what the adapter puts before texts, held: rows that are not there yet are filled. */
lorec_err session_start(lm_session *s, int32_t variant, place *at);
/* What acts on n sequences, of which each names its item: `set` filled in; NULL where nothing acts. */
const struct adapter_set *session_acting(const lm_session *s, const int32_t *of, int64_t n, struct adapter_set *set);

/* Reads packed prompts with the encoder; the decoder's variant i then looks at the i-th. */
lorec_err session_encode(lm_session *s, const int32_t *tokens, const int32_t *lengths, const int32_t *item, int64_t n);
/* Runs the embedding, the blocks and the final norm one by one; `in` without sequences and ids: those are made of length
 * and ids for each; ids NULL: what goes in are the set's prompts. Gives the rows, or those picked. */
lorec_err session_layers(lm_session *s, const transformer *net, token_rows *in, const int32_t *ids, int64_t rows,
                         const int32_t *length, int64_t groups, float *hidden);

#endif
