/* metrics.h: what is measured. One row a metric in metrics.c: name, whether it has a cut-off, what it reads, how.
 *
 * Ranking metrics see a user's relevant items by their *expected* gain under ties: an item whose score equals that of
 * m others is spread evenly over the places they share (McSherry & Najork, ECIR 2008), so that metrics do not depend
 * on the order in which candidates were stored.
 *
 *     metric m;
 *     TRY(metric_parse(&m, slice_of("ndcg@10")));
 *
 * Ownership: a metric is a value. */
#ifndef LOREC_EVAL_METRICS_H
#define LOREC_EVAL_METRICS_H

#include "base/str.h"

typedef enum metric_kind {
    METRIC_RECALL, METRIC_HIT, METRIC_NDCG, METRIC_MRR, METRIC_MAP, METRIC_PRECISION, METRIC_F1, /* lists, @k */
    METRIC_AUC, METRIC_GAUC, METRIC_LOGLOSS, METRIC_RMSE, METRIC_MAE,                            /* pairs */
    METRIC_COVERAGE, METRIC_GINI, METRIC_NOVELTY, METRIC_DIVERSITY, METRIC_POPULARITY            /* what is shown, @k */
} metric_kind;

typedef struct metric {
    metric_kind kind;
    uint32_t k; /* 0 where there is no cut-off */
    char name[24]; /* "ndcg@10" */
} metric;

lorec_err metric_parse(metric *out, slice words);                       /* LOREC_USAGE with the nearest name */
lorec_err metrics_parse(metric **out, size_t *n, const char *words);    /* comma separated; mem_free(*out) */
bool metric_larger_is_better(metric_kind kind);

/* A relevant item's place: `above` candidates score higher, `tied` others score the same (itself not counted). */
typedef struct place {
    uint32_t above, tied;
} place;
/* A per-user list metric from the places of its n relevant items (any order). */
double metric_of_places(const metric *m, const place *places, size_t n_relevant);

#endif
