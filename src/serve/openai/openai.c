/* OpenAI's addresses: /v1/models, /v1/chat/completions, /v1/completions, /v1/embeddings. */
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "serve/engine/served.h"
#include "serve/http/http_stream.h"
#include "serve/openai/grounded.h"
#include "serve/openai/talk.h"

/* ---- models ---------------------------------------------------------------------------------------------------------------------- */

static json_t *model_json(const server *s, const char *id)
{
    return json_pack("{s:s, s:s, s:I, s:s}", "id", id, "object", "model", "created",
                     (json_int_t)(server_now() - (int64_t)(clock_seconds() - s->started)), "owned_by", "lorec");
}

static lorec_err get_models(server *s, exchange *x)
{
    json_t *list = json_array();
    char id[SERVED_ID];
    live_read_lock(&s->live);
    for (size_t i = 0; served_model(s, i, id); i++) json_array_append_new(list, model_json(s, id));
    live_unlock(&s->live);
    return exchange_reply(x, 200, json_pack("{s:s, s:o}", "object", "list", "data", list));
}

static lorec_err no_model(exchange *x, slice model)
{
    x->code = "model_not_found";
    snprintf(x->param, sizeof x->param, "model");
    return exchange_refuse(x, 404, "the model \"%.*s\" is not served here; see /v1/models",
                           (int)(model.n < 200 ? model.n : 200), model.p);
}

static lorec_err get_model(server *s, exchange *x)
{
    char id[SERVED_ID];
    bool found = false;
    live_read_lock(&s->live);
    for (size_t i = 0; !found && served_model(s, i, id); i++) found = slice_is(x->part[0], id);
    live_unlock(&s->live);
    return found ? exchange_reply(x, 200, model_json(s, id)) : no_model(x, x->part[0]);
}

/* ---- chats and completions --------------------------------------------------------------------------------------------------------- */

static bool is_model(slice model, const char *name)
{
    return name && slice_is(model, name);
}

/* The reply comes from the desk's threads. */
static lorec_err start(server *s, exchange *x, const openai_ask *a)
{
    openai_talk *t;
    if (!is_model(a->model, desk_chat_model(s->desk))) return no_model(x, a->model);
    TRY(openai_talk_new(&t, s, x, a));
    return openai_talk_start(t, a, NULL, NULL);
}

/* First to the executor, which knows people and items. */
static lorec_err to_executor(server *s, exchange *x)
{
    x->step = &grounded_step;
    if (queue_put(&s->to_model, x)) return LOREC_OK;
    stats_add(s->stats, STAT_REFUSED_FULL, 1);
    (void)exchange_header(x, "Retry-After", "1");
    return exchange_refuse(x, 429, "too many requests are waiting; try again in a second");
}

static lorec_err post_chat(server *s, exchange *x)
{
    openai_ask a;
    int which;
    TRY(openai_read(x, OPENAI_CHAT, &a));
    live_read_lock(&s->live);
    bool recommends = served_recommender(s, a.model, &which);
    live_unlock(&s->live);
    lorec_err e = LOREC_OK;
    if (recommends && a.format)
        e = exchange_wrong(
            x, "response_format", "unsupported_parameter",
            "\"response_format\": a chat about the catalogue answers in words; /v1/recommend gives JSON");
    if (!e) e = recommends ? to_executor(s, x) : start(s, x, &a);
    openai_ask_free(&a);
    return e;
}

static lorec_err post_text(server *s, exchange *x)
{
    openai_ask a;
    TRY(openai_read(x, OPENAI_TEXT, &a));
    lorec_err e = start(s, x, &a);
    openai_ask_free(&a);
    return e;
}

/* ---- vectors --------------------------------------------------------------------------------------------------------------------------- */

typedef struct embedding {
    exchange *x;
    openai_ask a;
    server *s;
} embedding;

static json_t *base64(const float *v, size_t n)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *b = (const unsigned char *)v; /* little-endian, as the clients expect */
    size_t bytes = n * sizeof *v, at = 0;
    char *text;
    if (mem_new(&text, (bytes + 2) / 3 * 4 + 1)) return NULL;
    for (size_t i = 0; i < bytes; i += 3) {
        size_t left = bytes - i;
        unsigned word = (unsigned)b[i] << 16 | (left > 1 ? (unsigned)b[i + 1] << 8 : 0) | (left > 2 ? b[i + 2] : 0u);
        text[at++] = digit[word >> 18];
        text[at++] = digit[word >> 12 & 63];
        text[at++] = left > 1 ? digit[word >> 6 & 63] : '=';
        text[at++] = left > 2 ? digit[word & 63] : '=';
    }
    json_t *j = json_stringn(text, at);
    mem_free(text);
    return j;
}

