/* LR: logistic regression on features; a click's log-odds is a sum of one weight a feature value. */
#include "rec/click.h"

typedef struct lr {
    click click;
} lr;

static const option lr_options[] = {CLICK_OPTIONS(lr)};

static lorec_err lr_build(click *m)
{
    TRY(click_add_table(m, "linear.weight", 1, INIT_ZERO));
    params_add(m->params, "linear.bias", INIT_ZERO, 1, (int64_t[]){1});
    return LOREC_OK;
}

static tensor *lr_logit(const click *m, tape *t, const click_batch *b)
{
    return op_reshape(t, click_linear(m, t, b), 1, (int64_t[]){b->n});
}

static const click_network network = {.label = "lr", .build = lr_build, .logit = lr_logit};

static lorec_err lr_fit(void *self, const fit_context *fit)
{
    return click_fit(self, &network, fit);
}

static lorec_err lr_load(void *self, const char *folder)
{
    return click_load(self, &network, folder);
}

const recommender recommender_lr = {
    .key = "lr",
    .title = "logistic regression on user and item features",
    .family = "click",
    .tasks = TASK_CLICK | TASK_TOPN,
    .options = lr_options,
    .n_options = sizeof lr_options / sizeof *lr_options,
    .fit = lr_fit,
    .load = lr_load,
    CLICK_VERBS(lr),
};
