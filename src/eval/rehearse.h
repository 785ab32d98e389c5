/* rehearse.h: what a trial would take, found out by beginning it: its training loop takes a few steps, its language model is
 * counted but not asked (dry:SPEC), and a few test users are judged.
 *
 *     rehearsed r;
 *     TRY(trial_rehearse(&r, &request));          // the request of trial_run; nothing is kept anywhere
 *     TRY(rehearsed_text(&r, &text));             // "300 calls, 61,000 tokens to read and at most 38,400 to write, about 4:10"
 *     rehearsed_free(&r);
 *
 * Ownership: a rehearsed owns its text until rehearsed_free. */
#ifndef LOREC_EVAL_REHEARSE_H
#define LOREC_EVAL_REHEARSE_H

#include "eval/trial.h"

typedef struct rehearsed {
    double calls, known;                     /* of the language model; answered by a transcript already */
    double prompt_tokens, completion_tokens; /* the second at most */
    double money;                            /* NaN: no price table names the model */
    double train_s, judge_s, llm_s;          /* at most; validation not counted */
    double memory_mib; /* the method's own word, or the peak of the rehearsal, whichever is more */
    bool trains;       /* a training loop was cut short */
    char *why;         /* it could not be rehearsed: the numbers are of what was */
} rehearsed;

enum { REHEARSED_USERS = 16 };

/* Fails only where the frame can not go on, as trial_run. */
lorec_err trial_rehearse(rehearsed *out, const trial_request *q);
lorec_err rehearsed_text(const rehearsed *r, buf *out);
json_t *rehearsed_json(const rehearsed *r); /* NULL: out of memory */
void rehearsed_free(rehearsed *r);

/* Would this method ask a language model, with these options? */
bool trial_asks(const trial_request *q);

#endif
