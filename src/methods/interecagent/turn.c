/* Turns of several people side by side: plan, run, reflect; then the words. */
#include "base/mem.h"
#include "methods/interecagent/interecagent.h"

#include <pthread.h>
#include <string.h>

#include "base/log.h"

/* ---- counts ------------------------------------------------------------------------------------------------------------------ */

struct agent_tally {
    pthread_mutex_t lock;
    agent_counts c;
};

lorec_err agent_tally_new(agent_tally **out)
{
    TRY(mem_new(out, 1));
    pthread_mutex_init(&(*out)->lock, NULL);
    return LOREC_OK;
}

void agent_tally_free(agent_tally *t)
{
    if (!t) return;
    pthread_mutex_destroy(&t->lock);
    mem_free(t);
}

void agent_tally_add(agent_tally *t, const agent_counts *c)
{
    int64_t *to = (int64_t *)&t->c; /* nothing but such numbers */
    const int64_t *from = (const int64_t *)c;
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < sizeof *c / sizeof *to; i++) to[i] += from[i];
    pthread_mutex_unlock(&t->lock);
}

agent_counts agent_tally_read(agent_tally *t)
{
    pthread_mutex_lock(&t->lock);
    agent_counts c = t->c;
    pthread_mutex_unlock(&t->lock);
    return c;
}

/* ---- the desk --------------------------------------------------------------------------------------------------------------- */

static void desk_free(void *own)
{
    agent_desk *d = own;
    if (!d) return;
    llm_close(d->lm);
    item_sql_close(d->sql);
    if (d->inner) rec_session_free(d->inner);
    mem_free(d);
}

lorec_err agent_desk_of(const interecagent *m, rec_session *s, bool chat, agent_desk **out)
{
    agent_desk *d = rec_session_own(s, m);
    if (!d) {
        TRY(mem_new(&d, 1));
        lorec_err e = item_sql_open(&d->sql, &m->items);
        if (!e && !(d->inner = rec_session_new(m->seed))) e = LOREC_RESOURCE;
        if (e) {
            desk_free(d);
            return e;
        }
        rec_session_set_own(s, m, d, desk_free);
    }
    if (chat && !d->lm) TRY(llm_use_open(&d->lm, &m->chat, LLM_CHAT, "interecagent"));
    *out = d;
    return LOREC_OK;
}

/* ---- asking ------------------------------------------------------------------------------------------------------------------ */

typedef struct asking {
    llm_request *request;
    llm_answer *answer;
    json_t **messages;
    agent_job **job;
    size_t n;
} asking;

static lorec_err asking_make(asking *a, size_t n)
{
    TRY(mem_new(&a->request, n));
    TRY(mem_new(&a->answer, n));
    TRY(mem_new(&a->messages, n));
    return mem_new(&a->job, n);
}

static void asking_clear(asking *a)
{
    if (a->answer) llm_answers_free(a->answer, a->n);
    for (size_t i = 0; i < a->n; i++) {
        json_decref(a->messages[i]);
        a->messages[i] = NULL;
        a->answer[i] = (llm_answer){0};
    }
    a->n = 0;
}

static void asking_free(asking *a)
{
    asking_clear(a);
    mem_free(a->request);
    mem_free(a->answer);
    mem_free(a->messages);
    mem_free(a->job);
}

static lorec_err add(asking *a, agent_job *job, const prompt *p, json_t *values)
{
    buf text = {0};
    lorec_err e = values ? prompt_fill(p, values, &text) : err_set(LOREC_RESOURCE, "out of memory for a prompt");
    json_decref(values);
    if (!e && !(a->messages[a->n] = prompt_user(text.p))) e = err_set(LOREC_RESOURCE, "out of memory for a prompt");
    buf_free(&text);
    TRY(e);
    a->request[a->n] = (llm_request){.verb = LLM_VERB_CHAT, .messages = a->messages[a->n]};
    a->job[a->n++] = job;
    return LOREC_OK;
}

static lorec_err ask(const interecagent *m, agent_desk *d, asking *a)
{
    return llm_use_ask(d->lm, m->tally, &m->chat, a->request, a->n, a->answer, "interecagent");
}

static slice text_of(const llm_answer *a)
{
    return a->err || !a->text ? (slice){"", 0} : (slice){a->text, a->n};
}

