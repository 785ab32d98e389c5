/* stats.h: what the server counts, as Prometheus reads it.
 *
 *     stats_request(st, x->route, x->status, seconds);
 *     stats_add(st, STAT_EVENTS, n);
 *     TRY(stats_write(st, &text, gauges));                // the text of GET /metrics
 *
 * Ownership: a stats is made with its routes and shared by all threads (atomic counters). */
#ifndef LOREC_SERVE_STATS_H
#define LOREC_SERVE_STATS_H

#include "serve/http/route.h"

typedef enum counter {
    STAT_EVENTS, /* feedback stored */
    STAT_EVENTS_EXPIRED,
    STAT_DEGRADED,     /* answers given by the first stage because something was late or down */
    STAT_REFUSED_FULL, /* 429: a queue was full */
    STAT_RECORDS,      /* slates kept */
    STAT_RECORDS_LOST, /* slates that did not fit into the queue of the store */
    STAT_RECOMMENDED,  /* items in lists */
    STAT_CACHE_HITS,
    STAT_CACHE_MISSES,
    STAT_TOKENS_PROMPT,
    STAT_TOKENS_COMPLETION,
    STAT_TITLES_REPAIRED, /* what a language model called a title and the catalogue does not have */
    STATS
} counter;

typedef struct stats stats;
lorec_err stats_open(stats **out, const route_table *const *tables, size_t n);
void stats_free(stats *s);
void stats_request(stats *s, const route *r, int status, double seconds); /* r NULL: no such route */
void stats_add(stats *s, counter which, uint64_t n);
uint64_t stats_get(const stats *s, counter which);

typedef struct gauge {
    const char *name, *about, *labels; /* labels: "queue=\"model\"", or NULL */
    double value;
} gauge;
lorec_err stats_write(const stats *s, buf *out, const gauge *gauges, size_t n);

#endif
