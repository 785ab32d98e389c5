#include "recipes/rerank.h"

#include "base/mem.h"
#include "tensor/rng.h"

/* One question in one order. */
typedef struct rerank_ask {
    size_t query;
    const uint32_t *candidate; /* as given: [n] */
    uint32_t *order;           /* [n] in the prompt: indices into `candidate` */
    size_t n;
} rerank_ask;

typedef struct rerank_batch {
    const catalogue *c;
    const rerank_options *o;
    rerank_ask *ask;
    llm_request *request;
    llm_answer *answer;
    json_t **messages;
    uint32_t *orders, *shown;
    size_t n;
} rerank_batch;

/* A question is told by what it asks, so that its order does not depend on what is asked beside it. */
static uint64_t question_of(const query *q, const uint32_t *candidate, size_t n)
{
    uint64_t h = q->user * 0x9e3779b97f4a7c15u + q->n;
    for (size_t i = 0; i < n; i++) h = (h ^ candidate[i]) * 0x100000001b3u;
    return h;
}

static void make_order(const rerank_options *o, const query *q, rerank_ask *a, uint64_t copy)
{
    for (size_t i = 0; i < a->n; i++) a->order[i] = (uint32_t)i;
    if (o->keep_order) return;
    rng r = rng_make(o->seed ^ question_of(q, a->candidate, a->n), RNG_SHUFFLE + (copy << 32));
    rng_shuffle(&r, a->order, a->n);
    if (!o->lead || o->place < 0) return;
    size_t to = (size_t)o->place < a->n ? (size_t)o->place : a->n - 1;
    for (size_t i = 0; i < a->n; i++) {
        if (a->candidate[a->order[i]] != o->lead[a->query]) continue;
        uint32_t other = a->order[to];
        a->order[to] = a->order[i];
        a->order[i] = other;
        return;
    }
}

static lorec_err batch_make(rerank_batch *b, size_t n, size_t candidates, size_t copies)
{
    size_t orders;
    b->n = n * copies;
    if (!size_mul(candidates, copies, &orders)) return err_set(LOREC_RESOURCE, "too many candidates at once");
    TRY(mem_new(&b->ask, b->n));
    TRY(mem_new(&b->request, b->n));
    TRY(mem_new(&b->answer, b->n));
    TRY(mem_new(&b->messages, b->n));
    TRY(mem_new(&b->orders, orders));
    return mem_new(&b->shown, candidates);
}

static void batch_free(rerank_batch *b)
{
    if (b->answer) llm_answers_free(b->answer, b->n);
    for (size_t i = 0; b->messages && i < b->n; i++) json_decref(b->messages[i]);
    mem_free(b->ask);
    mem_free(b->request);
    mem_free(b->answer);
    mem_free(b->messages);
    mem_free(b->orders);
    mem_free(b->shown);
}

/* ---- replies ---------------------------------------------------------------------------------------------------------------- */

static lorec_err titles_of(const rerank_batch *b, const rerank_ask *a, reply_titles **out)
{
    char **text;
    TRY(mem_new(&text, a->n));
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < a->n && !e; i++) {
        slice t = catalogue_title(b->c, a->candidate[a->order[i]]);
        e = mem_new(&text[i], t.n + 1);
        if (!e && t.n) memcpy(text[i], t.p, t.n);
    }
    if (!e) e = reply_titles_make(out, (const char *const *)text, a->n);
    for (size_t i = 0; i < a->n; i++) mem_free(text[i]);
    mem_free(text);
    return e;
}

static lorec_err take_points(const rerank_batch *b, size_t i, float *scores, reply_counts *counts)
{
    const rerank_ask *a = &b->ask[i];
    const llm_answer *r = &b->answer[i];
    reply_titles *titles;
    reply_list ranked = {0};
    if (r->err) return LOREC_OK;
    TRY(titles_of(b, a, &titles));
    lorec_err e = reply_ranking(
        titles, r->text, r->n,
        &(reply_form){.wanted = b->o->wanted, .labels = b->o->labels, .broken_off = r->finish == LLM_FINISH_LENGTH},
        &ranked, counts);
    for (size_t k = 0; k < ranked.n && !e; k++) scores[a->order[ranked.item[k]]] += (float)(a->n - k);
    reply_list_free(&ranked);
    reply_titles_free(titles);
    return e;
}

/* ---- all of it ----------------------------------------------------------------------------------------------------------------- */

static lorec_err write_prompts(rerank_batch *b, rerank_prompt prompt, void *ctx, const query *q, size_t n,
                               const uint64_t *start, const uint32_t *candidate)
{
    size_t copies = b->n / n;
    uint32_t *at = b->orders;
    for (size_t i = 0; i < b->n; i++) {
        rerank_ask *a = &b->ask[i];
        a->query = i / copies;
        a->candidate = candidate + start[a->query];
        a->n = (size_t)(start[a->query + 1] - start[a->query]);
        a->order = at;
        at += a->n;
        make_order(b->o, &q[a->query], a, i % copies);
        for (size_t k = 0; k < a->n; k++) b->shown[k] = a->candidate[a->order[k]];
        TRY(prompt(ctx, &q[a->query], b->shown, a->n, &b->messages[i]));
        b->request[i] = (llm_request){.verb = LLM_VERB_CHAT, .messages = b->messages[i]};
    }
    return LOREC_OK;
}

lorec_err rerank_by_chat(llm *m, llm_tally *t, const llm_settings *settings, const catalogue *c,
                         const rerank_options *o, rerank_prompt prompt, void *ctx, const query *q, size_t n,
                         const uint64_t *start, const uint32_t *candidate, float *scores)
{
    rerank_batch b = {.c = c, .o = o};
    reply_counts counts = {0};
    size_t copies = o->copies > 1 && !o->keep_order ? (size_t)o->copies : 1;
    if (!n) return LOREC_OK;
    lorec_err e = batch_make(&b, n, (size_t)(start[n] - start[0]), copies);
    if (!e) e = write_prompts(&b, prompt, ctx, q, n, start, candidate);
    if (!e) e = llm_use_ask(m, t, settings, b.request, b.n, b.answer, "ranking");
    for (uint64_t k = start[0]; k < start[n] && !e; k++) scores[k] = 0;
    for (size_t i = 0; o->heard && i < b.n && !e; i++) e = o->heard(ctx, b.ask[i].query, &b.answer[i]);
    for (size_t i = 0; i < b.n && !e; i++) e = take_points(&b, i, scores + start[b.ask[i].query], &counts);
    if (!e) llm_tally_replies(t, &counts);
    batch_free(&b);
    return e;
}
