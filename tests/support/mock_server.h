/* mock_server.h: an HTTP server for tests that answers what it is told to, byte for byte, and misbehaves on request.
 *
 *     mock_server *s = mock_start();
 *     mock_push(s, &(mock_reply){.status = 429, .headers = "Retry-After: 0\r\n", .body = "{}"});
 *     mock_push(s, &(mock_reply){.body = "{...}"});              // the second request gets this one
 *     llm_open(&m, mock_spec(s, "#model"), &options);
 *     ... mock_request(s, 0)                                     // the first request, head and body
 *     mock_stop(s);
 *
 * Once the queue is empty, requests get the default: an answer whose content is the last message's.
 *
 * Ownership: a server owns copies of its replies and the requests it saw until mock_stop; its thread is its own. */
#ifndef LOREC_TESTS_MOCK_SERVER_H
#define LOREC_TESTS_MOCK_SERVER_H

#include <stdbool.h>
#include <stddef.h>

typedef struct mock_server mock_server;

typedef struct mock_reply {
    int status;          /* 0: 200 */
    const char *headers; /* further ones, each with \r\n */
    const char *type;    /* NULL: application/json */
    const char *body;
    size_t n;     /* of the body; 0: strlen */
    size_t piece; /* written in pieces of so many bytes, each a packet of its own; 0: all at once */
    int delay_ms; /* before the reply */
    bool chunked; /* chunks instead of a length; cut: without the last one */
    size_t cut;   /* the connection is closed after so many bytes of the body; 0: never */
    bool drop;    /* closed without a word */
    bool silent;  /* nothing is ever sent, and the connection stays */
} mock_reply;

mock_server *mock_start(void);
void mock_push(mock_server *s, const mock_reply *r);
const char *mock_spec(const mock_server *s, const char *end); /* "http://127.0.0.1:PORT/v1" + end */
size_t mock_requests(mock_server *s);
const char *mock_request(mock_server *s, size_t i); /* head and body, NUL-terminated */
size_t mock_most_at_once(mock_server *s);
void mock_stop(mock_server *s);

#endif
