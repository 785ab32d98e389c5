/* A model on this machine: its batcher, stepped by one thread; vectors by another. */
#include <stdio.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"
#include "serve/openai/desk_parts.h"
#include "text/loose_json.h"

enum { MEMORY = 1 << 30, SPARE = 128, NAP_MS = 100, LOGPROBS_MOST = 4000000 };

/* ---- tokens --------------------------------------------------------------------------------------------------------------- */

static json_t *token_row(const desk *d, int32_t id, float logp, json_t *tops)
{
    buf raw = {0};
    json_t *row = NULL;
    if (tokenizer_decode(d->model.text->tokenizer, &id, 1, TOKENIZER_PARSE_SPECIAL, &raw) == LOREC_OK)
        row = desk_row((slice){raw.p ? raw.p : "", raw.n}, (double)logp, tops);
    else
        json_decref(tops);
    buf_free(&raw);
    return row;
}

/* The row of a token waits until its text is certain: a stop text takes its tokens' rows away. */
static lorec_err keep_row(speaker *s, const batch_token *t)
{
    const desk *d = s->job->d;
    json_t *tops = json_array();
    for (size_t k = 0; k < t->tops && (int64_t)k < s->job->q.tops; k++)
        json_array_append_new(tops, token_row(d, t->top[k].token, t->top[k].logp, NULL));
    if (!s->rows) s->rows = json_array();
    TRY(mem_grow(&s->row_begin, &s->begin_cap, s->n_rows + 1));
    s->row_begin[s->n_rows++] = s->said;
    if (json_array_append_new(s->rows, token_row(d, t->token, t->logp, tops)) == 0) return LOREC_OK;
    return err_set(LOREC_RESOURCE, "out of memory for log probabilities");
}

static bool ends(const desk *d, int32_t token)
{
    for (size_t i = 0; i < d->model.text->ends; i++)
        if (d->model.text->end[i] == token) return true;
    return false;
}

static lorec_err hand_on(speaker *s, slice text, bool last)
{
    json_t *rows = NULL;
    buf whole = {0};
    if (!text.n && !(last && s->n_rows)) return LOREC_OK;
    s->given += text.n;
    if (s->rows) {
        rows = s->rows;
        s->rows = NULL;
        while (last && s->n_rows && s->row_begin[s->n_rows - 1] >= s->given && s->said > s->given)
            json_array_remove(rows, --s->n_rows); /* of the stop text */
        s->n_rows = 0;
    }
    lorec_err e = utf8_repair(&whole, text.p ? text.p : "", text.n, NULL);
    if (!e)
        e = s->job->q.piece(s->job->q.ctx, s->i, (slice){whole.p ? whole.p : "", whole.n}, rows);
    else
        json_decref(rows);
    buf_free(&whole);
    return e;
}

static lorec_err said(void *ctx, const batch_token *t)
{
    speaker *s = ctx;
    buf own = {0};
    if (s->job->q.logprobs && !ends(s->job->d, t->token)) TRY(keep_row(s, t));
    lorec_err e = tokenizer_decode(s->job->d->model.text->tokenizer, &t->token, 1, TOKENIZER_PLAIN, &own);
    s->said += own.n;
    buf_free(&own);
    return e ? e : hand_on(s, t->text, false);
}

static void spoken(void *ctx, const batch_reply *r)
{
    speaker *s = ctx;
    static const desk_reason reasons[] = {
        [BATCH_END] = DESK_STOP,       [BATCH_STOP] = DESK_STOP,     [BATCH_LENGTH] = DESK_LENGTH,
        [BATCH_CANCELLED] = DESK_LEFT, [BATCH_DEADLINE] = DESK_LATE, [BATCH_FAILED] = DESK_FAILED};
    desk_reply d = {.reason = reasons[r->reason],
                    .status = r->error == LOREC_RESOURCE ? 503 : 500,
                    .message = r->message,
                    .prompt_tokens = r->prompt_tokens,
                    .completion_tokens = (int64_t)r->n};
    if (d.reason <= DESK_LENGTH && hand_on(s, (slice){"", 0}, true)) {
        d.reason = DESK_FAILED;
        d.message = lorec_error_message();
    }
    desk_done(s->job, s->i, &d);
}

