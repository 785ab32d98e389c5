/* DeepFM (Guo et al., IJCAI 2017): a factorization machine and a deep network on the same vectors, their logits added
 * (equation 1 there). */
#include "rec/click.h"

typedef struct deepfm {
    click click;
} deepfm;

static const option deepfm_options[] = {CLICK_OPTIONS(deepfm), CLICK_DEEP_OPTIONS(deepfm)};

static lorec_err deepfm_build(click *m)
{
    TRY(click_add_table(m, "linear.weight", 1, INIT_ZERO));
    params_add(m->params, "linear.bias", INIT_ZERO, 1, (int64_t[]){1});
    TRY(click_add_table(m, "embedding.weight", m->embedding_size, INIT_NORMAL(0.01)));
    return click_add_mlp(m, "deep", (int64_t)m->features.n * m->embedding_size, true);
}

static tensor *deepfm_logit(const click *m, tape *t, const click_batch *b)
{
    int64_t fields = (int64_t)m->features.n, d = m->embedding_size;
    tensor *v = click_fields(m, t, b, "embedding.weight"); /* [n * fields, d] */
    tensor *wide = op_add(t, click_linear(m, t, b),
                          click_pairwise(t, op_reshape(t, v, 3, (int64_t[]){b->n, fields, d}), b->n));
    tensor *deep = click_mlp(m, t, op_reshape(t, v, 2, (int64_t[]){b->n, fields * d}), "deep", true);
    return op_reshape(t, op_add(t, wide, deep), 1, (int64_t[]){b->n});
}

static const click_network network = {.label = "deepfm", .build = deepfm_build, .logit = deepfm_logit};

static lorec_err deepfm_fit(void *self, const fit_context *fit)
{
    return click_fit(self, &network, fit);
}

static lorec_err deepfm_load(void *self, const char *folder)
{
    return click_load(self, &network, folder);
}

const recommender recommender_deepfm = {
    .key = "deepfm",
    .title = "factorization machine and deep network on shared vectors",
    .family = "click",
    .cite = "Guo et al., IJCAI 2017",
    .tasks = TASK_CLICK | TASK_TOPN,
    .options = deepfm_options,
    .n_options = sizeof deepfm_options / sizeof *deepfm_options,
    .fit = deepfm_fit,
    .load = deepfm_load,
    CLICK_VERBS(deepfm),
};
