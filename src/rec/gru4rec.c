/* GRU4Rec: a recurrent network over what a user had; the next item by its state (Hidasi et al., ICLR 2016; improved
 * losses Hidasi & Karatzoglou, CIKM 2018; whole sequences and the embedding tied to the output as in RecBole):
 *     h = GRU(dropout(E[items])),  score = E (W h + b)
 * Trained at every position of every user's sequence at once. */
#include "base/mem.h"
#include "rec/sequence_loss.h"
#include "tensor/ops.h"

enum { MAX_LAYERS = 16 };

typedef struct gru4rec {
    sequence_model base; /* has to be first */
    int64_t embedding_size, hidden_size, num_layers;
    double dropout_prob;
    sequence_loss_settings loss;
    struct {
        tensor *w_ih, *w_hh, *b_ih, *b_hh;
    } layer[MAX_LAYERS];
    tensor *dense, *dense_bias;
} gru4rec;

static const option gru4rec_options[] = {
    TRAINER_OPTIONS(gru4rec, base.train, 200, 256, 1e-3),
    {.name = "max_len",
     .type = OPTION_TYPE_INT,
     .offset = offsetof(gru4rec, base.max_len),
     .def = 50,
     .min = 1,
     .max = 1 << 20,
     .help = "a history is cut to its last so many items",
     .alias = "MAX_ITEM_LIST_LENGTH"},
    OPTION_INT(gru4rec, embedding_size, 64, 1, 1 << 16, "numbers an item"),
    OPTION_INT(gru4rec, hidden_size, 128, 1, 1 << 16, "numbers of the state"),
    OPTION_INT(gru4rec, num_layers, 1, 1, MAX_LAYERS, "GRU layers"),
    OPTION_REAL(gru4rec, dropout_prob, 0.3, 0, 0.99, "share of the item vectors' numbers dropped in training",
                .alias = "dropout"),
    SEQUENCE_LOSS_OPTIONS(gru4rec, loss, "ce", 64),
};

static lorec_err make_params(gru4rec *m)
{
    params *ps = m->base.params;
    int64_t d = m->embedding_size, h = m->hidden_size;
    m->base.items = params_add(ps, "item.weight", INIT_NORMAL(0.02), 2, (int64_t[]){m->base.n_items, d});
    for (int64_t i = 0; i < m->num_layers; i++) {
        int64_t in = i == 0 ? d : h;
        init how = init_torch_linear(h);
        char name[64];
        snprintf(name, sizeof name, "gru.weight_ih_l%d", (int)i);
        m->layer[i].w_ih = params_add(ps, name, how, 2, (int64_t[]){3 * h, in});
        snprintf(name, sizeof name, "gru.weight_hh_l%d", (int)i);
        m->layer[i].w_hh = params_add(ps, name, how, 2, (int64_t[]){3 * h, h});
        snprintf(name, sizeof name, "gru.bias_ih_l%d", (int)i);
        m->layer[i].b_ih = params_add(ps, name, how, 1, (int64_t[]){3 * h});
        snprintf(name, sizeof name, "gru.bias_hh_l%d", (int)i);
        m->layer[i].b_hh = params_add(ps, name, how, 1, (int64_t[]){3 * h});
    }
    m->dense = params_add(ps, "dense.weight", init_torch_linear(h), 2, (int64_t[]){d, h});
    m->dense_bias = params_add(ps, "dense.bias", init_torch_linear(h), 1, (int64_t[]){d});
    return params_error(ps);
}

/* The state after every row, as a vector of the item space: [rows, d]. */
static tensor *states(const void *self, tape *t, const packed *rows)
{
    const gru4rec *m = self;
    const segments *seq = tape_segments(t, rows->length, (int64_t)rows->n);
    tensor *x = op_embed(t, m->base.items, tape_ids(t, rows->id, (int64_t)rows->rows));
    x = op_dropout(t, x, (float)m->dropout_prob);
    for (int64_t i = 0; i < m->num_layers; i++)
        x = op_gru(t, x, m->layer[i].w_ih, m->layer[i].w_hh, m->layer[i].b_ih, m->layer[i].b_hh, NULL, seq);
    return op_linear(t, x, m->dense, m->dense_bias, LINEAR_OUT_IN, ACT_NONE);
}

static tensor *encode(const void *self, tape *t, const packed *rows)
{
    tensor *x = states(self, t, rows);
    return op_segment_reduce(t, x, tape_segments(t, rows->length, (int64_t)rows->n), SEGMENT_LAST);
}

static lorec_err gru4rec_fit(void *self, const fit_context *fit)
{
    gru4rec *m = self;
    TRY(sequence_begin(&m->base, fit));
    TRY(make_params(m));
    return sequence_train(&m->base, fit, "gru4rec", &m->loss, states);
}

static lorec_err gru4rec_score(const void *self, rec_session *s, const query *q, size_t n, float *scores)
{
    return sequence_score(self, s, q, n, scores, encode, NULL);
}

static lorec_err gru4rec_load(void *self, const char *folder)
{
    gru4rec *m = self;
    TRY(sequence_load_begin(&m->base, folder));
    TRY(make_params(m));
    return sequence_load_params(&m->base, folder);
}

static uint64_t gru4rec_memory(const void *self, const fit_context *fit)
{
    const gru4rec *m = self;
    uint64_t d = (uint64_t)m->embedding_size, h = (uint64_t)m->hidden_size, layers = (uint64_t)m->num_layers;
    uint64_t k = m->loss.kind == SEQUENCE_CE ? 0 : 4 * (uint64_t)m->loss.negatives;
    return sequence_memory(&m->base, fit,
                           (uint64_t)fit->train->n_items * d + 3 * h * (d + h) + 6 * h * h * (layers - 1) + d * h,
                           3 * d + 8 * h * layers + k) +
           fit->train->n * 8;
}

const recommender recommender_gru4rec = {
    .key = "gru4rec",
    .title = "GRU4Rec: a recurrent network over the history",
    .family = "sequence",
    .cite =
        "Hidasi, Karatzoglou, Baltrunas, Tikk. Session-based Recommendations with Recurrent Neural Networks. ICLR 2016",
    .tasks = TASK_TOPN | TASK_SEQUENTIAL,
    .size = sizeof(gru4rec),
    .n_items_at = offsetof(gru4rec, base.n_items),
    .options = gru4rec_options,
    .n_options = sizeof gru4rec_options / sizeof *gru4rec_options,
    .memory = gru4rec_memory,
    .fit = gru4rec_fit,
    .score = gru4rec_score,
    .save = sequence_save,
    .load = gru4rec_load,
    .release = sequence_release,
    .counts = sequence_counts,
};
