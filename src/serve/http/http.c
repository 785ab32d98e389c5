#include "serve/http/http.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "serve/http/coding.h"
#include "serve/http/http_slow.h"
#include "serve/http/http_stream.h"
#include "serve/http/route.h"

enum { BODY = 8 << 20, CONNECTIONS = 12000, IDLE = 30, POOL = 16 << 10, THREADS = 2 };

static const char plain_json[] = "application/json; charset=utf-8";

struct http {
    http_options o;
    struct MHD_Daemon *daemon;
    slow_watch *slow;
    MHD_socket listening; /* after http_drain */
    _Atomic uint64_t drawn, under_way;
    uint64_t seed;
};

/* ---- a new exchange ------------------------------------------------------------------------------------------------------- */

static void draw_id(http *h, exchange *x)
{
    uint64_t n = atomic_fetch_add(&h->drawn, 1);
    snprintf(x->id, sizeof x->id, "%016llx%08llx", (unsigned long long)h->seed, (unsigned long long)n);
}

static bool sound_id(const char *text)
{
    size_t n = text ? strlen(text) : 0;
    if (n < 1 || n > 32) return false;
    for (size_t i = 0; i < n; i++)
        if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'z') ||
              (text[i] >= 'A' && text[i] <= 'Z') || text[i] == '-' || text[i] == '_'))
            return false;
    return true;
}

static enum MHD_Result take_query(void *ctx, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    exchange *x = ctx;
    buf n = {0}, v = {0};
    lorec_err e = exchange_decode(&n, slice_of(name));
    if (!e) e = exchange_decode(&v, slice_of(value ? value : ""));
    if (!e) e = mem_grow(&x->query, &x->query_cap, x->n_query + 1);
    if (e) {
        buf_free(&n);
        buf_free(&v);
        x->refused = true;
        return MHD_NO;
    }
    x->query[x->n_query++] = (exchange_word){n.p, v.p};
    return MHD_YES;
}

