/* SASRec: self-attention over what a user had; the next item by the last position's vector (Kang & McAuley, ICDM 2018):
 *     h = blocks(drop(E[items] + P[positions])),  score(i) = <norm(h_last), E_i>
 * Trained at every position of every user's sequence at once. Positions count from the most recent item, which is what
 * left padding does in the usual implementations: the last item always meets the same vector, however long the history.
 * The default loss is full cross-entropy: with it this model leads, with the paper's `loss=bce` it does not. */
#include "rec/sequence_loss.h"

enum { MAX_LAYERS = 32 };

typedef struct sasrec {
    sequence_model base; /* has to be first */
    int64_t hidden_size, n_layers, n_heads, inner_size;
    double dropout, attn_dropout, initializer_range;
    int act, norm, positions;
    sequence_loss_settings loss;
} sasrec;

enum { FROM_END, FROM_START };
static const char *const act_words[] = {"relu", "gelu", "silu", NULL};
static const activation acts[] = {ACT_RELU, ACT_GELU, ACT_SILU};
static const char *const norm_words[] = {"pre", "post", NULL};
static const norm_place norms[] = {NORM_PRE, NORM_POST};
static const char *const position_words[] = {"from_end", "from_start", NULL};

static const option sasrec_options[] = {
    /* drawn negatives see little of the catalogue in an epoch: validation on Beauty stood still for 13 and went on */
    TRAINER_OPTIONS_PATIENT(sasrec, base.train, 200, 256, 1e-3, 20),
    {.name = "max_len",
     .type = OPTION_TYPE_INT,
     .offset = offsetof(sasrec, base.max_len),
     .def = 50,
     .min = 1,
     .max = 1 << 20,
     .help = "a history is cut to its last so many items (the paper: 200 for MovieLens-1M)",
     .alias = "MAX_ITEM_LIST_LENGTH"},
    OPTION_INT(sasrec, hidden_size, 64, 1, 1 << 16, "numbers a position", .alias = "d"),
    OPTION_INT(sasrec, n_layers, 2, 1, MAX_LAYERS, "blocks"),
    OPTION_INT(sasrec, n_heads, 2, 1, 1 << 16, "attention heads; divides hidden_size"),
    OPTION_INT(sasrec, inner_size, 256, 1, 1 << 20, "width of the feed-forward part"),
    OPTION_REAL(sasrec, dropout, 0.5, 0, 0.99, "of embeddings and of each block's two outputs",
                .alias = "hidden_dropout_prob"),
    OPTION_REAL(sasrec, attn_dropout, 0.5, 0, 0.99, "of attention weights", .alias = "attn_dropout_prob"),
    OPTION_CHOICE(sasrec, act, "gelu", act_words, "of the feed-forward part", .alias = "hidden_act"),
    OPTION_CHOICE(sasrec, norm, "pre", norm_words, "layer norm before (the paper) or after (RecBole) each part"),
    OPTION_CHOICE(sasrec, positions, "from_end", position_words, "which end of the history position 0 is"),
    OPTION_REAL(sasrec, initializer_range, 0.02, 1e-6, 10, "standard deviation of the first weights"),
    SEQUENCE_LOSS_OPTIONS(sasrec, loss, "ce", 1),
};

static const char *sasrec_check(const void *self)
{
    const sasrec *m = self;
    return m->hidden_size % m->n_heads ? "hidden_size has to be a multiple of n_heads" : NULL;
}

static lorec_err make_params(sasrec *m)
{
    float drop = (float)m->dropout;
    transformer_config c = {.vocab_size = m->base.n_items,
                            .width = m->hidden_size,
                            .layers = m->n_layers,
                            .heads = m->n_heads,
                            .ffn_width = m->inner_size,
                            .max_positions = m->base.max_len,
                            .place = norms[m->norm],
                            .causal = true,
                            .activation = acts[m->act],
                            .embed_dropout = drop,
                            .residual_dropout = drop,
                            .attn_dropout = (float)m->attn_dropout,
                            .weights = INIT_NORMAL(m->initializer_range)};
    transformer_name_plainly(&c);
    if (c.place == NORM_POST) {
        c.name[PART_EMBED_NORM] = "embed_norm.weight";
        c.name[PART_EMBED_NORM_BIAS] = "embed_norm.bias";
    }
    return sequence_network(&m->base, &c);
}

/* Vectors after each position [rows, d], or after the last of each sequence [sequences, d]. */
static tensor *forward(const sasrec *m, tape *t, const packed *rows, bool last)
{
    return transformer_hidden(t, m->base.net,
                              &(token_rows){.ids = tape_ids(t, rows->id, (int64_t)rows->rows),
                                            .sequences = tape_segments(t, rows->length, (int64_t)rows->n),
                                            .position = m->positions == FROM_END ? rows->from_end : rows->from_start,
                                            .last = last});
}

static tensor *states(const void *self, tape *t, const packed *rows)
{
    return forward(self, t, rows, false);
}

static tensor *encode(const void *self, tape *t, const packed *rows)
{
    return forward(self, t, rows, true);
}

static lorec_err sasrec_fit(void *self, const fit_context *fit)
{
    sasrec *m = self;
    TRY(sequence_begin(&m->base, fit));
    TRY(make_params(m));
    return sequence_train(&m->base, fit, "sasrec", &m->loss, states);
}

static lorec_err sasrec_score(const void *self, rec_session *s, const query *q, size_t n, float *scores)
{
    return sequence_score(self, s, q, n, scores, encode, NULL);
}

static lorec_err sasrec_query_vector(const void *self, rec_session *s, const query *q, float *x, bool *has)
{
    return sequence_query_vector(self, s, q, x, has, encode, NULL);
}

static lorec_err sasrec_load(void *self, const char *folder)
{
    sasrec *m = self;
    TRY(sequence_load_begin(&m->base, folder));
    TRY(make_params(m));
    return sequence_load_params(&m->base, folder);
}

static uint64_t sasrec_memory(const void *self, const fit_context *fit)
{
    const sasrec *m = self;
    uint64_t d = (uint64_t)m->hidden_size, layers = (uint64_t)m->n_layers, inner = (uint64_t)m->inner_size;
    uint64_t values = ((uint64_t)fit->train->n_items + (uint64_t)m->base.max_len) * d +
                      layers * (4 * d * d + 2 * d * inner);
    uint64_t k = m->loss.kind == SEQUENCE_CE ? 0 : 4 * (uint64_t)m->loss.negatives;
    return sequence_memory(&m->base, fit, values, layers * (10 * d + 2 * inner) + 5 * d + k) + fit->train->n * 8;
}

const recommender recommender_sasrec = {
    .key = "sasrec",
    .title = "SASRec: self-attention over the history",
    .family = "sequence",
    .cite = "Kang, McAuley. Self-Attentive Sequential Recommendation. ICDM 2018; gbce: Petrov, Macdonald. gSASRec. "
            "RecSys 2023",
    .tasks = TASK_TOPN | TASK_SEQUENTIAL,
    .size = sizeof(sasrec),
    .n_items_at = offsetof(sasrec, base.n_items),
    .options = sasrec_options,
    .n_options = sizeof sasrec_options / sizeof *sasrec_options,
    .check = sasrec_check,
    .memory = sasrec_memory,
    .fit = sasrec_fit,
    .score = sasrec_score,
    .item_vectors = sequence_item_vectors,
    .query_vector = sasrec_query_vector,
    .save = sequence_save,
    .load = sasrec_load,
    .release = sequence_release,
    .counts = sequence_counts,
};
