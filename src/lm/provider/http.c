/* Asking a server: several requests at once, tried again while their failure may pass, within the budget. */
#include <math.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"
#include "lm/provider/backend.h"
#include "lm/provider/retry.h"
#include "lm/provider/server.h"

enum { LANES_MAX = 256, BAD_REPLIES_MAX = 3, COLD_TRIES = 3 };

typedef struct task { /* one request on its way */
    int64_t tries;
    double ready, started; /* not before; since when */
    size_t text;           /* of a score: which continuation */
    bool done, told;       /* told: pieces of its answer were handed on */
} task;

typedef struct lane { /* one connection */
    exchange x;
    struct batch *batch;
    size_t i;
    bool busy;
    int64_t tokens; /* reserved in the budget */
    double money;
} lane;

typedef struct batch {
    llm *m;
    llm_server *s;
    const llm_request *q;
    llm_answer *out;
    const llm_watch *watch;
    task *task;
    size_t n, fresh, done;
    size_t *again; /* requests to be tried again */
    size_t n_again, again_cap;
    lane *lane;
    size_t lanes, busy;
    double hold; /* nothing is sent before: the server asked for a pause */
    lorec_err err;
    char why[1024];
    progress p;
} batch;

static lorec_err stop(batch *b, lorec_err e) /* for all requests */
{
    if (!b->err) snprintf(b->why, sizeof b->why, "%s", lorec_error_message());
    b->err = b->err ? b->err : e;
    return e;
}

static void finish(batch *b, size_t i, lorec_err e)
{
    task *t = &b->task[i];
    llm_answer *a = &b->out[i];
    a->err = LOREC_OK;
    a->tries = t->tries;
    a->seconds = clock_seconds() - t->started;
    if (e) llm_answer_fail(a, e);
    t->done = true;
    b->done++;
    llm_server_mask(b->s, a->text, a->n);
    if (a->why) llm_server_mask(b->s, a->why, strlen(a->why));
    llm_book(b->m, a);
    if (b->watch && b->watch->label)
        progress_step(&b->p, (double)b->done, "%lld tokens",
                      (long long)(b->m->used.prompt_tokens + b->m->used.completion_tokens));
    if (b->watch && b->watch->done) {
        e = b->watch->done(b->watch->ctx, i, a);
        if (e) stop(b, e);
    }
}

static void put_back(batch *b, size_t i)
{
    lorec_err e = mem_grow(&b->again, &b->again_cap, b->n_again + 1);
    if (e)
        finish(b, i, e);
    else
        b->again[b->n_again++] = i;
}

/* Again later, unless its tries are used up; this thread's message says what was wrong. */
static void again(batch *b, size_t i, double wait, int64_t most)
{
    task *t = &b->task[i];
    const llm_options *o = &b->m->options;
    if (most > o->tries) most = o->tries;
    if (t->tries >= most || wait > o->longest_wait) {
        lorec_err e = wait > o->longest_wait
                          ? err_context(LOREC_FAILED, "the server wants a pause of %.0f s, longer than %.0f", wait,
                                        o->longest_wait)
                          : err_context(LOREC_FAILED, "given up after %lld tries", (long long)t->tries);
        finish(b, i, e);
        return;
    }
    const retry_policy policy = {o->first_wait, o->longest_wait, o->seed};
    if (wait < 0) wait = retry_wait(&policy, t->tries, i);
    log_debug("request %zu: try %lld in %.1f s: %s", i, (long long)t->tries + 1, wait, lorec_error_message());
    if (t->told) b->watch->text(b->watch->ctx, i, NULL, 0);
    t->told = false;
    t->ready = clock_seconds() + wait;
    put_back(b, i);
}

/* ---- sending ------------------------------------------------------------------------------------------------------- */

static void stream_text(void *ctx, const char *piece, size_t n)
{
    lane *l = ctx;
    l->batch->task[l->i].told = true;
    l->batch->watch->text(l->batch->watch->ctx, l->i, piece, n);
}

