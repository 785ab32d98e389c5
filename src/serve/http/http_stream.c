#include "serve/http/http_stream.h"

#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>

#include "base/mem.h"
#include "serve/http/http.h"

enum { BLOCK = 4096, UNREAD_MOST = 16 << 20 };

struct http_stream {
    pthread_mutex_t lock;
    struct MHD_Connection *connection;
    int socket;
    buf waiting; /* bytes that the client has not been given */
    size_t given;
    int owners;     /* the writer; the exchange, then its response */
    bool suspended; /* the daemon sleeps until there is more */
    bool ended, gone;
};

/* ---- is anybody there? --------------------------------------------------------------------------------------------------- */

static int socket_of(struct MHD_Connection *c)
{
    const union MHD_ConnectionInfo *i = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
    return i ? i->connect_fd : -1;
}

static bool hung_up(int socket)
{
    struct pollfd p = {.fd = socket, .events = POLLRDHUP};
    return socket >= 0 && poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL));
}

bool http_left(const exchange *x)
{
    return x->connection && hung_up(socket_of(x->connection));
}

/* The socket is looked at only while the daemon sleeps, which keeps it open: otherwise its number may be another's. */
bool http_stream_left(http_stream *s)
{
    pthread_mutex_lock(&s->lock);
    bool left = s->gone || (s->suspended && hung_up(s->socket));
    pthread_mutex_unlock(&s->lock);
    return left;
}

/* ---- writing --------------------------------------------------------------------------------------------------------------- */

static void release(http_stream *s, bool gone)
{
    pthread_mutex_lock(&s->lock);
    bool last = --s->owners == 0;
    s->gone = s->gone || gone;
    pthread_mutex_unlock(&s->lock);
    if (!last) return;
    pthread_mutex_destroy(&s->lock);
    buf_free(&s->waiting);
    mem_free(s);
}

lorec_err http_stream_begin(exchange *x, const char *type, http_stream **out)
{
    http_stream *s;
    *out = NULL;
    TRY(mem_new(&s, 1));
    pthread_mutex_init(&s->lock, NULL);
    s->connection = x->connection;
    s->socket = socket_of(s->connection);
    s->owners = 2;
    x->stream = s;
    x->status = 200;
    x->type = type;
    *out = s;
    http_done(x);
    return LOREC_OK;
}

static void wake(http_stream *s)
{
    if (!s->suspended) return;
    s->suspended = false;
    MHD_resume_connection(s->connection);
}

lorec_err http_stream_put(http_stream *s, const void *bytes, size_t n)
{
    pthread_mutex_lock(&s->lock);
    if (s->waiting.n - s->given > UNREAD_MOST) s->gone = true; /* it does not read what it asked for */
    lorec_err e = s->gone ? err_set(LOREC_CANCELLED, "the client has left") : LOREC_OK;
    if (!e && s->given > s->waiting.n / 2) {
        s->waiting.n -= s->given;
        memmove(s->waiting.p, s->waiting.p + s->given, s->waiting.n);
        s->given = 0;
    }
    if (!e) e = buf_add(&s->waiting, bytes, n);
    if (!e) wake(s);
    pthread_mutex_unlock(&s->lock);
    return e;
}

void http_stream_end(http_stream *s)
{
    if (!s) return;
    pthread_mutex_lock(&s->lock);
    s->ended = true;
    wake(s);
    pthread_mutex_unlock(&s->lock);
    release(s, false);
}

/* ---- the daemon's side -------------------------------------------------------------------------------------------------------- */

static ssize_t read_more(void *ctx, uint64_t at, char *to, size_t room)
{
    (void)at;
    http_stream *s = ctx;
    pthread_mutex_lock(&s->lock);
    size_t n = s->waiting.n - s->given;
    ssize_t got = (ssize_t)(n < room ? n : room);
    if (got) {
        memcpy(to, s->waiting.p + s->given, (size_t)got);
        s->given += (size_t)got;
        if (s->given == s->waiting.n) {
            buf_clear(&s->waiting);
            s->given = 0;
        }
    } else if (s->ended) {
        got = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        s->suspended = true;
        MHD_suspend_connection(s->connection);
    }
    pthread_mutex_unlock(&s->lock);
    return got;
}

static void response_gone(void *ctx)
{
    release(ctx, true);
}

struct MHD_Response *http_stream_response(exchange *x)
{
    struct MHD_Response *r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, read_more, x->stream,
                                                               response_gone);
    if (r) x->stream = NULL; /* its share is the response's now */
    return r;
}

void http_stream_forget(exchange *x)
{
    if (x->stream) release(x->stream, true);
    x->stream = NULL;
}
