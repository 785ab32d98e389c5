/* sse.h: server-sent events out of a stream of bytes that may be cut anywhere: in a line, in a character, before "\n".
 *
 *     sse s = {.event = take, .ctx = me};
 *     TRY(sse_feed(&s, bytes, n));              // take(me, data, n) for each whole event
 *     TRY(sse_end(&s));                         // one that lacked its last blank line
 *     sse_free(&s);
 *
 * Only "data:" lines count; several of one event are joined by newlines; comments, ids and names are passed over (WHATWG
 * HTML, "Server-sent events").
 *
 * Ownership: the buffers are the sse's until sse_free; what `event` is given lives for the call. */
#ifndef LOREC_LM_PROVIDER_SSE_H
#define LOREC_LM_PROVIDER_SSE_H

#include "base/str.h"

enum { SSE_EVENT_MAX = 1 << 24 };

typedef struct sse {
    lorec_err (*event)(void *ctx, const char *data, size_t n);
    void *ctx;
    buf line, data;
    bool has_data, after_cr;
} sse;

lorec_err sse_feed(sse *s, const char *bytes, size_t n); /* LOREC_INPUT for an event of more than 16 MiB */
lorec_err sse_end(sse *s);
void sse_free(sse *s);

#endif
