/* objective.h: what a language model is trained for: functions from packed sequences to unreduced losses. One is one file in
 * lm/objectives/.
 *
 *     lm_forward f = {.net = model->net, .adapters = &set};
 *     lm_batch b = {.n = 2, .token = ids, .length = lengths, .learn = learn};
 *     tensor *each = objective_causal(t, &f, &b);                    // [rows]: 0 where nothing is to be said
 *     TRY(tape_backward(t, op_scale(t, op_sum(t, each), 1.0f / (float)lm_batch_learned(&b), 0)));
 *
 * Ownership: everything is borrowed; arrays are copied into the tape. */
#ifndef LOREC_LM_TRAIN_OBJECTIVE_H
#define LOREC_LM_TRAIN_OBJECTIVE_H

#include "lm/adapters/adapter.h"
#include "lm/heads.h"
#include "tensor/rng.h"

/* What computes. */
typedef struct lm_forward {
    const transformer *net;
    const adapter_set *adapters; /* or NULL */
    bool recompute;              /* blocks keep nothing but their output and run again on the way back */
} lm_forward;

/* Packed sequences. */
typedef struct lm_batch {
    int64_t n;
    const int32_t *token;  /* [rows] */
    const int32_t *length; /* [n] of at least one token each */
    const uint8_t *learn;  /* [rows] 1: a token that is to be said; NULL: all */
    tensor *vectors;       /* [rows, embed_width] added to the tokens' own (a token -1 has none); NULL: nothing */
} lm_batch;
int64_t lm_batch_rows(const lm_batch *b);
int64_t lm_batch_learned(const lm_batch *b); /* tokens to be said that something comes before */
tensor *lm_batch_hidden(tape *t, const lm_forward *f, const lm_batch *b); /* [rows, width]; tape_error on failure */

/* Causal language models: -log p(next token) of each row whose next token is learned, else 0. [rows] */
tensor *objective_causal(tape *t, const lm_forward *f, const lm_batch *b);
/* [n] the log probability of what is learned of each sequence: for DPO's reference, for scoring. Not differentiated. */
lorec_err objective_log_probability(const lm_forward *f, const lm_batch *b, bool bf16, float *logp);

/* Masked language models (Devlin et al. 2019): `rate` of the learned tokens are to be said again, of which 80 % are read as
 * `mask`, 10 % as a random token, 10 % as they are. *targets: how many; the others' loss is 0. [rows] */
typedef struct masked_rule {
    double rate; /* 0: 0.15 */
    int32_t mask;
} masked_rule;
tensor *objective_masked(tape *t, const lm_forward *f, const lm_batch *b, const masked_rule *rule, rng *r,
                         int64_t *targets);

/* Sequence classification by the model's head: -log p(label). [n] */
tensor *objective_classes(tape *t, const lm_forward *f, const lm_heads *heads, const lm_batch *b, const int32_t *label);

/* Contrastive: a's sequence i belongs to b's sequence i, the others of the batch do not (InfoNCE; van den Oord et al. 2018), by
 * the cosine of pooled vectors over a fixed temperature, or times exp(log_scale), a parameter [1] (CLIP). [n] */
typedef enum lm_pooling { POOL_MEAN, POOL_FIRST, POOL_LAST } lm_pooling;
tensor *objective_contrast(tape *t, const lm_forward *f, const lm_batch *a, const lm_batch *b, lm_pooling how,
                           float temperature, tensor *log_scale);

/* Distillation (Hinton et al. 2015): T^2 KL(teacher || student) at temperature T of each row; teacher: [rows, vocab] logits,
 * stored or made now by objective_logits. Rows whose next token is not learned are 0. [rows] */
tensor *objective_distil(tape *t, const lm_forward *f, const lm_batch *b, const float *teacher, float temperature);
lorec_err objective_logits(const lm_forward *f, const lm_batch *b, bool bf16, float *logits);

/* DPO (Rafailov et al. 2023): -log sigmoid(beta ((log p(chosen) - reference) - (log p(rejected) - reference))). [n] */
tensor *objective_dpo(tape *t, const lm_forward *f, const lm_batch *chosen, const lm_batch *rejected,
                      const float *chosen_reference, const float *rejected_reference, float beta);

#endif
