/* evaluate.h: a recommender under a protocol -> numbers per user and their means.
 *
 *     report r;
 *     TRY(evaluate(&r, &(evaluate_request){.recommender = rec, .self = model, .protocol = &p, .part = PART_TEST}));
 *     r.mean[j], r.user[i], r.value[i * r.n_metrics + j]
 *     report_close(&r);
 *
 * Memory is bounded: users go in batches, each batch's scores are ranked and forgotten. NaN scores rank last, can not
 * be hits and are counted; so do items that a method gives -inf. Users without a relevant item in the part are left
 * out and counted. A method that defines recommend() is asked for lists, others for scores.
 *
 * Ownership: a report owns its arrays; `metrics` belongs to the protocol, which must outlive it. */
#ifndef LOREC_EVAL_EVALUATE_H
#define LOREC_EVAL_EVALUATE_H

#include "eval/protocol.h"
#include "rec/recommender.h"

typedef struct report {
    const metric *metrics; /* the protocol's */
    size_t n_metrics;
    uint32_t n_users; /* evaluated */
    uint32_t *user;   /* [n_users] */
    float *value;     /* [n_users][n_metrics]; NaN where a metric has no per-user value (coverage, gini); pairs.c
                            * says what a user's value of auc ... rmse is */
    double *mean;     /* [n_metrics]; NaN where the method can not be measured so */
    uint32_t k;       /* top lists kept for lists.tsv and what-is-shown metrics */
    uint32_t *list;   /* [n_users][k] items, UINT32_MAX: none */
    float *list_score;
    uint64_t nan_scores, users_without_target, targets_not_in_slate;
    uint64_t repeated_targets; /* had before, therefore not asked for (see protocol.h) */
    double candidate_recall;   /* share of the targets that are among the candidates: 1 but for slates */
    uint64_t missing_users;    /* lists made elsewhere: users the file lacks */
    uint64_t unasked_users;    /* ... and users it has that nobody asked for */
    uint64_t dropped_items;    /* listed, but not among the candidates (seen before, or not in the slate) */
    uint64_t invalid_items;    /* listed by a method twice, or no item at all */
    uint64_t pairs;            /* rows that click and rating metrics saw */
    double seconds;
} report;

typedef struct evaluate_request {
    const recommender *recommender;
    const void *self;
    const protocol *protocol;
    part part;
    bool keep_lists; /* fill list and list_score */
    bool quiet;      /* no progress line (validation inside training) */
    uint64_t seed;
    uint32_t max_users; /* validation of a sample: the first so many of a seeded shuffle; 0: all */
} evaluate_request;

lorec_err evaluate(report *out, const evaluate_request *request);
/* The same for lists made elsewhere: lists.tsv (user item rank score) or TREC (qid Q0 doc rank score tag), see lists.h.
 * Users that the file lacks count as misses. */
lorec_err evaluate_lists(report *out, const protocol *p, part of, const char *path);
void report_close(report *r);

#endif