/* The next request that may be sent now, or SIZE_MAX; *soon is when one will be. */
static size_t next_request(batch *b, double now, double *soon)
{
    *soon = INFINITY;
    if (b->hold > now) {
        *soon = b->hold;
        return SIZE_MAX;
    }
    for (size_t k = 0; k < b->n_again; k++) {
        size_t i = b->again[k];
        if (b->task[i].ready <= now) {
            b->again[k] = b->again[--b->n_again];
            return i;
        }
        if (b->task[i].ready < *soon) *soon = b->task[i].ready;
    }
    return b->fresh < b->n ? b->fresh++ : SIZE_MAX;
}

static void reserve(batch *b, lane *l, const llm_request *q)
{
    bool counted;
    int64_t in = llm_request_tokens(b->m, q, &counted), out = q->params.max_tokens;
    l->tokens = in + out;
    l->money = price_of(&b->m->price, (double)in, (double)out);
}

static lorec_err room(const batch *b, const lane *l)
{
    int64_t tokens = l->tokens;
    double money = l->money;
    for (size_t k = 0; k < b->lanes; k++) {
        if (!b->lane[k].busy) continue;
        tokens += b->lane[k].tokens;
        money += b->lane[k].money;
    }
    return llm_budget(b->m, tokens, money);
}

static lorec_err send_request(batch *b, lane *l, size_t i)
{
    const llm_request *q = &b->q[i];
    bool stream = b->watch && b->watch->text && q->verb <= LLM_VERB_COMPLETE;
    task *t = &b->task[i];
    buf_clear(&l->x.body);
    TRY(openai_body(b->m->name, q, t->text, stream, &l->x.body));
    TRY(exchange_begin(&l->x, openai_path(q->verb), q));
    l->x.text = stream ? stream_text : NULL;
    l->x.ctx = l;
    l->i = i;
    if (curl_multi_add_handle(b->s->multi, l->x.easy) != CURLM_OK)
        return err_set(LOREC_RESOURCE, "libcurl can not take one more request");
    l->busy = true;
    b->busy++;
    if (t->tries == 0 && t->text == 0) t->started = clock_seconds();
    t->tries++;
    return LOREC_OK;
}

/* Fills free lanes. *soon: when there will be more to send. */
static void fill(batch *b, double *soon)
{
    *soon = INFINITY;
    for (size_t k = 0; k < b->lanes && !b->err; k++) {
        lane *l = &b->lane[k];
        if (l->busy) continue;
        size_t i = next_request(b, clock_seconds(), soon);
        if (i == SIZE_MAX) return;
        reserve(b, l, &b->q[i]);
        lorec_err e = room(b, l);
        if (e) { /* the room may come when those on their way turn out smaller than was thought */
            if (b->busy == 0) {
                stop(b, e);
                return;
            }
            put_back(b, i);
            return;
        }
        e = send_request(b, l, i);
        if (e) finish(b, i, e);
    }
}

/* ---- what came back ------------------------------------------------------------------------------------------------ */

static void complain(batch *b, exchange *x, long status)
{
    buf words = {0};
    llm_server_mask(b->s, x->in.p, x->in.n);
    lorec_err e = openai_complaint(x->in.p ? x->in.p : "", x->in.n, &words);
    err_set(LOREC_FAILED, "%s: status %ld: %s", b->s->url, status, e ? "" : words.p);
    buf_free(&words);
}

static bool says(const exchange *x, const char *word)
{
    return x->in.n && memmem(x->in.p, x->in.n, word, strlen(word));
}

