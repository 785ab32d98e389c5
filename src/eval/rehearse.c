#include "eval/rehearse.h"

#include <math.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/rehearsal.h"
#include "base/threads.h"
#include "eval/questions.h"
#include "eval/study.h"

typedef struct spent { /* of a language model, as the method's counts tell it */
    double calls, known, prompt, completion, seconds, money;
} spent;

static spent spent_of(const recommender *r, const void *self)
{
    spent s = {0};
    json_t *o = r->counts ? r->counts(self) : NULL;
    s.calls = json_number_value(json_object_get(o, "llm_calls"));
    s.known = json_number_value(json_object_get(o, "llm_replayed"));
    s.prompt = json_number_value(json_object_get(o, "prompt_tokens"));
    s.completion = json_number_value(json_object_get(o, "completion_tokens"));
    s.seconds = json_number_value(json_object_get(o, "llm_seconds"));
    s.money = json_number_value(json_object_get(o, "llm_money"));
    json_decref(o);
    return s;
}

/* The last value of an option among the words given; NULL: none. */
static const char *given(const trial_request *q, const char *name)
{
    const char *found = NULL;
    size_t n = strlen(name);
    for (size_t i = 0; i < q->n_set; i++)
        if (strncmp(q->set[i], name, n) == 0 && q->set[i][n] == '=') found = q->set[i] + n + 1;
    return found && *found ? found : NULL;
}

bool trial_asks(const trial_request *q)
{
    const recommender *r = q->recommender;
    return options_find(r->options, r->n_options, "llm") && given(q, "llm");
}

/* What was spent between two looks, for `scale` times as many users. */
static void add(rehearsed *out, const spent *before, const spent *after, double scale)
{
    out->calls += (after->calls - before->calls) * scale;
    out->known += (after->known - before->known) * scale;
    out->prompt_tokens += (after->prompt - before->prompt) * scale;
    out->completion_tokens += (after->completion - before->completion) * scale;
    out->llm_s += (after->seconds - before->seconds) * scale;
    out->money += (after->money - before->money) * scale;
}

static lorec_err judge(rehearsed *out, const trial_request *q, const void *self)
{
    const recommender *r = q->recommender;
    questions all;
    report few;
    TRY(questions_make(&all, q->protocol, q->part, 0, q->seed));
    double n = all.n, asked = n < REHEARSED_USERS ? n : REHEARSED_USERS;
    questions_free(&all);
    spent before = spent_of(r, self);
    double started = clock_seconds();
    TRY(evaluate(&few, &(evaluate_request){.recommender = r,
                                           .self = self,
                                           .protocol = q->protocol,
                                           .part = q->part,
                                           .quiet = true,
                                           .seed = q->seed,
                                           .max_users = (uint32_t)asked}));
    double took = clock_seconds() - started;
    report_close(&few);
    spent after = spent_of(r, self);
    if (after.calls == before.calls) out->judge_s += took * n / asked; /* else answers are what takes time: llm_s */
    add(out, &before, &after, n / asked);
    return LOREC_OK;
}

static lorec_err study(rehearsed *out, const trial_request *q, const void *self)
{
    const recommender *r = q->recommender;
    json_t *numbers;
    spent before = spent_of(r, self);
    lorec_err e = study_run(&numbers, r, self, q->protocol, q->seed, q->fast);
    json_decref(numbers);
    spent after = spent_of(r, self);
    add(out, &before, &after, 1);
    return e == LOREC_CANCELLED ? e : LOREC_OK; /* empty replies make no study; what was asked is counted */
}

