/* llara.h: the parts of LLaRA: items as vectors (items.c), what is asked (prompts.c), the tuning with its curriculum (tune.c),
 * answers written freely (study.c), the verbs (method.c).
 *
 * An item in a prompt is a token beyond the model's vocabulary: id vocab + item is read as the item's projected vector, and
 * id vocab + items as a vector that means nothing (the place holder of a prompt that is text alone).
 *
 * Ownership: the model owns everything below "fitted"; sessions borrow the language model and its adapter. */
#ifndef LOREC_METHODS_LLARA_H
#define LOREC_METHODS_LLARA_H

#include "rec/recommender.h"
#include "recipes/base_model.h"
#include "recipes/catalogue.h"
#include "recipes/prompt.h"
#include "tensor/trainer.h"

typedef enum llara_kind { LLARA_HYBRID, LLARA_TEXT, LLARA_ID } llara_kind;
enum { LLARA_VARIANTS = 3, VECTORS_LEARNED = 0, VECTORS_RANDOM, CURRICULUM_LINEAR = 0, CURRICULUM_NONE };

typedef struct llara {
    const char *model, *things, *verb;
    int weights, prompt, curriculum, backbone, vectors;
    int64_t backbone_size, backbone_epochs, examples, max_history, min_history, candidates, max_candidates;
    int64_t epochs, batch, micro_batch, eval_step, stopping_step, answer_tokens;
    double learning_rate;
    bool bf16;
    lora_settings low_rank;
    /* fitted */
    catalogue items; /* titles tidied */
    float *vector;   /* [items][d] of the recommender, frozen */
    int64_t d;
    params *projector;                    /* d -> width -> width, and the place holder */
    tensor *weight[2], *bias[2], *holder; /* holder [1, width] */
    prompt *ask;
    lm_text *lm;
    adapter *lora;
    adapter_set set;
    int32_t end;        /* the token that ends an answer */
    tokens answer;      /* of all titles, each with the end token */
    int64_t *answer_at; /* [items + 1] */
    trainer_report report;
    int64_t used, hybrid_steps, text_steps; /* examples; steps of the curriculum */
} llara;

/* ---- items.c ------------------------------------------------------------------------------------------------------------- */

lorec_err llara_vectors(llara *m, const fit_context *c); /* fits the recommender, keeps its item table */
lorec_err llara_projector(llara *m, uint64_t seed);      /* its parameters, drawn */
/* The vectors of items on a tape: [n, width]; differentiable in the projector alone. */
tensor *llara_project(const llara *m, tape *t, const uint32_t *item, size_t n);
/* All of them and the place holder, [items + 1][width]: what a session reads beyond the vocabulary. */
lorec_err llara_extra(const llara *m, float *out);

/* ---- prompts.c ----------------------------------------------------------------------------------------------------------- */

lorec_err llara_answers(llara *m); /* tokens of all answers */
/* Appends the prompt's tokens; its answer's follow. Older titles go where the model's positions are not enough. */
lorec_err llara_ask(const llara *m, llara_kind kind, int variant, const uint32_t *history, size_t n,
                    const uint32_t *candidate, size_t n_candidates, tokens *out);
/* The answer's candidates: the target, and others that are not in `had` (ascending), shuffled. */
size_t llara_draw(const llara *m, uint32_t target, const uint32_t *had, size_t n_had, rng *r, uint32_t *out);

/* ---- tune.c, study.c ----------------------------------------------------------------------------------------------------- */

lorec_err llara_tune(llara *m, const fit_context *c);
lorec_err llara_session(const llara *m, rec_session *s, lm_session **out);
lorec_err llara_study(const void *self, rec_session *s, const study_context *c, json_t **numbers);

#endif
