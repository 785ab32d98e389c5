#include "recipes/llm_use.h"

#include <pthread.h>

#include "base/log.h"
#include "base/mem.h"

/* ---- the tally ------------------------------------------------------------------------------------------------------------ */

struct llm_tally {
    pthread_mutex_t lock;
    int64_t calls, replayed, failed, prompt_tokens, completion_tokens;
    double money, seconds;
    reply_counts replies;
};

lorec_err llm_tally_new(llm_tally **out)
{
    TRY(mem_new(out, 1));
    pthread_mutex_init(&(*out)->lock, NULL);
    return LOREC_OK;
}

void llm_tally_free(llm_tally *t)
{
    if (!t) return;
    pthread_mutex_destroy(&t->lock);
    mem_free(t);
}

void llm_tally_replies(llm_tally *t, const reply_counts *c)
{
    pthread_mutex_lock(&t->lock);
    reply_counts_add(&t->replies, c);
    pthread_mutex_unlock(&t->lock);
}

bool llm_tally_json(llm_tally *t, json_t *into)
{
    pthread_mutex_lock(&t->lock);
    json_t *o = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f}", "llm_calls", (json_int_t)t->calls, "llm_tokens",
                          (json_int_t)(t->prompt_tokens + t->completion_tokens), "prompt_tokens",
                          (json_int_t)t->prompt_tokens, "completion_tokens", (json_int_t)t->completion_tokens,
                          "llm_replayed", (json_int_t)t->replayed, "llm_failed", (json_int_t)t->failed, "llm_seconds",
                          t->seconds, "llm_money", t->money);
    json_t *replies = t->replies.replies ? reply_counts_json(&t->replies) : NULL;
    pthread_mutex_unlock(&t->lock);
    if (o && replies) json_object_set_new(o, "replies", replies);
    bool ok = o && json_object_update(into, o) == 0;
    json_decref(o);
    return ok;
}

json_t *llm_tally_counts(llm_tally *t)
{
    json_t *o = json_object();
    if (!o || !t || llm_tally_json(t, o)) return o;
    json_decref(o);
    return NULL;
}

/* ---- the model -------------------------------------------------------------------------------------------------------------- */

lorec_err llm_use_open(llm **out, const llm_settings *s, unsigned needs, const char *name)
{
    *out = NULL;
    if (!s->llm || !*s->llm)
        return err_set(LOREC_USAGE,
                       "%s asks a language model, and none is named: --llm http://HOST/v1#MODEL, local:PATH or "
                       "replay:FILE (docs/llm.md)",
                       name);
    llm *m;
    TRY(llm_open(&m, s->llm,
                 &(llm_options){.concurrency = s->concurrency,
                                .budget_tokens = s->budget_tokens,
                                .budget_money = s->budget_money,
                                .prices = s->prices && *s->prices ? s->prices : NULL}));
    lorec_err e = llm_need(m, needs, name);
    if (e)
        llm_close(m);
    else
        *out = m;
    return e;
}

static void close_llm(void *m)
{
    llm_close(m);
}

lorec_err llm_use(llm **out, rec_session *s, const void *who, const llm_settings *settings, unsigned needs,
                  const char *name)
{
    *out = rec_session_own(s, who);
    if (*out) return LOREC_OK;
    TRY(llm_use_open(out, settings, needs, name));
    rec_session_set_own(s, who, *out, close_llm);
    return LOREC_OK;
}

lorec_err llm_use_ask(llm *m, llm_tally *t, const llm_settings *s, llm_request *q, size_t n, llm_answer *out,
                      const char *label)
{
    for (size_t i = 0; i < n; i++) {
        if (q[i].params.temperature == 0) q[i].params.temperature = s->temperature;
        if (q[i].params.max_tokens == 0) q[i].params.max_tokens = s->max_tokens;
    }
    llm_usage before = llm_used(m);
    lorec_err e = llm_ask(m, q, n, out, &(llm_watch){.label = n > 1 ? label : NULL});
    llm_usage now = llm_used(m);
    pthread_mutex_lock(&t->lock);
    t->calls += now.asked - before.asked;
    t->replayed += now.replayed - before.replayed;
    t->failed += now.failed - before.failed;
    t->prompt_tokens += now.prompt_tokens - before.prompt_tokens;
    t->completion_tokens += now.completion_tokens - before.completion_tokens;
    t->money += now.money - before.money;
    t->seconds += now.seconds - before.seconds;
    pthread_mutex_unlock(&t->lock);
    size_t failed = 0;
    for (size_t i = 0; i < n && !e; i++) {
        if (!out[i].err) continue;
        failed++;
        log_warn("%s: request %zu: %s", label, i, out[i].why ? out[i].why : "failed");
    }
    if (!e && n && failed == n) /* not one answer: that is no result */
        e = err_set(out[0].err, "%s: none of %zu requests was answered; the first: %s", label, n,
                    out[0].why ? out[0].why : "failed");
    return e;
}