/* ---- asking --------------------------------------------------------------------------------------------------------------- */

static lorec_err prompt_ids(desk *d, const desk_request *q, tokens *ids, desk_fault *fault)
{
    const chat_input in = {.messages = q->messages, .tools = q->tools, .add_generation_prompt = true};
    *fault = (desk_fault){400, q->messages ? "messages" : "prompt", "invalid_value"};
    if (q->messages && q->tools) {
        bool knows;
        TRY(local_model_knows_tools(&d->model, &in, &knows));
        if (!knows) {
            *fault = (desk_fault){400, "tools", "unsupported_parameter"};
            return err_set(LOREC_USAGE, "\"tools\": the chat template of %s has no place for tools", d->name);
        }
    }
    if (q->messages) return local_model_chat_ids(&d->model, &in, ids);
    if (!q->n_ids) return lm_text_prompt(d->model.text, q->prompt, ids);
    for (size_t i = 0; i < q->n_ids; i++) {
        if (q->ids[i] < 0 || q->ids[i] >= lm_session_vocab(d->session))
            return err_set(LOREC_USAGE, "\"prompt\": token %d of a model that has %lld", q->ids[i],
                           (long long)lm_session_vocab(d->session));
        TRY(tokens_add(ids, q->ids[i]));
    }
    return LOREC_OK;
}

/* Both numbers, as OpenAI tells them; *most: tokens of the reply. */
static lorec_err fits(const desk *d, const desk_request *q, int64_t prompt, int64_t *most, desk_fault *fault)
{
    int64_t context = desk_context(d), before = lm_session_encodes(d->session) ? 1 : prompt;
    *most = q->max_tokens ? q->max_tokens : d->o.most_tokens;
    if (!q->max_tokens && *most > context - before) *most = context - before;
    if (q->logprobs && q->n * *most > LOGPROBS_MOST / (q->tops + 1)) {
        *fault = (desk_fault){400, "max_tokens", "above_max_value"};
        return err_set(LOREC_USAGE, "%lld log probabilities; at most %d are told at once",
                       (long long)(q->n * *most * (q->tops + 1)), LOGPROBS_MOST);
    }
    if (before < context && (!q->max_tokens || before + *most <= context)) return LOREC_OK;
    *fault = (desk_fault){400, q->messages ? "messages" : "prompt", "context_length_exceeded"};
    if (before >= context)
        return err_set(
            LOREC_USAGE,
            "this model's context is %lld tokens; the %s alone take %lld, which leaves no room for an answer",
            (long long)context, q->messages ? "messages" : "prompt's", (long long)prompt);
    return err_set(LOREC_USAGE,
                   "this model's context is %lld tokens; you asked for %lld (%lld in the %s, %lld in the completion)",
                   (long long)context, (long long)(before + *most), (long long)prompt,
                   q->messages ? "messages" : "prompt", (long long)*most);
}

/* JSON that is promised is held to by a constraint, of objects without a given shape. */
static lorec_err hold_to_json(desk *d, const json_t *format, desk_fault *fault)
{
    const char *type = json_string_value(json_object_get(format, "type"));
    if (!format) return LOREC_OK;
    if (!type || strcmp(type, "json_object") != 0) {
        *fault = (desk_fault){400, "response_format", "unsupported_parameter"};
        return err_set(LOREC_USAGE,
                       "\"response_format\": a model on this machine is held to {\"type\": \"json_object\"}, "
                       "not to a schema");
    }
    lorec_err e = LOREC_OK;
    pthread_mutex_lock(&d->json_lock);
    if (!d->json_ready) {
        e = json_only_of(&d->json, d->model.text->tokenizer, lm_session_vocab(d->session));
        if (e) json_only_free(&d->json);
        d->json_ready = !e;
        d->only_json = constraint_of_json(&d->json);
    }
    pthread_mutex_unlock(&d->json_lock);
    return e;
}

