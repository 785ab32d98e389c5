/* rows.h: from rows of scores to rows of a report, many users at once.
 *
 *     ranking rk = {.protocol = p, .report = r, .questions = &q, .n_items = n_items, .depth = report_depth(p)};
 *     batch_rows b = {.ranking = &rk, .at = at, .query = queries, .scores = scores, .nan = nan, .absent = absent};
 *     TRY(batch_rank(&b, rows));               // masks, cleans, selects, counts and measures; scores are used up
 *
 * Ownership: everything is borrowed. */
#ifndef LOREC_EVAL_ROWS_H
#define LOREC_EVAL_ROWS_H

#include "eval/report.h"

typedef struct ranking {
    const protocol *protocol;
    report *report;
    const questions *questions;
    uint32_t n_items, depth; /* depth: places beyond it count for nothing (report_depth) */
} ranking;

/* Rows of scores of one batch: of all items, or of each user's candidates. */
typedef struct batch_rows {
    const ranking *ranking;
    size_t at;          /* the first row's question */
    const query *query; /* [rows] what each had before, to be masked */
    float *scores;
    const uint64_t *start;     /* NULL: rows of n_items */
    const uint32_t *candidate; /* of row i: candidate[start[i] .. start[i + 1] - 1], ascending */
    uint32_t *nan;             /* [rows] scores that were none */
    uint32_t *absent;          /* [rows] targets that are no candidates */
} batch_rows;

/* What one thread needs for its rows. */
typedef struct row_scratch {
    place *places;
    uint32_t *target, *top;
    float *best;
} row_scratch;
lorec_err row_scratch_make(row_scratch *w, const ranking *rk);
void row_scratch_free(row_scratch *w);

void row_rank(const batch_rows *b, size_t i, row_scratch *w);
/* All rows, in parallel; then their counts go into the report. */
lorec_err batch_rank(const batch_rows *b, size_t rows);

#endif
