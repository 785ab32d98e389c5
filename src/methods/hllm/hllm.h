/* hllm.h: HLLM from inside: two language models, one that makes a vector of an item's text and one that reads a history of
 * such vectors.
 *
 * Ownership: an hllm owns everything it points to until its release; a training borrows the model and owns the rest. */
#ifndef LOREC_METHODS_HLLM_HLLM_H
#define LOREC_METHODS_HLLM_HLLM_H

#include "lm/model_folder.h"
#include "rec/trainer.h"
#include "text/tokenizer.h"

typedef struct hllm {
    trainer_settings train;
    int64_t max_history, text_tokens, negatives, width, layers, heads, vocabulary;
    double temperature;
    bool freeze_item;
    const char *item_model, *user_model, *instruction;

    uint32_t n_items;
    lm_model *item, *user; /* item: NULL after load, for serving needs no text */
    json_t *tokenizer;     /* tokenizer.json where it was trained here, or NULL */
    int64_t d;
    float *vectors;    /* [n_items][d] as the item model made them: what the user model reads */
    float *unit;       /* [n_items][d] the same with norm 1: what its answer is compared with */
    float *popularity; /* [n_items] */
    trainer_report report;
} hllm;

/* What the models compute in; vectors between them, cosines and the loss are f32. */
static inline dtype hllm_compute(const hllm *m)
{
    return m->train.bf16 ? DTYPE_BF16 : DTYPE_F32;
}

/* A stretch of one user's training rows. */
typedef struct window {
    uint64_t first, end;
} window;

/* Both models' parameters as one set, for one optimiser, and what a step works with. */
typedef struct training {
    hllm *m;
    const interactions *rows;
    params *joint;
    transformer *item, *user; /* over `joint` */
    tensor *mark, *scale;     /* [1, d] the [ITEM] position's vector; [1] log of the inverse temperature */
    tokens text;              /* all items' texts end to end */
    uint64_t *text_start;     /* [n_items + 1] */
    window *windows;
    size_t n_windows, windows_cap;
    int32_t *slot;    /* [n_items] place among the step's items, or -1 */
    uint32_t *listed; /* [n_items] the step's items */
    size_t n_listed;
    int32_t *history, *target, *length, *negative;
    size_t cap[4];
} training;

/* ---- models.c: the two models, and the texts as tokens ------------------------------------------------------------------ */

lorec_err hllm_models(training *f, const fit_context *fit);
lorec_err hllm_joint(training *f, uint64_t seed); /* after hllm_models */
lorec_err hllm_take_back(training *f);            /* joint -> m->item, m->user */

/* ---- items.c -------------------------------------------------------------------------------------------------------------- */

/* [n, d] of the items' texts. */
tensor *hllm_encode(const training *f, tape *t, const uint32_t *item, size_t n);
lorec_err hllm_encode_all(training *f); /* m->vectors, m->unit */
lorec_err hllm_unit(hllm *m);           /* m->unit from m->vectors */

/* ---- step.c --------------------------------------------------------------------------------------------------------------- */

tensor *hllm_step(void *training_, tape *t, const uint32_t *example, size_t n, rng *r);

/* ---- score.c -------------------------------------------------------------------------------------------------------------- */

lorec_err hllm_score(const void *self, rec_session *s, const query *q, size_t n, float *scores);

#endif
