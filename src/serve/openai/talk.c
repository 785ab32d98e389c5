#include "serve/openai/talk.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "serve/http/http_stream.h"
#include "serve/openai/grounded.h"
#include "serve/openai/messages.h"
#include "serve/openai/words.h"

typedef struct choice {
    buf text;    /* all of it */
    size_t told; /* bytes streamed */
    size_t offset;
    json_t *rows; /* not told yet */
    bool began, over;
    const char *finish;
    json_t *calls;
} choice;

typedef struct part { /* one prompt's samples */
    openai_talk *t;
    int64_t first, prompt_tokens;
} part;

struct openai_talk {
    server *s;
    exchange *x; /* until it replied, or its stream began */
    http_stream *stream;
    pthread_mutex_t lock;
    openai_head head;
    char id[64], request[40];
    char *model;
    bool streams, usage, tools, failed, left;
    choice *choice; /* [n] */
    part *part;     /* [parts] */
    int64_t n, parts, open, completion_tokens;
    char *echo; /* one for all: only with one prompt */
    grounded *g;
    int status; /* of a failure, told once all are done */
    char why[512];
    const char *code;
};

static void talk_free(openai_talk *t)
{
    for (int64_t i = 0; i < t->n && t->choice; i++) {
        buf_free(&t->choice[i].text);
        json_decref(t->choice[i].rows);
        json_decref(t->choice[i].calls);
    }
    grounded_free(t->g);
    pthread_mutex_destroy(&t->lock);
    mem_free(t->choice);
    mem_free(t->part);
    mem_free(t->model);
    mem_free(t->echo);
    mem_free(t);
}

lorec_err openai_talk_new(openai_talk **out, server *s, exchange *x, const openai_ask *a)
{
    openai_talk *t;
    *out = NULL;
    TRY(mem_new(&t, 1));
    pthread_mutex_init(&t->lock, NULL);
    t->s = s;
    t->x = x;
    t->parts = a->kind == OPENAI_CHAT ? 1 : (int64_t)a->n_texts;
    t->n = a->n * t->parts;
    t->streams = a->stream;
    t->usage = a->include_usage;
    t->tools = a->tools != NULL;
    snprintf(t->request, sizeof t->request, "%s", x->id);
    snprintf(t->id, sizeof t->id, "%s-%s", a->kind == OPENAI_CHAT ? "chatcmpl" : "cmpl", x->id);
    buf model = {0};
    lorec_err e = buf_add(&model, a->model.p, a->model.n);
    t->model = model.p;
    t->head = (openai_head){a->kind == OPENAI_CHAT, t->id, t->model, server_now()};
    if (!e) e = mem_new(&t->choice, (size_t)t->n);
    if (!e) e = mem_new(&t->part, (size_t)t->parts);
    if (e) {
        talk_free(t);
        return e;
    }
    for (int64_t i = 0; i < t->parts; i++) t->part[i] = (part){t, i * a->n, 0};
    t->open = t->n;
    *out = t;
    return LOREC_OK;
}

/* ---- streaming ---------------------------------------------------------------------------------------------------------------- */

static int add_text(const char *text, size_t n, void *to)
{
    return buf_add(to, text, n) == LOREC_OK ? 0 : -1;
}

/* One event; the stream's head goes out before the first. */
static lorec_err send_event(openai_talk *t, json_t *tree)
{
    buf line = {0};
    lorec_err e = buf_puts(&line, "data: ");
    if (!e && (!tree || json_dump_callback(tree, add_text, &line, JSON_COMPACT | JSON_REAL_PRECISION(9))))
        e = err_set(LOREC_RESOURCE, "out of memory while answering");
    json_decref(tree);
    if (!e) e = buf_puts(&line, "\n\n");
    if (!e && !t->stream) {
        exchange *x = t->x;
        e = http_stream_begin(x, "text/event-stream; charset=utf-8", &t->stream);
        if (!e) t->x = NULL;
    }
    if (!e) e = http_stream_put(t->stream, line.p, line.n);
    buf_free(&line);
    return e;
}