static lorec_err take_head(http *h, exchange *x, struct MHD_Connection *c, const char *url)
{
    const char *id = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "X-Request-Id");
    if (sound_id(id))
        snprintf(x->id, sizeof x->id, "%s", id);
    else
        draw_id(h, x);
    TRY(mem_dup(&x->path, url));
    MHD_get_connection_values(c, MHD_GET_ARGUMENT_KIND, take_query, x);
    if (x->refused) return LOREC_INPUT;
    const char *site = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Sec-Fetch-Site");
    x->cross_site = site && strcasecmp(site, "cross-site") == 0;
    const char *version = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "X-API-Version");
    x->second_version = version && slice_is(slice_trim(slice_of(version)), "2");
    const char *key = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "X-API-Key");
    const char *bearer = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Authorization");
    if (!key && bearer && strncasecmp(bearer, "Bearer ", 7) == 0) key = bearer + 7;
    TRY(mem_dup(&x->content_type, MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Type")));
    return mem_dup(&x->key, key);
}

static void refuse(exchange *x, lorec_err e)
{
    exchange_fail(x, e);
    x->refused = true;
}

static exchange *begin(http *h, struct MHD_Connection *c, const char *url, const char *method)
{
    exchange *x;
    if (mem_new(&x, 1)) return NULL;
    x->http = h;
    x->connection = c;
    x->method = method;
    x->started = clock_seconds();
    x->max_body = h->o.max_body;
    atomic_fetch_add(&h->under_way, 1);
    lorec_err e = take_head(h, x, c, url);
    if (e) {
        refuse(x, e);
        return x;
    }
    const char *length = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Length");
    uint64_t n = 0;
    if (!h->o.accept(h->o.ctx, x))
        refuse(x, LOREC_USAGE);
    else if (length && slice_to_u64(slice_of(length), &n) && n > x->max_body)
        refuse(x, exchange_refuse(x, 413, "the body has %llu bytes; at most %zu are taken", (unsigned long long)n,
                                  x->max_body));
    return x;
}

/* ---- the reply --------------------------------------------------------------------------------------------------------------- */

/* Packed where the client can read that; nothing at all where it has the same already. */
static void fit_to_client(exchange *x, struct MHD_Connection *c, struct MHD_Response **out, bool tagged)
{
    const char *type = x->type ? x->type : plain_json;
    buf packed = {0};
    char tag[CODING_TAG];
    bool pays = coding_pays(type, x->reply.n),
         pack = pays && coding_accepts_gzip(MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Accept-Encoding"));
    if (tagged) coding_tag(x->reply.p, x->reply.n, pack, tag);
    bool same = tagged && coding_matches(MHD_lookup_connection_value(c, MHD_HEADER_KIND, "If-None-Match"), tag);
    if (same) {
        x->status = 304; /* of which the daemon sends the head alone, with the length that a 200 would have */
    } else if (pack && coding_gzip(x->reply.p, x->reply.n, &packed) == LOREC_OK) {
        buf_free(&x->reply);
        x->reply = packed;
    } else {
        buf_free(&packed);
        if (tagged && pack) coding_tag(x->reply.p, x->reply.n, pack = false, tag);
    }
    *out = MHD_create_response_from_buffer(x->reply.n, x->reply.p ? x->reply.p : (void *)"", MHD_RESPMEM_MUST_COPY);
    if (!*out) return;
    if (pack && !same) MHD_add_response_header(*out, "Content-Encoding", "gzip");
    if (pays) MHD_add_response_header(*out, "Vary", "Accept-Encoding");
    if (tagged) MHD_add_response_header(*out, "ETag", tag);
}

static enum MHD_Result send_reply(exchange *x, struct MHD_Connection *c)
{
    struct MHD_Response *r = NULL;
    bool tagged = !x->stream && x->status == 200 && x->route && x->route->tagged;
    if (x->stream)
        r = http_stream_response(x);
    else
        fit_to_client(x, c, &r, tagged);
    if (!r) return MHD_NO;
    MHD_add_response_header(r, "Content-Type", x->type ? x->type : plain_json);
    MHD_add_response_header(r, "X-Request-Id", x->id);
    MHD_add_response_header(r, "Cache-Control", tagged ? "private, no-cache" : "no-store");
    MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
    for (int i = 0; i < x->n_headers; i++) MHD_add_response_header(r, x->header[i].name, x->header[i].value);
    if (x->status == 401) MHD_add_response_header(r, "WWW-Authenticate", "Bearer");
    enum MHD_Result rc = MHD_queue_response(c, (unsigned)x->status, r);
    MHD_destroy_response(r);
    return rc;
}

void http_done(exchange *x)
{
    MHD_resume_connection(x->connection);
}

/* False: x may be another thread's by now and must not be looked at; on_request is called again once it is done. */
static bool answered(http *h, exchange *x, struct MHD_Connection *c)
{
    x->dispatched = true;
    if (h->o.dispatch(h->o.ctx, x) == REPLY_NOW) return true;
    MHD_suspend_connection(c);
    if (!h->o.hand(h->o.ctx, x)) MHD_resume_connection(c);
    return false;
}

static slow_client *client_of(struct MHD_Connection *c)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

static void on_connection(void *ctx, struct MHD_Connection *c, void **own, enum MHD_ConnectionNotificationCode how)
{
    http *h = ctx;
    if (how == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
        *own = info ? slow_begin(h->slow, info->connect_fd) : NULL;
    } else {
        slow_end(h->slow, *own);
        *own = NULL;
    }
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *c, const char *url, const char *method,
                                  const char *version, const char *data, size_t *n, void **own)
{
    (void)version;
    http *h = ctx;
    exchange *x = *own;
    if (!x) {
        *own = x = begin(h, c, url, method);
        if (!x) return MHD_NO;
        slow_head(h->slow, client_of(c));
        return x->refused ? send_reply(x, c) : MHD_YES;
    }
    if (*n) {
        x->swallowed += *n;
        if (x->swallowed > 2 * x->max_body) return MHD_NO; /* it was refused and goes on */
        if (!x->refused && x->body.n + *n > x->max_body)
            refuse(x, exchange_refuse(x, 413, "the body is too long; at most %zu bytes are taken", x->max_body));
        if (!x->refused && buf_add(&x->body, data, *n)) refuse(x, LOREC_RESOURCE);
        *n = 0;
        return MHD_YES;
    }
    slow_whole(h->slow, client_of(c));
    if (!x->dispatched && !x->refused && !answered(h, x, c)) return MHD_YES;
    return send_reply(x, c);
}

static void on_completed(void *ctx, struct MHD_Connection *c, void **own, enum MHD_RequestTerminationCode how)
{
    (void)how;
    http *h = ctx;
    exchange *x = *own;
    slow_replied(h->slow, client_of(c));
    if (!x) return;
    h->o.finished(h->o.ctx, x, clock_seconds() - x->started);
    http_stream_forget(x);
    exchange_free(x);
    atomic_fetch_sub(&h->under_way, 1);
    *own = NULL;
}

/* ---- the daemon -------------------------------------------------------------------------------------------------------------- */

static size_t leave_encoded(void *ctx, struct MHD_Connection *c, char *text)
{
    (void)ctx, (void)c;
    return strlen(text);
}

static void say(void *ctx, const char *fmt, va_list ap)
{
    (void)ctx;
    char text[512];
    vsnprintf(text, sizeof text, fmt, ap);
    text[strcspn(text, "\n")] = 0;
    log_debug("http: %s", text);
}

static lorec_err address_of(const http_options *o, struct addrinfo **out)
{
    char port[16];
    snprintf(port, sizeof port, "%d", o->port);
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE, .ai_socktype = SOCK_STREAM};
    const char *host = o->host ? o->host : "127.0.0.1";
    if (getaddrinfo(host, port, &hints, out) == 0) return LOREC_OK;
    return err_set(LOREC_USAGE, "--listen: \"%s\" is no numeric address such as 127.0.0.1 or ::1", host);
}

static void defaults(http_options *o)
{
    if (!o->threads) o->threads = THREADS;
    if (!o->max_body) o->max_body = BODY;
    if (!o->max_connections) o->max_connections = CONNECTIONS;
    if (!o->idle_seconds) o->idle_seconds = IDLE;
}

static lorec_err start(http *h)
{
    struct addrinfo *at;
    TRY(address_of(&h->o, &at));
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | MHD_USE_ITC;
    if (at->ai_family == AF_INET6) flags |= MHD_USE_IPv6;
    if (h->o.tls_cert) flags |= MHD_USE_TLS;
    struct MHD_OptionItem more[3] = {{MHD_OPTION_END, 0, NULL}};
    if (h->o.tls_cert) {
        more[0] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)h->o.tls_cert};
        more[1] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)h->o.tls_key};
        more[2] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    }
    h->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, h, MHD_OPTION_EXTERNAL_LOGGER, say, NULL, MHD_OPTION_SOCK_ADDR, at->ai_addr,
        MHD_OPTION_THREAD_POOL_SIZE, (unsigned)h->o.threads, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)h->o.max_connections, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)h->o.idle_seconds,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL, MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u,
        MHD_OPTION_UNESCAPE_CALLBACK, leave_encoded, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, h,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, h, MHD_OPTION_ARRAY, more, MHD_OPTION_END);
    freeaddrinfo(at);
    if (h->daemon) return LOREC_OK;
    return err_errno("cannot listen on %s port %d (is another server there?)", h->o.host ? h->o.host : "127.0.0.1",
                     h->o.port);
}

