/* tallrec.h: the parts of TALLRec: what is asked (prompts.c), the tuning on answers that are known (tune.c), the verbs (method.c).
 *
 * Ownership: the model owns everything below "fitted"; sessions borrow the language model and its adapter. */
#ifndef LOREC_METHODS_TALLREC_H
#define LOREC_METHODS_TALLREC_H

#include "recipes/base_model.h"
#include "recipes/catalogue.h"
#include "recipes/likes.h"
#include "recipes/prompt.h"
#include "tensor/trainer.h"

typedef struct tallrec {
    const char *model, *adapter, *instructions, *things, *yes, *no;
    int64_t examples, max_history, min_history, cutoff, max_candidates;
    double liked_above;
    int64_t lora_rank;
    double lora_alpha, lora_dropout;
    int weights, frame;
    int64_t epochs, batch, micro_batch, warmup, eval_step, stopping_step, instruction_epochs;
    double learning_rate, instruction_rate;
    bool train_on_inputs, bf16;
    lora_settings low_rank;
    /* fitted */
    catalogue items;
    likes likes;
    prompt *ask;
    lm_text *lm;
    adapter *lora;
    adapter_set set;
    tokens answer[2]; /* no, yes */
    trainer_report report;
    int64_t used, positive; /* examples */
} tallrec;

/* The answers' tokens; LOREC_INPUT where their first tokens are the same, for these are what is compared. */
lorec_err tallrec_answers(tallrec *m);
/* The tokens of the question, appended; the oldest of the history go until question and answer fit. */
lorec_err tallrec_question(const tallrec *m, uint32_t user, const uint32_t *history, size_t n, uint32_t target,
                           tokens *out);
/* The question as a text, with the last n of a history. */
lorec_err tallrec_write(const tallrec *m, uint32_t user, const uint32_t *history, size_t n, uint32_t target, buf *text);
/* Both stages. */
lorec_err tallrec_tune(tallrec *m, const fit_context *c);
/* The questions and answers of stage two as texts: recommender.lessons. */
lorec_err tallrec_lessons(void *self, const fit_context *c, bool valid, tuning_sink sink, void *ctx);

#endif