static lorec_err send_part(openai_talk *t, openai_part *p, bool last)
{
    json_t *choices = json_array();
    json_array_append_new(choices, openai_delta(&t->head, p));
    json_t *chunk = openai_chunk(&t->head, choices, t->usage ? json_null() : NULL);
    if (last && t->g && chunk) json_object_set_new(chunk, "lorec", grounded_json(t->g));
    return send_event(t, chunk);
}

/* What is new of a choice and may be told. */
static lorec_err tell_new(openai_talk *t, int64_t i)
{
    choice *c = &t->choice[i];
    if (t->tools && !c->over && openai_may_call((slice){c->text.p, c->text.n})) return LOREC_OK;
    openai_part p = {.index = i,
                     .text = {c->text.p + c->told, c->text.n - c->told},
                     .rows = c->rows,
                     .offset = &c->offset,
                     .first = !c->began};
    if (!p.text.n && !p.rows) return LOREC_OK;
    c->rows = NULL;
    c->told = c->text.n;
    c->began = true;
    return send_part(t, &p, false);
}

static lorec_err tell_end(openai_talk *t, int64_t i)
{
    choice *c = &t->choice[i];
    TRY(tell_new(t, i));
    openai_part p = {.index = i, .offset = &c->offset, .first = !c->began, .finish = c->finish, .calls = c->calls};
    c->calls = NULL;
    c->began = true;
    return send_part(t, &p, true);
}

/* ---- the end ----------------------------------------------------------------------------------------------------------------------- */

static int64_t prompt_tokens(const openai_talk *t)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < t->parts; i++) sum += t->part[i].prompt_tokens;
    return sum;
}

static json_t *whole(openai_talk *t)
{
    json_t *choices = json_array();
    for (int64_t i = 0; i < t->n; i++) {
        choice *c = &t->choice[i];
        openai_part p = {.index = i,
                         .text = {c->text.p ? c->text.p : "", c->text.n},
                         .rows = c->rows,
                         .offset = &c->offset,
                         .calls = c->calls,
                         .finish = c->finish};
        c->rows = c->calls = NULL;
        json_array_append_new(choices, openai_choice(&t->head, &p));
    }
    json_t *reply = openai_whole(&t->head, choices, openai_usage(prompt_tokens(t), t->completion_tokens));
    if (t->g && reply) json_object_set_new(reply, "lorec", grounded_json(t->g));
    return reply;
}

static void end_stream(openai_talk *t)
{
    lorec_err e = LOREC_OK;
    if (t->failed && !t->left) {
        err_set(LOREC_FAILED, "%s", t->why);
        e = send_event(t, exchange_error(t->status, NULL, t->code));
    } else if (t->usage && !t->failed)
        e = send_event(t, openai_chunk(&t->head, NULL, openai_usage(prompt_tokens(t), t->completion_tokens)));
    static const char done[] = "data: [DONE]\n\n";
    if (!e && t->stream) (void)http_stream_put(t->stream, done, sizeof done - 1);
    http_stream_end(t->stream);
}

/* All samples are done: the reply, or what ends the stream. Frees the talk. */
static void conclude(openai_talk *t)
{
    stats_add(t->s->stats, STAT_TOKENS_PROMPT, (uint64_t)prompt_tokens(t));
    stats_add(t->s->stats, STAT_TOKENS_COMPLETION, (uint64_t)t->completion_tokens);
    if (t->g) stats_add(t->s->stats, STAT_TITLES_REPAIRED, (uint64_t)grounded_repairs(t->g));
    exchange *x = t->x;
    if (t->stream || (t->streams && !t->failed)) {
        end_stream(t); /* a stream that nothing was said in begins here */
        if (t->x) x->status = 500, exchange_fail(x, LOREC_RESOURCE), http_done(x);
    } else {
        lorec_err e;
        if (t->failed) {
            x->code = t->code;
            e = exchange_refuse(x, t->status, "%s", t->why);
        } else
            e = exchange_reply(x, 200, whole(t));
        if (e) exchange_fail(x, e);
        http_done(x);
    }
    talk_free(t);
}

/* ---- the desk's callbacks --------------------------------------------------------------------------------------------------------------- */