static void add_all(desk *d, job *j, const tokens *ids, int64_t most)
{
    const lm_text *m = d->model.text;
    for (int64_t i = 0; i < j->q.n; i++) {
        const desk_request *q = &j->q;
        const batch_request r = {.prompt = ids->id,
                                 .n = (int64_t)ids->n,
                                 .max_tokens = most,
                                 .how = {.temperature = (float)q->temperature, .top_p = (float)q->top_p},
                                 .seed = q->seed,
                                 .number = (uint64_t)i,
                                 .end = m->end,
                                 .ends = m->ends,
                                 .only = q->format ? &d->only_json : NULL,
                                 .tokenizer = m->tokenizer,
                                 .stop = q->stop,
                                 .stops = q->stops,
                                 .tops = (size_t)q->tops,
                                 .deadline = q->deadline,
                                 .token = said,
                                 .done = spoken,
                                 .ctx = &j->speaker[i]};
        uint64_t id = 0;
        if (batcher_add(d->batcher, &r, &id)) {
            const desk_reply failed = {.reason = DESK_FAILED, .status = 503, .message = lorec_error_message()};
            desk_done(j, i, &failed);
            continue;
        }
        pthread_mutex_lock(&d->lock);
        j->speaker[i].id = id;
        pthread_mutex_unlock(&d->lock);
    }
}

lorec_err desk_local_ask(desk *d, const desk_request *q, desk_fault *fault)
{
    tokens ids = {0};
    int64_t most = 0;
    lorec_err e = prompt_ids(d, q, &ids, fault);
    if (!e) e = hold_to_json(d, q->format, fault);
    if (!e) e = fits(d, q, (int64_t)ids.n, &most, fault);
    job *j = e ? NULL : job_new(d, q);
    if (!e && !j) e = err_set(LOREC_RESOURCE, "out of memory for a request");
    if (!e) {
        pthread_mutex_lock(&d->lock);
        j->next = d->active;
        if (d->active) d->active->before = j;
        d->active = j;
        pthread_mutex_unlock(&d->lock);
        add_all(d, j, &ids, most);
        desk_unhold(j);
        pthread_mutex_lock(&d->lock);
        pthread_cond_broadcast(&d->work);
        pthread_mutex_unlock(&d->lock);
    } else if (e == LOREC_RESOURCE)
        *fault = (desk_fault){503, NULL, NULL};
    tokens_free(&ids);
    return e;
}

/* ---- the batcher's thread --------------------------------------------------------------------------------------------------- */

static void cancel_left(desk *d)
{
    pthread_mutex_lock(&d->lock);
    for (job *j = d->active; j; j = j->next) {
        if (!j->q.left || !j->q.left(j->q.ctx)) continue;
        for (int64_t i = 0; i < j->q.n; i++)
            if (j->speaker[i].id) batcher_cancel(d->batcher, j->speaker[i].id);
    }
    pthread_mutex_unlock(&d->lock);
}

static bool nap(desk *d)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += NAP_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&d->lock);
    if (!d->closing) pthread_cond_timedwait(&d->work, &d->lock, &until);
    bool closing = d->closing;
    pthread_mutex_unlock(&d->lock);
    return closing;
}

static void *step(void *ctx)
{
    desk *d = ctx;
    double looked = 0;
    for (;;) {
        bool more = false;
        lorec_err e = batcher_step(d->batcher, &more);
        if (e && e != LOREC_CANCELLED) log_warn("the language model: %s", lorec_error_message());
        double now = clock_seconds();
        if (now - looked > NAP_MS / 1e3) {
            cancel_left(d);
            looked = now;
        }
        pthread_mutex_lock(&d->lock);
        bool closing = d->closing;
        pthread_mutex_unlock(&d->lock);
        if (closing || ((!more || e) && nap(d))) return NULL;
    }
}

