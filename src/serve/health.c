/* /api/health/live, /api/health/ready, /metrics. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "serve/server.h"

static lorec_err get_live(server *s, exchange *x)
{
    (void)s;
    return exchange_reply(x, 200, json_pack("{s:b}", "Alive", 1));
}

static lorec_err get_ready(server *s, exchange *x)
{
    bool ready = atomic_load(&s->ready), down = atomic_load(&s->store_down);
    return exchange_reply(
        x, ready && !down ? 200 : 503,
        json_pack("{s:b, s:b, s:b}", "Ready", ready && !down, "DataStoreConnected", !down, "CacheStoreConnected", 1));
}

static double resident_bytes(void)
{
    long pages = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f && fscanf(f, "%ld %ld", &pages, &resident) != 2) resident = 0;
    if (f) fclose(f);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static lorec_err get_metrics(server *s, exchange *x)
{
    buf text = {0};
    live_read_lock(&s->live);
    double users = s->live.users.n, items = s->live.items.n, events = (double)s->live.n_events;
    live_unlock(&s->live);
    const gauge g[] = {
        {"lorec_build_info", "the version", "version=\"" LOREC_VERSION "\"", 1},
        {"lorec_uptime_seconds", "since the start", NULL, clock_seconds() - s->started},
        {"lorec_resident_bytes", "memory of the process", NULL, resident_bytes()},
        {"lorec_queue_length", "requests waiting", "queue=\"model\"", (double)queue_length(&s->to_model)},
        {"lorec_queue_length", "requests waiting", "queue=\"store\"", (double)queue_length(&s->to_store)},
        {"lorec_queue_length", "requests waiting", "queue=\"desk\"",
         (double)(queue_length(&s->to_desk) + desk_waiting(s->desk))},
        {"lorec_llm_running", "texts that a language model writes", NULL, (double)desk_running(s->desk)},
        {"lorec_requests_under_way", "requests being read or answered", NULL, (double)http_under_way(s->http)},
        {"lorec_live_users", "users with feedback", NULL, users},
        {"lorec_items", "items known", NULL, items},
        {"lorec_live_events", "events in memory", NULL, events},
        {"lorec_slow_clients_shut", "clients that did not send a whole request in time", NULL,
         (double)http_slow_shut(s->http)},
        {"lorec_store_up", "1: the store answers", NULL, atomic_load(&s->store_down) ? 0 : 1},
    };
    lorec_err e = stats_write(s->stats, &text, g, sizeof g / sizeof *g);
    if (!e) e = exchange_text(x, 200, "text/plain; version=0.0.4; charset=utf-8", text.p, text.n);
    buf_free(&text);
    return e;
}

static const route rows[] = {
    {"GET", "/api/health/live", get_live, ON_HTTP, .open = true, .gives = "Alive", .about = "is the process alive?"},
    {"GET", "/api/health/ready", get_ready, ON_HTTP, .open = true, .gives = "Ready", .about = "does it answer?"},
    {"GET", "/metrics", get_metrics, ON_HTTP, .gives = "text/plain", .about = "counters for Prometheus"},
};
const route_table routes_health = {rows, sizeof rows / sizeof *rows};
