/* click.h: what models of clicks share: labelled examples from interactions, the feature table, the loop, scoring pairs
 * and whole catalogues, saving. A model adds its own network: parameters and one function from features to a logit.
 *
 *     typedef struct fm { click click; } fm;                        // `click` first
 *     static tensor *fm_logit(const click *m, tape *t, const click_batch *b) { ... }
 *     static const click_network fm_network = {.label = "fm", .build = fm_build, .logit = fm_logit};
 *     lorec_err fm_fit(void *self, const fit_context *fit) { return click_fit(self, &fm_network, fit); }
 *
 * Labels: where the data has ratings, a row is positive from `positive_rating` on; where it has none every row is
 * positive and `negatives` items that the user never had are drawn for each.
 *
 * Ownership: a click owns its features and parameters from fit or load until click_release. */
#ifndef LOREC_REC_CLICK_H
#define LOREC_REC_CLICK_H

#include "rec/features.h"
#include "rec/trainer.h"
#include "tensor/ops.h"

typedef struct click {
    trainer_settings train;
    int64_t embedding_size, negatives, max_history;
    double positive_rating, dropout;
    const char *hidden; /* widths of the deep part, "128,64" */
    features features;
    params *params;
    const struct click_network *network;
    const uint32_t *skipped; /* [n_users] first rows of each user that are history and no examples; NULL: none are */
    struct click_examples *examples; /* while fitting */
} click;

/* n pairs on a tape: bags of codes for each pair's fields, and (for networks that read it) each pair's history. */
typedef struct click_batch {
    int64_t n;
    const pair *pairs;            /* [n] */
    tensor *codes;                /* [sum of bag sizes] */
    const segments *bags;         /* n * fields */
    tensor *item;                 /* [n] the item's code */
    tensor *history;              /* [rows] codes of what came before */
    tensor *history_of;           /* [rows] which pair each belongs to */
    const segments *history_rows; /* n */
} click_batch;

typedef struct click_network {
    const char *label;
    bool reads_history;
    lorec_err (*build)(click *m);                                    /* adds parameters to m->params */
    tensor *(*logit)(const click *m, tape *t, const click_batch *b); /* [n] */
} click_network;

lorec_err click_fit(void *self, const click_network *network, const fit_context *fit);
lorec_err click_score(const void *self, rec_session *s, const query *q, size_t n, float *scores);
lorec_err click_score_items(const void *self, rec_session *s, const query *q, size_t n, const uint64_t *start,
                            const uint32_t *candidate, float *scores);
lorec_err click_score_pairs(const void *self, rec_session *s, const pair *p, size_t n, float *probability);
lorec_err click_save(const void *self, const char *folder);
lorec_err click_load(void *self, const click_network *network, const char *folder);
void click_release(void *self);
json_t *click_counts(const void *self);
const char *click_check(const void *self);

/* Pieces of networks. */
lorec_err click_add_table(click *m, const char *name, int64_t width, init how); /* [codes, width], sparse rows */
tensor *click_fields(const click *m, tape *t, const click_batch *b,
                     const char *table); /* mean of each bag: [n * fields, width] */
tensor *click_linear(const click *m, tape *t,
                     const click_batch *b); /* sum of first-order weights and the bias: [n, 1] */
lorec_err click_add_mlp(click *m, const char *prefix, int64_t in,
                        bool head); /* widths of m->hidden; head: one output */
tensor *click_mlp(const click *m, tape *t, tensor *x, const char *prefix,
                  bool head);                          /* [n, in] -> [n, 1], or the last layer */
int64_t click_mlp_width(const click *m);               /* of the last hidden layer; 0: there is none */
tensor *click_pairwise(tape *t, tensor *v, int64_t n); /* [n, fields, d] -> sum of dot products of pairs [n, 1] */

#define CLICK_OPTIONS(type_) CLICK_OPTIONS_AS(type_, 2048, 16, NULL)
/* With other defaults; fast_: the number of epochs with --fast, as a text. */
#define CLICK_OPTIONS_AS(type_, batch_, embedding_, fast_)                                                             \
    TRAINER_OPTIONS_FAST(type_, click.train, 20, batch_, 1e-3, fast_),                                                 \
        {.name = "embedding_size",                                                                                     \
         .type = OPTION_TYPE_INT,                                                                                      \
         .offset = offsetof(type_, click.embedding_size),                                                              \
         .def = (embedding_),                                                                                          \
         .min = 1,                                                                                                     \
         .max = 4096,                                                                                                  \
         .help = "numbers a feature value"},                                                                           \
        {.name = "positive_rating",                                                                                    \
         .type = OPTION_TYPE_REAL,                                                                                     \
         .offset = offsetof(type_, click.positive_rating),                                                             \
         .def = 0,                                                                                                     \
         .min = -1e6,                                                                                                  \
         .max = 1e6,                                                                                                   \
         .help = "a rated row is a click from here on; 0: 4 on scales to 5, .5 for labels"},                           \
    {                                                                                                                  \
        .name = "negatives", .type = OPTION_TYPE_INT, .offset = offsetof(type_, click.negatives), .def = 4, .min = 1,  \
        .max = 1000, .help = "drawn for each row where the data has no ratings", .alias = "train_neg_sample_args"      \
    }
#define CLICK_DEEP_OPTIONS(type_) CLICK_DEEP_OPTIONS_AS(type_, "128,64", 0.2)
#define CLICK_DEEP_OPTIONS_AS(type_, hidden_, dropout_)                                                                \
    {.name = "hidden",                                                                                                 \
     .type = OPTION_TYPE_TEXT,                                                                                         \
     .offset = offsetof(type_, click.hidden),                                                                          \
     .def_text = (hidden_),                                                                                            \
     .help = "widths of the deep part's layers",                                                                       \
     .alias = "mlp_hidden_size"},                                                                                      \
    {                                                                                                                  \
        .name = "dropout", .type = OPTION_TYPE_REAL, .offset = offsetof(type_, click.dropout), .def = (dropout_),      \
        .max = 0.95, .help = "after each hidden layer", .alias = "dropout_prob"                                        \
    }

/* The verbs that do not depend on the network. */
#define CLICK_VERBS(type_)                                                                                             \
    .size = sizeof(type_), .n_items_at = offsetof(type_, click.features.n_items), .check = click_check,                \
    .score = click_score, .score_items = click_score_items, .score_pairs = click_score_pairs, .save = click_save,      \
    .release = click_release, .counts = click_counts

#endif