/* ---- opening --------------------------------------------------------------------------------------------------------------- */

lorec_err desk_local_open(desk *d, const char *spec)
{
    if (strncmp(spec, "local:", 6) == 0) spec += 6;
    TRY(local_model_open(&d->model, spec));
    while (strlen(d->model.path) > 1 && d->model.path[strlen(d->model.path) - 1] == '/')
        d->model.path[strlen(d->model.path) - 1] = 0;
    TRY(mem_dup(&d->name, path_base(d->model.path)));
    if (!local_model_speaks(&d->model)) return LOREC_OK; /* vectors only */
    d->adapters = (adapter_set){.item = &d->model.adapter, .n = 1};
    lm_session_options o = {
        .keep = true, .bf16 = d->model.form == LM_BF16, .adapters = d->model.adapter ? &d->adapters : NULL};
    lorec_err e = lm_text_session(&d->session, d->model.text, &o);
    if (e == LOREC_INPUT) return LOREC_OK; /* an encoder */
    TRY(e);
    int64_t context = desk_context(d);
    size_t whole = lm_session_cost(d->session, context + SPARE, 0);
    lm_session_free(d->session);
    d->session = NULL;
    o.memory = d->o.memory ? d->o.memory : whole > MEMORY ? whole : MEMORY;
    TRY(lm_text_session(&d->session, d->model.text, &o));
    TRY(batcher_new(&d->batcher, d->session, &(batcher_options){.running = d->o.running}));
    d->talks = true;
    d->chats = d->model.chat != NULL;
    if (pthread_create(&d->stepper, NULL, step, d)) return err_set(LOREC_RESOURCE, "no thread for the language model");
    d->stepping = true;
    return LOREC_OK;
}

void desk_local_close(desk *d)
{
    if (d->stepping) pthread_join(d->stepper, NULL);
    batcher_free(d->batcher); /* tells what is not done */
    json_only_free(&d->json);
    lm_session_free(d->session);
    embedder_free(d->embedder);
    local_model_close(&d->model);
}

/* ---- vectors --------------------------------------------------------------------------------------------------------------- */

static lorec_err encode_all(desk *d, const desk_embed_request *q, tokens *all, int32_t *length)
{
    int64_t most = embedder_max_tokens(d->embedder);
    for (size_t i = 0; i < q->n; i++) {
        size_t before = all->n;
        if (q->text) TRY(embedder_encode(d->embedder, q->text[i], all));
        for (size_t k = 0; !q->text && k < q->ids[i].n; k++) TRY(tokens_add(all, q->ids[i].id[k]));
        size_t n = all->n - before;
        if (!n) return err_set(LOREC_USAGE, "\"input\", entry %zu, is empty", i);
        if (most > 0 && n > (size_t)most)
            return err_set(LOREC_USAGE, "\"input\", entry %zu: this model reads %lld tokens, the text has %zu", i,
                           (long long)most, n);
        length[i] = (int32_t)n;
    }
    return LOREC_OK;
}

void desk_local_embed(desk *d, job *j)
{
    const desk_embed_request *q = &j->e;
    tokens all = {0};
    int32_t *length = NULL;
    float *x = NULL;
    size_t width = 0, values;
    lorec_err e = d->embedder ? LOREC_OK : embedder_open(&d->embedder, d->embed_path, &(embed_options){0});
    if (!e) width = (size_t)embedder_width(d->embedder);
    if (!e) e = mem_new(&length, q->n);
    if (!e) e = encode_all(d, q, &all, length);
    if (!e && !size_mul(q->n, width, &values)) e = err_set(LOREC_RESOURCE, "vectors too many for memory");
    if (!e) e = mem_new(&x, values);
    if (!e) e = embedder_ids(d->embedder, all.id, length, q->n, x);
    atomic_fetch_sub(&d->places, 1);
    q->done(q->ctx, e, x, width, (int64_t)all.n);
    tokens_free(&all);
    mem_free(length);
    mem_free(x);
    job_free(j);
}