/* A status other than 200. */
static void refused(batch *b, lane *l, long status)
{
    exchange *x = &l->x;
    complain(b, x, status);
    if (status == 401 || status == 403) {
        stop(b, err_context(LOREC_FAILED, "the server refuses the key (LOREC_API_KEY or --key-variable NAME hold it)"));
    } else if (status == 404) {
        stop(b, err_context(LOREC_USAGE, "the server knows no such path or no model \"%s\"", b->m->name));
    } else if (status >= 300 && status < 400) {
        stop(b,
             err_context(LOREC_USAGE, "the server sends elsewhere, which is not followed; give the address it means"));
    } else if (status == 429 && says(x, "insufficient_quota")) {
        stop(b, err_context(LOREC_RESOURCE, "the account has no credit left"));
    } else if (retry_status(status)) {
        double wait = x->retry_after;
        if (wait >= 0 && status == 429 && wait <= b->m->options.longest_wait) {
            double until = clock_seconds() + wait;
            if (until > b->hold) b->hold = until;
        }
        again(b, l->i, wait, INT64_MAX);
    } else
        finish(b, l->i, err_context(LOREC_INPUT, "the server does not take the request"));
}

static lorec_err take_score(batch *b, lane *l, bool *more)
{
    const llm_request *q = &b->q[l->i];
    llm_answer *a = &b->out[l->i];
    task *t = &b->task[l->i];
    if (!a->score) {
        TRY(mem_new(&a->score, q->n_text));
        TRY(mem_new(&a->score_tokens, q->n_text));
        TRY(mem_new(&a->text, 1));
    }
    TRY(openai_echo(l->x.in.p ? l->x.in.p : "", l->x.in.n, strlen(q->prompt), &a->score[t->text],
                    &a->score_tokens[t->text], a));
    *more = ++t->text < q->n_text;
    return LOREC_OK;
}

/* Status 200: the answer, or a reply that is none. */
static void answered(batch *b, lane *l)
{
    exchange *x = &l->x;
    llm_answer *a = &b->out[l->i];
    bool more = false;
    lorec_err e = LOREC_OK;
    b->s->answered = true;
    llm_server_mask(b->s, x->in.p, x->in.n);
    if (x->streams) {
        e = sse_end(&x->events);
        if (!e) e = openai_stream_end(&x->stream, a);
    } else if (b->q[l->i].verb == LLM_VERB_SCORE)
        e = take_score(b, l, &more);
    else
        e = openai_reply(x->in.p ? x->in.p : "", x->in.n, &b->q[l->i], a);
    if (!e && more) { /* the next continuation, at once and with its own tries */
        b->task[l->i].tries = 0;
        b->task[l->i].ready = 0;
        put_back(b, l->i);
        return;
    }
    if (e && e != LOREC_RESOURCE) {
        llm_answers_free(a, 1);
        b->task[l->i].text = 0;
        again(b, l->i, -1, BAD_REPLIES_MAX);
    } else
        finish(b, l->i, e);
}

static void dropped(batch *b, lane *l, CURLcode rc)
{
    exchange *x = &l->x;
    if (x->err) { /* ours: too large, out of memory, an error event in the stream */
        if (x->err == LOREC_RESOURCE)
            finish(b, l->i, x->err);
        else
            again(b, l->i, -1, BAD_REPLIES_MAX);
        return;
    }
    err_set(LOREC_FAILED, "%s: %s", b->s->url, x->why[0] ? x->why : curl_easy_strerror(rc));
    bool hopeless = rc == CURLE_PEER_FAILED_VERIFICATION || rc == CURLE_SSL_CACERT_BADFILE ||
                    rc == CURLE_URL_MALFORMAT || rc == CURLE_UNSUPPORTED_PROTOCOL;
    bool cold = !b->s->answered && (rc == CURLE_COULDNT_CONNECT || rc == CURLE_COULDNT_RESOLVE_HOST);
    if (hopeless || (cold && b->task[l->i].tries >= COLD_TRIES))
        stop(b, err_context(LOREC_FAILED, "the server can not be reached"));
    else
        again(b, l->i, -1, INT64_MAX);
}

static void take(batch *b, CURLMsg *message)
{
    exchange *x;
    long status = 0;
    CURLcode rc = message->data.result;
    CURL *easy = message->easy_handle; /* the message is void once its handle is removed */
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &x);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_multi_remove_handle(b->s->multi, easy);
    lane *l = x->ctx;
    l->busy = false;
    b->busy--;
    if (rc == CURLE_OK && status == 200)
        answered(b, l);
    else if (rc == CURLE_OK)
        refused(b, l, status);
    else
        dropped(b, l, rc);
}

