/* sequence_loss.h: what a next-item model is made to do at every position, given its hidden vector h and the item table:
 *   ce        -log softmax over all items                                        (never holds the logits)
 *   sampled   the same over the target and `negatives` drawn items
 *   bce       -log sigma(s+) - sum log(1 - sigma(s-))                            (Kang & McAuley 2018 with one negative)
 *   gbce      -beta log sigma(s+) - sum log(1 - sigma(s-)),  beta = a (t (1 - 1/a) + 1/a),  a = negatives / (items - 1)
 *                                                                                (Petrov & Macdonald, RecSys 2023, eq. 9, 14)
 *   bpr       -mean log sigma(s+ - s-)
 *   bpr_max   -log sum w sigma(s+ - s-) + reg sum w (s-)^2,  w = softmax(s-)     (Hidasi & Karatzoglou, CIKM 2018, eq. 7)
 *   top1      mean sigma(s- - s+) + sigma((s-)^2)                                (Hidasi et al., ICLR 2016, eq. 4)
 * Negatives are uniform over what the user has not had.
 *
 *     tensor *loss = sequence_loss(&spec, t, hidden, m->items, &rows, r);         // [1], a mean over positions
 *
 * Ownership: the spec borrows `had` and owns its buffers until sequence_loss_free. */
#ifndef LOREC_REC_SEQUENCE_LOSS_H
#define LOREC_REC_SEQUENCE_LOSS_H

#include "rec/negatives.h"
#include "rec/sequence.h"

typedef enum sequence_loss_kind {
    SEQUENCE_CE,
    SEQUENCE_SAMPLED,
    SEQUENCE_BCE,
    SEQUENCE_GBCE,
    SEQUENCE_BPR,
    SEQUENCE_BPR_MAX,
    SEQUENCE_TOP1
} sequence_loss_kind;
extern const char *const sequence_loss_words[]; /* the choices of an option, in that order */

/* The options, as a struct inside the model; SEQUENCE_LOSS_OPTIONS(sasrec, loss, "ce", 1) puts their rows in a table. */
typedef struct sequence_loss_settings {
    int kind;
    int64_t negatives;
    double gbce_t, bpr_max_reg;
} sequence_loss_settings;
#define SEQUENCE_LOSS_OPTIONS(type_, at_, kind_, negatives_)                                                           \
    {.name = "loss",                                                                                                   \
     .type = OPTION_TYPE_CHOICE,                                                                                       \
     .offset = offsetof(type_, at_.kind),                                                                              \
     .def_text = (kind_),                                                                                              \
     .choices = sequence_loss_words,                                                                                   \
     .help = "what is descended at every position",                                                                    \
     .alias = "loss_type"},                                                                                            \
        {.name = "negatives",                                                                                          \
         .type = OPTION_TYPE_INT,                                                                                      \
         .offset = offsetof(type_, at_.negatives),                                                                     \
         .def = (negatives_),                                                                                          \
         .min = 1,                                                                                                     \
         .max = 1 << 20,                                                                                               \
         .help = "items drawn against each target (all losses but ce)",                                                \
         .alias = "train_neg_sample_num"},                                                                             \
        {.name = "gbce_t",                                                                                             \
         .type = OPTION_TYPE_REAL,                                                                                     \
         .offset = offsetof(type_, at_.gbce_t),                                                                        \
         .def = 0.75,                                                                                                  \
         .min = 0,                                                                                                     \
         .max = 1,                                                                                                     \
         .help = "gbce's calibration: 0 is bce, 1 undoes the sampling"},                                               \
    {                                                                                                                  \
        .name = "bpr_max_reg", .type = OPTION_TYPE_REAL, .offset = offsetof(type_, at_.bpr_max_reg), .def = 1,         \
        .min = 0, .max = 1e6, .help = "bpr_max: weight of the negatives' score penalty"                                \
    }

typedef struct sequence_loss_spec {
    const sequence_loss_settings *settings;
    const sparse *had;
    uint32_t n_items;
    int32_t *drawn;
    float *label, *weight;
    size_t drawn_cap, label_cap, weight_cap;
} sequence_loss_spec;

/* Trains m->params to name the next item at every position of every user's sequence: states gives [rows, d] vectors that
 * are compared with m->items. */
typedef tensor *(*sequence_states)(const void *self, tape *t, const packed *rows);
lorec_err sequence_train(sequence_model *m, const fit_context *fit, const char *label,
                         const sequence_loss_settings *loss, sequence_states states);

/* Its parts, for other trainings. */
tensor *sequence_loss(sequence_loss_spec *s, tape *t, tensor *hidden, tensor *items, const packed *rows, rng *r);
void sequence_loss_free(sequence_loss_spec *s);

#endif
