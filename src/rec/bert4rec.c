/* BERT4Rec: items hidden in the middle of a sequence are guessed from both sides (Sun et al., CIKM 2019):
 *     h = blocks(norm(E[items or MASK] + P[positions])),  score(i) = <norm(gelu(W h + b)), E_i> + c_i
 * Training hides each item with probability mask_ratio; a share last_ratio of the sequences has only its last item hidden,
 * because that is what is asked: the history with a [MASK] put behind it. Rows of the item table: [MASK], then the items. */
#include "base/mem.h"
#include "rec/sequence.h"

enum { MAX_LAYERS = 32, MASK = 0 };

typedef struct bert4rec {
    sequence_model base; /* has to be first */
    int64_t hidden_size, n_layers, n_heads, inner_size;
    double dropout, attn_dropout, mask_ratio, last_ratio, initializer_range;
    tensor *head, *head_bias, *head_norm, *head_norm_bias;
} bert4rec;

static const option bert4rec_options[] = {
    TRAINER_OPTIONS(bert4rec, base.train, 400, 256, 1e-3),
    {.name = "max_len",
     .type = OPTION_TYPE_INT,
     .offset = offsetof(bert4rec, base.max_len),
     .def = 50,
     .min = 1,
     .max = 1 << 20,
     .help = "a history is cut to its last so many items (the paper: 200 for MovieLens)",
     .alias = "MAX_ITEM_LIST_LENGTH"},
    OPTION_INT(bert4rec, hidden_size, 64, 1, 1 << 16, "numbers a position", .alias = "d"),
    OPTION_INT(bert4rec, n_layers, 2, 1, MAX_LAYERS, "blocks"),
    OPTION_INT(bert4rec, n_heads, 2, 1, 1 << 16, "attention heads; divides hidden_size"),
    OPTION_INT(bert4rec, inner_size, 256, 1, 1 << 20, "width of the feed-forward part"),
    OPTION_REAL(bert4rec, dropout, 0.2, 0, 0.99, "of embeddings and of each block's two outputs",
                .alias = "hidden_dropout_prob"),
    OPTION_REAL(bert4rec, attn_dropout, 0.2, 0, 0.99, "of attention weights", .alias = "attn_dropout_prob"),
    OPTION_REAL(bert4rec, mask_ratio, 0.2, 0.01, 0.99, "share of a sequence's items that is hidden",
                .alias = "mask_prob"),
    OPTION_REAL(bert4rec, last_ratio, 0.1, 0, 1, "share of sequences of which only the last item is hidden",
                .alias = "ft_ratio"),
    OPTION_REAL(bert4rec, initializer_range, 0.02, 1e-6, 10, "standard deviation of the first weights"),
};

static const char *bert4rec_check(const void *self)
{
    const bert4rec *m = self;
    return m->hidden_size % m->n_heads ? "hidden_size has to be a multiple of n_heads" : NULL;
}

static lorec_err make_params(bert4rec *m)
{
    int64_t d = m->hidden_size;
    float drop = (float)m->dropout;
    init weights = INIT_NORMAL(m->initializer_range);
    transformer_config c = {.vocab_size = (int64_t)m->base.n_items + 1,
                            .width = d,
                            .layers = m->n_layers,
                            .heads = m->n_heads,
                            .ffn_width = m->inner_size,
                            .max_positions = m->base.max_len + 1,
                            .place = NORM_POST,
                            .activation = ACT_GELU,
                            .embed_dropout = drop,
                            .residual_dropout = drop,
                            .attn_dropout = (float)m->attn_dropout,
                            .weights = weights};
    transformer_name_plainly(&c);
    c.name[PART_EMBED_NORM] = "embed_norm.weight";
    c.name[PART_EMBED_NORM_BIAS] = "embed_norm.bias";
    c.name[PART_HEAD_BIAS] = "head.bias";
    m->base.first_item = 1;
    TRY(sequence_network(&m->base, &c));
    params *ps = m->base.params;
    m->head = params_add(ps, "transform.weight", weights, 2, (int64_t[]){d, d});
    m->head_bias = params_add(ps, "transform.bias", INIT_ZERO, 1, (int64_t[]){d});
    m->head_norm = params_add(ps, "transform_norm.weight", INIT_CONST(1), 1, (int64_t[]){d});
    m->head_norm_bias = params_add(ps, "transform_norm.bias", INIT_ZERO, 1, (int64_t[]){d});
    return params_error(ps);
}

static tensor *body(const bert4rec *m, tape *t, const int32_t *shown, const packed *rows, bool last)
{
    return transformer_hidden(t, m->base.net,
                              &(token_rows){.ids = tape_ids(t, shown, (int64_t)rows->rows),
                                            .sequences = tape_segments(t, rows->length, (int64_t)rows->n),
                                            .position = rows->from_end,
                                            .last = last});
}

static tensor *head(const bert4rec *m, tape *t, tensor *x)
{
    x = op_linear(t, x, m->head, m->head_bias, LINEAR_OUT_IN, ACT_GELU);
    return op_layer_norm(t, x, m->head_norm, m->head_norm_bias, 1e-5f);
}

/* ---- training -------------------------------------------------------------------------------------------------------- */

typedef struct cloze {
    bert4rec *m;
    const interactions *train;
    uint32_t *user;
    size_t n_users;
    packed rows;
    int32_t *id, *hidden, *answer; /* inputs; the rows that were hidden; what was there */
    size_t id_cap, hidden_cap, answer_cap, n_hidden;
} cloze;

