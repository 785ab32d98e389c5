#include "rec/topk.h"

#include <math.h>

#include "base/mem.h"

enum { SCORES_MAX_BYTES = 64 << 20 };

/* Is (score a, item i) before (score b, item j) in a list? */
static bool before(float a, uint32_t i, float b, uint32_t j)
{
    return a > b || (a == b && i < j);
}

/* A heap whose root is the worst kept entry. */
static void sift_down(uint32_t *items, float *best, size_t n, size_t i)
{
    for (;;) {
        size_t worst = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < n; child++) {
            if (before(best[worst], items[worst], best[child], items[child])) worst = child;
        }
        if (worst == i) return;
        float score = best[i];
        uint32_t item = items[i];
        best[i] = best[worst];
        items[i] = items[worst];
        best[worst] = score;
        items[worst] = item;
        i = worst;
    }
}

/* The next score above `limit` from i on: most of a long row is not, and sixteen are told at once. NaN is not above. */
static size_t next_above(const float *scores, size_t i, size_t n, float limit)
{
    typedef float f32x4 __attribute__((vector_size(16)));
    typedef int32_t i32x4 __attribute__((vector_size(16)));
    const f32x4 t = {limit, limit, limit, limit};
    for (; i + 16 <= n; i += 16) {
        f32x4 x[4];
        memcpy(x, scores + i, sizeof x);
        i32x4 any = (x[0] > t) | (x[1] > t) | (x[2] > t) | (x[3] > t);
        int64_t half[2];
        memcpy(half, &any, sizeof half);
        if (half[0] | half[1]) break;
    }
    while (i < n && !(scores[i] > limit)) i++;
    return i;
}

size_t topk_select(const float *scores, size_t n, size_t k, uint32_t *items, float *best)
{
    if (k == 0) return 0;
    size_t kept = 0, i = 0;
    for (; i < n && kept < k; i++) {
        if (isnan(scores[i]) || scores[i] == -INFINITY) continue;
        items[kept] = (uint32_t)i;
        best[kept++] = scores[i];
    }
    for (size_t j = kept / 2; j-- > 0;) sift_down(items, best, kept, j);
    for (; kept == k && (i = next_above(scores, i, n, best[0])) < n; i++) { /* an equal score came later and loses */
        items[0] = (uint32_t)i;
        best[0] = scores[i];
        sift_down(items, best, kept, 0);
    }
    for (size_t left = kept; left > 1; left--) { /* heap sort: the worst goes last */
        float score = best[0];
        uint32_t item = items[0];
        best[0] = best[left - 1];
        items[0] = items[left - 1];
        best[left - 1] = score;
        items[left - 1] = item;
        sift_down(items, best, left - 1, 0);
    }
    return kept;
}

/* A method's own list without what was had before. */
static size_t drop_seen(const query *q, uint32_t *items, float *best, size_t n, size_t k)
{
    size_t kept = 0;
    for (size_t i = 0; i < n && kept < k; i++) {
        bool seen = false;
        for (size_t j = 0; j < q->n && !seen; j++) seen = q->items[j] == items[i];
        if (seen) continue;
        items[kept] = items[i];
        best[kept++] = best[i];
    }
    return kept;
}

static lorec_err list_from_scores(const recommender *r, const void *self, rec_session *s, uint32_t n_items,
                                  const query *q, size_t n, size_t k, bool keep_seen, uint32_t *items, float *best,
                                  size_t *found)
{
    size_t batch = SCORES_MAX_BYTES / sizeof(float) / (n_items ? n_items : 1);
    if (batch == 0) batch = 1;
    if (batch > n) batch = n;
    float *scores;
    TRY(mem_new(&scores, batch * (size_t)n_items));
    lorec_err e = LOREC_OK;
    for (size_t at = 0; at < n && e == LOREC_OK; at += batch) {
        size_t m = n - at < batch ? n - at : batch;
        e = r->score(self, s, q + at, m, scores);
        for (size_t i = 0; i < m && e == LOREC_OK; i++) {
            float *row = scores + i * n_items;
            for (size_t j = 0; !keep_seen && j < q[at + i].n; j++) row[q[at + i].items[j]] = -INFINITY;
            found[at + i] = topk_select(row, n_items, k, items + (at + i) * k, best + (at + i) * k);
        }
    }
    mem_free(scores);
    return e;
}

lorec_err recommender_list(const recommender *r, const void *self, rec_session *s, uint32_t n_items, const query *q,
                           size_t n, size_t k, bool keep_seen, uint32_t *items, float *best, size_t *found)
{
    if (!r->recommend && !r->score) return err_set(LOREC_USAGE, "%s scores pairs only; it does not make lists", r->key);
    TRY(recommender_fits(r, self, n_items));
    if (n == 0) return LOREC_OK;
    if (!recommender_generates(r, self))
        return list_from_scores(r, self, s, n_items, q, n, k, keep_seen, items, best, found);
    TRY(r->recommend(self, s, q, n, k, items, best, found));
    for (size_t i = 0; i < n && !keep_seen; i++) found[i] = drop_seen(&q[i], items + i * k, best + i * k, found[i], k);
    return LOREC_OK;
}
