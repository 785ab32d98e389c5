/* llmrank.h: what LLMRank's files share: the model, and one round of questions.
 *
 *     rerank_options o = {.copies = m->copies, .seed = m->seed, .place = -1, .labels = REPLY_NUMBERS};
 *     TRY(llmrank_rank(m, session, &o, q, n, start, candidate, scores));
 *
 * Ownership: as recommender.h has it; a model owns its catalogue, prompt and tally. */
#ifndef LOREC_METHODS_LLMRANK_LLMRANK_H
#define LOREC_METHODS_LLMRANK_LLMRANK_H

#include "recipes/prompt.h"
#include "recipes/rerank.h"

typedef struct llmrank {
    llm_settings chat;
    int64_t max_history, copies, max_candidates, curve_users;
    int variant, history;
    bool curves;
    const char *curve_places, *things, *verb;
    /* fitted */
    catalogue items;
    prompt *rank;
    llm_tally *tally;
    uint64_t seed;
} llmrank;

/* score_items with the order of candidates as `o` has it. */
lorec_err llmrank_rank(const llmrank *m, rec_session *s, const rerank_options *o, const query *q, size_t n,
                       const uint64_t *start, const uint32_t *candidate, float *scores);

/* ---- curves.c --------------------------------------------------------------------------------------------------------------- */

enum { LLMRANK_MAX_PLACES = 64 };
/* "0,5,10" -> places, their number; 0: not such a text. */
size_t llmrank_places(const char *words, size_t place[LLMRANK_MAX_PLACES]);
lorec_err llmrank_curves(const void *self, rec_session *s, const study_context *c, json_t **numbers);

#endif
