/* A transcript as a model (replay:FILE), and before one (record:FILE=SPEC). */
#include <stdlib.h>

#include "base/mem.h"
#include "lm/provider/backend.h"
#include "lm/provider/transcript.h"

typedef struct tape {
    transcript *kept;
    llm *behind; /* NULL: replay only */
    char *path;
} tape;

typedef struct recording { /* of one call */
    llm *m;
    const llm_request *q;
    size_t *at; /* the place of each request that is asked */
    const llm_watch *watch;
    llm_answer *out;
} recording;

static lorec_err look_up(llm *m, const llm_request *q, llm_answer *out, double *seconds, bool *found)
{
    tape *t = m->self;
    unsigned char key[TRANSCRIPT_KEY];
    json_t *request = llm_request_json(m->name, q), *answer = NULL;
    if (!request) return err_set(LOREC_INPUT, "a request holds a text that is not valid UTF-8");
    lorec_err e = transcript_key(request, key, NULL);
    if (!e) e = transcript_find(t->kept, key, &answer, seconds);
    *found = answer != NULL;
    if (!e && answer && out) {
        e = llm_answer_from_json(answer, q, out);
        if (e) e = err_context(e, "%s", t->path);
        out->replayed = true;
    }
    json_decref(request);
    json_decref(answer);
    return e;
}

static lorec_err keep(llm *m, const llm_request *q, const llm_answer *a)
{
    tape *t = m->self;
    unsigned char key[TRANSCRIPT_KEY];
    char *asked = NULL;
    json_t *request = llm_request_json(m->name, q), *answer = llm_answer_json(q, a);
    lorec_err e = request && answer ? transcript_key(request, key, &asked) : err_set(LOREC_RESOURCE, "out of memory");
    char *text = e ? NULL : json_dumps(answer, JSON_COMPACT | JSON_REAL_PRECISION(17));
    if (!e && !text) e = err_set(LOREC_RESOURCE, "out of memory");
    if (!e) e = transcript_put(t->kept, key, m->name, asked, text, a->seconds);
    free(text);
    free(asked);
    json_decref(request);
    json_decref(answer);
    return e;
}

static lorec_err came(void *ctx, size_t k, const llm_answer *a)
{
    recording *r = ctx;
    size_t i = r->at[k];
    if (!a->err) TRY(keep(r->m, &r->q[i], a)); /* a failure is not kept: next time it is asked again */
    return r->watch && r->watch->done ? r->watch->done(r->watch->ctx, i, a) : LOREC_OK;
}

static void piece(void *ctx, size_t k, const char *text, size_t n)
{
    recording *r = ctx;
    r->watch->text(r->watch->ctx, r->at[k], text, n);
}

static bool stopped(void *ctx)
{
    const recording *r = ctx;
    return r->watch && r->watch->stop && r->watch->stop(r->watch->ctx);
}

/* Those that the transcript lacks, to the model behind. */
static lorec_err ask_rest(llm *m, const llm_request *q, llm_answer *out, size_t *at, size_t n, const llm_watch *watch)
{
    tape *t = m->self;
    llm_request *some = NULL;
    llm_answer *answers = NULL;
    recording r = {.m = m, .q = q, .at = at, .watch = watch, .out = out};
    llm_watch mine = {.ctx = &r,
                      .label = watch ? watch->label : NULL,
                      .done = came,
                      .text = watch && watch->text ? piece : NULL,
                      .stop = stopped};
    lorec_err e = mem_new(&some, n);
    if (!e) e = mem_new(&answers, n);
    for (size_t k = 0; k < n && !e; k++) some[k] = q[at[k]];
    if (!e) e = llm_ask(t->behind, some, n, answers, &mine);
    for (size_t k = 0; k < n && answers; k++) out[at[k]] = answers[k];
    m->used.asked = t->behind->used.asked;
    m->used.failed = t->behind->used.failed;
    m->used.retried = t->behind->used.retried;
    m->used.prompt_tokens = t->behind->used.prompt_tokens;
    m->used.completion_tokens = t->behind->used.completion_tokens;
    m->used.seconds = t->behind->used.seconds;
    m->used.money = t->behind->used.money;
    m->used.priced = t->behind->used.priced;
    mem_free(some);
    mem_free(answers);
    return e;
}

