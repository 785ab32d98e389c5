/* How a local model answers: chats and completions by the batcher, several at once; scores as one tree; vectors in batches. */
#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"
#include "lm/provider/local.h"
#include "lm/session/batcher.h"
#include "lm/session/score.h"
#include "text/loose_json.h"

enum { DEFAULT_TOKENS = 512, SCORES_AT_ONCE = 16 };

typedef struct call {
    llm *m;
    local *l;
    const llm_request *q;
    llm_answer *out;
    const llm_watch *watch;
    size_t n, done;
    lorec_err err;    /* of what hears of answers: stops the rest */
    int64_t reserved; /* tokens that the added requests may take */
    char full[1024];  /* what the budget says once it has no room */
    progress p;
} call;

typedef struct speaker { /* one request of the batcher */
    call *c;
    size_t i;
    double started;
} speaker;

static void finish(call *c, size_t i, lorec_err e, double started)
{
    llm_answer *a = &c->out[i];
    a->err = LOREC_OK;
    a->tries = 1;
    a->seconds = clock_seconds() - started;
    if (!e && !a->text) e = mem_new(&a->text, 1);
    if (e) llm_answer_fail(a, e);
    llm_book(c->m, a);
    c->done++;
    if (c->watch && c->watch->label) progress_step(&c->p, (double)c->done, "%s", "");
    if (c->watch && c->watch->done && !c->err) c->err = c->watch->done(c->watch->ctx, i, a);
}

/* ---- prompts ------------------------------------------------------------------------------------------------------- */

static lorec_err prompt_ids(const local *l, const llm_request *q, int64_t more, tokens *out)
{
    out->n = 0;
    const chat_input in = {
        .messages = q->messages, .tools = q->tools, .values = q->params.more, .add_generation_prompt = true};
    TRY(q->messages ? local_model_chat_ids(&l->m, &in, out) : lm_text_prompt(l->m.text, slice_of(q->prompt), out));
    return lm_text_fit(l->m.text, out, more, &(lm_long){.refuse = true}, NULL);
}

/* ---- speaking ------------------------------------------------------------------------------------------------------ */

static json_t *choice_json(const local *l, int32_t id, float logp)
{
    buf raw = {0}, text = {0};
    json_t *o = NULL;
    if (tokenizer_decode(l->m.text->tokenizer, &id, 1, TOKENIZER_PARSE_SPECIAL, &raw) == LOREC_OK &&
        utf8_repair(&text, raw.p ? raw.p : "", raw.n, NULL) == LOREC_OK)
        o = json_pack("{s:s%, s:f}", "token", text.p, text.n, "logprob", (double)logp);
    buf_free(&raw);
    buf_free(&text);
    return o;
}

static lorec_err said(void *ctx, const batch_token *t)
{
    speaker *s = ctx;
    call *c = s->c;
    llm_answer *a = &c->out[s->i];
    if (c->watch && c->watch->text && t->text.n) c->watch->text(c->watch->ctx, s->i, t->text.p, t->text.n);
    if (!c->q[s->i].params.logprobs) return c->err;
    json_t *top = json_array(), *row = choice_json(c->l, t->token, t->logp);
    for (size_t k = 0; k < t->tops; k++) json_array_append_new(top, choice_json(c->l, t->top[k].token, t->top[k].logp));
    if (!a->logprobs) a->logprobs = json_array();
    if (!row || json_object_set_new(row, "top", top) || json_array_append_new(a->logprobs, row))
        return err_set(LOREC_RESOURCE, "out of memory");
    return c->err;
}

static void spoken(void *ctx, const batch_reply *r)
{
    speaker *s = ctx;
    llm_answer *a = &s->c->out[s->i];
    buf text = {0};
    if (r->reason == BATCH_CANCELLED) return; /* err stays LOREC_CANCELLED */
    lorec_err e = r->error ? err_set(r->error, "%s", r->message ? r->message : "the model failed")
                           : utf8_repair(&text, r->text.p ? r->text.p : "", r->text.n, NULL);
    a->text = text.p;
    a->n = text.n;
    a->finish = r->reason == BATCH_LENGTH ? LLM_FINISH_LENGTH : LLM_FINISH_STOP;
    a->prompt_tokens = r->prompt_tokens;
    a->completion_tokens = (int64_t)r->n;
    finish(s->c, s->i, e, s->started);
}

