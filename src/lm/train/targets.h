/* targets.h: log probabilities of given tokens, out of logits as a session gives them, so that those of a whole vocabulary
 * never have to be kept.
 *
 *     targets t = {0};
 *     TRY(targets_add(&t, want, token));               // of `token` after the want-th wanted token of the call; want ascends
 *     growth.take = targets_take; growth.ctx = &t;
 *     TRY(lm_session_grow(s, &growth, NULL));
 *     t.logp[i]                                        // of the i-th target
 *     targets_free(&t);
 *
 * Ownership: targets own their arrays until targets_free; targets_clear keeps the memory. */
#ifndef LOREC_LM_TRAIN_TARGETS_H
#define LOREC_LM_TRAIN_TARGETS_H

#include "lm/session/session.h"

typedef struct target {
    int64_t want;
    int32_t token;
} target;

typedef struct targets {
    const lm_session *session;
    target *target;
    double *logp;
    size_t n, cap, logp_cap, done;
} targets;

lorec_err targets_add(targets *t, int64_t want, int32_t token);
void targets_clear(targets *t);
void targets_free(targets *t);
/* An lm_take. A logit that is NaN or +inf: LOREC_FAILED. */
lorec_err targets_take(void *ctx, int64_t first, int64_t n, const float *logits);

/* log sum exp of n logits. */
lorec_err log_sum_exp(const float *logits, int64_t n, double *out);

#endif
