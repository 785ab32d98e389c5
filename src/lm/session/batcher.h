/* batcher.h: many texts generated at once: requests with their own sampling, constraint, stop texts and deadline join and
 * leave a running batch between its steps (continuous batching: Yu et al., OSDI 2022).
 *
 *     batcher *b;
 *     TRY(batcher_new(&b, session, &(batcher_options){.running = 8}));
 *     TRY(batcher_add(b, &request, &id));           // any thread; copied, but for the constraint and the tokenizer
 *     bool more = true;
 *     while (more) TRY(batcher_step(b, &more));     // one thread: one token for each that speaks, a part of the new prompts
 *     batcher_free(b);
 *
 * A step is one pass through the model: a token of each running text, and what is left of `tokens_at_once` goes to prompts
 * that wait, in order of arrival, so that a long prompt holds nobody up for long. A request's tokens depend on itself alone:
 * its draws are a function of its seed, number and place. What stands beside it can change the last bits of its logits
 * (products of other sizes sum in another order; relative differences are about 1e-6 in f32), and so a token only where two
 * are that close.
 *
 * Ownership: a batcher borrows its session and owns copies of requests until they are done. A reply lives during the call
 * that hands it over. */
#ifndef LOREC_LM_SESSION_BATCHER_H
#define LOREC_LM_SESSION_BATCHER_H

#include "lm/decode/choices.h"
#include "lm/session/session.h"
#include "text/tokenizer.h"

typedef enum batch_reason {
    BATCH_END,       /* it took an end token, or its constraint lets nothing follow */
    BATCH_STOP,      /* a stop text came: the text ends before it */
    BATCH_LENGTH,    /* max_tokens, or the model's positions */
    BATCH_CANCELLED, /* batcher_cancel, or its token callback */
    BATCH_DEADLINE,
    BATCH_FAILED /* `error` and `message` say why */
} batch_reason;

typedef struct batch_choice {
    int32_t token;
    float logp;
} batch_choice;

typedef struct batch_token {
    int32_t token;
    float logp;              /* among all tokens, at temperature 1, after repetition */
    const batch_choice *top; /* [tops] the likeliest then, best first */
    size_t tops;
    slice text; /* what is certain now: nothing while a character is not whole or a stop text may have begun */
} batch_token;

typedef struct batch_reply {
    batch_reason reason;
    lorec_err error;
    const char *message;
    const int32_t *token; /* [n] an end token included */
    const float *logp;    /* [n] */
    size_t n;
    double sum; /* of logp */
    slice text;
    bool complete; /* with a constraint: it is one of its sequences */
    int64_t prompt_tokens;
} batch_reply;

typedef struct batch_request {
    const int32_t *prompt; /* [n], at least one token */
    int64_t n, max_tokens;
    sampling how;
    uint64_t seed, number; /* number: which of several samples */
    const int32_t *end;    /* [ends] tokens that end it; under a constraint the first of them does, where it may end */
    size_t ends;
    const constraint *only;     /* or NULL */
    int32_t adapter;            /* of a session with adapter_each: 1 + the item that acts on it; 0: none */
    const tokenizer *tokenizer; /* NULL: no texts */
    const char *const *stop;    /* [stops] */
    size_t stops;
    size_t tops;                                         /* likeliest tokens told with each */
    double deadline;                                     /* by clock_seconds(); 0: none */
    lorec_err (*token)(void *ctx, const batch_token *t); /* NULL: not told. An error cancels the request */
    void (*done)(void *ctx, const batch_reply *r);       /* once, whatever happens; by batcher_step or batcher_free */
    void *ctx;
} batch_request;

typedef struct batcher_options {
    int64_t running;        /* at once; 0: 16 */
    int64_t tokens_at_once; /* of a step; 0: 512 */
} batcher_options;

typedef struct batcher batcher;
lorec_err batcher_new(batcher **out, lm_session *session, const batcher_options *options);
void batcher_free(batcher *b); /* what is not done is cancelled */
/* LOREC_USAGE: what is wrong with it; LOREC_RESOURCE: it would never fit into the session's memory. */
lorec_err batcher_add(batcher *b, const batch_request *request, uint64_t *id);
void batcher_cancel(batcher *b, uint64_t id); /* any thread; done is told by the next step. Unknown ids: nothing */
/* *more: something is running or waits. Failures belong to requests, not to the batcher: an error here is out of memory or
 * cancellation of the program. */
lorec_err batcher_step(batcher *b, bool *more);
size_t batcher_waiting(batcher *b); /* requests that have not begun; any thread */

/* Adds n requests and steps until they are done. */
lorec_err batcher_run(batcher *b, const batch_request *requests, size_t n);

#endif
