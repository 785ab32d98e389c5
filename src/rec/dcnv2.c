/* DCN-V2 (Wang et al., WWW 2021): explicit crosses of growing order, x_(l+1) = x_0 * (W_l x_l + b_l) + x_l (equation 1
 * there), beside a deep network; both outputs meet in one linear layer (the parallel form). */
#include <stdio.h>

#include "rec/click.h"

typedef struct dcnv2 {
    click click;
    int64_t cross_layers;
} dcnv2;

static const option dcnv2_options[] = {
    CLICK_OPTIONS(dcnv2), CLICK_DEEP_OPTIONS(dcnv2),
    OPTION_INT(dcnv2, cross_layers, 3, 1, 16, "how many crosses; their order is one more")};

static lorec_err dcnv2_build(click *m)
{
    int64_t width = (int64_t)m->features.n * m->embedding_size, layers = ((const dcnv2 *)m)->cross_layers;
    char name[64];
    TRY(click_add_table(m, "embedding.weight", m->embedding_size, INIT_NORMAL(0.01)));
    for (int64_t i = 0; i < layers; i++) {
        snprintf(name, sizeof name, "cross.%d.weight", (int)i);
        params_add(m->params, name, init_xavier_normal(width, width), 2, (int64_t[]){width, width});
        snprintf(name, sizeof name, "cross.%d.bias", (int)i);
        params_add(m->params, name, INIT_ZERO, 1, (int64_t[]){width});
    }
    TRY(click_add_mlp(m, "deep", width, false));
    int64_t deep = click_mlp_width(m) ? click_mlp_width(m) : width;
    params_add(m->params, "head.weight", init_xavier_uniform(width + deep, 1), 2, (int64_t[]){1, width + deep});
    params_add(m->params, "head.bias", INIT_ZERO, 1, (int64_t[]){1});
    return LOREC_OK;
}

static tensor *cross(const click *m, tape *t, tensor *x0)
{
    char weight[64], bias[64];
    tensor *x = x0;
    for (int64_t i = 0; i < ((const dcnv2 *)m)->cross_layers; i++) {
        snprintf(weight, sizeof weight, "cross.%d.weight", (int)i);
        snprintf(bias, sizeof bias, "cross.%d.bias", (int)i);
        tensor *mixed = op_linear(t, x, params_find(m->params, weight), params_find(m->params, bias), LINEAR_OUT_IN,
                                  ACT_NONE);
        x = op_add(t, op_mul(t, x0, mixed), x);
    }
    return x;
}

static tensor *dcnv2_logit(const click *m, tape *t, const click_batch *b)
{
    int64_t width = (int64_t)m->features.n * m->embedding_size;
    tensor *x0 = op_reshape(t, click_fields(m, t, b, "embedding.weight"), 2, (int64_t[]){b->n, width});
    tensor *both[2] = {cross(m, t, x0), click_mlp(m, t, x0, "deep", false)};
    tensor *logit = op_linear(t, op_concat(t, both, 2, 1), params_find(m->params, "head.weight"),
                              params_find(m->params, "head.bias"), LINEAR_OUT_IN, ACT_NONE);
    return op_reshape(t, logit, 1, (int64_t[]){b->n});
}

static const click_network network = {.label = "dcnv2", .build = dcnv2_build, .logit = dcnv2_logit};

static lorec_err dcnv2_fit(void *self, const fit_context *fit)
{
    return click_fit(self, &network, fit);
}

static lorec_err dcnv2_load(void *self, const char *folder)
{
    return click_load(self, &network, folder);
}

const recommender recommender_dcnv2 = {
    .key = "dcnv2",
    .title = "cross network of bounded order beside a deep network",
    .family = "click",
    .cite = "Wang et al., WWW 2021",
    .tasks = TASK_CLICK | TASK_TOPN,
    .options = dcnv2_options,
    .n_options = sizeof dcnv2_options / sizeof *dcnv2_options,
    .fit = dcnv2_fit,
    .load = dcnv2_load,
    CLICK_VERBS(dcnv2),
};
