/* trainer.h: the loop around a model that learns by steps: shuffling, batches, progress, validation, early stopping,
 * the best parameters kept, checkpoints and resuming to the same bits. RecBole's words: epochs, train_batch_size,
 * eval_step, stopping_step. Recommenders call it through rec/trainer.h, language models through lm/train/train.h.
 *
 *     trainer_options o = {.epochs = 200, .train_batch_size = 256, .stopping_step = 10, ...};
 *     trainer_context c = {.seed = 1, .folder = "runs/x/checkpoints", .resume = true};
 *     TRY(trainer_loop(&o, &c, &(trainer_model){.self = m, .params = m->params, .n_examples = n, .step = step}, NULL));
 *
 * Ownership: everything is borrowed for the time of the call. */
#ifndef LOREC_TENSOR_TRAINER_H
#define LOREC_TENSOR_TRAINER_H

#include "base/json.h"
#include "tensor/optimizer.h"
#include "tensor/rng.h"

/* What surrounds a training. */
typedef struct trainer_context {
    uint64_t seed;
    const char *folder;   /* where checkpoints may be kept, or NULL: none are written */
    bool resume;          /* and go on from one that is there */
    const char *identity; /* of the data and of whatever else must be the same on resuming; NULL: "" */
    /* The early-stopping number of `self` (larger is better); NULL: there is no validation, train all epochs. */
    lorec_err (*validate)(void *ctx, const void *self, double *metric);
    void *validate_ctx;
    const char *valid_metric; /* its name, for the log */
} trainer_context;

typedef struct trainer_options {
    int64_t epochs, train_batch_size, eval_step, stopping_step; /* eval_step: validate every so many epochs */
    int64_t epoch_steps;       /* > 0: an "epoch" is so many steps, drawn on through the shuffled examples */
    int64_t accumulate;        /* steps whose gradients are summed before an update; 0: 1 */
    double max_minutes;        /* > 0: stop (as if patience ran out) after so long */
    double checkpoint_seconds; /* between checkpoints, where there is a folder for them; 0: 300 */
    optimizer_options optimizer;
    schedule schedule;
    bool bf16;
    /* > 0: DP-SGD (Abadi et al. 2016). Each example's gradient is clipped to this norm, the update's sum gets normal noise of
     * example_noise * example_clip, and is divided by the number of examples. step() gives one loss a row, unreduced. */
    double example_clip, example_noise;
} trainer_options;

typedef struct trainer_model {
    void *self;
    const void *recommender; /* what validation is asked about; NULL: self */
    const char *label;
    params *params;
    uint64_t n_examples;
    /* Builds the loss of the given examples on the tape and returns it ([n] or scalar, as it should be descended), or
     * NULL with the tape's error or one of its own (err_set; taken as LOREC_RESOURCE). `r` is the step's own random
     * stream (negatives, masks): a function of seed and step, so that a resumed run draws the same. */
    struct tensor *(*step)(void *self, tape *t, const uint32_t *example, size_t n, rng *r);
    /* The examples of each of an update's steps, before the first of them (`first`: a new update begins); or NULL. */
    void (*count)(void *self, const uint32_t *example, size_t n, bool first);
    double (*told)(void *self, double loss); /* what the log says of a step whose loss was that; NULL: itself */
    /* Before each epoch from 0 (re-sampling), and again for the epoch that a resumed run goes on with; or NULL. */
    lorec_err (*epoch)(void *self, int64_t epoch);
    lorec_err (*ready)(void *self); /* parameters changed: refresh what scoring uses; or NULL */
} trainer_model;

typedef struct trainer_report {
    int64_t epochs, best_epoch;
    double best_metric, last_loss, seconds, examples_per_second;
    uint64_t steps;
} trainer_report;
json_t *trainer_report_json(const trainer_report *r,
                            uint64_t parameters); /* for recommender.counts; NULL: out of memory */

/* With a folder, checkpoints go to folder/LABEL: every checkpoint_seconds, when cancelled (LOREC_CANCELLED), and at
 * the end. `resume` goes on from one that is there; the resumed run ends with the same bits.
 * A loss that is not finite stops the training with LOREC_FAILED, the last good checkpoint kept. Zero examples are
 * LOREC_INPUT. At the end the parameters are those of the best validation (the last epoch's without validation). */
lorec_err trainer_loop(const trainer_options *options, const trainer_context *context, const trainer_model *model,
                       trainer_report *report);

#endif
