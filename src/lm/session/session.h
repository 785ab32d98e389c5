/* session.h: a model in use: prompts are read once, and then any number of continuations grow from them as a tree; what two
 * texts begin with is computed once, within a call and, where the session keeps it, between calls.
 *
 *     lm_session *s = lm_session_new(net, false);
 *     TRY(lm_session_read(s, tokens, lengths, n));              // branches 0 .. n - 1 are the prompts
 *     const float *next = lm_session_logits(s, i);              // of what follows the i-th branch of the last call
 *     int64_t first;
 *     TRY(lm_session_step(s, parent, token, m, &first));        // branches first .. first + m - 1: parent, then token
 *     lm_session_free(s);
 *
 * Both are forms of one verb, lm_session_grow: runs of tokens after the beginning, after a branch, or after another run of
 * the same call, all in one pass.
 *
 * Ownership: a session borrows its transformers, owns its cache, and belongs to one thread. Logits live until the next
 * call; a branch until it is dropped or the next read. */
#ifndef LOREC_LM_SESSION_SESSION_H
#define LOREC_LM_SESSION_SESSION_H

#include "lm/transformer/transformer.h"

typedef struct lm_session lm_session;

typedef struct lm_session_options {
    bool bf16;            /* products and activations in bf16 */
    bool keep;            /* what was read stays for later calls that begin alike, until its memory is needed */
    size_t memory;        /* bytes of keys and values; 0: no limit */
    int64_t rows_at_once; /* tokens of one pass; 0: 512. More take more passes and no more memory */
    const struct adapter_set *adapters; /* act on all that it reads (`of` is not used); or NULL */
    bool adapter_each; /* instead one of them, or none, acts on a text: lm_session_use, lm_growth.adapter */
    const float
        *extra;     /* [extras][embed_width], borrowed: tokens that are no words. Prompts may hold the ids vocab .. */
    int64_t extras; /* ... vocab + extras - 1, which are read as these vectors and never said */
    const transformer *encoder; /* of an encoder-decoder model: lm_session_read's prompts go to it ... */
    int32_t start;              /* ... and branches begin with this token, the decoder's first; NULL: a decoder alone */
    /* Added to the vectors of the encoder's tokens: [rows, width], of packed prompts; or NULL. */
    tensor *(*encoder_vectors)(const void *ctx, tape *t, const int32_t *tokens, const int32_t *lengths, int64_t n);
    const void *encoder_ctx;
} lm_session_options;

lm_session *lm_session_new(const transformer *net, bool bf16); /* NULL: out of memory (message set) */
lorec_err lm_session_open(lm_session **out, const transformer *net, const lm_session_options *options);
void lm_session_free(lm_session *s);

/* With adapter_each: texts that begin from now on are under that item of the set; -1: under none, as in a new session. What a
 * session keeps of other items' texts stays apart. */
lorec_err lm_session_use(lm_session *s, int32_t item);
int32_t lm_session_used(const lm_session *s);
lorec_err lm_session_has(const lm_session *s, int32_t item); /* LOREC_USAGE: there is no such item to use */
/* Rows that its prefix or prompt (of all items where adapter_each is false) puts before a text: they take positions and memory. */
int64_t lm_session_before(const lm_session *s, int32_t item);

/* Packed prompts of at least one token each; all branches are dropped first. */
lorec_err lm_session_read(lm_session *s, const int32_t *tokens, const int32_t *lengths, int64_t n);
/* The same with the item of each; NULL: what lm_session_use said. */
lorec_err lm_session_read_each(lm_session *s, const int32_t *tokens, const int32_t *lengths, const int32_t *item,
                               int64_t n);
lorec_err lm_session_step(lm_session *s, const int64_t *parent, const int32_t *token, int64_t n, int64_t *first);
void lm_session_drop(lm_session *s, int64_t branch); /* it is not used any more; its number may be given again */

enum { LM_START = -1 };
static inline int64_t lm_run(int64_t i) /* in lm_growth.after: the end of the i-th run of the same call */
{
    return -2 - i;
}
/* Logits of wanted tokens first .. first + n - 1 of the call: [n, vocab], until it returns. */
typedef lorec_err (*lm_take)(void *ctx, int64_t first, int64_t n, const float *logits);

typedef struct lm_growth {
    int64_t n;              /* runs, of at least one token each */
    const int64_t *after;   /* [n] a branch, LM_START, lm_run(j) with j < i; NULL: all LM_START. An encoder-decoder's
                           * i-th looks at the i-th prompt of the last read */
    const int32_t *tokens;  /* packed */
    const int32_t *lengths; /* [n] */
    const int32_t *adapter; /* [n] adapter_each: the item of a run after LM_START (an encoder-decoder's: of its read);
                             * NULL: what lm_session_use said */
    const uint8_t *want;    /* [tokens] 1: logits of what follows; NULL: of each run's last token */
    const int64_t
        *only_start;     /* [wanted + 1] or NULL: of the i-th wanted only the logits of tokens only[only_start[i]] */
    const int32_t *only; /* ... only[only_start[i + 1] - 1], kept for lm_session_picked; take is not asked then */
    lm_take take;        /* gets them; NULL: they are kept for lm_session_logits */
    void *ctx;
} lm_growth;
/* branch [n]: where each run ends; NULL: nothing will follow. After LOREC_RESOURCE for lack of rows all is as before; after
 * a failure while computing all branches are void. */
lorec_err lm_session_grow(lm_session *s, const lm_growth *g, int64_t *branch);

const float *lm_session_logits(const lm_session *s, int64_t i); /* [vocab] */
const float *lm_session_picked(const lm_session *s, int64_t i); /* in the order of its `only` */
bool lm_session_picks(const lm_session *s); /* the head's rows can be used one by one: `only` may be asked for */
int64_t lm_session_vocab(const lm_session *s);
int64_t lm_session_length(const lm_session *s, int64_t branch); /* tokens, the prompt's included */
int64_t lm_session_room(const lm_session *s, int64_t branch);   /* how many more the model's positions allow */
const transformer *lm_session_model(const lm_session *s);

bool lm_session_encodes(const lm_session *s); /* an encoder-decoder's: texts begin with lm_session_read only */
int64_t lm_session_rows(const lm_session *s); /* how many tokens its memory has room for */

/* What it takes: bytes of keys and values for so many tokens and of logits for so many of them, besides the weights. */
size_t lm_session_cost(const lm_session *s, int64_t tokens, int64_t logits);
typedef struct lm_session_counts {
    int64_t computed, shared; /* tokens so far: run through the model; found there already */
    int64_t passes;
    size_t bytes; /* of keys and values now */
} lm_session_counts;
lm_session_counts lm_session_count(const lm_session *s);

#endif
