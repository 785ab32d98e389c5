#include <math.h>

#include "base/mem.h"
#include "eval/report_write.h"

size_t report_headline(const leaderboard *b, const char *name)
{
    for (size_t j = 0; name && j < b->n_metrics; j++)
        if (strcmp(b->metrics[j].name, name) == 0) return j;
    return 0;
}

/* Larger is better, and nothing is worse than no number. */
static double merit(const leaderboard *b, size_t g, size_t j)
{
    const group *m = &b->group[g];
    if (m->n_seeds == 0 || isnan(m->mean[j])) return -INFINITY;
    return metric_larger_is_better(b->metrics[j].kind) ? m->mean[j] : -m->mean[j];
}

lorec_err report_order(const leaderboard *b, size_t j, size_t **order)
{
    TRY(mem_new(order, b->n_groups));
    for (size_t n = 0; n < b->n_groups; n++) {
        size_t at = n;
        for (; at > 0 && merit(b, n, j) > merit(b, (*order)[at - 1], j); at--) (*order)[at] = (*order)[at - 1];
        (*order)[at] = n;
    }
    return LOREC_OK;
}

const result *report_first(const leaderboard *b, const group *g)
{
    for (size_t i = 0; i < b->n; i++)
        if (b->row[i].status == TRIAL_OK && strcmp(b->row[i].method, g->method) == 0) return &b->row[i];
    return NULL;
}

const versus *report_versus(const leaderboard *b, size_t method, size_t control)
{
    for (size_t i = 0; i < b->n_versus; i++)
        if (b->versus[i].method == method && b->versus[i].control == control) return &b->versus[i];
    return NULL;
}

bool report_is_best(const leaderboard *b, size_t g, size_t j)
{
    double mine = merit(b, g, j);
    if (mine == -INFINITY) return false;
    for (size_t i = 0; i < b->n_groups; i++)
        if (merit(b, i, j) > mine) return false;
    return true;
}

lorec_err html_escape(buf *out, const char *text)
{
    for (const char *p = text ? text : ""; *p; p++) {
        switch (*p) {
        case '&':
            TRY(buf_puts(out, "&amp;"));
            break;
        case '<':
            TRY(buf_puts(out, "&lt;"));
            break;
        case '>':
            TRY(buf_puts(out, "&gt;"));
            break;
        case '"':
            TRY(buf_puts(out, "&quot;"));
            break;
        case '\'':
            TRY(buf_puts(out, "&#39;"));
            break;
        default:
            if ((unsigned char)*p < ' ' && *p != '\n' && *p != '\t')
                TRY(buf_puts(out, " ")); /* not allowed in XML */
            else
                TRY(buf_add(out, p, 1));
        }
    }
    return LOREC_OK;
}
