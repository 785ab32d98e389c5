/* http_stream.h: a reply that is written while it comes into being, and whether the client still listens.
 *
 *     http_stream *out;
 *     TRY(http_stream_begin(x, "text/event-stream", &out));     // x is the daemon's from here on: do not look at it again
 *     while (more) TRY(http_stream_put(out, bytes, n));          // any one thread; LOREC_CANCELLED: the client has left
 *     http_stream_end(out);
 *
 *     if (http_left(x)) ...                                      // x waits for its reply (REPLY_LATER), the client is gone
 *
 * A client that closes its side for writing counts as gone, as it does with most proxies.
 *
 * Ownership: a stream is the writer's until http_stream_end; the daemon keeps a share of its own. */
#ifndef LOREC_SERVE_HTTP_HTTP_STREAM_H
#define LOREC_SERVE_HTTP_HTTP_STREAM_H

#include "serve/http/exchange.h"

typedef struct http_stream http_stream;

/* The reply's head goes out with status 200 and the headers of x. */
lorec_err http_stream_begin(exchange *x, const char *type, http_stream **out);
lorec_err http_stream_put(http_stream *s, const void *bytes, size_t n);
bool http_stream_left(http_stream *s);
void http_stream_end(http_stream *s);

bool http_left(const exchange *x);

/* The daemon's side (http.c). */
struct MHD_Response;
struct MHD_Response *http_stream_response(exchange *x); /* NULL: out of memory */
void http_stream_forget(exchange *x);                   /* the exchange ends */

#endif