static lorec_err work(rehearsed *out, const trial_request *q, void *self)
{
    const recommender *r = q->recommender;
    fit_context fit = {.split = q->split, .train = &q->split->train, .seed = q->seed, .fast = q->fast};
    double stated = r->memory ? (double)r->memory(self, &fit) / (1 << 20) : 0;
    out->memory_mib = stated;
    if (q->memory && stated * (1 << 20) > (double)q->memory)
        return err_set(LOREC_RESOURCE, "needs %.4g GiB; %.4g GiB are available", stated / 1024,
                       (double)q->memory / (1 << 30));
    rehearsal h = {0};
    spent none = {0};
    double started = clock_seconds();
    rehearsal_begin(&h);
    lorec_err e = r->fit(self, &fit);
    rehearsal_end();
    spent fitted = spent_of(r, self);
    out->train_s = clock_seconds() - started + h.seconds_left;
    out->trains = h.left_out > 0;
    add(out, &none, &fitted, 1);
    if (!e) e = judge(out, q, self);
    if (!e && recommender_studies(r, self)) e = study(out, q, self);
    return e;
}

/* As trial_model makes it, the language model not asked. */
static lorec_err model_of(const trial_request *q, void **self)
{
    trial_request dry = *q;
    const char **set = NULL, *spec = trial_asks(q) ? given(q, "llm") : NULL;
    buf words = {0};
    lorec_err e = mem_new(&set, q->n_set + 1);
    for (size_t i = 0; i < q->n_set && !e; i++) set[i] = q->set[i];
    if (!e && spec) {
        e = buf_printf(&words, "llm=dry:%s", spec);
        if (!e) set[dry.n_set++] = words.p;
    }
    dry.set = set;
    if (!e) e = trial_model(&dry, self);
    mem_free(set);
    buf_free(&words);
    return e;
}

lorec_err trial_rehearse(rehearsed *out, const trial_request *q)
{
    *out = (rehearsed){0};
    void *self = NULL;
    trial_peak_reset();
    lorec_err e = model_of(q, &self);
    if (!e) e = work(out, q, self);
    recommender_free(q->recommender, self);
    double peak = (double)trial_peak() / (1 << 20);
    if (!e && peak > out->memory_mib) out->memory_mib = peak;
    if (out->calls > 0 && out->money == 0) out->money = NAN;
    if (e == LOREC_CANCELLED || !e) return e;
    return mem_dup(&out->why, lorec_error_message());
}

static lorec_err put_time(buf *out, const char *before, double seconds)
{
    char text[32];
    duration_text(text, sizeof text, seconds);
    return buf_printf(out, "%s%s", before, text);
}

lorec_err rehearsed_text(const rehearsed *r, buf *out)
{
    if (r->calls > 0 || r->known > 0) {
        TRY(buf_printf(out, "%.0f calls", r->calls));
        if (r->known > 0) TRY(buf_printf(out, " (%.0f more are answered by the transcript)", r->known));
        TRY(buf_printf(out, ", %.0f tokens to read and at most %.0f to write, ", r->prompt_tokens,
                       r->completion_tokens));
    }
    TRY(put_time(out, r->trains ? "training at most " : "fitting about ", r->train_s));
    TRY(put_time(out, ", judging about ", r->judge_s + r->llm_s));
    TRY(buf_printf(out, ", %.0f MiB", r->memory_mib));
    if (r->calls > 0)
        TRY(isnan(r->money) ? buf_puts(out, ", no price known") : buf_printf(out, ", at most %.4g in money", r->money));
    return r->why ? buf_printf(out, "; not rehearsed to its end: %s", r->why) : LOREC_OK;
}

json_t *rehearsed_json(const rehearsed *r)
{
    json_t *o = json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:s?}", "calls", round(r->calls), "known",
                          round(r->known), "prompt_tokens", round(r->prompt_tokens), "completion_tokens",
                          round(r->completion_tokens), "train_s", r->train_s, "judge_s", r->judge_s, "llm_s", r->llm_s,
                          "memory_mib", r->memory_mib, "why", r->why);
    if (o) json_object_set_new(o, "money", isnan(r->money) ? json_null() : json_real(r->money));
    return o;
}

void rehearsed_free(rehearsed *r)
{
    mem_free(r->why);
    *r = (rehearsed){0};
}
