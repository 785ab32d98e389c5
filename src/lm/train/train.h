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

#include "lm/encdec.h"
#include "lm/train/corpus_pairs.h"
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
    lm_forward teacher; /* distillation's, and its temperature */
    float temperature;
    bool bf16;
    float *logits;
    size_t logits_cap;
    int32_t *token, *length; /* of the step at hand */
    uint8_t *learn;
    size_t cap[3];
} lm_corpus_task;
void lm_causal_task(lm_corpus_task *out, const lm_forward *forward, const corpus *c);
void lm_masked_task(lm_corpus_task *out, const lm_forward *forward, const corpus *c, const masked_rule *rule);
/* The teacher's logits are made step by step, in bf16 if so; LOREC_USAGE: its vocabulary is another. */
lorec_err lm_distil_task(lm_corpus_task *out, const lm_forward *forward, const corpus *c, const transformer *teacher,
                         float temperature, bool bf16);
void lm_corpus_task_free(lm_corpus_task *t);
/* Tasks over pairs. */
typedef struct pairs_step { /* of one side, of the step at hand */
    int32_t *token, *length;
    uint8_t *learn;
    size_t cap[3];
} pairs_step;
typedef struct lm_pairs_task {
    lm_task task;
    lm_forward forward;
    const corpus_pairs *pairs;
    encdec encdec;
    const lm_heads *heads;
    lm_pooling pooling;
    float temperature, beta;
    tensor *log_scale;
    float *reference[2]; /* [pairs] */
    pairs_step step[2];
    float *picked[2];
    int32_t *label;
    size_t picked_cap[2], label_cap;
} lm_pairs_task;
/* Answers given prompts, by an encoder-decoder. */
lorec_err lm_answers_task(lm_pairs_task *out, const lm_model *m, const adapter_set *adapters,
                          const corpus_pairs *pairs);
void lm_classes_task(lm_pairs_task *out, const lm_forward *f, const lm_heads *heads, const corpus_pairs *pairs);
/* log_scale: the logarithm of 1 / temperature as a parameter [1], which learns; or NULL. */
void lm_contrast_task(lm_pairs_task *out, const lm_forward *f, const corpus_pairs *pairs, lm_pooling pooling,
                      float temperature, tensor *log_scale);
/* The reference is f's transformer as it is now, without adapters: all answers are scored here. */
lorec_err lm_preferred_task(lm_pairs_task *out, const lm_forward *f, const corpus_pairs *pairs, float beta, bool bf16);
void lm_pairs_task_free(lm_pairs_task *t);

/* Mean loss of what is learned, by steps of about `rows` rows; masked models draw from `seed`. */
lorec_err lm_task_loss(const lm_task *t, int64_t rows, bool bf16, uint64_t seed, double *loss);
static inline lorec_err lm_corpus_loss(lm_corpus_task *t, int64_t rows, bool bf16, uint64_t seed, double *loss)
{
    return lm_task_loss(&t->task, rows, bf16, seed, loss);
}

#endif
