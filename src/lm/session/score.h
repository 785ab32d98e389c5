/* score.h: how likely given continuations are after prompts: the verb that ranks candidates, answers yes or no, measures a
 * text.
 *
 *     score_ask ask = {.prompts = 20, .prompt = packed, .prompt_length = lengths,     // 20 users
 *                      .n = 100, .token = titles, .length = title_lengths};           // the same 100 titles after each
 *     TRY(lm_score(s, &ask, sum));                       // sum[p * 100 + c]: natural log of P(title c | prompt p)
 *
 *     TRY(lm_contrast(s, packed, lengths, n, yes, no, answer));   // answer[i].share: P(yes) / (P(yes) + P(no))
 *     TRY(lm_perplexity(s, tokens, n, 512, &result));
 *
 * By definition sum = sum over j of log softmax(logits(prompt, c_1 .. c_{j-1}))[c_j]; the mean is sum / length. All tokens
 * are known, so all go through the model in one pass (or in passes of bounded size, when there are many): what prompts begin
 * with is computed once, what candidates of a prompt begin with too, and a candidate's last token is never run.
 *
 * Ownership: what is asked is borrowed. */
#ifndef LOREC_LM_SESSION_SCORE_H
#define LOREC_LM_SESSION_SCORE_H

#include "lm/session/session.h"

typedef struct score_ask {
    int64_t prompts;
    const int32_t *prompt, *prompt_length; /* packed; at least one token each */
    int64_t n;                             /* continuations */
    const int32_t *token, *length;         /* packed; an empty one's sum is 0 */
    const int64_t *first; /* [prompts + 1] prompt p's are first[p] .. first[p + 1] - 1; NULL: all n after each prompt */
} score_ask;

/* sum [n], or [prompts * n] where first is NULL. Branches of the session are dropped. */
lorec_err lm_score(lm_session *s, const score_ask *ask, double *sum);

typedef struct contrast {
    double logp_a, logp_b; /* among all tokens */
    double share;          /* P(a) / (P(a) + P(b)) */
} contrast;
lorec_err lm_contrast(lm_session *s, const int32_t *tokens, const int32_t *lengths, int64_t n, int32_t a, int32_t b,
                      contrast *out);

typedef struct perplexity {
    double log_likelihood; /* sum of the counted tokens */
    int64_t tokens;        /* counted: all but the first */
    double perplexity;     /* exp(-mean) */
} perplexity;
/* Windows of the model's context (or `context` tokens, if that is above 0 and shorter) that start `stride` tokens after each
 * other; each counts what the one before did not. stride 0: the whole context, so that windows share nothing. */
lorec_err lm_perplexity(lm_session *s, const int32_t *tokens, int64_t n, int64_t context, int64_t stride,
                        perplexity *out);

#endif