static lorec_err take(openai_talk *t, int64_t i, slice text, json_t *rows, bool last)
{
    choice *c = &t->choice[i];
    if (t->g) {
        json_decref(rows); /* of words that may be others now */
        TRY(grounded_take(t->g, i, text, last, &c->text));
    } else {
        if (rows && !c->rows)
            c->rows = rows;
        else if (rows) {
            json_array_extend(c->rows, rows);
            json_decref(rows);
        }
        TRY(buf_add(&c->text, text.p ? text.p : "", text.n));
    }
    return t->streams ? tell_new(t, i) : LOREC_OK;
}

static lorec_err piece(void *ctx, int64_t k, slice text, json_t *rows)
{
    part *p = ctx;
    openai_talk *t = p->t;
    pthread_mutex_lock(&t->lock);
    lorec_err e = t->left ? err_set(LOREC_CANCELLED, "the client has left") : take(t, p->first + k, text, rows, false);
    if (e == LOREC_CANCELLED) t->left = true;
    pthread_mutex_unlock(&t->lock);
    return e;
}

static bool left(void *ctx)
{
    part *p = ctx;
    openai_talk *t = p->t;
    pthread_mutex_lock(&t->lock);
    if (!t->left) t->left = t->stream ? http_stream_left(t->stream) : t->x && http_left(t->x);
    bool gone = t->left || t->failed;
    pthread_mutex_unlock(&t->lock);
    return gone;
}

static void fail(openai_talk *t, int status, const char *code, const char *why)
{
    if (t->failed) return; /* the first one counts */
    t->failed = true;
    t->status = status;
    t->code = code;
    snprintf(t->why, sizeof t->why, "%s", why ? why : "the language model failed");
}

/* A talk about the catalogue never fails for its language model's sake. */
static void fall_back(openai_talk *t, choice *c, const char *why)
{
    grounded_degrade(t->g, why);
    if (c->text.n) (void)buf_puts(&c->text, "\n\n");
    (void)grounded_plain(t->g, &c->text);
    c->finish = "stop";
}

static void finish_one(openai_talk *t, int64_t i, const desk_reply *r)
{
    static const char *const words[] = {"stop", "length", "tool_calls", "content_filter"};
    choice *c = &t->choice[i];
    if (r->reason <= DESK_FILTER) {
        c->finish = words[r->reason];
        if (t->g && take(t, i, (slice){"", 0}, NULL, true)) fail(t, 503, NULL, lorec_error_message());
        if (t->g && !grounded_named(t->g, i)) {
            if (c->text.n) (void)buf_puts(&c->text, "\n\n");
            (void)grounded_plain(t->g, &c->text);
        }
    } else if (t->g && (r->reason == DESK_LATE || r->reason == DESK_FAILED))
        fall_back(t, c, r->reason == DESK_LATE ? "llm_late" : "llm_down");
    else if (r->reason == DESK_LEFT)
        fail(t, t->left ? 499 : 503, NULL, t->left ? "the client has left" : "the server is stopping");
    else if (r->reason == DESK_LATE)
        fail(t, 504, "timeout", "the deadline was over before the answer was whole");
    else
        fail(t, r->status, NULL, r->message);
    if (r->calls) c->calls = json_deep_copy(r->calls);
    slice rest;
    if (t->tools && !c->calls)
        c->calls = openai_tool_calls((slice){c->text.p ? c->text.p : "", c->text.n}, t->request, &rest);
    if (t->tools && c->calls && !r->calls && c->text.n) {
        size_t begin = (size_t)(rest.p - c->text.p);
        memmove(c->text.p, c->text.p + begin, rest.n);
        c->text.n = rest.n;
        if (c->told > c->text.n) c->told = c->text.n;
    }
    if (c->calls) c->finish = "tool_calls";
}

static void done(void *ctx, int64_t k, const desk_reply *r)
{
    part *p = ctx;
    openai_talk *t = p->t;
    pthread_mutex_lock(&t->lock);
    int64_t i = p->first + k;
    if (r->prompt_tokens > p->prompt_tokens) p->prompt_tokens = r->prompt_tokens;
    t->completion_tokens += r->completion_tokens;
    finish_one(t, i, r);
    t->choice[i].over = true;
    if (t->streams && !t->failed && !t->left && tell_end(t, i)) {
        t->left = true;
        fail(t, 499, NULL, lorec_error_message());
    }
    bool last = --t->open == 0;
    pthread_mutex_unlock(&t->lock);
    if (last) conclude(t);
}

