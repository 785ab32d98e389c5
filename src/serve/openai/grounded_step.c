/* A chat about the catalogue on the executor: from the conversation to a history, from the slate to the answer. */
#include "base/mem.h"
#include "serve/engine/engine_parts.h"
#include "serve/engine/served.h"
#include "serve/engine/slate.h"
#include "serve/http/http_stream.h"
#include "serve/openai/grounded.h"
#include "serve/openai/mentions.h"
#include "serve/openai/talk.h"

enum { OFFERED = 10 };

typedef struct said { /* live numbers, each once, as they were named */
    uint32_t *item;
    size_t n, cap;
} said;

static lorec_err add(said *s, uint32_t item)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->item[i] == item) return LOREC_OK;
    TRY(mem_grow(&s->item, &s->cap, s->n + 1));
    s->item[s->n++] = item;
    return LOREC_OK;
}

/* What the person named is history; what the assistant named is not said again. */
static lorec_err read_dialogue(server *s, const json_t *messages, said *history, said *exclude)
{
    title_hits hits = {0};
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < json_array_size(messages) && !e; i++) {
        const json_t *m = json_array_get(messages, i), *content = json_object_get(m, "content");
        const char *role = json_string_value(json_object_get(m, "role"));
        bool user = strcmp(role, "user") == 0;
        if (!user && strcmp(role, "assistant") != 0) continue;
        hits.n = 0;
        e = mentions_scan(s->mentions, &s->live, (slice){json_string_value(content), json_string_length(content)},
                          &hits);
        for (size_t k = 0; k < hits.n && !e; k++) e = add(user ? history : exclude, hits.hit[k].item);
    }
    mem_free(hits.hit);
    return e;
}

/* The state of a known user goes before what is named now. */
static lorec_err add_state(server *s, ask *a)
{
    variant *r = s->engine.run[a->variant];
    uint32_t *state, user, *all = NULL;
    size_t n;
    TRY(engine_state_of_ask(&s->engine, r, &(ask){.user_id = a->user_id, .user = a->user}, &state, &n, &user));
    lorec_err e = mem_new(&all, n + a->n_history + 1);
    for (size_t i = 0; i < n && !e; i++) all[i] = r->number[state[i]];
    for (size_t i = 0; i < a->n_history && !e; i++) all[n + i] = a->history[i];
    mem_free(state);
    if (e) return e;
    mem_free(a->history);
    a->history = all;
    a->n_history += n;
    return LOREC_OK;
}

static lorec_err fill(server *s, exchange *x, const openai_ask *q)
{
    ask *a = x->work;
    said history = {0}, exclude = {0};
    if (!served_recommender(s, q->model, &a->variant))
        return exchange_refuse(x, 404, "the model \"%.*s\" is not served here any more", (int)q->model.n, q->model.p);
    TRY(mentions_update(&s->mentions, &s->live));
    lorec_err e = read_dialogue(s, q->messages, &history, &exclude);
    if (!e && !history.item) e = mem_new(&history.item, 1);
    a->history = history.item;
    a->n_history = history.n;
    a->exclude = exclude.item;
    a->n_exclude = exclude.n;
    a->user_id = q->user;
    a->user = q->user.n ? live_find_user(&s->live, q->user) : NO_NUMBER;
    a->n = OFFERED;
    if (!e && q->user.n) e = add_state(s, a);
    return e;
}

static lorec_err ask_grounded(server *s, exchange *x)
{
    openai_ask q;
    TRY(openai_read(x, OPENAI_CHAT, &q));
    lorec_err e = fill(s, x, &q);
    openai_ask_free(&q); /* its texts are the body's */
    return e;
}

/* With the language model, unless it has no room or does not take the request: then without. */
static lorec_err talk(server *s, exchange *x, openai_ask *q, grounded *g)
{
    openai_talk *t;
    if (desk_chats(s->desk)) {
        json_t *messages = grounded_messages(g, q->messages);
        json_decref(q->tools);
        q->tools = NULL;
        lorec_err e = messages ? openai_talk_new(&t, s, x, q) : err_set(LOREC_RESOURCE, "out of memory");
        if (!e) e = openai_talk_start(t, q, g, messages);
        json_decref(messages);
        if (!e) return LOREC_OK;
        grounded_degrade(g, x->status == 429                      ? "llm_busy"
                            : x->status >= 400 && x->status < 500 ? "llm_refused"
                                                                  : "llm_down");
        stats_add(s->stats, STAT_DEGRADED, 1);
        x->status = 0;
        x->code = NULL;
        x->param[0] = 0;
    }
    lorec_err e = openai_talk_new(&t, s, x, q);
    if (!e) e = openai_talk_say(t, g);
    if (e) grounded_free(g);
    return e;
}

static lorec_err answer_grounded(server *s, exchange *x)
{
    const ask *a = x->work;
    openai_ask q;
    grounded *g;
    slate_headers(s, x, a);
    slate_record(s, x, a);
    TRY(openai_read(x, OPENAI_CHAT, &q));
    json_t *slate = slate_json(s, x, a);
    lorec_err e = slate ? LOREC_OK : err_set(LOREC_RESOURCE, "out of memory");
    if (!e) e = grounded_new(&g, &(grounded_from){&s->engine, &s->live, s->mentions, slate}, a, q.n);
    if (!e) e = talk(s, x, &q, g);
    openai_ask_free(&q);
    return e;
}

const route grounded_step = {.on = ON_MODEL, .ask = ask_grounded, .answer = answer_grounded, .hands_on = true};
