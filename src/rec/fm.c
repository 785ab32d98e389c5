/* FM: factorization machine (Rendle, ICDM 2010): first-order weights plus the dot product of every two features' vectors,
 * by the identity sum over pairs <v_i, v_j> = (|sum v|^2 - sum |v|^2) / 2 (equation 5 there). */
#include "rec/click.h"

typedef struct fm {
    click click;
} fm;

static const option fm_options[] = {CLICK_OPTIONS(fm)};

static lorec_err fm_build(click *m)
{
    TRY(click_add_table(m, "linear.weight", 1, INIT_ZERO));
    params_add(m->params, "linear.bias", INIT_ZERO, 1, (int64_t[]){1});
    return click_add_table(m, "embedding.weight", m->embedding_size, INIT_NORMAL(0.01));
}

static tensor *fm_logit(const click *m, tape *t, const click_batch *b)
{
    tensor *v = op_reshape(t, click_fields(m, t, b, "embedding.weight"), 3,
                           (int64_t[]){b->n, (int64_t)m->features.n, m->embedding_size});
    return op_reshape(t, op_add(t, click_linear(m, t, b), click_pairwise(t, v, b->n)), 1, (int64_t[]){b->n});
}

static const click_network network = {.label = "fm", .build = fm_build, .logit = fm_logit};

static lorec_err fm_fit(void *self, const fit_context *fit)
{
    return click_fit(self, &network, fit);
}

static lorec_err fm_load(void *self, const char *folder)
{
    return click_load(self, &network, folder);
}

const recommender recommender_fm = {
    .key = "fm",
    .title = "factorization machine on user and item features",
    .family = "click",
    .cite = "Rendle, ICDM 2010",
    .tasks = TASK_CLICK | TASK_TOPN,
    .options = fm_options,
    .n_options = sizeof fm_options / sizeof *fm_options,
    .fit = fm_fit,
    .load = fm_load,
    CLICK_VERBS(fm),
};