/* ---- beginning ------------------------------------------------------------------------------------------------------------------------- */

static uint64_t draw_seed(const exchange *x)
{
    uint64_t h = 0xcbf29ce484222325u ^ (uint64_t)(clock_seconds() * 1e9);
    for (const char *c = x->id; *c; c++) h = (h ^ (unsigned char)*c) * 0x100000001b3u;
    return h;
}

static double deadline(const openai_talk *t, const openai_ask *a)
{
    const server *s = t->s;
    double usual = t->g ? s->o.words_deadline_seconds : s->o.llm_deadline_seconds;
    return t->x->started + (a->timeout_ms > 0 ? a->timeout_ms / 1e3 : usual);
}

/* The rest of a list of prompts is not asked: those that are under way are stopped, and the reply says what was wrong. */
static void give_up(openai_talk *t, int64_t not_asked, const desk_fault *fault)
{
    pthread_mutex_lock(&t->lock);
    fail(t, fault->status ? fault->status : 503, fault->code, lorec_error_message());
    t->open -= not_asked;
    bool last = t->open == 0;
    pthread_mutex_unlock(&t->lock);
    if (last) conclude(t);
}

static void busy(exchange *x, const desk_fault *f)
{
    if (f->status == 429) (void)exchange_header(x, "Retry-After", "5");
    if (f->status) x->status = f->status;
    if (f->param) snprintf(x->param, sizeof x->param, "%s", f->param);
    x->code = f->code;
}

lorec_err openai_talk_start(openai_talk *t, const openai_ask *a, grounded *g, json_t *messages)
{
    desk_fault fault;
    t->g = g;
    exchange *x = t->x;
    lorec_err e = LOREC_OK;
    desk_request q = {.messages = messages ? messages : a->messages,
                      .tools = a->tools,
                      .n = a->n,
                      .max_tokens = a->max_tokens,
                      .seed = a->has_seed ? (uint64_t)a->seed : draw_seed(x),
                      .temperature = a->temperature,
                      .top_p = a->top_p,
                      .logprobs = a->logprobs && !g,
                      .tops = a->top_logprobs,
                      .stop = a->stop,
                      .stops = a->stops,
                      .format = a->format,
                      .stream = a->stream,
                      .deadline = deadline(t, a),
                      .piece = piece,
                      .done = done,
                      .left = left};
    if (a->echo)
        for (int64_t i = 0; i < t->n && !e; i++) {
            slice p = a->text[i / a->n];
            e = buf_add(&t->choice[i].text, p.p, p.n);
        }
    for (int64_t i = 0, parts = t->parts; i < parts && !e; i++) {
        q.ctx = &t->part[i];
        q.prompt = a->n_texts ? a->text[i] : (slice){0};
        q.ids = a->n_texts ? a->ids[i].id : NULL;
        q.n_ids = a->n_texts ? a->ids[i].n : 0;
        e = desk_ask(t->s->desk, &q, &fault);
        if (!e) continue;
        if (i == 0) {
            busy(x, &fault);
            break;
        }
        give_up(t, t->n - i * a->n, &fault);
        return LOREC_OK;
    }
    if (!e) return LOREC_OK;
    t->g = NULL; /* the caller's again */
    talk_free(t);
    return e;
}

lorec_err openai_talk_say(openai_talk *t, grounded *g)
{
    t->g = g;
    for (int64_t i = 0; i < t->n; i++) {
        choice *c = &t->choice[i];
        c->finish = "stop";
        c->over = true;
        lorec_err e = grounded_plain(g, &c->text);
        if (!e && t->streams) e = tell_end(t, i);
        if (!e) continue;
        if (t->stream || i) { /* the head is out */
            fail(t, 500, NULL, lorec_error_message());
            break;
        }
        t->g = NULL;
        talk_free(t);
        return e;
    }
    conclude(t);
    return LOREC_OK;
}
