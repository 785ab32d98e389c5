#include "serve/server.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "serve/openai/mentions.h"
#include "serve/workers.h"

const route_table *const server_tables[] = {
    &routes_health,         &routes_openapi,     &routes_v1,          &routes_openai,     &routes_gorse_recommend,
    &routes_gorse_feedback, &routes_gorse_users, &routes_gorse_items, &routes_gorse_bulk, &routes_train,
    &routes_page,           &routes_browse,      &routes_runs,
};
enum {
    TABLES = sizeof server_tables / sizeof *server_tables,
    STORE_QUEUE = 4096,
    MODEL_QUEUE = 1024,
    DESK_QUEUE = 256,
    RECORDS = 20000
};

const size_t server_n_tables = TABLES;

int64_t server_now(void)
{
    return (int64_t)time(NULL);
}

/* ---- the daemon's questions ------------------------------------------------------------------------------------------------ */

/* In time that does not depend on where the first difference is. */
static bool same_key(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    unsigned char differ = n != m;
    for (size_t i = 0; i < n; i++) differ |= (unsigned char)(a[i] ^ b[m ? i % m : 0]);
    return m && !differ;
}

static bool accept_head(void *ctx, exchange *x)
{
    server *s = ctx;
    x->route = route_find(server_tables, TABLES, x->method, x->path, x);
    if (!x->route) return false;
    pthread_rwlock_rdlock(&s->key_lock);
    bool welcome = !s->key || x->route->open || (x->key && same_key(x->key, s->key));
    pthread_rwlock_unlock(&s->key_lock);
    if (!welcome) {
        (void)exchange_refuse(x, 401,
                              x->key ? "the key is not right"
                                     : "a key is due: X-API-Key, or Authorization: "
                                       "Bearer");
        return false;
    }
    if (x->cross_site && strcmp(x->method, "GET") != 0 && strcmp(x->method, "HEAD") != 0) {
        /* Without a key a page of anybody's could have its visitor's browser train, like or delete here. */
        (void)exchange_refuse(x, 403, "a browser sent this for another site's page");
        return false;
    }
    if (x->route->max_body) x->max_body = x->route->max_body;
    if (x->route->asks && form_check_query(x, x->route->asks)) return false;
    x->deadline = clock_seconds() + s->o.deadline_seconds;
    return true;
}

static dispatched dispatch(void *ctx, exchange *x)
{
    server *s = ctx;
    if (x->route->on != ON_HTTP) return REPLY_LATER;
    lorec_err e = x->route->handle(s, x);
    if (e) exchange_fail(x, e);
    return REPLY_NOW;
}

static bool hand(void *ctx, exchange *x)
{
    server *s = ctx;
    queue *to = x->route->on == ON_STORE ? &s->to_store : x->route->on == ON_DESK ? &s->to_desk : &s->to_model;
    if (queue_put(to, x)) return true;
    stats_add(s->stats, STAT_REFUSED_FULL, 1);
    (void)exchange_header(x, "Retry-After", "1");
    exchange_fail(x, exchange_refuse(x, 429, "too many requests are waiting; try again in a second"));
    return false;
}

static void finished(void *ctx, const exchange *x, double seconds)
{
    server *s = ctx;
    stats_request(s->stats, x->route, x->status, seconds);
    if (!s->access) return;
    char when[32];
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
    json_t *line = json_pack("{s:s, s:s, s:s, s:s, s:i, s:f, s:I, s:I}", "time", when, "request_id", x->id, "method",
                             x->method ? x->method : "", "route", x->route ? x->route->pattern : "none", "status",
                             x->status, "ms", seconds * 1e3, "bytes_in", (json_int_t)x->body.n, "bytes_out",
                             (json_int_t)x->reply.n);
    char *text = line ? json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    if (text) {
        pthread_mutex_lock(&s->access_lock);
        fprintf(s->access, "%s\n", text);
        fflush(s->access);
        pthread_mutex_unlock(&s->access_lock);
    }
    free(text);
    json_decref(line);
}

/* ---- records ------------------------------------------------------------------------------------------------------------------ */

static void record_free(record *r)
{
    buf_free(&r->user);
    buf_free(&r->body);
    mem_free(r);
}

static int add_text(const char *text, size_t n, void *to)
{
    return buf_add(to, text, n) == LOREC_OK ? 0 : -1;
}

static record *record_make(const char *id, slice user, const json_t *body)
{
    record *r;
    if (!body || mem_new(&r, 1)) return NULL;
    snprintf(r->id, sizeof r->id, "%s", id);
    r->time = server_now();
    if (buf_add(&r->user, user.p ? user.p : "", user.n) ||
        json_dump_callback(body, add_text, &r->body, JSON_COMPACT | JSON_REAL_PRECISION(17))) {
        record_free(r);
        return NULL;
    }
    return r;
}