static void hide(cloze *f, size_t row)
{
    f->id[row] = MASK;
    f->hidden[f->n_hidden] = (int32_t)row;
    f->answer[f->n_hidden++] = f->rows.target[row] + 1;
}

static lorec_err hide_some(cloze *f, rng *r)
{
    const packed *p = &f->rows;
    TRY(mem_grow(&f->id, &f->id_cap, p->rows));
    TRY(mem_grow(&f->hidden, &f->hidden_cap, p->rows));
    TRY(mem_grow(&f->answer, &f->answer_cap, p->rows));
    for (size_t row = 0; row < p->rows; row++) f->id[row] = p->id[row] + 1;
    f->n_hidden = 0;
    for (size_t i = 0, begin = 0; i < p->n; i++) {
        size_t end = begin + (size_t)p->length[i], before = f->n_hidden;
        bool only_last = rng_uniform(r) < f->m->last_ratio;
        for (size_t row = begin; row < end && !only_last; row++)
            if (rng_uniform(r) < f->m->mask_ratio) hide(f, row);
        if (only_last || f->n_hidden == before)
            hide(f, only_last ? end - 1 : begin + rng_below(r, (uint32_t)(end - begin)));
        begin = end;
    }
    return LOREC_OK;
}

static tensor *step(void *ctx, tape *t, const uint32_t *example, size_t n, rng *r)
{
    cloze *f = ctx;
    const bert4rec *m = f->m;
    if (packed_whole(&f->rows, f->train, f->user, example, n, m->base.max_len) != LOREC_OK) return NULL;
    if (hide_some(f, r) != LOREC_OK) return NULL;
    tensor *x = op_gather_rows(t, body(m, t, f->id, &f->rows, false), tape_ids(t, f->hidden, (int64_t)f->n_hidden));
    return op_mean(t, op_linear_cross_entropy(t, head(m, t, x), m->base.items, m->base.biases,
                                              tape_ids(t, f->answer, (int64_t)f->n_hidden),
                                              &(linear_ce){.skip_first = 1}));
}

static lorec_err ready(void *ctx)
{
    return sequence_ready(&((cloze *)ctx)->m->base);
}

static lorec_err learn(cloze *f, const fit_context *fit)
{
    bert4rec *m = f->m;
    TRY(sequence_begin(&m->base, fit));
    TRY(make_params(m));
    TRY(sequence_examples(&f->user, &f->n_users, fit->train, 2));
    trainer_options o = trainer_options_from(&m->base.train, OPT_ADAM);
    return trainer_run(&o, fit,
                       &(trainer_model){.self = f,
                                        .recommender = m,
                                        .label = "bert4rec",
                                        .params = m->base.params,
                                        .n_examples = f->n_users,
                                        .step = step,
                                        .ready = ready},
                       &m->base.report);
}

static lorec_err bert4rec_fit(void *self, const fit_context *fit)
{
    cloze f = {.m = self, .train = fit->train};
    lorec_err e = learn(&f, fit);
    mem_free(f.user);
    mem_free(f.id);
    mem_free(f.hidden);
    mem_free(f.answer);
    packed_free(&f.rows);
    return e;
}

/* ---- use ------------------------------------------------------------------------------------------------------------- */

static tensor *encode(const void *self, tape *t, const packed *rows)
{
    return head(self, t, body(self, t, rows->id, rows, true));
}

static lorec_err bert4rec_score(const void *self, rec_session *s, const query *q, size_t n, float *scores)
{
    return sequence_score(self, s, q, n, scores, encode, &(int32_t){MASK});
}

static lorec_err bert4rec_load(void *self, const char *folder)
{
    bert4rec *m = self;
    TRY(sequence_load_begin(&m->base, folder));
    TRY(make_params(m));
    return sequence_load_params(&m->base, folder);
}

static uint64_t bert4rec_memory(const void *self, const fit_context *fit)
{
    const bert4rec *m = self;
    uint64_t d = (uint64_t)m->hidden_size, layers = (uint64_t)m->n_layers, inner = (uint64_t)m->inner_size;
    uint64_t values = ((uint64_t)fit->train->n_items + (uint64_t)m->base.max_len) * d +
                      layers * (4 * d * d + 2 * d * inner);
    return sequence_memory(&m->base, fit, values, layers * (10 * d + 2 * inner) + 8 * d) +
           (uint64_t)fit->train->n_users * 4;
}

const recommender recommender_bert4rec = {
    .key = "bert4rec",
    .title = "BERT4Rec: a two-sided transformer that fills in hidden items",
    .family = "sequence",
    .cite = "Sun, Liu, Wu, Pei, Lin, Ou, Jiang. BERT4Rec: Sequential Recommendation with Bidirectional Encoder "
            "Representations from Transformer. CIKM 2019",
    .tasks = TASK_TOPN | TASK_SEQUENTIAL,
    .size = sizeof(bert4rec),
    .n_items_at = offsetof(bert4rec, base.n_items),
    .options = bert4rec_options,
    .n_options = sizeof bert4rec_options / sizeof *bert4rec_options,
    .check = bert4rec_check,
    .memory = bert4rec_memory,
    .fit = bert4rec_fit,
    .score = bert4rec_score,
    .save = sequence_save,
    .load = bert4rec_load,
    .release = sequence_release,
    .counts = sequence_counts,
};
