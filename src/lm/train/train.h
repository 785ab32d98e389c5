/* train.h: a language model learns: an objective over examples in the loop of tensor/trainer.h, with what is particular to
 * language models: losses counted in tokens, so that steps whose gradients are accumulated make the gradient of the one big batch;
 * memory said before it is taken.
 *
 *     lm_corpus_task task;
 *     lm_causal_task(&task, &(lm_forward){.net = m->net}, &corpus);
 *     TRY(lm_train(&task.task, m->params, &options, &context, &report));
 *
 * Ownership: everything is borrowed for the time of the call, and a task's corpus as long as the task. */
#ifndef LOREC_LM_TRAIN_TRAIN_H
#define LOREC_LM_TRAIN_TRAIN_H

#include "lm/train/corpus.h"
#include "lm/train/objective.h"
#include "tensor/trainer.h"

typedef struct lm_task {
    const char *name; /* of the checkpoints' folder */
    void *self;
    uint64_t n_examples;
    int64_t (*units)(const void *self, uint32_t example); /* what the example's loss is counted in (tokens); NULL: 1 */
    int64_t (*rows)(const void *self, uint32_t example);  /* that it takes in a step: for the forecast of memory */
    /* Unreduced losses whose sum, over all units of the examples, is the mean loss. Rows belong to examples 0 .. n - 1. */
    tensor *(*loss)(void *self, tape *t, const uint32_t *example, size_t n, rng *r);
} lm_task;

typedef struct lm_train_options {
    trainer_options loop;
    size_t memory_limit; /* bytes: a training that needs more is refused before it begins; 0: none */
} lm_train_options;

/* `learning`: what the optimiser moves (the model's params, or an adapter's over a frozen base). */
lorec_err lm_train(const lm_task *task, params *learning, const lm_train_options *options,
                   const trainer_context *context, trainer_report *report);

/* Tasks over a corpus: each of its sequences is an example. */
typedef struct lm_corpus_task {
    lm_task task;
    lm_forward forward;
    const corpus *corpus;
    masked_rule masked;
    int32_t *token, *length; /* of the step at hand */
    uint8_t *learn;
    size_t cap[3];
} lm_corpus_task;
void lm_causal_task(lm_corpus_task *out, const lm_forward *forward, const corpus *c);
void lm_masked_task(lm_corpus_task *out, const lm_forward *forward, const corpus *c, const masked_rule *rule);
void lm_corpus_task_free(lm_corpus_task *t);
/* Mean loss of what is learned, by steps of about `rows` rows; masked models draw from `seed`. */
lorec_err lm_corpus_loss(lm_corpus_task *t, int64_t rows, bool bf16, uint64_t seed, double *loss);

#endif
