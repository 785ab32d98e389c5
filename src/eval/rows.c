#include "eval/rows.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/order.h"
#include "base/threads.h"
#include "eval/rank.h"
#include "rec/topk.h"

enum { TOP_FIRST = 4 };

/* Targets as positions in the row; UINT32_MAX where a target is not among the candidates. */
static uint32_t targets_locate(const uint32_t *candidate, size_t n, const uint32_t *relevant, size_t n_relevant,
                               uint32_t *out)
{
    uint32_t absent = 0;
    for (size_t i = 0; i < n_relevant; i++) {
        const uint32_t *p = find_u32(relevant[i], candidate, n);
        out[i] = p ? (uint32_t)(p - candidate) : UINT32_MAX;
        absent += !p;
    }
    return absent;
}

/* ---- one row ------------------------------------------------------------------------------------------------------------ */

/* With many targets the k-th best score is found first: what is below it needs no counting. */
static uint32_t top_wanted(const ranking *rk)
{
    if (rk->report->list) return rk->report->k;
    return rk->depth < UINT32_MAX && rk->questions->most > TOP_FIRST ? rk->depth : 0;
}

lorec_err row_scratch_make(row_scratch *w, const ranking *rk)
{
    uint32_t k = top_wanted(rk);
    *w = (row_scratch){0};
    TRY(mem_new(&w->places, rk->questions->most));
    TRY(mem_new(&w->target, rk->questions->most));
    TRY(mem_new(&w->top, k));
    return mem_new(&w->best, k);
}

void row_scratch_free(row_scratch *w)
{
    mem_free(w->places);
    mem_free(w->target);
    mem_free(w->top);
    mem_free(w->best);
}

void row_rank(const batch_rows *b, size_t i, row_scratch *w)
{
    const ranking *rk = b->ranking;
    const questions *q = rk->questions;
    report *r = rk->report;
    size_t at = b->at + i, n_relevant = (size_t)(q->start[at + 1] - q->start[at]), n = rk->n_items;
    const uint32_t *relevant = q->relevant + q->start[at], *candidate = NULL, *target = relevant;
    float *row = b->scores + i * n;
    if (b->start) {
        row = b->scores + b->start[i];
        n = (size_t)(b->start[i + 1] - b->start[i]);
        candidate = b->candidate + b->start[i];
        b->absent[i] = targets_locate(candidate, n, relevant, n_relevant, w->target);
        target = w->target;
    } else if (!rk->protocol->keep_seen) {
        const query *had = &b->query[i];
        for (size_t j = 0; j < had->n; j++) row[had->items[j]] = -INFINITY;
    }
    b->nan[i] = (uint32_t)rank_clean(row, n);
    uint32_t k = top_wanted(rk);
    float floor = -INFINITY;
    if (k && (r->list || n_relevant > TOP_FIRST)) {
        size_t found = topk_select(row, n, k, w->top, w->best);
        if (found == k && k >= rk->depth) floor = w->best[k - 1];
        for (size_t j = 0; j < found && r->list; j++) {
            r->list[at * r->k + j] = candidate ? candidate[w->top[j]] : w->top[j];
            r->list_score[at * r->k + j] = w->best[j];
        }
    }
    rank_places(row, n, target, n_relevant, floor, w->places);
    report_row(r, at, w->places, n_relevant);
}

static lorec_err rank_rows(void *ctx, size_t begin, size_t end, int worker)
{
    (void)worker;
    const batch_rows *b = ctx;
    row_scratch w;
    lorec_err e = row_scratch_make(&w, b->ranking);
    for (size_t i = begin; i < end && !e; i++) row_rank(b, i, &w);
    row_scratch_free(&w);
    return e;
}

lorec_err batch_rank(const batch_rows *b, size_t rows)
{
    TRY(par_for(rows, 1, rank_rows, (void *)b));
    for (size_t i = 0; i < rows; i++) {
        b->ranking->report->nan_scores += b->nan[i];
        b->ranking->report->targets_not_in_slate += b->absent[i];
    }
    return cancel_check();
}
