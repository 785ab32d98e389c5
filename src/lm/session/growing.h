/* growing.h: inside decoding: hypotheses while they grow; shared by decode.c and beam.c.
 *
 *     TRY(growing_new(&g, s, &options, &prompts, room));
 *     TRY(growing_read(&g));                          // g.p[..].call: where the logits of a hypothesis are
 *     TRY(growing_choices(&g, p, how));               // g.choices: what may follow it
 *     TRY(growing_take(&g, p, tokens, token, logp));  // one of them
 *     g.parent[call] = p->parent_branch, g.next[call] = token, g.state[call] = p->state;   // for those that go on
 *     TRY(growing_step(&g, calls));                   // g.branch[call]
 *
 * Ownership: a `growing` owns its arrays until growing_free. */
#ifndef LOREC_LM_SESSION_GROWING_H
#define LOREC_LM_SESSION_GROWING_H

#include "lm/decode/decode.h"

typedef struct partial {
    int64_t prompt, number; /* number: which sample of the prompt, or the beam's group */
    int64_t branch, call;   /* in the session, and which of its last call's (where its logits are) */
    int64_t n, parent_branch;
    float logp;
    bool done, complete;
    constraint_state state;
} partial;

typedef struct growing_prompts {
    const int32_t *token, *length; /* packed */
    int64_t n;
} growing_prompts;

typedef struct growing {
    lm_session *session;
    const decode_options *o;
    growing_prompts prompts;
    partial *p;
    int32_t *token; /* [room][max_tokens] */
    size_t n, room;
    int64_t *parent; /* [room] what the next step asks */
    int32_t *next;
    constraint_state *state; /* ... and what its constraint says then */
    int64_t *branch;         /* [live] what the last step made */
    int64_t live;
    token_list allowed;
    int64_t *only_start; /* among_allowed: what may follow each call, and whether only its logits were computed */
    token_list only;
    bool picked;
    float *few;    /* its logits */
    int32_t *said; /* prompt and tokens, for repetition */
    size_t few_cap, said_cap;
    choices choices;
} growing;

lorec_err growing_new(growing *g, lm_session *s, const decode_options *o, const growing_prompts *prompts, size_t room);
void growing_free(growing *g);
static inline int32_t *growing_tokens(const growing *g, size_t i)
{
    return g->token + i * (size_t)g->o->max_tokens;
}
lorec_err growing_read(growing *g);                /* the prompts: branch and call p are the p-th's */
lorec_err growing_step(growing *g, int64_t calls); /* what branches grow from is let go */
/* What may follow p (which has these tokens), best first, into g->choices: cut by `how`. */
lorec_err growing_choices(growing *g, const partial *p, const int32_t *tokens, const sampling *how);
/* p with one more token: state, completeness. */
lorec_err growing_take(growing *g, partial *p, int32_t *tokens, int32_t token, float logp);
lorec_err growing_result(const growing *g, decoded *out);

#endif
