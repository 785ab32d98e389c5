/* decode.h: sequences out of a model: greedy, sampled, by beam; free or inside a constraint.
 *
 *     decode_options o = {.count = 50, .max_tokens = 4, .end = -1, .only = &only,
 *                         .how = {.temperature = 1, .top_k = 50, .top_p = .95f}};
 *     decoded out = {0};
 *     TRY(decode_sample(s, tokens, lengths, seeds, n, &o, &out));       // or decode_beam
 *     for (size_t i = out.start[p]; i < out.start[p + 1]; i++) use(out.found[i].token, out.found[i].n, out.found[i].logp);
 *     decoded_free(&out);
 *
 * A sequence is complete when it took the `end` token, when its constraint lets nothing follow, or, without either, at
 * max_tokens. Under a constraint a complete sequence is always one that the constraint calls final, and nothing else is given.
 *
 * Ownership: a decoded owns its arrays until decoded_free. */
#ifndef LOREC_LM_DECODE_DECODE_H
#define LOREC_LM_DECODE_DECODE_H

#include "lm/decode/choices.h"
#include "lm/session/session.h"

typedef struct decode_options {
    int64_t count;      /* samples of a prompt, or beams */
    int64_t max_tokens; /* new ones */
    int32_t end;        /* the token that ends a sequence (kept as its last), or -1 */
    sampling how;       /* decode_sample; temperature 0 is greedy. decode_beam: only its repetition */
    const constraint *only;
    bool among_allowed; /* under a constraint probabilities are among what it allows, not among all tokens: then only
                         * those logits are computed, where that is cheaper */

    /* decode_beam: */
    float
        length_power; /* beams are ordered by logp / length^length_power; 0: by logp (Wu et al. 2016, without its 5) */
    int64_t
        groups; /* diverse beams (Vijayakumar et al., AAAI 2018): so many groups of count / groups each; 0, 1: one */
    float diversity; /* a group's token counts so much less for each beam of the groups before that took it now */
} decode_options;

typedef struct hypothesis {
    const int32_t *token; /* [n] new ones */
    int64_t n;
    float
        logp; /* of the tokens among all of the vocabulary (or among_allowed), at temperature 1, after repetition; then
                 * what the constraint makes of it */
    bool complete;
    constraint_state state;
} hypothesis;

typedef struct decoded {
    size_t n, *start; /* prompt p's are found[start[p]] .. found[start[p + 1] - 1] */
    hypothesis *found;
    int32_t *tokens;
} decoded;

/* `count` samples a prompt, in order; those that the constraint drops at the end have logp -INFINITY. A draw is a function
 * of the prompt's seed, the sample's number and the place in it, so that it does not depend on what is beside it. */
lorec_err decode_sample(lm_session *s, const int32_t *tokens, const int32_t *lengths, const uint64_t *seed, int64_t n,
                        const decode_options *options, decoded *out);
/* The `count` best complete sequences that a beam of that width finds, best first by logp / n^length_power: with a beam at
 * least as wide as the constraint's set (and one group), all of them. Groups may find the same sequence; it is given once.
 * Without a constraint, what reached max_tokens before its end token comes behind the complete ones where those are fewer. */
lorec_err decode_beam(lm_session *s, const int32_t *tokens, const int32_t *lengths, int64_t n,
                      const decode_options *options, decoded *out);
void decoded_free(decoded *d);

/* The log probability of every sequence of a trie after one prompt, [trie->nodes] by node (0 for the root): exact, by the
 * chain rule over its inner nodes, `at_once` of them a step. */
lorec_err decode_trie(lm_session *s, const int32_t *tokens, int32_t length, const trie *t, int64_t at_once,
                      float *logp);

#endif
