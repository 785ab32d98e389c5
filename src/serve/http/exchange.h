/* exchange.h: one HTTP request and its reply, as handlers see them: no socket, no thread.
 *
 *     static lorec_err handle(server *s, exchange *x)
 *     {
 *         int64_t n;
 *         TRY(exchange_int(x, "n", 1, 1000, 10, &n));          // ?n=20; LOREC_USAGE (400) names the parameter
 *         slice user = x->part[0];                             // the {user} of the route's pattern, decoded
 *         json_t *body;
 *         TRY(exchange_json(x, &body));                        // the request's body; borrowed
 *         return exchange_reply(x, 200, answer);               // takes the tree over
 *     }
 *
 * A handler that returns an error has its message sent as OpenAI's error object: LOREC_USAGE and LOREC_INPUT are 400 (or
 * what exchange_status says), LOREC_RESOURCE 503, anything else 500.
 *
 * Ownership: an exchange owns all that hangs on it until it is freed; slices point into it. */
#ifndef LOREC_SERVE_HTTP_EXCHANGE_H
#define LOREC_SERVE_HTTP_EXCHANGE_H

#include "base/json.h"

enum { EXCHANGE_PARTS = 4, EXCHANGE_HEADERS = 12 };

typedef struct exchange_word { /* a query parameter or a header, decoded */
    char *name, *value;
} exchange_word;

typedef struct exchange {
    char id[33]; /* request id: the client's X-Request-Id where it is sound, otherwise drawn */
    const struct route *route;
    const struct route *step; /* what the executor does for it now; NULL: the route */
    const char *method;
    char *path; /* as sent, for the log */
    slice part[EXCHANGE_PARTS];
    exchange_word *query;
    size_t n_query, query_cap;
    buf body;
    json_t *json;               /* the body once parsed */
    bool cross_site;            /* a browser says that another site's page asks (Sec-Fetch-Site) */
    bool second_version;        /* X-API-Version: 2: Gorse's lists with scores */
    char *key;                  /* what came in X-API-Key or Authorization: Bearer; never logged */
    char *content_type;         /* as sent, or NULL */
    size_t max_body, swallowed; /* bytes; what accepts it may raise it */
    double started, deadline;   /* clock_seconds() */

    int status;       /* of the reply; 0: none yet */
    char param[64];   /* of an error: the field that is at fault */
    const char *code; /* ... in OpenAI's words ("invalid_type"); NULL: by the status */
    buf reply;
    const char *type; /* content type; NULL: JSON */
    exchange_word header[EXCHANGE_HEADERS];
    int n_headers;

    struct http *http; /* the daemon's own */
    void *connection;
    struct http_stream *stream; /* the reply is written as it comes (http_stream.h) */
    struct exchange *next;      /* in a queue */
    void *work;                 /* what the route's steps hand on; freed by free_work */
    void (*free_work)(void *work);
    bool dispatched, refused;
} exchange;

void exchange_free(exchange *x);

/* Percent-decoded, checked as UTF-8 without NUL; LOREC_INPUT. */
lorec_err exchange_decode(buf *out, slice text);
const char *exchange_query(const exchange *x, const char *name); /* NULL: absent */
lorec_err exchange_int(const exchange *x, const char *name, int64_t min, int64_t max, int64_t fallback, int64_t *out);
lorec_err exchange_json(exchange *x, json_t **out);

lorec_err exchange_reply(exchange *x, int status, json_t *tree); /* tree NULL: LOREC_RESOURCE */
lorec_err exchange_text(exchange *x, int status, const char *type, const char *text, size_t n);
lorec_err exchange_header(exchange *x, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* An error with a status of its own: 401, 404, 409, 413, 429 ... The handler returns what this returns. */
lorec_err exchange_refuse(exchange *x, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* An error of one field; code in OpenAI's words. */
lorec_err exchange_wrong(exchange *x, const char *param, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* The present error (message of this thread) as the reply. */
void exchange_fail(exchange *x, lorec_err e);
/* {"error": {"message", "type", "param", "code"}} of the present error. NULL: out of memory. */
json_t *exchange_error(int status, const char *param, const char *code);

/* Fields of a JSON body: rows of a table. Absent optional fields keep what is in `into`. */
typedef enum field_kind {
    FIELD_TEXT,
    FIELD_INT,
    FIELD_REAL,
    FIELD_BOOL,
    FIELD_LIST,
    FIELD_OBJECT,
    FIELD_ANY
} field_kind;
typedef struct field {
    const char *name;
    field_kind kind;
    void *into; /* slice, int64_t, double, bool, json_t * (borrowed) */
    bool required;
    double min, max; /* of numbers; lengths of texts (bytes) and lists; 0, 0: a text at most 4096 bytes, others any */
    bool characters; /* a text is measured in characters instead */
} field;
/* LOREC_INPUT names the field: missing, of another type, out of range; or (strict) unknown, with the nearest. */
lorec_err fields_read(const json_t *object, const field *f, size_t n, bool strict);
/* The same; x keeps which field it was, for the error object. */
lorec_err exchange_fields(exchange *x, const json_t *object, const field *f, size_t n, bool strict);

#endif
