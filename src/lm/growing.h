/* growing.h: inside decoding: hypotheses while they grow; shared by decode.c and beam.c.
 *
 * Ownership: a `growing` owns its arrays until growing_free. */
#ifndef LOREC_LM_GROWING_H
#define LOREC_LM_GROWING_H

#include "lm/decode.h"

typedef struct partial {
    int64_t prompt, number; /* number: which sample of the prompt */
    int64_t branch, call;   /* in the session, and which of its last call's (where its logits are) */
    int64_t n, parent_branch;
    float logp;
    bool done, complete;
    constraint_state state;
} partial;

typedef struct growing {
    lm_session *session;
    const decode_options *o;
    partial *p;
    int32_t *token; /* [room][max_tokens] */
    size_t n, room;
    int64_t *parent; /* what the next step asks */
    int32_t *next;
    token_list allowed;
    choices choices;
} growing;

lorec_err growing_new(growing *g, lm_session *s, const decode_options *o, int64_t prompts, size_t room);
void growing_free(growing *g);
static inline int32_t *growing_tokens(const growing *g, size_t i)
{
    return g->token + i * (size_t)g->o->max_tokens;
}
/* What may follow p, best first, into g->choices: cut by `how`. */
lorec_err growing_choices(growing *g, const partial *p, const sampling *how);
/* p with one more token: state, completeness. */
lorec_err growing_take(growing *g, partial *p, int32_t *tokens, int32_t token, float logp);
lorec_err growing_result(const growing *g, int64_t prompts, decoded *out);

#endif
