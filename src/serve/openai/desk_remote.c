/* Somebody else's server, asked through the provider: each relay thread has a connection of its own. */
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "serve/openai/desk_parts.h"

static const llm_options options = {.concurrency = 8, .tries = 2, .connect_timeout = 5, .first_wait = .2};

lorec_err desk_remote_open(desk *d)
{
    TRY(llm_open(&d->llm, d->spec, &options));
    TRY(mem_dup(&d->name, llm_name(d->llm)));
    d->talks = (llm_can(d->llm) & (LLM_CHAT | LLM_COMPLETE)) != 0;
    d->chats = (llm_can(d->llm) & LLM_CHAT) != 0;
    if (strchr(d->spec, '#') || strncmp(d->spec, "http", 4) != 0) return LOREC_OK;
    buf named = {0}; /* the relays need not ask which model there is */
    lorec_err e = buf_printf(&named, "%s#%s", d->spec, d->name);
    mem_free(d->spec);
    d->spec = named.p;
    return e;
}

/* ---- one job --------------------------------------------------------------------------------------------------------------- */

static void text_came(void *ctx, size_t i, const char *piece, size_t n)
{
    job *j = ctx;
    if (!piece) {
        j->void_text = true;
        return;
    }
    j->speaker[i].given += n;
    if (j->q.piece(j->q.ctx, (int64_t)i, (slice){piece, n}, NULL)) j->void_text = true;
}

static bool stop(void *ctx)
{
    job *j = ctx;
    if (j->void_text) return true;
    pthread_mutex_lock(&j->d->lock);
    bool closing = j->d->closing;
    pthread_mutex_unlock(&j->d->lock);
    if (closing || (j->q.deadline > 0 && clock_seconds() > j->q.deadline)) return true;
    return j->q.left && j->q.left(j->q.ctx);
}

static json_t *rows_of(const llm_answer *a, int64_t tops)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < json_array_size(a->logprobs); i++) {
        const json_t *r = json_array_get(a->logprobs, i), *top = json_object_get(r, "top"),
                     *t = json_object_get(r, "token");
        json_t *list = json_array();
        for (size_t k = 0; k < json_array_size(top) && (int64_t)k < tops; k++) {
            const json_t *c = json_array_get(top, k), *w = json_object_get(c, "token");
            json_array_append_new(list, desk_row((slice){json_string_value(w), json_string_length(w)},
                                                 json_number_value(json_object_get(c, "logprob")), NULL));
        }
        json_array_append_new(rows, desk_row((slice){json_string_value(t), json_string_length(t)},
                                             json_number_value(json_object_get(r, "logprob")), list));
    }
    return rows;
}

static desk_reason reason_of(job *j, lorec_err e, const llm_answer *a)
{
    static const desk_reason finish[] = {[LLM_FINISH_NONE] = DESK_STOP,
                                         [LLM_FINISH_STOP] = DESK_STOP,
                                         [LLM_FINISH_LENGTH] = DESK_LENGTH,
                                         [LLM_FINISH_FILTER] = DESK_FILTER,
                                         [LLM_FINISH_TOOLS] = DESK_TOOLS};
    if (!a->err) return finish[a->finish];
    if (j->q.deadline > 0 && clock_seconds() > j->q.deadline) return DESK_LATE;
    if (a->err == LOREC_CANCELLED && (e == LOREC_OK || e == LOREC_CANCELLED) && !j->void_text) return DESK_LEFT;
    return DESK_FAILED;
}

static void tell(job *j, int64_t i, lorec_err e, const char *why, llm_answer *a)
{
    desk_reply r = {.reason = reason_of(j, e, a),
                    .status = a->err == LOREC_INPUT ? 400 : 502,
                    .message = a->why   ? a->why
                               : why[0] ? why
                                        : "the language model's server broke off",
                    .calls = a->tool_calls,
                    .prompt_tokens = a->prompt_tokens,
                    .completion_tokens = a->completion_tokens};
    size_t given = j->speaker[i].given;
    if (!a->err && (a->n > given || a->logprobs)) {
        json_t *rows = a->logprobs ? rows_of(a, j->q.tops) : NULL;
        slice rest = {a->text + (given < a->n ? given : a->n), given < a->n ? a->n - given : 0};
        if (j->q.piece(j->q.ctx, i, rest, rows)) r.reason = DESK_LEFT;
    }
    desk_done(j, i, &r);
}

