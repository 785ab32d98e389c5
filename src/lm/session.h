/* session.h: a model in use: prompts are read once, and then any number of continuations grow from them as a tree, each
 * new token costing one row (tensor/kv_cache.h).
 *
 *     lm_session *s = lm_session_new(net, false);
 *     TRY(lm_session_read(s, tokens, lengths, n));              // branches 0 .. n - 1 are the prompts
 *     const float *next = lm_session_logits(s, i);              // of what follows the i-th branch of the last call
 *     int64_t first;
 *     TRY(lm_session_step(s, parent, token, m, &first));        // branches first .. first + m - 1: parent, then token
 *     lm_session_free(s);
 *
 * Ownership: a session borrows the transformer, owns its cache, and belongs to one thread. Logits live until the next
 * read or step; branches until the next read. */
#ifndef LOREC_LM_SESSION_H
#define LOREC_LM_SESSION_H

#include "lm/transformer.h"

typedef struct lm_session lm_session;

lm_session *lm_session_new(const transformer *net, bool bf16); /* NULL: out of memory (message set) */
void lm_session_free(lm_session *s);
/* Packed prompts of at least one token each; what was there before is forgotten. */
lorec_err lm_session_read(lm_session *s, const int32_t *tokens, const int32_t *lengths, int64_t n);
lorec_err lm_session_step(lm_session *s, const int64_t *parent, const int32_t *token, int64_t n, int64_t *first);
const float *lm_session_logits(const lm_session *s, int64_t i); /* [vocab] */
int64_t lm_session_vocab(const lm_session *s);
int64_t lm_session_length(const lm_session *s, int64_t branch); /* tokens, the prompt's included */
int64_t lm_session_room(const lm_session *s, int64_t branch);   /* how many more the model's positions allow */
const transformer *lm_session_model(const lm_session *s);

#endif
