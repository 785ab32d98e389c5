/* http.h: the HTTP daemon (libmicrohttpd): from bytes to exchanges and back. It parses, limits, authenticates, logs;
 * what an address means is the dispatcher's.
 *
 *     http *h;
 *     TRY(http_open(&h, &(http_options){.host = "127.0.0.1", .port = 8080, .dispatch = dispatch, .ctx = server}));
 *     ...                                             // dispatch(ctx, x) is called on the daemon's threads
 *     http_done(x);                                   // from any thread: x has its reply
 *     http_drain(h, 30);                              // no new connections; waits for what is under way
 *     http_close(h);
 *
 * Limits: body size, header size, connections, seconds of silence. A path is matched still encoded; its words are decoded
 * one by one, so that an encoded slash in an id is part of the id and ".." never means a folder.
 *
 * Ownership: the daemon owns exchanges; between dispatch's "later" and http_done they are the worker's. */
#ifndef LOREC_SERVE_HTTP_HTTP_H
#define LOREC_SERVE_HTTP_HTTP_H

#include "serve/http/exchange.h"

typedef enum dispatched { REPLY_NOW, REPLY_LATER } dispatched;

typedef struct http_options {
    const char *host;                  /* numeric address; NULL: 127.0.0.1 */
    int port;                          /* 0: any free one */
    int threads;                       /* 0: 2 */
    size_t max_body;                   /* bytes; 0: 8 MiB */
    int max_connections, idle_seconds; /* 0: 12,000; 30 */
    double head_seconds, body_seconds; /* until a request has to be there; 0: as http_slow.h says */
    const char *tls_cert, *tls_key;    /* PEM texts, or NULL: plain */
    /* The head of a request is there: false refuses it with x->status and the message set (the body is not read). */
    bool (*accept)(void *ctx, exchange *x);
    /* It is whole. REPLY_LATER: the exchange was handed to another thread, which calls http_done; the daemon has let go of
     * it before `hand` was called. */
    dispatched (*dispatch)(void *ctx, exchange *x);
    bool (*hand)(void *ctx, exchange *x);                           /* false: nobody took it; the reply is set (429) */
    void (*finished)(void *ctx, const exchange *x, double seconds); /* log and count */
    void *ctx;
} http_options;

typedef struct http http;
lorec_err http_open(http **out, const http_options *o);
int http_port(const http *h);
void http_done(exchange *x);
size_t http_under_way(const http *h);
bool http_drain(http *h, double seconds); /* true: nothing is left */
uint64_t http_slow_shut(http *h);         /* slow clients whose sockets were shut */
void http_close(http *h);

#endif