static lorec_err add(call *c, batcher *b, speaker *s, tokens *ids)
{
    const llm_request *q = &c->q[s->i];
    const llm_params *p = &q->params;
    const lm_text *m = c->l->m.text;
    int64_t most = p->max_tokens ? p->max_tokens : DEFAULT_TOKENS;
    uint64_t id;
    TRY(prompt_ids(c->l, q, most, ids));
    int64_t takes = (int64_t)ids->n + most;
    if (llm_budget(c->m, c->reserved + takes, 0)) { /* those before it are answered first */
        snprintf(c->full, sizeof c->full, "%s", lorec_error_message());
        return LOREC_OK;
    }
    c->reserved += takes;
    const batch_request r = {.prompt = ids->id,
                             .n = (int64_t)ids->n,
                             .max_tokens = most,
                             .how = {.temperature = (float)p->temperature, .top_p = (float)p->top_p},
                             .seed = (uint64_t)p->seed,
                             .number = (uint64_t)q->sample,
                             .end = m->end,
                             .ends = m->ends,
                             .tokenizer = m->tokenizer,
                             .stop = p->stop,
                             .stops = p->n_stop,
                             .tops = (size_t)p->logprobs,
                             .token = said,
                             .done = spoken,
                             .ctx = s};
    return batcher_add(b, &r, &id);
}

static bool speaks(const llm_request *q)
{
    return q->verb == LLM_VERB_CHAT || q->verb == LLM_VERB_COMPLETE;
}

static lorec_err speak_all(call *c)
{
    batcher *b;
    speaker *all;
    tokens ids = {0};
    bool more = true;
    TRY(mem_new(&all, c->n));
    lorec_err e = batcher_new(&b, c->l->session, &(batcher_options){.running = c->m->options.concurrency});
    if (e) {
        mem_free(all);
        return e;
    }
    for (size_t i = 0; i < c->n && !e && !c->full[0]; i++) {
        if (!speaks(&c->q[i])) continue;
        all[i] = (speaker){c, i, clock_seconds()};
        lorec_err one = add(c, b, &all[i], &ids);
        if (one == LOREC_INPUT || one == LOREC_USAGE)
            finish(c, i, one, all[i].started); /* this prompt alone is at fault */
        else
            e = one;
    }
    while (!e && more && !c->err) e = llm_stopped(c->watch) ? LOREC_CANCELLED : batcher_step(b, &more);
    batcher_free(b);
    tokens_free(&ids);
    mem_free(all);
    if (!e && c->full[0]) e = err_set(LOREC_RESOURCE, "%s", c->full);
    return e ? e : c->err;
}

/* ---- scores -------------------------------------------------------------------------------------------------------- */

typedef struct packed { /* several requests as one question to lm_score */
    tokens prompt, text;
    int32_t prompt_length[SCORES_AT_ONCE], *length;
    int64_t first[SCORES_AT_ONCE + 1];
    size_t at[SCORES_AT_ONCE], n, lengths, cap;
} packed;

static void packed_free(packed *p)
{
    tokens_free(&p->prompt);
    tokens_free(&p->text);
    mem_free(p->length);
}

static lorec_err pack(call *c, packed *p, size_t i)
{
    const llm_request *q = &c->q[i];
    tokens ids = {0};
    size_t before = p->text.n, lengths = p->lengths;
    int64_t longest = 0;
    lorec_err e = LOREC_OK;
    for (size_t k = 0; k < q->n_text && !e; k++) {
        size_t from = p->text.n;
        e = lm_text_continuation(c->l->m.text, slice_of(q->text[k]), &p->text);
        int64_t n = (int64_t)(p->text.n - from);
        if (n > longest) longest = n;
        if (!e) e = mem_grow(&p->length, &p->cap, p->lengths + 1);
        if (!e) p->length[p->lengths++] = (int32_t)n;
    }
    if (!e) e = prompt_ids(c->l, q, longest, &ids);
    for (size_t k = 0; k < ids.n && !e; k++) e = tokens_add(&p->prompt, ids.id[k]);
    if (e) { /* as if it had not been there */
        p->text.n = before;
        p->lengths = lengths;
    } else {
        p->prompt_length[p->n] = (int32_t)ids.n;
        p->at[p->n++] = i;
        p->first[p->n] = (int64_t)p->lengths;
    }
    tokens_free(&ids);
    return e;
}