static lorec_err missing(const llm *m, const llm_request *q, size_t i, size_t n_missing)
{
    const tape *t = m->self;
    json_t *request = llm_request_json(m->name, q);
    char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    lorec_err e = err_set(
        LOREC_INPUT,
        "%s: %zu of the requests have no answer there; the first is request %zu: %.300s... Record them: "
        "record:%s=SPEC",
        t->path, n_missing, i, text ? text : "", t->path);
    free(text);
    json_decref(request);
    return e;
}

static lorec_err ask(llm *m, const llm_request *q, size_t n, llm_answer *out, const llm_watch *watch)
{
    tape *t = m->self;
    size_t *at = NULL, lacking = 0;
    lorec_err e = mem_new(&at, n);
    for (size_t i = 0; i < n && !e; i++) {
        bool found = false;
        out[i] = (llm_answer){0};
        e = look_up(m, &q[i], &out[i], NULL, &found);
        if (e) break;
        if (!found) {
            out[i].err = LOREC_CANCELLED;
            at[lacking++] = i;
            continue;
        }
        llm_book(m, &out[i]);
        if (watch && watch->text) watch->text(watch->ctx, i, out[i].text, out[i].n);
        if (watch && watch->done) e = watch->done(watch->ctx, i, &out[i]);
    }
    if (!e && lacking && t->behind)
        e = ask_rest(m, q, out, at, lacking, watch);
    else if (!e && lacking)
        e = missing(m, &q[at[0]], at[0], lacking);
    mem_free(at);
    return e;
}

static bool knows(llm *m, const llm_request *q, double *seconds)
{
    bool found = false;
    return look_up(m, q, NULL, seconds, &found) == LOREC_OK && found;
}

static int64_t tokens(llm *m, const char *text, size_t n)
{
    const tape *t = m->self;
    return t->behind && t->behind->backend->tokens ? t->behind->backend->tokens(t->behind, text, n) : -1;
}

/* What was recorded can be replayed, whatever it was; only weights can not. */
static unsigned can(const llm *m)
{
    const tape *t = m->self;
    return t->behind ? llm_can(t->behind)
                     : LLM_CHAT | LLM_COMPLETE | LLM_LOGPROBS | LLM_SCORE | LLM_EMBED | LLM_IMAGES | LLM_TOOLS;
}

static void shut(llm *m)
{
    tape *t = m->self;
    transcript_close(t->kept);
    llm_close(t->behind);
    mem_free(t->path);
    mem_free(t);
}

static lorec_err tape_new(llm *m, slice path, tape **out)
{
    buf b = {0};
    TRY(mem_new(out, 1));
    m->self = *out;
    if (path.n == 0) return err_set(LOREC_USAGE, "%s: the transcript's file is missing", m->spec);
    TRY(buf_add(&b, path.p, path.n));
    (*out)->path = b.p;
    return LOREC_OK;
}

static lorec_err open_replay(llm *m, const char *rest)
{
    tape *t;
    slice model = slice_of(rest), path = slice_cut(&model, '#');
    TRY(tape_new(m, path, &t));
    TRY(transcript_open(&t->kept, t->path, false));
    return model.n ? mem_dup(&m->name, model.p) : transcript_model(t->kept, &m->name);
}

static lorec_err open_record(llm *m, const char *rest)
{
    tape *t;
    slice spec = slice_of(rest), path = slice_cut(&spec, '=');
    if (spec.n == 0) return err_set(LOREC_USAGE, "%s: record:FILE=MODEL is needed", m->spec);
    TRY(tape_new(m, path, &t));
    TRY(llm_open(&t->behind, spec.p, &m->options));
    TRY(transcript_open(&t->kept, t->path, true));
    m->price = t->behind->price;
    return mem_dup(&m->name, llm_name(t->behind));
}

static const struct lm_text *weights(const llm *m)
{
    const tape *t = m->self;
    return t->behind ? llm_weights(t->behind) : NULL;
}

const llm_backend llm_replay = {
    .prefix = "replay:", .open = open_replay, .can = can, .ask = ask, .close = shut, .knows = knows};
const llm_backend llm_record = {.prefix = "record:",
                                .open = open_record,
                                .can = can,
                                .ask = ask,
                                .close = shut,
                                .knows = knows,
                                .tokens = tokens,
                                .weights = weights};
