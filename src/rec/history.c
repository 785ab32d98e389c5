#include "rec/history.h"

#include <stdlib.h>

#include "base/order.h"
#include "base/threads.h"

/* Sorts and removes repeats; histories are short, or long and rare. */
static size_t set_of(uint32_t *x, size_t n)
{
    if (n <= 24) {
        for (size_t i = 1; i < n; i++) {
            uint32_t v = x[i];
            size_t j = i;
            for (; j > 0 && x[j - 1] > v; j--) x[j] = x[j - 1];
            x[j] = v;
        }
    } else {
        sort_u32(x, n);
    }
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || x[kept - 1] != x[i]) x[kept++] = x[i];
    return kept;
}

static size_t known_items(const query *q, uint32_t n_items, uint32_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < q->n; i++)
        if (q->items[i] < n_items) out[n++] = q->items[i];
    return set_of(out, n);
}

lorec_err history_set(arena *a, const query *q, uint32_t n_items, const uint32_t **items, size_t *n)
{
    uint32_t *out = arena_alloc(a, q->n * sizeof *out);
    if (!out) return LOREC_RESOURCE;
    *n = known_items(q, n_items, out);
    *items = out;
    return LOREC_OK;
}

lorec_err history_sets(arena *a, const query *q, size_t n, uint32_t n_items, history_rows *out)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++) total += q[i].n;
    out->start = arena_alloc(a, (n + 1) * sizeof *out->start);
    out->item = arena_alloc(a, total * sizeof *out->item);
    if (!out->start || !out->item) return LOREC_RESOURCE;
    out->start[0] = 0;
    for (size_t i = 0; i < n; i++)
        out->start[i + 1] = out->start[i] + known_items(&q[i], n_items, out->item + out->start[i]);
    return LOREC_OK;
}

uint32_t history_last(const query *q, uint32_t n_items)
{
    for (size_t i = q->n; i > 0; i--)
        if (q->items[i - 1] < n_items) return q->items[i - 1];
    return UINT32_MAX;
}

typedef struct rows_job {
    const sparse *w;
    const history_rows *h;
    float *scores;
} rows_job;

static lorec_err score_rows(void *ctx, size_t begin, size_t end, int worker)
{
    (void)worker;
    const rows_job *job = ctx;
    const sparse *w = job->w;
    for (size_t i = begin; i < end; i++) {
        float *out = job->scores + i * w->cols;
        memset(out, 0, w->cols * sizeof *out);
        for (uint64_t k = job->h->start[i]; k < job->h->start[i + 1]; k++)
            for (uint64_t at = w->start[job->h->item[k]]; at < w->start[job->h->item[k] + 1]; at++)
                out[w->col[at]] += w->value[at];
    }
    return LOREC_OK;
}

lorec_err score_by_rows(const sparse *w, rec_session *s, const query *q, size_t n, float *scores)
{
    arena *a = rec_session_arena(s);
    arena_reset(a);
    history_rows h;
    TRY(history_sets(a, q, n, w->cols, &h));
    return par_each(n, 8, score_rows, &(rows_job){w, &h, scores});
}
