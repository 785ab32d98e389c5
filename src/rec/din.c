/* DIN (Zhou et al., KDD 2018): what somebody had before, weighed by a small network that looks at each past item beside the
 * item in question (section 4.3 there; weights are not normalised, so that the strength of an interest stays visible). */
#include "rec/click.h"

typedef struct din {
    click click;
} din;

static const option din_options[] = {CLICK_OPTIONS(din),
                                     CLICK_DEEP_OPTIONS(din),
                                     {.name = "max_history",
                                      .type = OPTION_TYPE_INT,
                                      .offset = offsetof(din, click.max_history),
                                      .def = 50,
                                      .min = 1,
                                      .max = 10000,
                                      .help = "how much of the past is looked at",
                                      .alias = "MAX_ITEM_LIST_LENGTH"}};

enum { ATTENTION_WIDTH = 36 };

static lorec_err din_build(click *m)
{
    int64_t d = m->embedding_size;
    TRY(click_add_table(m, "embedding.weight", d, INIT_NORMAL(0.01)));
    params_add(m->params, "attention.0.weight", init_xavier_uniform(4 * d, ATTENTION_WIDTH), 2,
               (int64_t[]){ATTENTION_WIDTH, 4 * d});
    params_add(m->params, "attention.0.bias", INIT_ZERO, 1, (int64_t[]){ATTENTION_WIDTH});
    params_add(m->params, "attention.1.weight", init_xavier_uniform(ATTENTION_WIDTH, 1), 2,
               (int64_t[]){1, ATTENTION_WIDTH});
    params_add(m->params, "attention.1.bias", INIT_ZERO, 1, (int64_t[]){1});
    return click_add_mlp(m, "deep", ((int64_t)m->features.n + 1) * d, true);
}

/* [n, d]: each pair's past, weighed by how it bears on the item. */
static tensor *interest(const click *m, tape *t, const click_batch *b)
{
    const params *ps = m->params;
    tensor *table = params_find(ps, "embedding.weight");
    tensor *past = op_embed(t, table, b->history);
    tensor *target = op_gather_rows(t, op_embed(t, table, b->item), b->history_of);
    tensor *views[4] = {past, target, op_sub(t, past, target), op_mul(t, past, target)};
    tensor *hidden = op_linear(t, op_concat(t, views, 4, 1), params_find(ps, "attention.0.weight"),
                               params_find(ps, "attention.0.bias"), LINEAR_OUT_IN, ACT_SIGMOID);
    tensor *weight = op_linear(t, hidden, params_find(ps, "attention.1.weight"), params_find(ps, "attention.1.bias"),
                               LINEAR_OUT_IN, ACT_NONE); /* [rows, 1] */
    return op_segment_reduce(t, op_mul(t, past, weight), b->history_rows, SEGMENT_SUM);
}

static tensor *din_logit(const click *m, tape *t, const click_batch *b)
{
    int64_t width = (int64_t)m->features.n * m->embedding_size;
    tensor *fields = op_reshape(t, click_fields(m, t, b, "embedding.weight"), 2, (int64_t[]){b->n, width});
    tensor *all[2] = {fields, interest(m, t, b)};
    return op_reshape(t, click_mlp(m, t, op_concat(t, all, 2, 1), "deep", true), 1, (int64_t[]){b->n});
}

static const click_network network = {.label = "din", .reads_history = true, .build = din_build, .logit = din_logit};

static lorec_err din_fit(void *self, const fit_context *fit)
{
    return click_fit(self, &network, fit);
}

static lorec_err din_load(void *self, const char *folder)
{
    return click_load(self, &network, folder);
}

const recommender recommender_din = {
    .key = "din",
    .title = "deep interest network: the past, weighed by the item in question",
    .family = "click",
    .cite = "Zhou et al., KDD 2018",
    .tasks = TASK_CLICK | TASK_TOPN | TASK_SEQUENTIAL,
    .options = din_options,
    .n_options = sizeof din_options / sizeof *din_options,
    .fit = din_fit,
    .load = din_load,
    CLICK_VERBS(din),
};
