/* report_write.h: a finished leaderboard as a page, as Markdown and as LaTeX, and the little SVG that the page needs.
 *
 *     buf page = {0};
 *     TRY(report_html(&page, &board, "ndcg@10"));         // one file, no scripts, nothing loaded from elsewhere
 *     TRY(report_markdown(&text, &board, "ndcg@10"));
 *     TRY(report_latex(&text, &board, "ndcg@10"));        // booktabs; the protocol's id is in the caption
 *
 * All text that comes from data (names, titles, reasons) is escaped for where it goes.
 *
 * Ownership: text is appended to the caller's buffer; the board is only read. */
#ifndef LOREC_EVAL_REPORT_WRITE_H
#define LOREC_EVAL_REPORT_WRITE_H

#include "eval/leaderboard.h"

lorec_err report_html(buf *out, const leaderboard *b, const char *headline);
lorec_err report_markdown(buf *out, const leaderboard *b, const char *headline);
lorec_err report_latex(buf *out, const leaderboard *b, const char *headline);

/* The text with & < > " ' made harmless, in element content and in quoted attributes. */
lorec_err html_escape(buf *out, const char *text);

lorec_err report_curves_html(buf *out, const leaderboard *b); /* report_curves.c: what studies tell as curves */

/* ---- report_svg.c ---------------------------------------------------------------------------------------------------- */

typedef struct svg_point {
    const char *name;
    double x, y;      /* of the scatter; the interval plot reads y */
    double low, high; /* NaN: no whisker */
    bool control;
} svg_point;

/* One dot with its interval for each point, names on the left, best on top as given. */
lorec_err svg_intervals(buf *out, const char *title, const svg_point *p, size_t n);
/* x logarithmic (seconds), y linear; every dot named. */
lorec_err svg_scatter(buf *out, const char *title, const char *x_label, const char *y_label, const svg_point *p,
                      size_t n);

/* ---- report_common.c ------------------------------------------------------------------------------------------------- */

size_t report_headline(const leaderboard *b,
                       const char *name); /* its index among the metrics; 0 when it is not there */
/* Group numbers, best first by a metric, those without a result last; to mem_free. */
lorec_err report_order(const leaderboard *b, size_t metric_index, size_t **order);
const result *report_first(const leaderboard *b, const group *g);                 /* its first seed that is ok */
const versus *report_versus(const leaderboard *b, size_t method, size_t control); /* NULL: not compared */
/* Is the group's mean the best of the column? */
bool report_is_best(const leaderboard *b, size_t g, size_t metric_index);

#endif
