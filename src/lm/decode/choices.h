/* choices.h: from logits to the tokens that may be taken, best first, and a draw among them.
 *
 *     choices c = {0};
 *     TRY(choices_make(&c, logits, vocab, NULL, &(sampling){.temperature = 1, .top_k = 50, .top_p = .95f}));
 *     size_t i = choices_draw(&c, &r);
 *     c.token[i], c.logp[i]                       // its log probability among *all* tokens at temperature 1
 *     choices_free(&c);
 *
 * Order of the filters: repetition (by choices_repeat), temperature, the top_k best, the fewest best whose share of what is
 * left reaches top_p (Holtzman et al., ICLR 2020), those at least min_p as likely as the best (Nguyen et al., ICLR 2025).
 *
 * Ownership: choices own their arrays until choices_free; making new ones reuses them. */
#ifndef LOREC_LM_DECODE_CHOICES_H
#define LOREC_LM_DECODE_CHOICES_H

#include "lm/decode/constraint.h"
#include "tensor/rng.h"

typedef struct sampling {
    float temperature; /* 0: the best token only */
    int64_t top_k;     /* 0: all */
    float top_p;       /* 0 or 1: all */
    float min_p;       /* 0: all */
    float
        repetition; /* > 1: what was said before becomes less likely (Keskar et al. 2019: positive logits are divided by
                        * it, negative ones multiplied); 0 or 1: nothing */
} sampling;
lorec_err sampling_check(const sampling *how); /* LOREC_USAGE names what is out of its bounds */

typedef struct choices {
    size_t n;
    int32_t *token;
    float *logp;
    double *sum;    /* [n] running sums of the draw's weights */
    float *changed; /* choices_repeat's */
    size_t token_cap, logp_cap, sum_cap, changed_cap;
} choices;

/* `only` NULL: any token. Equal logits are ordered by token. Logits that are not finite are not taken (-inf) or fail
 * (LOREC_FAILED); none left: n is 0. */
lorec_err choices_make(choices *c, const float *logits, int64_t vocab, const token_list *only, const sampling *how);
/* Logits with how->repetition applied to the tokens that were said; `logits` itself where nothing is asked for. */
lorec_err choices_repeat(choices *c, const float *logits, int64_t vocab, const int32_t *said, size_t n,
                         const sampling *how, const float **out);
size_t choices_draw(const choices *c, rng *r); /* of n >= 1 */
void choices_free(choices *c);

#endif
