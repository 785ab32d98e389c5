#include "lm/llm.h"

#include "base/log.h"
#include "base/mem.h"
#include "lm/provider/backend.h"

/* ---- opening ------------------------------------------------------------------------------------------------------- */

static const llm_backend *backend_of(const char *spec)
{
    for (size_t i = 0; i < llm_n_backends; i++) {
        if (strncmp(spec, llm_backends[i]->prefix, strlen(llm_backends[i]->prefix)) == 0) return llm_backends[i];
    }
    return NULL;
}

static void fill_in(llm_options *o)
{
    if (!o->concurrency) o->concurrency = 4;
    if (!o->tries) o->tries = 6;
    if (!(o->timeout > 0)) o->timeout = 600;
    if (!(o->connect_timeout > 0)) o->connect_timeout = 15;
    if (!(o->first_wait > 0)) o->first_wait = 1;
    if (!(o->longest_wait > 0)) o->longest_wait = 120;
}

static lorec_err open_parts(llm *m, const char *spec)
{
    TRY(mem_dup(&m->spec, spec));
    TRY(m->backend->open(m, spec + strlen(m->backend->prefix)));
    if (!m->name) TRY(mem_dup(&m->name, spec));
    if (m->options.prices) TRY(prices_read(m->options.prices, m->name, &m->price));
    if (m->options.budget_money > 0 && !m->price.known)
        return err_set(LOREC_USAGE, "a budget in money needs a price table with a row for \"%s\"", m->name);
    return LOREC_OK;
}

lorec_err llm_open(llm **out, const char *spec, const llm_options *options)
{
    *out = NULL;
    const llm_backend *b = backend_of(spec);
    if (!b)
        return err_set(
            LOREC_USAGE,
            "%.200s: not a model that can be asked; say http://HOST:PORT/v1#MODEL, local:PATH, replay:FILE or "
            "record:FILE=ONE_OF_THESE",
            spec);
    llm *m = NULL;
    TRY(mem_new(&m, 1));
    m->backend = b;
    if (options) m->options = *options;
    fill_in(&m->options);
    lorec_err e = open_parts(m, spec);
    if (e) {
        llm_close(m);
        return e;
    }
    *out = m;
    return LOREC_OK;
}

void llm_close(llm *m)
{
    if (!m) return;
    if (m->self) m->backend->close(m);
    mem_free(m->spec);
    mem_free(m->name);
    mem_free(m);
}

const char *llm_name(const llm *m)
{
    return m->name;
}

unsigned llm_can(const llm *m)
{
    return m->backend->can(m);
}

const struct lm_text *llm_weights(const llm *m)
{
    return m->backend->weights ? m->backend->weights(m) : NULL;
}

/* ---- needs --------------------------------------------------------------------------------------------------------- */

static const char *const can_names[] = {"chat",       "completion", "logprobs", "scores of given texts",
                                        "embeddings", "weights",    "images",   "tools"};
enum { CAN_NAMES = sizeof can_names / sizeof *can_names };

lorec_err llm_can_text(unsigned can, buf *out)
{
    bool first = true;
    for (unsigned i = 0; i < CAN_NAMES; i++) {
        if (!(can & 1u << i)) continue;
        TRY(buf_printf(out, "%s%s", first ? "" : ", ", can_names[i]));
        first = false;
    }
    return first ? buf_puts(out, "nothing") : LOREC_OK;
}

lorec_err llm_need(const llm *m, unsigned needs, const char *who)
{
    unsigned missing = needs & ~llm_can(m);
    if (!missing) return LOREC_OK;
    buf lacks = {0}, can = {0};
    lorec_err e = llm_can_text(missing, &lacks);
    if (!e) e = llm_can_text(llm_can(m), &can);
    if (!e)
        e = err_set(LOREC_USAGE, "%s needs %s, which %.200s can not do (it can: %s)%s", who, lacks.p, m->spec, can.p,
                    missing & (LLM_WEIGHTS | LLM_SCORE) ? "; take a local model: local:PATH"
                    : (missing & LLM_CHAT) && strncmp(m->spec, "local:", 6) == 0
                        ? "; it has no chat template of its own: "
                          "local:PATH?chat=NAME names one"
                        : "");
    buf_free(&lacks);
    buf_free(&can);
    return e;
}

/* ---- asking -------------------------------------------------------------------------------------------------------- */

static lorec_err check(const llm_request *q)
{
    switch (q->verb) {
    case LLM_VERB_CHAT:
        if (!json_is_array(q->messages) || json_array_size(q->messages) == 0)
            return err_set(LOREC_USAGE, "a chat needs at least one message");
        break;
    case LLM_VERB_COMPLETE:
        if (!q->prompt) return err_set(LOREC_USAGE, "a completion needs a prompt");
        break;
    case LLM_VERB_SCORE:
        if ((!q->prompt && !q->messages) || q->n_text == 0)
            return err_set(LOREC_USAGE, "a score needs a prompt and continuations");
        break;
    case LLM_VERB_EMBED:
        if (q->n_text == 0) return err_set(LOREC_USAGE, "an embedding needs texts");
        break;
    }
    const llm_params *p = &q->params;
    if (!(p->temperature >= 0 && p->temperature <= 100) || !(p->top_p >= 0 && p->top_p <= 1) || p->max_tokens < 0 ||
        p->logprobs < 0 || p->logprobs > 100)
        return err_set(LOREC_USAGE, "temperature from 0, top_p from 0 to 1, max_tokens from 0, logprobs from 0 to 100");
    return LOREC_OK;
}

