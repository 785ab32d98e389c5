/* gptrec.h: GPTRec from inside: the model, its prompts, and the two ways in which it recommends.
 *
 * Ownership: the model owns everything it points to until gptrec's release. */
#ifndef LOREC_METHODS_GPTREC_GPTREC_H
#define LOREC_METHODS_GPTREC_GPTREC_H

#include <stdatomic.h>

#include "lm/decode/decode.h"
#include "lm/model_folder.h"
#include "methods/gptrec/codes.h"
#include "rec/trainer.h"

enum { STRATEGY_TOPK, STRATEGY_NEXTK };
enum { SCORING_SAMPLE, SCORING_BEAM, SCORING_EXACT };
enum { WINDOWS_ALL, WINDOWS_LAST };

/* What sampling came to: counted while a shared model is asked, hence apart from it. */
typedef struct tally {
    atomic_ullong samples, invalid;
} tally;

typedef struct gptrec {
    trainer_settings train;
    int64_t max_items, tokens, codebook, hidden_size, n_layers, n_heads, samples, top_k, beams;
    double dropout, temperature, top_p;
    int strategy, scoring, windows;
    bool trie;
    const char *trained;

    item_codes codes;
    lm_model *model;
    tally *tally;
    bool fitting; /* validation asks for Top-K whatever the strategy: training is the same for both */
    trainer_report report;
} gptrec;

/* The vocabulary: codes, then a token that begins a whole history, then the paper's padding token, which packed rows
 * never use. */
static inline int32_t token_of_start(const gptrec *m)
{
    return (int32_t)(m->codes.t * m->codes.v);
}
static inline int64_t vocabulary(const gptrec *m)
{
    return (int64_t)m->codes.t * m->codes.v + 2;
}
static inline int64_t positions(const gptrec *m)
{
    return m->max_items * m->tokens;
}

/* ---- prompts.c: histories as tokens ---------------------------------------------------------------------------------- */

/* Sequences end to end. */
typedef struct prompts {
    size_t n, rows;
    int32_t *token, *target; /* [rows]; targets of training only */
    int32_t *length;         /* [n] */
    size_t token_cap, target_cap, length_cap;
} prompts;
void prompts_free(prompts *p);
void prompts_clear(prompts *p);
/* A history and, behind it, what was generated: the last items for which there is room before one more item. */
lorec_err prompts_add(prompts *p, const gptrec *m, const query *q, const uint32_t *more, size_t n_more);
/* Items from .. end - 1 of a user's n with the next token as each one's target. */
lorec_err prompts_add_training(prompts *p, const gptrec *m, const uint32_t *item, uint64_t from, uint64_t end);
/* How many items a training window has at most, and whether one that begins a history still has room to say so. */
uint64_t window_items(const gptrec *m);

/* ---- topk.c ------------------------------------------------------------------------------------------------------------ */

/* Scores [p->n][n_items] of what comes after each prompt. */
lorec_err score_prompts(const gptrec *m, rec_session *s, const prompts *p, float *scores);
lorec_err gptrec_score(const void *self, rec_session *s, const query *q, size_t n, float *scores);

/* ---- nextk.c ----------------------------------------------------------------------------------------------------------- */

lorec_err gptrec_recommend(const void *self, rec_session *s, const query *q, size_t n, size_t k, uint32_t *items,
                           float *scores, size_t *found);

#endif
