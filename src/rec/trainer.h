/* trainer.h: the loop around a model that learns by steps: shuffling, batches, progress, validation, early stopping,
 * the best parameters kept, checkpoints and resuming to the same bits. RecBole's words: epochs, train_batch_size,
 * eval_step, stopping_step.
 *
 *     trainer_options o = {.epochs = 200, .batch = 256, .stopping_step = 10, ...};
 *     TRY(trainer_run(&o, fit, &(trainer_model){.self = m, .params = m->params, .n_examples = n, .step = step}));
 *
 * Ownership: everything is borrowed for the time of the call. */
#ifndef LOREC_REC_TRAINER_H
#define LOREC_REC_TRAINER_H

#include "rec/recommender.h"
#include "tensor/optimizer.h"
#include "tensor/rng.h"

typedef struct trainer_options {
    int64_t epochs, train_batch_size, eval_step, stopping_step; /* eval_step: validate every so many epochs */
    int64_t epoch_steps;       /* > 0: an "epoch" is so many steps, drawn on through the shuffled examples */
    int64_t accumulate;        /* steps whose gradients are summed before an update; 0: 1 */
    double max_minutes;        /* > 0: stop (as if patience ran out) after so long */
    double checkpoint_seconds; /* between checkpoints, where there is a folder for them; 0: 300 */
    optimizer_options optimizer;
    schedule schedule;
    bool bf16;
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

/* With fit->folder, checkpoints go to folder/LABEL: every checkpoint_seconds, when cancelled (LOREC_CANCELLED), and at
 * the end. fit->resume goes on from one that is there; the resumed run ends with the same bits.
 * A loss that is not finite stops the training with LOREC_FAILED, the last good checkpoint kept. Zero examples are
 * LOREC_INPUT. At the end the parameters are those of the best validation (the last epoch's without validation). */
lorec_err trainer_run(const trainer_options *options, const fit_context *fit, const trainer_model *model,
                      trainer_report *report);

/* Option rows that every trained model shares; put them first in its table: TRAINER_OPTIONS(sasrec, train). The fields
 * live in a trainer_settings named `train` inside the model struct. */
typedef struct trainer_settings {
    int64_t epochs, train_batch_size, eval_step, stopping_step;
    double learning_rate, weight_decay, clip_norm, max_minutes;
    bool bf16;
} trainer_settings;
#define TRAINER_OPTIONS(type_, at_, epochs_, batch_, lr_)                                                              \
    {.name = "epochs",                                                                                                 \
     .type = OPTION_TYPE_INT,                                                                                          \
     .offset = offsetof(type_, at_.epochs),                                                                            \
     .def = (epochs_),                                                                                                 \
     .min = 1,                                                                                                         \
     .max = 1e6,                                                                                                       \
     .help = "passes over the training examples, at most"},                                                            \
        {.name = "train_batch_size",                                                                                   \
         .type = OPTION_TYPE_INT,                                                                                      \
         .offset = offsetof(type_, at_.train_batch_size),                                                              \
         .def = (batch_),                                                                                              \
         .min = 1,                                                                                                     \
         .max = 1e7,                                                                                                   \
         .help = "examples a step",                                                                                    \
         .alias = "batch"},                                                                                            \
        {.name = "eval_step",                                                                                          \
         .type = OPTION_TYPE_INT,                                                                                      \
         .offset = offsetof(type_, at_.eval_step),                                                                     \
         .def = 1,                                                                                                     \
         .min = 1,                                                                                                     \
         .max = 1e6,                                                                                                   \
         .help = "validate every so many epochs"},                                                                     \
        {.name = "stopping_step",                                                                                      \
         .type = OPTION_TYPE_INT,                                                                                      \
         .offset = offsetof(type_, at_.stopping_step),                                                                 \
         .def = 10,                                                                                                    \
         .min = 1,                                                                                                     \
         .max = 1e6,                                                                                                   \
         .help = "stop after more than so many validations without a better one",                                      \
         .alias = "patience"},                                                                                         \
        {.name = "learning_rate",                                                                                      \
         .type = OPTION_TYPE_REAL,                                                                                     \
         .offset = offsetof(type_, at_.learning_rate),                                                                 \
         .def = (lr_),                                                                                                 \
         .min = 1e-9,                                                                                                  \
         .max = 100,                                                                                                   \
         .help = "step size",                                                                                          \
         .alias = "lr"},                                                                                               \
        {.name = "weight_decay",                                                                                       \
         .type = OPTION_TYPE_REAL,                                                                                     \
         .offset = offsetof(type_, at_.weight_decay),                                                                  \
         .def = 0,                                                                                                     \
         .max = 100,                                                                                                   \
         .help = "L2 penalty inside the optimiser"},                                                                   \
        {.name = "clip_norm",                                                                                          \
         .type = OPTION_TYPE_REAL,                                                                                     \
         .offset = offsetof(type_, at_.clip_norm),                                                                     \
         .def = 0,                                                                                                     \
         .max = 1e9,                                                                                                   \
         .help = "largest global gradient norm; 0: any"},                                                              \
        {.name = "max_minutes",                                                                                        \
         .type = OPTION_TYPE_REAL,                                                                                     \
         .offset = offsetof(type_, at_.max_minutes),                                                                   \
         .def = 0,                                                                                                     \
         .max = 1e6,                                                                                                   \
         .help = "stop training after so long; 0: never"},                                                             \
    {                                                                                                                  \
        .name = "bf16", .type = OPTION_TYPE_BOOL, .offset = offsetof(type_, at_.bf16), .def = 0, .max = 1,             \
        .help = "compute in bfloat16 with f32 master weights"                                                          \
    }
enum { TRAINER_OPTION_ROWS = 9 };
trainer_options trainer_options_from(const trainer_settings *s, optimizer_kind kind);

#endif
