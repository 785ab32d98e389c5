/* pairwise.h: models that learn vectors by putting what a user had above what she had not (Rendle et al., UAI 2009),
 * shared by BPR-MF and FPMC:
 *     min  sum over (u, i, j)  -ln sigmoid(<q, x_i> - <q, x_j>) + reg (|q|^2 + |x_i|^2 + |x_j|^2)
 * q is the user's vector, or, in a chain, the user's beside that of the item she had last. j is drawn uniformly from the
 * items that u has not had. Adam in the place of plain SGD, as in RecBole.
 *
 *     static lorec_err fit(void *self, const fit_context *c) { return pairwise_fit(self, c, "bpr", false); }
 *
 * Ownership: the model owns its vectors (vector_model_release). */
#ifndef LOREC_REC_PAIRWISE_H
#define LOREC_REC_PAIRWISE_H

#include "rec/trainer.h"
#include "rec/vectors.h"

typedef struct pairwise {
    vector_model base; /* has to be first */
    int64_t embedding_size;
    double reg;
    bool lazy;
} pairwise;

#define PAIRWISE_OPTIONS                                                                                               \
    TRAINER_OPTIONS(pairwise, base.train, 300, 2048, 1e-3),                                                            \
        OPTION_INT(pairwise, embedding_size, 64, 1, 1 << 15, "numbers a vector", .alias = "factors"),                  \
        OPTION_REAL(pairwise, reg, 0, 0, 1e3, "L2 penalty on the vectors of a step", .alias = "reg_weight"),           \
        OPTION_BOOL(pairwise, lazy, 0,                                                                                 \
                    "update only rows that a step touches: faster on large catalogues, other Adam moments")

/* chain: q is [user ; last item] and an item's vector twice as wide. */
lorec_err pairwise_fit(pairwise *m, const fit_context *fit, const char *label, bool chain);
uint64_t pairwise_memory(const pairwise *m, const fit_context *fit, bool chain);

/* What a recommender's row has beside its key, words, tasks, fit and memory. */
#define PAIRWISE_VERBS                                                                                                 \
    .family = "factors", .size = sizeof(pairwise), .n_items_at = offsetof(pairwise, base.v.n_items),                   \
    .options = options, .n_options = sizeof options / sizeof *options, .score = vector_model_score,                    \
    .item_vectors = vector_model_item_vectors, .query_vector = vector_model_query_vector, .save = vector_model_save,   \
    .load = vector_model_load, .release = vector_model_release, .counts = vector_model_counts

#endif
