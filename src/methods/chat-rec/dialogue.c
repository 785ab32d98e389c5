/* What is said: the prompt of a turn, the order that a reply gives, and the memory of several turns. */
#include "methods/chat-rec/chatrec.h"

#include "rec/topk.h"
#include "text/words.h"

void chatrec_dialogue_free(chatrec_dialogue *d)
{
    json_decref(d->messages);
    mem_free(d->candidate);
    buf_free(&d->reply);
    *d = (chatrec_dialogue){0};
}

/* ---- a question about candidates ------------------------------------------------------------------------------------------- */

typedef struct asked {
    const chatrec *m;
    chatrec_dialogue *d; /* or NULL */
    const char *request;
    json_t *said; /* the messages of a dialogue's turn, the new one last */
} asked;

static lorec_err no_memory(void)
{
    return err_set(LOREC_RESOURCE, "out of memory for a dialogue");
}

/* A new list of what was said and `text`: the dialogue itself changes once the turn is over. */
static json_t *with_message(json_t *messages, const char *role, const char *text)
{
    json_t *all = messages ? json_copy(messages) : json_array();
    json_t *one = json_pack("{s:s, s:s}", "role", role, "content", text);
    if (all && one && json_array_append_new(all, one) == 0) return all;
    if (!all) json_decref(one);
    json_decref(all);
    return NULL;
}

static lorec_err write_prompt(void *ctx, const query *q, const uint32_t *candidate, size_t n, json_t **messages)
{
    asked *a = ctx;
    const chatrec *m = a->m;
    json_t *before = a->d ? a->d->messages : NULL;
    size_t shown = q->n < (size_t)m->max_history ? q->n : (size_t)m->max_history;
    size_t wanted = n < (size_t)m->wanted ? n : (size_t)m->wanted;
    buf text = {0};
    if (before) shown = 0; /* the first turn has told it */
    json_t *values = json_pack("{s:o, s:o, s:s, s:s, s:s, s:I, s:b, s:b, s:b}", "history",
                               catalogue_titles(&m->items, q->items ? q->items + (q->n - shown) : NULL, shown),
                               "candidates", catalogue_titles(&m->items, candidate, n), "request",
                               a->request ? a->request : "", "things", m->things, "verb", m->verb, "wanted",
                               (json_int_t)wanted, "reasons", (int)m->reasons, "first", before == NULL, "ranked",
                               before == NULL && m->order == ORDER_RETRIEVER);
    lorec_err e = values ? prompt_fill(m->turn, values, &text) : no_memory();
    if (!e && !(*messages = with_message(before, "user", text.p))) e = no_memory();
    if (!e && a->d) a->said = json_incref(*messages);
    json_decref(values);
    buf_free(&text);
    return e;
}

static lorec_err keep_reply(chatrec_dialogue *d, const json_t *said, const llm_answer *a)
{
    if (a->err) return err_set(a->err, "%s", a->why ? a->why : "the language model did not answer");
    json_t *all = with_message((json_t *)(uintptr_t)said, "assistant", a->text ? a->text : "");
    d->reply.n = 0;
    lorec_err e = all ? buf_puts(&d->reply, a->text ? a->text : "") : no_memory();
    if (e) {
        json_decref(all);
        return e;
    }
    json_decref(d->messages);
    d->messages = all;
    return LOREC_OK;
}

static lorec_err heard(void *ctx, size_t question, const llm_answer *answer)
{
    asked *a = ctx;
    (void)question;
    return a->d ? keep_reply(a->d, a->said, answer) : LOREC_OK;
}