lorec_err http_open(http **out, const http_options *o)
{
    *out = NULL;
    http *h;
    TRY(mem_new(&h, 1));
    h->o = *o;
    h->listening = MHD_INVALID_SOCKET;
    defaults(&h->o);
    h->seed = (uint64_t)(clock_seconds() * 1e6) * 0x9e3779b97f4a7c15u ^ ((uint64_t)getpid() << 40);
    *out = h; /* before the first request */
    lorec_err e = slow_open(&h->slow, h->o.head_seconds, h->o.body_seconds);
    if (!e) e = start(h);
    if (e) {
        *out = NULL;
        slow_close(h->slow);
        mem_free(h);
    }
    return e;
}

int http_port(const http *h)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_BIND_PORT);
    return info && info->port ? info->port : h->o.port;
}

size_t http_under_way(const http *h)
{
    return (size_t)atomic_load(&((http *)(uintptr_t)h)->under_way);
}

uint64_t http_slow_shut(http *h)
{
    return slow_shut(h->slow);
}

bool http_drain(http *h, double seconds)
{
    if (h->listening == MHD_INVALID_SOCKET) h->listening = MHD_quiesce_daemon(h->daemon);
    for (double until = clock_seconds() + seconds; http_under_way(h) > 0;) {
        if (clock_seconds() > until) return false;
        usleep(10000);
    }
    return true;
}

void http_close(http *h)
{
    if (!h) return;
    MHD_stop_daemon(h->daemon);
    slow_close(h->slow);
    if (h->listening != MHD_INVALID_SOCKET) close(h->listening);
    mem_free(h);
}
