/* metrics.h: what is measured. One row a metric in metrics.c: name, whether it has a cut-off, what it reads.
 *
 * Ranking metrics see a user's relevant items by their *expected* gain under ties: an item whose score equals that of
 * m others is spread evenly over the places they share (McSherry & Najork, ECIR 2008), so that metrics do not depend
 * on the order in which candidates were stored. Definitions are RecBole's, so that its tables compare:
 *   recall     relevant items in the first k / relevant items
 *   precision  relevant items in the first k / k
 *   f1         2 hits / (k + relevant items), the harmonic mean of the two
 *   hit        is there one in the first k ("hr")
 *   mrr        1 / place of the first one, 0 beyond k
 *   ndcg       sum of 1 / log2(1 + place) / the same sum of min(k, relevant) ideal places
 *   map        sum of precision at each relevant place up to k / min(k, relevant)
 * mrr, ndcg and map may go without a cut-off: then the whole list counts.
 *
 *     metric m;
 *     TRY(metric_parse(&m, slice_of("ndcg@10")));
 *
 * Ownership: a metric is a value. */
#ifndef LOREC_EVAL_METRICS_H
#define LOREC_EVAL_METRICS_H

#include "base/str.h"

/* Part of every protocol id: a change of any definition gets a new number. */
enum { METRICS_VERSION = 1 };

typedef enum metric_kind {
    METRIC_RECALL,
    METRIC_HIT,
    METRIC_NDCG,
    METRIC_MRR,
    METRIC_MAP,
    METRIC_PRECISION,
    METRIC_F1, /* lists, @k */
    METRIC_AUC,
    METRIC_GAUC,
    METRIC_LOGLOSS,
    METRIC_RMSE,
    METRIC_MAE, /* pairs */
    METRIC_COVERAGE,
    METRIC_GINI,
    METRIC_NOVELTY,
    METRIC_DIVERSITY,
    METRIC_POPULARITY /* what is shown, @k */
} metric_kind;

typedef enum metric_family { METRIC_OF_LISTS, METRIC_OF_PAIRS, METRIC_OF_SHOWN } metric_family;

typedef struct metric {
    metric_kind kind;
    uint32_t k;    /* 0 where there is no cut-off */
    char name[24]; /* "ndcg@10" */
} metric;

lorec_err metric_parse(metric *out, slice words);                    /* LOREC_USAGE with the nearest name */
lorec_err metrics_parse(metric **out, size_t *n, const char *words); /* comma separated; mem_free(*out) */
bool metric_larger_is_better(metric_kind kind);
metric_family metric_family_of(metric_kind kind);

/* A relevant item's place: `above` candidates score higher, `tied` others score the same (itself not counted). */
typedef struct place {
    uint32_t above, tied;
} place;
#define PLACE_NOWHERE ((place){UINT32_MAX, 0}) /* not in the list at all: a miss */
void places_sort(place *places, size_t n);     /* by `above` */
/* A per-user list metric from the sorted places of its n relevant items; NaN for metrics of another family. */
double metric_of_places(const metric *m, const place *places, size_t n_relevant);

#endif