/* ---- the prompts' values ----------------------------------------------------------------------------------------------------- */

static size_t shown_of(const agent_job *job)
{
    return job->bus.n < job->bus.wanted ? job->bus.n : job->bus.wanted;
}

static json_t *shown_titles(const interecagent *m, const agent_job *job)
{
    return catalogue_titles(&m->items, job->bus.item, shown_of(job));
}

static json_t *history_of(const interecagent *m, const query *q)
{
    uint32_t known[64];
    size_t n = 0, most = (size_t)m->max_history < 64 ? (size_t)m->max_history : 64;
    for (size_t i = q->n; i > 0 && n < most; i--)
        if (q->items[i - 1] < m->items.n) known[64 - ++n] = q->items[i - 1];
    return catalogue_titles(&m->items, known + (64 - n), n);
}

static lorec_err add_plan(const interecagent *m, asking *a, agent_job *job)
{
    json_t *values = json_pack("{s:s, s:s, s:s, s:I, s:o, s:s, s:o, s:s, s:s}", "things", m->things, "verb", m->verb,
                               "columns", item_sql_columns, "wanted", (json_int_t)job->wanted, "history",
                               history_of(m, job->q), "request", job->request, "slate",
                               catalogue_titles(&m->items, job->slate, job->n_slate), "complaint",
                               job->complaint.p ? job->complaint.p : "", "last", job->last.p ? job->last.p : "");
    if (values && json_object_set_new(values, "turns", job->turns ? json_deep_copy(job->turns) : json_array())) {
        json_decref(values);
        values = NULL;
    }
    return add(a, job, m->plan, values);
}

static lorec_err add_critic(const interecagent *m, asking *a, agent_job *job)
{
    return add(a, job, m->critic,
               json_pack("{s:s, s:s, s:O, s:O, s:o}", "things", m->things, "request", job->request, "plan",
                         job->plan.json, "tracks", job->bus.tracks, "shown", shown_titles(m, job)));
}

static lorec_err add_reply(const interecagent *m, asking *a, agent_job *job)
{
    return add(a, job, m->reply,
               json_pack("{s:s, s:s, s:O, s:o, s:O?}", "things", m->things, "request", job->request, "tracks",
                         job->bus.tracks, "shown", shown_titles(m, job), "rows", job->bus.rows));
}

/* ---- one job's steps --------------------------------------------------------------------------------------------------------- */

/* What the writer of the plan is told, in the library's words or the critic's. */
static lorec_err complain(agent_job *job, slice last, const char *why)
{
    if (last.n > 2000) last.n = 2000;
    buf_clear(&job->complaint);
    buf_clear(&job->last);
    TRY(buf_puts(&job->complaint, why));
    json_t *clean = catalogue_text(last); /* valid UTF-8 */
    lorec_err e = clean ? buf_puts(&job->last, json_string_value(clean)) : err_set(LOREC_RESOURCE, "out of memory");
    json_decref(clean);
    return e;
}

static lorec_err try_plan(const interecagent *m, agent_desk *d, agent_job *job, const llm_answer *answer,
                          agent_counts *c, reply_counts *repairs)
{
    slice said = text_of(answer);
    agent_plan_free(&job->plan);
    agent_bus_free(&job->bus);
    c->plans++;
    repairs->replies++;
    lorec_err e = agent_plan_read(&job->plan, said.p, said.n, repairs);
    if (e == LOREC_INPUT) {
        c->invalid_plans++;
        return complain(job, said, lorec_error_message());
    }
    if (!e) e = agent_run(m, d, job->q, job->slate, job->n_slate, &job->plan, &job->bus, c);
    if (e == LOREC_INPUT) {
        c->tool_errors++;
        return complain(job, said, lorec_error_message());
    }
    job->planned = job->done = !e;
    return e;
}

static lorec_err hear_critic(agent_job *job, const llm_answer *answer, agent_counts *c, reply_counts *repairs)
{
    json_t *verdict = NULL;
    slice said = text_of(answer);
    lorec_err e = reply_json(said.p, said.n, &verdict, repairs);
    c->reflections++;
    if (!e && json_is_false(json_object_get(verdict, "ok"))) { /* whatever else it says counts as yes */
        const char *why = json_string_value(json_object_get(verdict, "why"));
        char *plan = json_dumps(job->plan.json, JSON_COMPACT);
        e = plan ? complain(job, slice_of(plan), why ? why : "it does not answer what was asked for")
                 : err_set(LOREC_RESOURCE, "out of memory for a plan");
        free(plan);
        c->rejections++;
        job->rejected++;
        job->done = false;
    }
    json_decref(verdict);
    return e;
}

