/* server.h: which server is asked, by which key, and one exchange with it.
 *
 *     TRY(llm_server_open(&s, "http://", "localhost:8000/v1#qwen", &options, &model));
 *     exchange x = {0};
 *     TRY(exchange_open(&x, s));
 *     TRY(exchange_begin(&x, "/chat/completions", stream));     // x.body was filled in; hand x.easy to a multi handle
 *     llm_server_close(s);
 *
 * Ownership: a server owns its parts until llm_server_close; an exchange owns its handle and buffers until exchange_close and
 * borrows the server. */
#ifndef LOREC_LM_PROVIDER_SERVER_H
#define LOREC_LM_PROVIDER_SERVER_H

#include <curl/curl.h>

#include "lm/provider/openai.h"
#include "lm/provider/sse.h"

enum { REPLY_MAX = 1 << 28 };

typedef struct llm_server {
    char *url; /* up to /v1, without a slash at its end */
    char *key; /* or NULL; wiped when closed */
    bool echo; /* ?score=echo: the server tells log probabilities of a prompt's own tokens */
    struct curl_slist *headers;
    double timeout, connect_timeout;
    CURLM *multi;
    bool answered; /* it did so at least once */
} llm_server;

lorec_err llm_server_open(llm_server **out, const char *scheme, const char *rest, const llm_options *o, char **model);
void llm_server_close(llm_server *s);
/* Every place where the key stands in what a server sent becomes stars. */
void llm_server_mask(const llm_server *s, char *text, size_t n);

typedef struct exchange {
    const llm_server *server;
    CURL *easy;
    buf body, in;
    sse events;
    openai_stream stream;
    bool streams;       /* the reply is a stream of events */
    double retry_after; /* seconds, or -1 */
    lorec_err err;      /* of taking the reply in */
    void (*text)(void *ctx, const char *piece, size_t n);
    void *ctx;
    char why[CURL_ERROR_SIZE];
} exchange;

lorec_err exchange_open(exchange *x, const llm_server *s);
/* What was received before is forgotten; `q` is what a streamed reply answers. */
lorec_err exchange_begin(exchange *x, const char *path, const llm_request *q);
void exchange_close(exchange *x);

#endif
