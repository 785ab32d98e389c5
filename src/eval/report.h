/* report.h: filling a report: a row a user, then the means.
 *
 *     TRY(report_make(&r, p, &questions, true));
 *     report_row(&r, i, places, n_places);      // any thread, one a row
 *     report_means(&r);
 *
 * Ownership: as evaluate.h says. */
#ifndef LOREC_EVAL_REPORT_H
#define LOREC_EVAL_REPORT_H

#include "eval/evaluate.h"
#include "eval/questions.h"

lorec_err report_make(report *r, const protocol *p, const questions *q, bool keep_lists);
void report_row(report *r, size_t i, place *places, size_t n); /* sorts the places */
void report_means(report *r);                                  /* of the list metrics, summed in the order of users */
/* Does the protocol have metrics of this family? */
bool report_wants(const protocol *p, metric_family family);
/* How long lists have to be for the protocol's metrics: its largest cut-off, UINT32_MAX where one goes without. */
uint32_t report_depth(const protocol *p);

/* coverage, gini, novelty, diversity, popularity of the kept lists (shown.c). */
lorec_err report_shown(report *r, const protocol *p);
/* auc, gauc, logloss, rmse, mae of the part's rows (pairs.c). */
lorec_err report_pairs(report *r, const evaluate_request *request);

#endif