lorec_err chatrec_rank(const chatrec *m, rec_session *s, chatrec_dialogue *d, const char *request, const query *q,
                       size_t n, const uint64_t *start, const uint32_t *candidate, float *scores)
{
    llm *lm;
    asked a = {.m = m, .d = d, .request = request};
    rerank_options o = {.seed = m->seed,
                        .keep_order = m->order == ORDER_RETRIEVER,
                        .place = -1,
                        .labels = REPLY_NUMBERS,
                        .wanted = (size_t)m->wanted,
                        .heard = heard};
    TRY(llm_use(&lm, s, m, &m->chat, LLM_CHAT, "chat-rec"));
    lorec_err e = rerank_by_chat(lm, m->tally, &m->chat, &m->items, &o, write_prompt, &a, q, n, start, candidate,
                                 scores);
    json_decref(a.said);
    for (size_t i = 0; i < n && !e; i++) {
        uint64_t many = start[i + 1] - start[i];
        for (uint64_t j = 0; j < many; j++) /* what was not named follows as it stood */
            if (scores[start[i] + j] == 0) scores[start[i] + j] = (float)(many - j) / (float)(many + 1);
    }
    return e;
}

/* ---- turns ------------------------------------------------------------------------------------------------------------------ */

/* Does a turn ask for an explanation rather than for items? */
static lorec_err asks_why(const char *request, bool *yes)
{
    ids known = {0};
    word_list w = {0};
    lorec_err e = words_read(slice_of("why explain reason reasons"), &known, true, &w);
    w.n = 0;
    if (!e) e = words_read(slice_of(request), &known, false, &w);
    *yes = false;
    for (size_t i = 0; i < w.n && !e; i++) *yes |= w.word[i] != WORD_UNKNOWN;
    word_list_free(&w);
    ids_free(&known);
    return e;
}

static lorec_err explain(const chatrec *m, rec_session *s, chatrec_dialogue *d, const char *request)
{
    llm *lm;
    llm_answer answer = {0};
    TRY(llm_use(&lm, s, m, &m->chat, LLM_CHAT, "chat-rec"));
    json_t *said = with_message(d->messages, "user", request);
    if (!said) return no_memory();
    lorec_err e = llm_use_ask(lm, m->tally, &m->chat, &(llm_request){.verb = LLM_VERB_CHAT, .messages = said}, 1,
                              &answer, "chat-rec");
    if (!e) e = keep_reply(d, said, &answer);
    llm_answers_free(&answer, 1);
    json_decref(said);
    return e;
}

/* The candidates of this turn: [*n], the caller's. */
static lorec_err offer(const chatrec *m, rec_session *s, const query *q, const chatrec_dialogue *d, const char *request,
                       uint32_t **out, size_t *n)
{
    size_t room = (d->n ? d->n : (size_t)m->candidates) + (size_t)m->matched;
    TRY(mem_new(out, room));
    *n = d->n;
    if (!d->n) return chatrec_candidates(m, s, q, 1, request, *out, n);
    for (size_t i = 0; i < d->n; i++) (*out)[i] = d->candidate[i];
    return chatrec_match(m, q, request, *out, n, room);
}

lorec_err chatrec_turn(const void *self, rec_session *s, const query *q, chatrec_dialogue *d, const char *request,
                       size_t k, uint32_t *items, float *scores, size_t *found)
{
    const chatrec *m = self;
    uint32_t *candidate = NULL;
    float *score = NULL;
    size_t n = 0;
    bool why = false;
    lorec_err e;
    *found = 0;
    if (d->messages && request) TRY(asks_why(request, &why));
    if (why) return explain(m, s, d, request);
    TRY_GO(e, offer(m, s, q, d, request, &candidate, &n), done);
    if (!n) goto done;
    TRY_GO(e, mem_new(&score, n), done);
    TRY_GO(e, chatrec_rank(m, s, d, request, q, 1, (const uint64_t[]){0, n}, candidate, score), done);
    *found = topk_select(score, n, k, items, scores);
    for (size_t i = 0; i < *found; i++) items[i] = candidate[items[i]];
    mem_free(d->candidate);
    d->candidate = candidate;
    d->n = n;
    candidate = NULL;
done:
    mem_free(candidate);
    mem_free(score);
    return e;
}
