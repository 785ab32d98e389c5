#include "rec/trainer.h"

#include <stdio.h>

lorec_err trainer_run(const trainer_options *options, const fit_context *fit, const trainer_model *model,
                      trainer_report *report)
{
    char data[32];
    snprintf(data, sizeof data, "data=%.12s ", fit->split && fit->split->data ? fit->split->data->sha256 : "");
    trainer_context c = {.seed = fit->seed,
                         .folder = fit->folder,
                         .resume = fit->resume,
                         .identity = data,
                         .validate = fit->validate,
                         .validate_ctx = fit->validate_ctx,
                         .valid_metric = fit->valid_metric};
    return trainer_loop(options, &c, model, report);
}

trainer_options trainer_options_from(const trainer_settings *s, optimizer_kind kind)
{
    return (trainer_options){
        .epochs = s->epochs,
        .train_batch_size = s->train_batch_size,
        .eval_step = s->eval_step,
        .stopping_step = s->stopping_step,
        .max_minutes = s->max_minutes,
        .bf16 = s->bf16,
        .optimizer = {.kind = kind, .lr = s->learning_rate, .weight_decay = s->weight_decay, .clip_norm = s->clip_norm},
    };
}
