/* talk.h: a conversation with a run, without a server: what was named is the history, the answer is a list with reasons, in the
 * words of a language model where there is one. What /v1/chat/completions does for the model "recommend:RUN", with a memory.
 *
 *     talk *t;
 *     TRY(talk_open(&t, &(talk_options){.run = "runs/first"}));
 *     TRY(talk_say(t, slice_of("I liked Heat (1995)"), write, file));   // the answer, piece by piece
 *     TRY(talk_more(t, write, file));
 *     TRY(talk_why(t, 2, &text));
 *     talk_close(t);
 *
 * Ownership: a talk owns all of it. */
#ifndef LOREC_CLI_TALK_H
#define LOREC_CLI_TALK_H

#include "base/json.h"

typedef struct talk talk;
typedef struct talk_options {
    const char *run, *method, *user, *llm; /* NULL: the first; nobody known; none */
    int64_t seed;                          /* -1: the first */
    size_t shown;                          /* items of an answer; 0: 5 */
} talk_options;
typedef lorec_err (*talk_write)(void *ctx, slice piece);

lorec_err talk_open(talk **out, const talk_options *o);
void talk_close(talk *t);

lorec_err talk_say(talk *t, slice text, talk_write write, void *ctx);
lorec_err talk_more(talk *t, talk_write write, void *ctx); /* the next ones, without the language model */
lorec_err talk_why(const talk *t, size_t place, buf *out); /* of the last answer, from 1; 0: each */
lorec_err talk_forget(talk *t, slice title);               /* of the history; "": all. LOREC_USAGE: it is not in it */
lorec_err talk_method(talk *t, const char *method);        /* another model of the run */
lorec_err talk_history(const talk *t, buf *out);
lorec_err talk_methods(const talk *t, buf *out); /* those of the run, the present one marked */
json_t *talk_json(const talk *t);                /* the last answer: history, items, text */

#endif
