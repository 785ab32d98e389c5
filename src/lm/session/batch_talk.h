/* batch_talk.h: inside the batcher: one request while it is answered.
 *
 * Ownership: a talk owns its copies until talk_free, which tells `done`. */
#ifndef LOREC_LM_SESSION_BATCH_TALK_H
#define LOREC_LM_SESSION_BATCH_TALK_H

#include "lm/decode/stop_text.h"
#include "lm/session/batcher.h"

typedef struct talk {
    batch_request r;
    uint64_t id;
    struct talk *next;
    bool cancelled; /* asked from outside */
    bool over;
    batch_reason reason;
    lorec_err error;
    char message[512];

    tokens said;   /* the prompt, then what was generated */
    size_t prompt; /* tokens of it */
    size_t run;    /* of `said`, those that went through the model */
    int64_t branch;
    int32_t *end;
    char **stop;
    float *logp; /* of generated tokens */
    size_t logp_cap;
    constraint_state state;
    bool complete;
    token_stream stream;
    stop_text text;
} talk;

typedef struct talk_scratch { /* shared by the talks of a batcher */
    choices choices, tops;
    token_list allowed;
    batch_choice *top;
    buf piece;
    size_t top_cap;
} talk_scratch;
void talk_scratch_free(talk_scratch *s);

lorec_err talk_new(talk **out, const batch_request *r, int64_t vocab);
void talk_free(talk *t); /* tells r.done (unless NULL) the reason: BATCH_CANCELLED where none was given */
/* From the logits of what follows: the next token, its text; over when it was the last. Failures are the talk's. */
void talk_speak(talk *t, const float *logits, int64_t vocab, talk_scratch *s);
void talk_fail(talk *t, lorec_err e); /* with this thread's message */

#endif