static json_t *vector_json(const float *v, size_t n, bool as_base64)
{
    if (as_base64) return base64(v, n);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) json_array_append_new(list, json_real((double)v[i]));
    return list;
}

static lorec_err reply_vectors(const embedding *q, const float *v, size_t width, int64_t n_tokens)
{
    if (q->a.dimensions && (size_t)q->a.dimensions != width)
        return exchange_wrong(q->x, "dimensions", "invalid_value", "\"dimensions\": the model's vectors have %zu",
                              width);
    json_t *list = json_array();
    for (size_t i = 0; i < q->a.n_texts; i++)
        json_array_append_new(list, json_pack("{s:s, s:I, s:o}", "object", "embedding", "index", (json_int_t)i,
                                              "embedding", vector_json(v + i * width, width, q->a.base64)));
    char model[SERVED_ID];
    snprintf(model, sizeof model, "%s", desk_embed_model(q->s->desk));
    stats_add(q->s->stats, STAT_TOKENS_PROMPT, (uint64_t)n_tokens);
    return exchange_reply(q->x, 200,
                          json_pack("{s:s, s:o, s:s, s:{s:I, s:I}}", "object", "list", "data", list, "model", model,
                                    "usage", "prompt_tokens", (json_int_t)n_tokens, "total_tokens",
                                    (json_int_t)n_tokens));
}

static void vectors_came(void *ctx, lorec_err e, const float *v, size_t width, int64_t n_tokens)
{
    embedding *q = ctx;
    exchange *x = q->x;
    if (e == LOREC_INPUT || e == LOREC_USAGE) snprintf(x->param, sizeof x->param, "input");
    if (e == LOREC_FAILED && !desk_is_local(q->s->desk)) x->status = 502;
    if (!e) e = reply_vectors(q, v, width, n_tokens);
    if (e) exchange_fail(x, e);
    openai_ask_free(&q->a);
    mem_free(q);
    http_done(x);
}

static lorec_err ask_vectors(server *s, exchange *x, embedding *q)
{
    desk_fault fault;
    TRY(openai_read(x, OPENAI_EMBED, &q->a));
    if (!is_model(q->a.model, desk_embed_model(s->desk))) return no_model(x, q->a.model);
    bool tokenised = q->a.ids[0].n > 0;
    const desk_embed_request r = {.text = tokenised ? NULL : q->a.text,
                                  .ids = tokenised ? q->a.ids : NULL,
                                  .n = q->a.n_texts,
                                  .done = vectors_came,
                                  .ctx = q};
    lorec_err e = desk_embed(s->desk, &r, &fault);
    if (!e) return LOREC_OK;
    if (fault.status == 429) (void)exchange_header(x, "Retry-After", "5");
    if (fault.status) x->status = fault.status;
    x->code = fault.code;
    return e;
}

static lorec_err post_embed(server *s, exchange *x)
{
    embedding *q;
    TRY(mem_new(&q, 1));
    *q = (embedding){.x = x, .s = s};
    lorec_err e = ask_vectors(s, x, q);
    if (!e) return LOREC_OK;
    openai_ask_free(&q->a);
    mem_free(q);
    return e;
}

static const route rows[] = {
    {"GET", "/v1/models", get_models, ON_HTTP, .about = "models to talk with and to recommend by", .gives = "Models"},
    {"GET", "/v1/models/{model...}", get_model, ON_HTTP, .about = "one of them", .gives = "Model"},
    {"POST", "/v1/chat/completions", post_chat, ON_DESK, .takes = &openai_forms[OPENAI_CHAT], .gives = "ChatCompletion",
     .about = "a chat; with a model recommend:RUN one about the catalogue"},
    {"POST", "/v1/completions", post_text, ON_DESK, .takes = &openai_forms[OPENAI_TEXT], .gives = "Completion",
     .about = "a text gone on with"},
    {"POST", "/v1/embeddings", post_embed, ON_DESK, .takes = &openai_forms[OPENAI_EMBED], .gives = "Embeddings",
     .about = "vectors of texts"},
};
const route_table routes_openai = {rows, sizeof rows / sizeof *rows};
