/* trainer.h: the loop of tensor/trainer.h for recommenders: what a fit_context says, and the options that every trained
 * model shares.
 *
 *     trainer_options o = trainer_options_from(&m->train, OPT_ADAM);
 *     TRY(trainer_run(&o, fit, &(trainer_model){.self = m, .params = m->params, .n_examples = n, .step = step}, NULL));
 *
 * Ownership: everything is borrowed for the time of the call. */
#ifndef LOREC_REC_TRAINER_H
#define LOREC_REC_TRAINER_H

#include "rec/recommender.h"
#include "tensor/trainer.h"

/* trainer_loop with the seed, folder, validation and data set of `fit`. */
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
    TRAINER_OPTIONS_ALL(type_, at_, epochs_, batch_, lr_, 10, NULL)
#define TRAINER_OPTIONS_PATIENT(type_, at_, epochs_, batch_, lr_, patience_)                                           \
    TRAINER_OPTIONS_ALL(type_, at_, epochs_, batch_, lr_, patience_, NULL)
/* fast_: the number of epochs with --fast, as a text. */
#define TRAINER_OPTIONS_FAST(type_, at_, epochs_, batch_, lr_, fast_)                                                  \
    TRAINER_OPTIONS_ALL(type_, at_, epochs_, batch_, lr_, 10, fast_)
#define TRAINER_OPTIONS_ALL(type_, at_, epochs_, batch_, lr_, patience_, fast_)                                        \
    {.name = "epochs",                                                                                                 \
     .type = OPTION_TYPE_INT,                                                                                          \
     .offset = offsetof(type_, at_.epochs),                                                                            \
     .def = (epochs_),                                                                                                 \
     .fast = (fast_),                                                                                                  \
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
         .def = (patience_),                                                                                           \
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