static lorec_err score_packed(call *c, packed *p)
{
    double *sum = NULL, started = clock_seconds();
    if (p->n == 0) return LOREC_OK;
    lorec_err e = mem_new(&sum, p->lengths);
    const score_ask ask = {.prompts = (int64_t)p->n,
                           .prompt = p->prompt.id,
                           .prompt_length = p->prompt_length,
                           .n = (int64_t)p->lengths,
                           .token = p->text.id,
                           .length = p->length,
                           .first = p->first};
    if (!e) e = lm_score(c->l->session, &ask, sum);
    for (size_t r = 0; r < p->n && !e; r++) {
        llm_answer *a = &c->out[p->at[r]];
        size_t from = (size_t)p->first[r], n = (size_t)p->first[r + 1] - from;
        e = mem_new(&a->score, n);
        if (!e) e = mem_new(&a->score_tokens, n);
        for (size_t k = 0; k < n && !e; k++) {
            a->score[k] = sum[from + k];
            a->score_tokens[k] = p->length[from + k];
            a->prompt_tokens += p->length[from + k];
        }
        a->prompt_tokens += p->prompt_length[r];
        a->finish = LLM_FINISH_STOP;
        if (!e) finish(c, p->at[r], LOREC_OK, started);
    }
    mem_free(sum);
    return e;
}

static lorec_err score_all(call *c)
{
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < c->n && !e && !c->err;) {
        packed p = {0};
        for (; i < c->n && p.n < SCORES_AT_ONCE && !e; i++) {
            if (c->q[i].verb != LLM_VERB_SCORE) continue;
            double started = clock_seconds();
            lorec_err one = pack(c, &p, i);
            if (one == LOREC_INPUT || one == LOREC_USAGE)
                finish(c, i, one, started);
            else
                e = one;
        }
        if (!e) e = score_packed(c, &p);
        if (!e) e = cancel_check();
        packed_free(&p);
    }
    return e ? e : c->err;
}

/* ---- vectors ------------------------------------------------------------------------------------------------------- */

static lorec_err embed(call *c, size_t i)
{
    const llm_request *q = &c->q[i];
    llm_answer *a = &c->out[i];
    local *l = c->l;
    slice *text = NULL;
    double started = clock_seconds();
    size_t size = 0;
    if (!l->embedder) TRY(embedder_open(&l->embedder, l->m.path, &(embed_options){0}));
    size_t width = (size_t)embedder_width(l->embedder);
    if (!size_mul(q->n_text, width, &size)) return err_set(LOREC_RESOURCE, "vectors too many for memory");
    lorec_err e = mem_new(&text, q->n_text);
    if (!e) e = mem_new(&a->vector, size);
    for (size_t k = 0; k < q->n_text && !e; k++) text[k] = slice_of(q->text[k]);
    if (!e) e = embedder_texts(l->embedder, text, q->n_text, a->vector);
    mem_free(text);
    if (e) return e;
    a->width = width;
    a->finish = LLM_FINISH_STOP;
    finish(c, i, LOREC_OK, started);
    return c->err;
}

lorec_err local_ask(llm *m, const llm_request *q, size_t n, llm_answer *out, const llm_watch *watch)
{
    call c = {.m = m, .l = m->self, .q = q, .out = out, .n = n, .watch = watch};
    bool any[2] = {false, false};
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < n; i++) {
        any[0] = any[0] || speaks(&q[i]);
        any[1] = any[1] || q[i].verb == LLM_VERB_SCORE;
    }
    if (watch && watch->label) progress_start(&c.p, watch->label, (double)n, "answer");
    if (any[0]) e = speak_all(&c);
    if (!e && any[1]) e = score_all(&c);
    for (size_t i = 0; i < n && !e; i++)
        if (q[i].verb == LLM_VERB_EMBED) e = embed(&c, i);
    if (watch && watch->label) progress_end(&c.p);
    return e;
}