/* ---- the loop ------------------------------------------------------------------------------------------------------ */

static void turn(batch *b)
{
    double soon;
    int running, left;
    bool taken = false;
    lorec_err e = llm_stopped(b->watch) ? LOREC_CANCELLED : cancel_check();
    if (e) stop(b, e);
    fill(b, &soon);
    curl_multi_perform(b->s->multi, &running);
    for (CURLMsg *message; (message = curl_multi_info_read(b->s->multi, &left));)
        if (message->msg == CURLMSG_DONE) {
            take(b, message);
            taken = true;
        }
    if (taken || b->err || b->done == b->n) return; /* a lane is free: what waits is sent at once */
    double wait = soon - clock_seconds();
    int ms = wait < 0 ? 0 : wait < .1 ? (int)(wait * 1000) + 1 : 100;
    bool sendable = b->busy < b->lanes && soon <= clock_seconds();
    curl_multi_poll(b->s->multi, NULL, 0, sendable ? 0 : ms, NULL);
}

static lorec_err batch_open(batch *b)
{
    size_t lanes = (size_t)(b->m->options.concurrency < LANES_MAX ? b->m->options.concurrency : LANES_MAX);
    if (lanes > b->n) lanes = b->n;
    TRY(mem_new(&b->task, b->n));
    TRY(mem_new(&b->lane, lanes));
    for (; b->lanes < lanes; b->lanes++) {
        b->lane[b->lanes].batch = b;
        TRY(exchange_open(&b->lane[b->lanes].x, b->s));
        b->lane[b->lanes].x.ctx = &b->lane[b->lanes];
    }
    return LOREC_OK;
}

static void batch_close(batch *b)
{
    for (size_t k = 0; k < b->lanes; k++) {
        if (b->lane[k].busy) curl_multi_remove_handle(b->s->multi, b->lane[k].x.easy);
        exchange_close(&b->lane[k].x);
    }
    mem_free(b->lane);
    mem_free(b->task);
    mem_free(b->again);
}

static lorec_err ask(llm *m, const llm_request *q, size_t n, llm_answer *out, const llm_watch *watch)
{
    batch b = {.m = m, .s = m->self, .q = q, .out = out, .n = n, .watch = watch};
    lorec_err e = batch_open(&b);
    if (watch && watch->label) progress_start(&b.p, watch->label, (double)n, "answer");
    while (!e && !b.err && b.done < n) turn(&b);
    if (watch && watch->label) progress_end(&b.p);
    for (size_t i = 0; i < n && b.task; i++)
        if (!b.task[i].done) { /* parts of an answer are none */
            llm_answers_free(&out[i], 1);
            out[i].err = LOREC_CANCELLED;
        }
    batch_close(&b);
    if (!e && b.err) {
        llm_server_mask(m->self, b.why, strlen(b.why));
        e = err_set(b.err, "%s (%zu of %zu answers are there)", b.why, b.done, n);
    }
    return e;
}

static unsigned can(const llm *m)
{
    const llm_server *s = m->self;
    return LLM_CHAT | LLM_COMPLETE | LLM_LOGPROBS | LLM_EMBED | LLM_IMAGES | LLM_TOOLS | (s->echo ? LLM_SCORE : 0u);
}

static void shut(llm *m)
{
    llm_server_close(m->self);
}

static lorec_err open_plain(llm *m, const char *rest)
{
    llm_server *s;
    TRY(llm_server_open(&s, "http://", rest, &m->options, &m->name));
    m->self = s;
    return LOREC_OK;
}

static lorec_err open_secure(llm *m, const char *rest)
{
    llm_server *s;
    TRY(llm_server_open(&s, "https://", rest, &m->options, &m->name));
    m->self = s;
    return LOREC_OK;
}

const llm_backend llm_http = {.prefix = "http://", .open = open_plain, .can = can, .ask = ask, .close = shut};
const llm_backend llm_https = {.prefix = "https://", .open = open_secure, .can = can, .ask = ask, .close = shut};