void server_record(server *s, const char *request_id, slice user, json_t *body)
{
    record *r = s->o.keep_records_days > 0 ? record_make(request_id, user, body) : NULL;
    json_decref(body);
    if (s->o.keep_records_days <= 0) return;
    pthread_mutex_lock(&s->record_lock);
    bool room = r && s->n_records < RECORDS;
    if (room) {
        *(s->last_record ? &s->last_record->next : &s->records) = r;
        s->last_record = r;
        s->n_records++;
    }
    pthread_mutex_unlock(&s->record_lock);
    if (room) return;
    stats_add(s->stats, STAT_RECORDS_LOST, 1);
    if (r) record_free(r);
}

record *server_take_records(server *s)
{
    pthread_mutex_lock(&s->record_lock);
    record *all = s->records;
    s->records = s->last_record = NULL;
    s->n_records = 0;
    pthread_mutex_unlock(&s->record_lock);
    return all;
}

void server_free_records(record *r)
{
    while (r) {
        record *next = r->next;
        record_free(r);
        r = next;
    }
}

/* ---- opening and closing --------------------------------------------------------------------------------------------------------- */

static bool is_loopback(const char *host)
{
    return !host || strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

static lorec_err check(const server_options *o)
{
    if (!o->n_runs) return err_set(LOREC_USAGE, "what is to be served? Name a run folder (lorec run ... --out DIR)");
    if (!is_loopback(o->host) && !o->key)
        return err_set(LOREC_USAGE,
                       "--listen %s is open to other machines: set a key first (LOREC_API_KEY in the environment, or "
                       "--key-file FILE)",
                       o->host);
    if (!o->tls_cert != !o->tls_key) return err_set(LOREC_USAGE, "--tls-cert and --tls-key go together");
    return LOREC_OK;
}

static lorec_err open_log(server *s)
{
    const char *path = s->o.access_log;
    if (!path) return LOREC_OK;
    s->access = strcmp(path, "-") == 0 ? stderr : fopen(path, "ae");
    return s->access ? LOREC_OK : err_errno("%s", path);
}

/* What is in force; where that cannot be opened, what was before, then the run as it was named. */
static lorec_err open_run(server *s, size_t i)
{
    lorec_err e = LOREC_OK;
    const char *tried = NULL, *path;
    for (int attempt = 0; (path = retrain_run(s->retrainer, i, attempt)); attempt++) {
        if (tried && strcmp(path, tried) == 0) continue;
        if (tried) log_warn("%s: %s; %s is tried", tried, lorec_error_message(), path);
        if (!(e = engine_add(&s->engine, path, NULL, -1))) return LOREC_OK;
        tried = path;
    }
    return e;
}

static bool is_served(const engine *g, slice method)
{
    for (size_t i = 0; i < g->n; i++)
        if (slice_is(method, g->run[i]->advisor.r->key)) return true;
    return false;
}

/* The run's further methods. One that is not to be had is no reason not to serve the others. */
static void open_others(server *s, const variant *r)
{
    const char *words = json_string_value(json_object_get(r->advisor.run.config, "methods"));
    slice rest = slice_of(words ? words : "");
    while (rest.n) {
        char key[64];
        slice word = slice_trim(slice_cut(&rest, ','));
        snprintf(key, sizeof key, "%.*s", (int)(word.n < 63 ? word.n : 63), word.p);
        if (!word.n || is_served(&s->engine, word)) continue;
        if (engine_add(&s->engine, r->path, key, -1))
            log_warn("%s of %s is not served: %s", key, r->path, lorec_error_message());
    }
}

static lorec_err open_runs(server *s, const server_options *o)
{
    for (size_t i = 0; i < o->n_runs; i++) TRY(open_run(s, i));
    s->engine.n_split = s->engine.n;
    for (size_t i = 0; i < o->n_runs && !o->first_only; i++) open_others(s, s->engine.run[i]);
    return LOREC_OK;
}

static lorec_err open_parts(server *s, const server_options *o)
{
    TRY(mem_dup(&s->key, o->key));
    TRY(mem_dup(&s->read_type, o->read_type ? o->read_type : "read"));
    TRY(mem_dup(&s->store_url, o->store ? o->store : "sqlite::memory:"));
    TRY(open_log(s));
    TRY(stats_open(&s->stats, server_tables, TABLES));
    TRY(engine_open(&s->engine, &s->live));
    if (o->index_from) s->engine.index_from = o->index_from;
    s->engine.new_every = o->new_every > 0 ? (size_t)o->new_every : 0;
    TRY(retrain_open(&s->retrainer, s, &o->train, o->runs, o->n_runs));
    TRY(open_runs(s, o));
    if (o->llm.llm || o->llm.embed) TRY(desk_open(&s->desk, &o->llm));
    TRY(store_open(&s->store, s->store_url));
    TRY(store_follow(s));
    /* titles now, not by the first who asks: they take seconds of a large catalogue */
    live_read_lock(&s->live);
    lorec_err e = mentions_update(&s->mentions, &s->live);
    if (!e) e = title_index_refresh(&s->search, &s->live);
    live_unlock(&s->live);
    return e;
}

static lorec_err start(server *s)
{
    if (pthread_create(&s->store_thread, NULL, store_worker, s))
        return err_set(LOREC_RESOURCE, "no thread for the store");
    s->store_running = true;
    if (pthread_create(&s->model_thread, NULL, model_worker, s))
        return err_set(LOREC_RESOURCE, "no thread for the models");
    s->model_running = true;
    TRY(retrain_start(s->retrainer));
    if (pthread_create(&s->desk_thread, NULL, desk_worker, s))
        return err_set(LOREC_RESOURCE, "no thread for what a language model is asked");
    s->desk_running = true;
    return http_open(&s->http, &(http_options){.host = s->o.host,
                                               .port = s->o.port,
                                               .tls_cert = s->o.tls_cert,
                                               .tls_key = s->o.tls_key,
                                               .head_seconds = s->o.slow_seconds,
                                               .body_seconds = s->o.slow_seconds,
                                               .accept = accept_head,
                                               .dispatch = dispatch,
                                               .hand = hand,
                                               .finished = finished,
                                               .ctx = s});
}

lorec_err server_open(server **out, const server_options *o)
{
    *out = NULL;
    TRY(check(o));
    server *s;
    TRY(mem_new(&s, 1));
    s->o = *o;
    if (s->o.deadline_seconds <= 0) s->o.deadline_seconds = 1;
    if (s->o.llm_deadline_seconds <= 0) s->o.llm_deadline_seconds = 600;
    if (s->o.words_deadline_seconds <= 0) s->o.words_deadline_seconds = 10;
    s->started = clock_seconds();
    pthread_mutex_init(&s->record_lock, NULL);
    pthread_mutex_init(&s->access_lock, NULL);
    pthread_mutex_init(&s->swap_lock, NULL);
    pthread_cond_init(&s->swapped, NULL);
    pthread_rwlock_init(&s->key_lock, NULL);
    lorec_err e = queue_open(&s->to_store, STORE_QUEUE);
    if (!e) e = queue_open(&s->to_model, MODEL_QUEUE);
    if (!e) e = queue_open(&s->to_desk, DESK_QUEUE);
    if (!e) e = live_open(&s->live, o->read_type ? o->read_type : "read", o->unique);
    if (!e) e = title_index_open(&s->search);
    if (!e) e = open_parts(s, o);
    if (!e) e = start(s);
    if (e) {
        server_close(s);
        return e;
    }
    atomic_store(&s->ready, true);
    *out = s;
    return LOREC_OK;
}

void server_close(server *s)
{
    if (!s) return;
    enum { DRAIN = 30 };
    atomic_store(&s->ready, false);
    if (s->http && !http_drain(s->http, DRAIN)) log_warn("some requests took longer than %d s and were dropped", DRAIN);
    retrain_close(s->retrainer); /* it hands models to the models' thread */
    queue_close(&s->to_desk);    /* in the order in which they hand on to each other */
    if (s->desk_running) pthread_join(s->desk_thread, NULL);
    queue_close(&s->to_model);
    if (s->model_running) pthread_join(s->model_thread, NULL);
    desk_close(s->desk); /* what it has not done is answered so */
    queue_close(&s->to_store);
    if (s->store_running) pthread_join(s->store_thread, NULL);
    http_close(s->http);
    mentions_free(s->mentions);
    engine_close(&s->engine);
    live_close(&s->live);
    title_index_close(&s->search);
    store_close(s->store);
    server_free_records(server_take_records(s));
    stats_free(s->stats);
    queue_free(&s->to_model);
    queue_free(&s->to_desk);
    queue_free(&s->to_store);
    if (s->access && s->access != stderr) fclose(s->access);
    pthread_mutex_destroy(&s->record_lock);
    pthread_mutex_destroy(&s->access_lock);
    pthread_mutex_destroy(&s->swap_lock);
    pthread_cond_destroy(&s->swapped);
    pthread_rwlock_destroy(&s->key_lock);
    mem_free(s->key);
    mem_free(s->read_type);
    mem_free(s->store_url);
    mem_free(s);
}

lorec_err server_swap(server *s, size_t slot, variant *fresh)
{
    pthread_mutex_lock(&s->swap_lock);
    s->fresh = fresh;
    s->fresh_slot = slot;
    while (s->fresh) pthread_cond_wait(&s->swapped, &s->swap_lock);
    pthread_mutex_unlock(&s->swap_lock);
    return LOREC_OK;
}

lorec_err server_reload(server *s, const char *key)
{
    char *fresh = NULL;
    if (key) TRY(mem_dup(&fresh, key));
    if (key) {
        pthread_rwlock_wrlock(&s->key_lock);
        char *old = s->key;
        s->key = fresh;
        pthread_rwlock_unlock(&s->key_lock);
        mem_free(old);
    }
    retrain_reload(s->retrainer);
    return LOREC_OK;
}

const char *server_host(const server *s)
{
    return s->o.host ? s->o.host : "127.0.0.1";
}

int server_port(const server *s)
{
    return http_port(s->http);
}
