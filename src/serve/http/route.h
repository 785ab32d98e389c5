/* route.h: which address is answered by what, and on which thread. A route is one row of a table.
 *
 *     static const route rows[] = {
 *         {"GET", "/api/user/{user}", user_get, .on = ON_STORE},
 *         {"GET", "/api/recommend/{user}", .ask = recommend_ask, .answer = recommend_answer, .on = ON_MODEL},
 *     };
 *     const route_table table = {rows, sizeof rows / sizeof *rows};
 *
 * A pattern's {words} match one segment each; a last "{words...}" the rest.
 *
 * Ownership: tables are static; the words found are the exchange's. */
#ifndef LOREC_SERVE_HTTP_ROUTE_H
#define LOREC_SERVE_HTTP_ROUTE_H

#include "serve/http/form.h"

typedef struct server server;
typedef lorec_err (*handler)(server *s, exchange *x);

typedef enum route_thread {
    ON_HTTP,  /* memory only: answered where it arrived */
    ON_STORE, /* the store's one thread; writes of a batch are committed together before any is answered */
    ON_MODEL, /* the executor: `ask` for each of a batch, then the engine, then `answer` for each */
    ON_DESK /* the language model's front: `handle` checks, hands on, and whoever has the answer replies (http_done) */
} route_thread;

typedef struct route {
    const char *method, *pattern;
    handler handle;
    route_thread on;
    handler ask, answer; /* ON_MODEL */
    bool open;           /* needs no key: health, the page */
    bool writes;         /* ON_STORE: inside the batch's transaction */
    size_t max_body;     /* bytes; 0: as the daemon says */
    const char *about;   /* one line for openapi.json */
    bool hands_on; /* ON_MODEL: `answer` sees to the reply (http_done) itself, or queues `step` for the store's thread,
                          * unless it returns an error */
    /* What openapi.json says besides: */
    const form *takes;       /* the body; NULL: none */
    bool may_be_empty;       /* it need not be there */
    const char *takes_words; /* its schema where no form tells it; or a type of text */
    const form *asks;        /* of the address, behind the question mark */
    const char *gives; /* the reply: a name of openapi_words.c, or a schema; NULL: any JSON; "text/...": no JSON */
    bool later;        /* 202 instead of 200 */
    bool tagged;       /* the reply has an ETag; a client that has it already gets 304 */
} route;
typedef struct route_table {
    const route *rows;
    size_t n;
} route_table;

/* The row for method and path (percent-encoded; without the query); x->part is filled. NULL with x->status 404 or 405 and
 * the message set, or an error of decoding. */
const route *route_find(const route_table *const *tables, size_t n, const char *method, const char *path, exchange *x);

#endif