static void relay_talk(llm *m, job *j)
{
    llm_request *q = NULL;
    llm_answer *a = NULL;
    char why[512] = "";
    int64_t n = j->q.n;
    json_t *more = j->q.format ? json_pack("{s:O}", "response_format", j->q.format) : NULL;
    lorec_err e = mem_new(&q, (size_t)n);
    if (!e) e = mem_new(&a, (size_t)n);
    for (int64_t i = 0; i < n && !e; i++)
        q[i] = (llm_request){.verb = j->q.messages ? LLM_VERB_CHAT : LLM_VERB_COMPLETE,
                             .messages = j->q.messages,
                             .tools = j->q.tools,
                             .prompt = j->prompt,
                             .params = {.temperature = j->q.temperature,
                                        .top_p = j->q.top_p,
                                        .max_tokens = j->q.max_tokens,
                                        .seed = (int64_t)(j->q.seed & INT32_MAX) + i,
                                        .logprobs = j->q.logprobs ? j->q.tops ? j->q.tops : 1 : 0,
                                        .stop = j->q.stop,
                                        .n_stop = j->q.stops,
                                        .more = more},
                             .sample = i};
    const llm_watch watch = {.ctx = j, .text = j->q.stream && !j->q.logprobs ? text_came : NULL, .stop = stop};
    if (!e) e = llm_ask(m, q, (size_t)n, a, &watch);
    if (e) snprintf(why, sizeof why, "%s", lorec_error_message());
    llm_answer none = {.err = e ? e : LOREC_FAILED};
    for (int64_t i = 0; i < n; i++) tell(j, i, e, why, a ? &a[i] : &none);
    if (a) llm_answers_free(a, (size_t)n);
    json_decref(more);
    mem_free(q);
    mem_free(a);
    desk_unhold(j);
}

static void relay_embed(llm *m, job *j)
{
    const desk_embed_request *q = &j->e;
    const char **text = NULL;
    llm_answer a = {0};
    lorec_err e = q->text ? mem_new(&text, q->n)
                          : err_set(LOREC_USAGE, "\"input\": token ids go to a model on this machine only; send texts");
    for (size_t i = 0; i < q->n && !e; i++) text[i] = q->text[i].p; /* NUL-terminated: jansson's */
    if (!e) e = llm_ask(m, &(llm_request){.verb = LLM_VERB_EMBED, .text = text, .n_text = q->n}, 1, &a, NULL);
    if (!e && a.err) e = err_set(a.err, "%s", a.why ? a.why : "the server gives no vectors");
    atomic_fetch_sub(&j->d->places, 1);
    q->done(q->ctx, e, a.vector, a.width, a.prompt_tokens);
    llm_answers_free(&a, 1);
    mem_free(text);
    job_free(j);
}

static void relay_failed(job *j)
{
    char why[512];
    snprintf(why, sizeof why, "%s", lorec_error_message());
    if (j->embeds) {
        atomic_fetch_sub(&j->d->places, 1);
        j->e.done(j->e.ctx, LOREC_FAILED, NULL, 0, 0);
        job_free(j);
        return;
    }
    llm_answer none = {.err = LOREC_FAILED};
    for (int64_t i = 0, n = j->q.n; i < n; i++) tell(j, i, LOREC_FAILED, why, &none);
    desk_unhold(j);
}

void *desk_relay(void *ctx)
{
    desk *d = ctx;
    llm *m = NULL;
    for (job *j; (j = desk_next(d));) {
        lorec_err e = m ? LOREC_OK : llm_open(&m, d->spec, &options);
        if (e)
            relay_failed(j);
        else if (j->embeds)
            relay_embed(m, j);
        else
            relay_talk(m, j);
    }
    llm_close(m);
    return NULL;
}
