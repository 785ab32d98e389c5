/* rerank.h: candidates put in order by a language model that is asked in words: prompts, replies, scores, bootstrapping.
 *
 *     rerank_options o = {.copies = 3, .seed = seed, .labels = REPLY_NUMBERS};
 *     TRY(rerank_by_chat(lm, tally, &settings, &catalogue, &o, write_prompt, m, q, n, start, candidate, scores));
 *
 * Each copy of a question shows the candidates in a fresh order of its own (a function of seed, question and copy), and the
 * k-th candidate named gets n - k points, one that is not named none; points are summed over copies (Hou et al., ECIR 2024,
 * section 3: bootstrapping; their code shuffled all copies alike). Equal points are ties, which the evaluator scores by
 * expectation: a reply that could not be read ranks nothing.
 *
 * Ownership: everything is borrowed for the call. */
#ifndef LOREC_RECIPES_RERANK_H
#define LOREC_RECIPES_RERANK_H

#include "recipes/catalogue.h"
#include "recipes/llm_use.h"

typedef struct rerank_options {
    int64_t copies; /* 0: 1 */
    uint64_t seed;
    bool keep_order;      /* candidates as they come, not shuffled: copies is then 1 */
    int64_t place;        /* >= 0: `lead` stands at this place, the others are shuffled: to measure position bias */
    const uint32_t *lead; /* [n] with `place`: an item of each question */
    reply_labels labels;  /* how the prompt names them */
    size_t wanted;        /* how many the prompt asks for; 0: all */
    /* Gets each answer as it came, with the prompt's ctx, before it is read: for dialogues; or NULL. */
    lorec_err (*heard)(void *ctx, size_t query, const llm_answer *answer);
} rerank_options;

/* The messages of one question, with the candidates in the order in which they are to stand. */
typedef lorec_err (*rerank_prompt)(void *ctx, const query *q, const uint32_t *candidate, size_t n, json_t **messages);

/* scores[start[i] ..] of candidate[start[i] .. start[i + 1] - 1] for query i. */
lorec_err rerank_by_chat(llm *m, llm_tally *t, const llm_settings *settings, const catalogue *c,
                         const rerank_options *o, rerank_prompt prompt, void *ctx, const query *q, size_t n,
                         const uint64_t *start, const uint32_t *candidate, float *scores);

#endif
