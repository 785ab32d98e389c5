#include "serve/stats.h"

#include <stdatomic.h>
#include <stdio.h>

#include "base/mem.h"

/* Upper bounds of the latency buckets, seconds. */
static const double bound[] = {.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10};
enum { BUCKETS = sizeof bound / sizeof *bound, CLASSES = 6 };

typedef struct route_stats {
    const route *route;
    _Atomic uint64_t bucket[BUCKETS + 1], code[600], micros;
} route_stats;

struct stats {
    route_stats *row; /* the last one is of requests without a route */
    size_t n;
    _Atomic uint64_t count[STATS];
};

static const struct {
    const char *name, *about;
} words[STATS] = {
    [STAT_EVENTS] = {"lorec_events_total", "feedback events stored"},
    [STAT_EVENTS_EXPIRED] = {"lorec_events_expired_total", "feedback events deleted because they were too old"},
    [STAT_DEGRADED] = {"lorec_degraded_total", "answers given by a simpler stage"},
    [STAT_REFUSED_FULL] = {"lorec_queue_full_total", "requests refused because a queue was full"},
    [STAT_RECORDS] = {"lorec_records_total", "slates recorded"},
    [STAT_RECORDS_LOST] = {"lorec_records_lost_total", "slates not recorded because the store was behind"},
    [STAT_RECOMMENDED] = {"lorec_items_recommended_total", "items in lists"},
    [STAT_CACHE_HITS] = {"lorec_cache_hits_total", "answers taken from the cache of lists"},
    [STAT_CACHE_MISSES] = {"lorec_cache_misses_total", "answers computed"},
    [STAT_TOKENS_PROMPT] = {"lorec_tokens_prompt_total", "tokens read by language models"},
    [STAT_TITLES_REPAIRED] = {"lorec_titles_repaired_total",
                              "titles in answers that the catalogue does not have, replaced"},
    [STAT_TOKENS_COMPLETION] = {"lorec_tokens_completion_total", "tokens written by language models"},
};

lorec_err stats_open(stats **out, const route_table *const *tables, size_t n)
{
    size_t rows = 1, at = 0;
    *out = NULL;
    for (size_t t = 0; t < n; t++) rows += tables[t]->n;
    stats *s;
    TRY(mem_new(&s, 1));
    lorec_err e = mem_new(&s->row, rows);
    if (e) {
        mem_free(s);
        return e;
    }
    s->n = rows;
    for (size_t t = 0; t < n; t++)
        for (size_t i = 0; i < tables[t]->n; i++) s->row[at++].route = &tables[t]->rows[i];
    *out = s;
    return LOREC_OK;
}

void stats_free(stats *s)
{
    if (!s) return;
    mem_free(s->row);
    mem_free(s);
}

void stats_request(stats *s, const route *r, int status, double seconds)
{
    size_t i = 0;
    while (i + 1 < s->n && s->row[i].route != r) i++;
    route_stats *row = &s->row[i];
    int b = 0;
    while (b < BUCKETS && seconds > bound[b]) b++;
    atomic_fetch_add_explicit(&row->bucket[b], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&row->code[status >= 0 && status < 600 ? status : 0], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&row->micros, seconds > 0 ? (uint64_t)(seconds * 1e6) : 0, memory_order_relaxed);
}

void stats_add(stats *s, counter which, uint64_t n)
{
    atomic_fetch_add_explicit(&s->count[which], n, memory_order_relaxed);
}

uint64_t stats_get(const stats *s, counter which)
{
    return atomic_load_explicit(&((stats *)(uintptr_t)s)->count[which], memory_order_relaxed);
}

static lorec_err head(buf *out, const char *name, const char *about, const char *type)
{
    return buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, about, name, type);
}

static lorec_err write_codes(stats *s, buf *out)
{
    TRY(head(out, "lorec_http_requests_total", "requests answered", "counter"));
    for (size_t i = 0; i < s->n; i++) {
        const route *r = s->row[i].route;
        for (int code = 0; code < 600; code++) {
            uint64_t n = atomic_load_explicit(&s->row[i].code[code], memory_order_relaxed);
            if (n)
                TRY(buf_printf(out, "lorec_http_requests_total{method=\"%s\",route=\"%s\",code=\"%d\"} %llu\n",
                               r ? r->method : "", r ? r->pattern : "none", code, (unsigned long long)n));
        }
    }
    return LOREC_OK;
}

static lorec_err write_latency(stats *s, buf *out)
{
    TRY(head(out, "lorec_http_request_seconds", "time from a request's first byte to its reply", "histogram"));
    for (size_t i = 0; i < s->n; i++) {
        const route *r = s->row[i].route;
        char label[256];
        snprintf(label, sizeof label, "method=\"%s\",route=\"%s\"", r ? r->method : "", r ? r->pattern : "none");
        uint64_t sum = 0, all = 0;
        for (int b = 0; b <= BUCKETS; b++) all += atomic_load_explicit(&s->row[i].bucket[b], memory_order_relaxed);
        if (!all) continue;
        for (int b = 0; b < BUCKETS; b++) {
            sum += atomic_load_explicit(&s->row[i].bucket[b], memory_order_relaxed);
            TRY(buf_printf(out, "lorec_http_request_seconds_bucket{%s,le=\"%g\"} %llu\n", label, bound[b],
                           (unsigned long long)sum));
        }
        double seconds = (double)atomic_load_explicit(&s->row[i].micros, memory_order_relaxed) / 1e6;
        TRY(buf_printf(out, "lorec_http_request_seconds_bucket{%s,le=\"+Inf\"} %llu\n", label,
                       (unsigned long long)all));
        TRY(buf_printf(out, "lorec_http_request_seconds_sum{%s} %.6f\n", label, seconds));
        TRY(buf_printf(out, "lorec_http_request_seconds_count{%s} %llu\n", label, (unsigned long long)all));
    }
    return LOREC_OK;
}

lorec_err stats_write(const stats *c, buf *out, const gauge *gauges, size_t n)
{
    stats *s = (stats *)(uintptr_t)c; /* atomics are read only */
    TRY(write_codes(s, out));
    TRY(write_latency(s, out));
    for (int i = 0; i < STATS; i++) {
        TRY(head(out, words[i].name, words[i].about, "counter"));
        TRY(buf_printf(out, "%s %llu\n", words[i].name, (unsigned long long)stats_get(s, (counter)i)));
    }
    for (size_t i = 0; i < n; i++) {
        bool first = i == 0 || strcmp(gauges[i].name, gauges[i - 1].name) != 0;
        if (first) TRY(head(out, gauges[i].name, gauges[i].about, "gauge"));
        const char *l = gauges[i].labels;
        TRY(buf_printf(out, "%s%s%s%s %.17g\n", gauges[i].name, l ? "{" : "", l ? l : "", l ? "}" : "",
                       gauges[i].value));
    }
    return LOREC_OK;
}
