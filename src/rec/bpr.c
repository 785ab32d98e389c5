/* BPR-MF: matrix factorisation that ranks what a user had above what she had not (Rendle et al., UAI 2009):
 *     score(i | u) = <p_u, q_i>                                                              learned by pairwise.h */
#include "rec/pairwise.h"

static const option options[] = {PAIRWISE_OPTIONS};

static lorec_err fit(void *self, const fit_context *c)
{
    return pairwise_fit(self, c, "bpr", false);
}

static uint64_t memory(const void *self, const fit_context *c)
{
    return pairwise_memory(self, c, false);
}

const recommender recommender_bpr = {
    .key = "bpr",
    .title = "BPR: matrix factorisation that ranks what was had above what was not",
    .cite = "Rendle, Freudenthaler, Gantner, Schmidt-Thieme. BPR: Bayesian Personalized Ranking from Implicit "
            "Feedback. UAI 2009",
    .tasks = TASK_TOPN,
    .fit = fit,
    .memory = memory,
    PAIRWISE_VERBS,
};