/* ---- all of them -------------------------------------------------------------------------------------------------------------- */

static lorec_err plan_once(const interecagent *m, agent_desk *d, asking *a, agent_job *job, size_t n, agent_counts *c,
                           reply_counts *repairs)
{
    for (size_t i = 0; i < n; i++)
        if (!job[i].done) TRY(add_plan(m, a, &job[i]));
    if (a->n) TRY(ask(m, d, a));
    for (size_t i = 0; i < a->n; i++) TRY(try_plan(m, d, a->job[i], &a->answer[i], c, repairs));
    asking_clear(a);
    return LOREC_OK;
}

/* A critic looks at what was planned now; one that has said no `reflections` times has to take it. */
static lorec_err reflect_once(const interecagent *m, agent_desk *d, asking *a, agent_job *job, size_t n,
                              const bool *before, agent_counts *c, reply_counts *repairs)
{
    for (size_t i = 0; i < n; i++)
        if (job[i].done && !before[i] && job[i].rejected < m->reflections) TRY(add_critic(m, a, &job[i]));
    if (a->n) TRY(ask(m, d, a));
    for (size_t i = 0; i < a->n; i++) TRY(hear_critic(a->job[i], &a->answer[i], c, repairs));
    asking_clear(a);
    return LOREC_OK;
}

static lorec_err finish(const interecagent *m, agent_desk *d, agent_job *job, agent_counts *c)
{
    c->turns++;
    if (!job->planned || job->bus.n == 0) {
        agent_bus_free(&job->bus);
        c->fallbacks++;
        TRY(agent_rank_plainly(m, d, job->q, job->slate, job->n_slate, &job->bus, c));
    }
    size_t many = job->n_slate ? job->bus.n : shown_of(job);
    TRY(mem_new(&job->shown, many + 1));
    if (many) memcpy(job->shown, job->bus.item, many * sizeof *job->shown);
    job->n_shown = many;
    return LOREC_OK;
}

static lorec_err speak(const interecagent *m, agent_desk *d, asking *a, agent_job *job, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (job[i].speak) TRY(add_reply(m, a, &job[i]));
    if (a->n) TRY(ask(m, d, a));
    for (size_t i = 0; i < a->n; i++) {
        slice said = text_of(&a->answer[i]);
        buf_clear(&a->job[i]->reply);
        TRY(buf_add(&a->job[i]->reply, said.p, said.n));
    }
    asking_clear(a);
    return LOREC_OK;
}

lorec_err agent_turns(const interecagent *m, rec_session *s, agent_job *job, size_t n)
{
    agent_desk *d;
    asking a = {0};
    agent_counts c = {0};
    reply_counts repairs = {0};
    bool *before = NULL;
    if (n == 0) return LOREC_OK;
    TRY(agent_desk_of(m, s, true, &d));
    lorec_err e = asking_make(&a, n);
    if (!e) e = mem_new(&before, n);
    for (int64_t k = 0; k < m->plan_tries + m->reflections && !e; k++) { /* each round all that is not done yet */
        bool open = false;
        for (size_t i = 0; i < n; i++) {
            before[i] = job[i].done;
            open |= !job[i].done && k < m->plan_tries + job[i].rejected;
        }
        if (!open) break;
        e = plan_once(m, d, &a, job, n, &c, &repairs);
        if (!e) e = reflect_once(m, d, &a, job, n, before, &c, &repairs);
    }
    for (size_t i = 0; i < n && !e; i++) e = finish(m, d, &job[i], &c);
    if (!e) e = speak(m, d, &a, job, n);
    agent_tally_add(m->count, &c);
    llm_tally_replies(m->tally, &repairs);
    asking_free(&a);
    mem_free(before);
    return e;
}

void agent_job_free(agent_job *job)
{
    mem_free(job->shown);
    agent_plan_free(&job->plan);
    agent_bus_free(&job->bus);
    buf_free(&job->complaint);
    buf_free(&job->last);
    buf_free(&job->reply);
    *job = (agent_job){0};
}
