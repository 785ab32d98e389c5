/* FPMC: factorised personalised Markov chains, baskets of one item (Rendle, Freudenthaler, Schmidt-Thieme, WWW 2010):
 *     score(i | u, last) = <U_u, I_i> + <L_last, M_i>                                           (eq. 19 without <U, L>)
 * learned as S-BPR: what came next above an item that the user has not had (pairwise.h). Both products are one: the
 * query's vector is [U_u ; L_last], the item's [I_i ; M_i]. */
#include "rec/pairwise.h"

static const option options[] = {PAIRWISE_OPTIONS};

static lorec_err fit(void *self, const fit_context *c)
{
    return pairwise_fit(self, c, "fpmc", true);
}

static uint64_t memory(const void *self, const fit_context *c)
{
    return pairwise_memory(self, c, true);
}

const recommender recommender_fpmc = {
    .key = "fpmc",
    .title = "FPMC: factorised Markov chains, one for each user",
    .cite = "Rendle, Freudenthaler, Schmidt-Thieme. Factorizing Personalized Markov Chains for Next-Basket "
            "Recommendation. WWW 2010",
    .tasks = TASK_TOPN | TASK_SEQUENTIAL,
    .fit = fit,
    .memory = memory,
    PAIRWISE_VERBS,
};