static bool has_images(const json_t *messages)
{
    for (size_t i = 0; i < json_array_size(messages); i++) {
        const json_t *parts = json_object_get(json_array_get(messages, i), "content");
        for (size_t k = 0; k < json_array_size(parts); k++)
            if (json_object_get(json_array_get(parts, k), "image_url")) return true;
    }
    return false;
}

static unsigned needs_of(const llm_request *q)
{
    static const unsigned verb[] = {LLM_CHAT, LLM_COMPLETE, LLM_SCORE, LLM_EMBED};
    return verb[q->verb] | (q->params.logprobs ? LLM_LOGPROBS : 0u) | (q->tools ? LLM_TOOLS : 0u) |
           (has_images(q->messages) ? LLM_IMAGES : 0u);
}

bool llm_stopped(const llm_watch *watch)
{
    if (!watch || !watch->stop || !watch->stop(watch->ctx)) return false;
    err_set(LOREC_CANCELLED, "nobody waits for the answer any more");
    return true;
}

void llm_answer_fail(llm_answer *a, lorec_err e)
{
    mem_free(a->why);
    a->why = NULL;
    a->err = e;
    char text[1024];
    snprintf(text, sizeof text, "%s", lorec_error_message());
    (void)mem_dup(&a->why, text);
}

lorec_err llm_ask(llm *m, const llm_request *q, size_t n, llm_answer *out, const llm_watch *watch)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = (llm_answer){.err = LOREC_CANCELLED};
        lorec_err e = check(&q[i]);
        if (!e) e = llm_need(m, needs_of(&q[i]), "the request");
        if (e) return err_context(e, "request %zu", i);
    }
    return n ? m->backend->ask(m, q, n, out, watch) : LOREC_OK;
}

void llm_answers_free(llm_answer *a, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        mem_free(a[i].why);
        mem_free(a[i].text);
        json_decref(a[i].tool_calls);
        json_decref(a[i].logprobs);
        mem_free(a[i].score);
        mem_free(a[i].score_tokens);
        mem_free(a[i].vector);
        a[i] = (llm_answer){0};
    }
}

lorec_err llm_chat(llm *m, const char *system, const char *user, const llm_params *params, llm_answer *out)
{
    json_t *messages = system ? json_pack("[{s:s, s:s}, {s:s, s:s}]", "role", "system", "content", system, "role",
                                          "user", "content", user)
                              : json_pack("[{s:s, s:s}]", "role", "user", "content", user);
    *out = (llm_answer){0};
    if (!messages) return err_set(LOREC_INPUT, "the prompt is not valid UTF-8");
    llm_request q = {.messages = messages};
    if (params) q.params = *params;
    lorec_err e = llm_ask(m, &q, 1, out, NULL);
    if (!e && out->err) e = err_set(out->err, "%s", out->why ? out->why : "the model did not answer");
    json_decref(messages);
    return e;
}

/* ---- books --------------------------------------------------------------------------------------------------------- */

llm_usage llm_used(const llm *m)
{
    return m->used;
}

void llm_book(llm *m, const llm_answer *a)
{
    llm_usage *u = &m->used;
    if (a->err)
        u->failed++;
    else if (a->replayed)
        u->replayed++;
    else
        u->asked++;
    if (a->tries > 1) u->retried += a->tries - 1;
    u->priced = m->price.known;
    if (a->replayed) return;
    u->prompt_tokens += a->prompt_tokens;
    u->completion_tokens += a->completion_tokens;
    u->seconds += a->seconds;
    u->money += price_of(&m->price, (double)a->prompt_tokens, (double)a->completion_tokens);
}

lorec_err llm_budget(const llm *m, int64_t more_tokens, double more_money)
{
    const llm_options *o = &m->options;
    int64_t tokens = m->used.prompt_tokens + m->used.completion_tokens;
    if (o->budget_tokens > 0 && tokens + more_tokens > o->budget_tokens)
        return err_set(
            LOREC_RESOURCE,
            "the budget of %lld tokens has no room for the next request (%lld are used, %lld more may be); raise "
            "it and run again: with record:FILE=... what was answered is not asked again",
            (long long)o->budget_tokens, (long long)tokens, (long long)more_tokens);
    if (o->budget_money > 0 && m->used.money + more_money > o->budget_money)
        return err_set(
            LOREC_RESOURCE,
            "the budget of %.4g %s has no room for the next request (%.4g are spent, %.4g more may be); raise "
            "it and run again: with record:FILE=... what was answered is not asked again",
            o->budget_money, m->price.currency, m->used.money, more_money);
    return LOREC_OK;
}
