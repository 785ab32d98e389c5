/* What a method shows, whether it is right or not:
 *   coverage    items that stand in some list / items
 *   gini        of how often each item is shown, 0 (all alike) to 1 (always the same); items never shown count as 0
 *   novelty     mean of log2(users / users who had the item in training): bits of surprise (Zhou et al., PNAS 2010);
 *               an item nobody had counts as had by one
 *   diversity   1 - mean cosine of the training audiences of the list's pairs
 *   popularity  mean number of training rows of the items shown
 * Lists of different length count what they have; a list too short for a metric is left out of its mean. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/order.h"
#include "base/threads.h"
#include "eval/report.h"

/* Who had each item: audience of i is user[start[i] .. start[i + 1] - 1], ascending, each once. */
typedef struct audiences {
    uint64_t *start;
    uint32_t *user;
    uint32_t *rows; /* [n_items] training rows */
    uint32_t n_users;
} audiences;

static void audiences_free(audiences *a)
{
    mem_free(a->start);
    mem_free(a->user);
    mem_free(a->rows);
}

static lorec_err audiences_make(audiences *a, const interactions *train)
{
    *a = (audiences){0};
    uint32_t *last = NULL; /* the user + 1 who was last added to an item */
    uint64_t *end = NULL;
    lorec_err e;
    TRY_GO(e, mem_new(&a->start, (size_t)train->n_items + 1), done);
    TRY_GO(e, mem_new(&a->user, train->n), done);
    TRY_GO(e, mem_new(&a->rows, train->n_items), done);
    TRY_GO(e, mem_new(&last, train->n_items), done);
    TRY_GO(e, mem_new(&end, train->n_items), done);
    for (uint64_t r = 0; r < train->n; r++) a->rows[train->item[r]]++;
    for (uint32_t i = 0; i < train->n_items; i++) a->start[i + 1] = a->start[i] + a->rows[i];
    for (uint32_t i = 0; i < train->n_items; i++) end[i] = a->start[i];
    for (uint32_t u = 0; u < train->n_users; u++) {
        a->n_users += train->start[u] < train->start[u + 1];
        for (uint64_t r = train->start[u]; r < train->start[u + 1]; r++) {
            uint32_t i = train->item[r];
            if (last[i] == u + 1) continue;
            last[i] = u + 1;
            a->user[end[i]++] = u;
        }
    }
    uint64_t at = 0; /* close the gaps that repeated rows left */
    for (uint32_t i = 0; i < train->n_items; i++) {
        uint64_t n = end[i] - a->start[i];
        memmove(a->user + at, a->user + a->start[i], n * sizeof *a->user);
        a->start[i] = at;
        at += n;
    }
    a->start[train->n_items] = at;
done:
    mem_free(last);
    mem_free(end);
    return e;
}

/* ---- cosine of two audiences, remembered -------------------------------------------------------------------------------- */

enum { CACHE_SLOTS = 1 << 20, CACHE_PROBES = 8 };
typedef struct cache {
    uint64_t *key; /* pair + 1 */
    float *value;
} cache;

static uint64_t common(const uint32_t *a, uint64_t n, const uint32_t *b, uint64_t m)
{
    uint64_t both = 0;
    if (n > m) {
        const uint32_t *t = a;
        a = b;
        b = t;
        uint64_t s = n;
        n = m;
        m = s;
    }
    if (m / 16 > n) { /* few against many: look each of the few up in what is left */
        for (uint64_t i = 0, low = 0; i < n; i++) {
            uint64_t high = m;
            while (low < high) {
                uint64_t middle = low + (high - low) / 2;
                if (b[middle] < a[i])
                    low = middle + 1;
                else
                    high = middle;
            }
            both += low < m && b[low] == a[i];
        }
        return both;
    }
    for (uint64_t i = 0, j = 0; i < n && j < m;) {
        uint32_t x = a[i], y = b[j];
        both += x == y;
        i += x <= y;
        j += y <= x;
    }
    return both;
}

static float cosine(const audiences *a, cache *c, uint32_t i, uint32_t j)
{
    if (i > j) {
        uint32_t t = i;
        i = j;
        j = t;
    }
    uint64_t key = ((uint64_t)i << 32 | j) + 1, slot = key * 0x9e3779b97f4a7c15u >> 44, free_slot = CACHE_SLOTS;
    for (uint64_t s = 0; s < CACHE_PROBES; s++) {
        uint64_t at = (slot + s) % CACHE_SLOTS;
        if (c->key[at] == key) return c->value[at];
        if (c->key[at]) continue;
        free_slot = at;
        break;
    }
    uint64_t n = a->start[i + 1] - a->start[i], m = a->start[j + 1] - a->start[j];
    double norm = sqrt((double)n * (double)m);
    float value = norm > 0 ? (float)((double)common(a->user + a->start[i], n, a->user + a->start[j], m) / norm) : 0;
    if (free_slot < CACHE_SLOTS) {
        c->key[free_slot] = key;
        c->value[free_slot] = value;
    }
    return value;
}

/* ---- a value a user ---------------------------------------------------------------------------------------------------- */

typedef struct shown_job {
    report *r;
    const audiences *a;
    size_t metric;
} shown_job;

static double diversity(const audiences *a, cache *c, const uint32_t *list, uint32_t n)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < i; j++) sum += (double)cosine(a, c, list[i], list[j]);
    return n < 2 ? (double)NAN : 1 - 2 * sum / ((double)n * (n - 1));
}

static lorec_err shown_rows(void *ctx, size_t begin, size_t end, int worker)
{
    (void)worker;
    shown_job *job = ctx;
    report *r = job->r;
    const metric *m = &r->metrics[job->metric];
    cache c = {0};
    if (m->kind == METRIC_DIVERSITY) {
        lorec_err e = mem_new(&c.key, CACHE_SLOTS);
        if (!e) e = mem_new(&c.value, CACHE_SLOTS);
        if (e) {
            mem_free(c.key);
            return e;
        }
    }
    for (size_t i = begin; i < end; i++) {
        const uint32_t *list = r->list + i * r->k;
        uint32_t n = 0;
        double sum = 0;
        for (; n < m->k && n < r->k && list[n] != UINT32_MAX; n++) {
            uint64_t had = job->a->start[list[n] + 1] - job->a->start[list[n]];
            if (m->kind == METRIC_NOVELTY) sum += log2((double)job->a->n_users / (double)(had ? had : 1));
            if (m->kind == METRIC_POPULARITY) sum += job->a->rows[list[n]];
        }
        double value = m->kind == METRIC_DIVERSITY ? diversity(job->a, &c, list, n) : n ? sum / n : (double)NAN;
        r->value[i * r->n_metrics + job->metric] = (float)value;
    }
    mem_free(c.key);
    mem_free(c.value);
    return LOREC_OK;
}

/* Coverage, or Gini's index: sum over items by rising count of (2 rank - items - 1) count / (items * shown). */
static lorec_err shown_catalogue(report *r, size_t j, uint32_t n_items)
{
    const metric *m = &r->metrics[j];
    uint32_t *count;
    TRY(mem_new(&count, n_items));
    double shown = 0, different = 0, weighted = 0;
    for (size_t i = 0; i < r->n_users; i++)
        for (uint32_t at = 0; at < m->k && at < r->k && r->list[i * r->k + at] != UINT32_MAX; at++)
            count[r->list[i * r->k + at]]++;
    if (m->kind == METRIC_GINI) sort_u32(count, n_items);
    for (uint32_t i = 0; i < n_items; i++) {
        shown += count[i];
        different += count[i] > 0;
        weighted += (2.0 * (i + 1.0) - n_items - 1.0) * count[i];
    }
    r->mean[j] = m->kind == METRIC_COVERAGE ? different / n_items
                 : shown > 0                ? weighted / (shown * n_items)
                                            : (double)NAN;
    mem_free(count);
    return LOREC_OK;
}

lorec_err report_shown(report *r, const protocol *p)
{
    if (!report_wants(p, METRIC_OF_SHOWN)) return LOREC_OK;
    audiences a;
    lorec_err e = audiences_make(&a, &p->split->train);
    for (size_t j = 0; j < r->n_metrics && !e; j++) {
        const metric *m = &r->metrics[j];
        if (metric_family_of(m->kind) != METRIC_OF_SHOWN) continue;
        if (m->kind == METRIC_COVERAGE || m->kind == METRIC_GINI) {
            e = shown_catalogue(r, j, p->split->train.n_items);
            continue;
        }
        e = par_for(r->n_users, 1, shown_rows, &(shown_job){r, &a, j});
        double sum = 0;
        uint64_t n = 0;
        for (size_t i = 0; i < r->n_users; i++) {
            float value = r->value[i * r->n_metrics + j];
            if (isnan(value)) continue;
            sum += (double)value;
            n++;
        }
        r->mean[j] = n ? sum / (double)n : (double)NAN;
    }
    audiences_free(&a);
    return e;
}
