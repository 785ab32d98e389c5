/* lorec's own words: /v1/recommend, /v1/rerank, /v1/explain, /v1/methods. */
#include <math.h>
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "methods/registry.h"
#include "serve/engine/evidence.h"
#include "serve/engine/served.h"
#include "serve/engine/slate.h"
#include "serve/engine/wording.h"
#include "serve/openai/mentions.h"

enum { LIST_MAX = 1000, HISTORY_MAX = 10000, CANDIDATES_MAX = 100000, SEARCHES_MAX = 100 };

/* ---- the forms ---------------------------------------------------------------------------------------------------------------------- */

typedef struct wanted {
    slice user, method, category, item;
    json_t *history, *candidates, *exclude;
    int64_t k, offset;
    double timeout_ms;
    bool keep_seen, reasons;
} wanted;

#define AT(field) offsetof(wanted, field)
#define WHO_ROWS                                                                                                       \
    {"user", FIELD_TEXT, AT(user), .min = 1, .max = 512, .about = "this or a history has to be there"},                \
        {"history",        FIELD_LIST,                                                                                 \
         AT(history),      .max = HISTORY_MAX,                                                                         \
         .of = FORM_TEXTS, .about = "ids or titles, oldest first; instead of what is known of the user"},              \
        {"method", FIELD_TEXT, AT(method), .min = 1, .max = 512, .about = "one of /v1/methods: its key or its run"},   \
    {                                                                                                                  \
        "timeout_ms", FIELD_REAL, AT(timeout_ms),                                                                      \
            .min = 1, .max = 600000, .about = "after so long a simpler stage answers, and \"degraded\" says so"        \
    }
#define LIST_ROWS                                                                                                      \
    {"offset", FIELD_INT, AT(offset), .min = 0, .max = 100000},                                                        \
        {"exclude", FIELD_LIST, AT(exclude), .max = CANDIDATES_MAX, .of = FORM_TEXTS},                                 \
        {"category", FIELD_TEXT, AT(category), .min = 1, .max = 512}, {"keep_seen", FIELD_BOOL, AT(keep_seen)},        \
    {                                                                                                                  \
        "reasons", FIELD_BOOL, AT(reasons), .about = "say why, in a language model's words where there is one"         \
    }
static const form_row recommend_rows[] = {
    WHO_ROWS,
    LIST_ROWS,
    {"k", FIELD_INT, AT(k), .min = 1, .max = LIST_MAX},
    {"candidates", FIELD_LIST, AT(candidates), .min = 1, .max = CANDIDATES_MAX, .of = FORM_TEXTS,
     .about = "only these, by id or title"},
};
static const form_row rerank_rows[] = {
    WHO_ROWS,
    LIST_ROWS,
    {"k", FIELD_INT, AT(k), .min = 1, .max = CANDIDATES_MAX},
    {"candidates", FIELD_LIST, AT(candidates), true, 1, CANDIDATES_MAX, FORM_TEXTS, "ids or titles"},
};
static const form_row explain_rows[] = {
    WHO_ROWS,
    {"item", FIELD_TEXT, AT(item), true, 1, 1024, .about = "an id or a title"},
};
static const form recommend_form = {recommend_rows, sizeof recommend_rows / sizeof *recommend_rows,
                                    .either = {"user", "history"}};
static const form rerank_form = {rerank_rows, sizeof rerank_rows / sizeof *rerank_rows, .either = {"user", "history"}};
static const form explain_form = {explain_rows, sizeof explain_rows / sizeof *explain_rows,
                                  .either = {"user", "history"}};

/* ---- asking ------------------------------------------------------------------------------------------------------------------------- */

/* By id; by title; by words of a title, which looks through all of them. */
static uint32_t find_item(server *s, slice words, size_t *searches)
{
    uint32_t item = live_find_item(&s->live, words);
    if (item == NO_NUMBER) item = mentions_find(s->mentions, &s->live, words);
    if (item != NO_NUMBER) return item;
    if ((*searches)++ >= SEARCHES_MAX || title_index_only(&s->search, &s->live, words, &item)) return NO_NUMBER;
    return item;
}

static lorec_err unknown_item(exchange *x, const char *field_name, size_t i, slice words)
{
    snprintf(x->param, sizeof x->param, "%s", field_name);
    return exchange_refuse(x, 404, "\"%s\", entry %zu: nothing in the catalogue is \"%.*s\"", field_name, i,
                           (int)(words.n < 100 ? words.n : 100), words.p);
}

/* `strict`: an unknown one is an error (candidates), otherwise it is passed over (history). */
static lorec_err find_items(server *s, exchange *x, const json_t *list, const char *field_name, bool strict,
                            uint32_t **out, size_t *n)
{
    size_t searches = 0;
    TRY(mem_new(out, json_array_size(list) + 1));
    *n = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *v = json_array_get(list, i);
        if (!json_is_string(v))
            return exchange_wrong(x, field_name, "invalid_type", "\"%s\", entry %zu, has to be an id or a title",
                                  field_name, i);
        slice words = {json_string_value(v), json_string_length(v)};
        uint32_t item = find_item(s, words, &searches);
        if (item == NO_NUMBER && strict) return unknown_item(x, field_name, i, words);
        if (item != NO_NUMBER) (*out)[(*n)++] = item;
    }
    return LOREC_OK;
}

static lorec_err read_wanted(server *s, exchange *x, const form *f, wanted *w)
{
    json_t *body;
    ask *a = x->work;
    *w = (wanted){.k = 10};
    TRY(exchange_json(x, &body));
    TRY(form_read(x, body, f, w));
    if (!w->user.n && !w->history)
        return exchange_wrong(x, "user", "missing_required_parameter",
                              "for whom? \"user\" or \"history\" (a list of ids or titles, oldest first) is missing");
    TRY(served_variant(s, x, w->method, &a->variant));
    TRY(mentions_update(&s->mentions, &s->live));
    if (w->history) TRY(find_items(s, x, w->history, "history", false, &a->history, &a->n_history));
    a->user_id = w->user;
    a->user = w->user.n ? live_find_user(&s->live, w->user) : NO_NUMBER;
    if (w->timeout_ms > 0) a->deadline = x->started + w->timeout_ms / 1e3;
    return LOREC_OK;
}

static lorec_err ask_list(server *s, exchange *x, const form *f)
{
    ask *a = x->work;
    wanted w;
    uint32_t number;
    TRY(read_wanted(s, x, f, &w));
    if (w.candidates) TRY(find_items(s, x, w.candidates, "candidates", true, &a->candidates, &a->n_candidates));
    if (w.exclude) TRY(find_items(s, x, w.exclude, "exclude", false, &a->exclude, &a->n_exclude));
    if (w.category.n) a->category = ids_find(&s->live.categories, w.category, &number) ? number : NO_NUMBER - 1;
    a->n = f == &rerank_form && !json_object_get(x->json, "k") ? a->n_candidates : (size_t)w.k;
    a->offset = (size_t)w.offset;
    a->keep_seen = w.keep_seen;
    return LOREC_OK;
}

static lorec_err ask_recommend(server *s, exchange *x)
{
    return ask_list(s, x, &recommend_form);
}

static lorec_err ask_rerank_body(server *s, exchange *x)
{
    return ask_list(s, x, &rerank_form);
}

/* The one item as the only candidate: its score comes with it. */
static lorec_err ask_explain(server *s, exchange *x)
{
    ask *a = x->work;
    wanted w;
    size_t searches = 0;
    TRY(read_wanted(s, x, &explain_form, &w));
    uint32_t item = find_item(s, w.item, &searches);
    if (item == NO_NUMBER) return unknown_item(x, "item", 0, w.item);
    TRY(mem_new(&a->candidates, 1));
    a->candidates[a->n_candidates++] = item;
    a->n = 1;
    return LOREC_OK;
}

/* ---- answering ------------------------------------------------------------------------------------------------------------------------ */

/* When the language model has to be done: what the client said, or the server's own patience. */
static double words_deadline(const server *s, const exchange *x)
{
    double ms = json_number_value(json_object_get(x->json, "timeout_ms"));
    return x->started + (ms > 0 ? ms / 1e3 : s->o.words_deadline_seconds);
}

static lorec_err add_reasons(server *s, const ask *a, json_t *items)
{
    evidence *why = NULL;
    uint32_t *item = NULL;
    buf text = {0};
    lorec_err e = mem_new(&why, a->n_list);
    if (!e) e = mem_new(&item, a->n_list);
    for (size_t i = 0; i < a->n_list && !e; i++) item[i] = a->list[i].item;
    if (!e && a->n_list) e = evidence_find(&s->engine, a, item, a->n_list, why);
    for (size_t i = 0; i < a->n_list && !e; i++) {
        e = evidence_reason(&s->live, &why[i], &text);
        json_t *reason = e ? NULL : json_stringn(text.p, text.n);
        if (reason) json_object_set_new(json_array_get(items, i), "reason", reason);
    }
    buf_free(&text);
    mem_free(why);
    mem_free(item);
    return e;
}

static lorec_err answer(server *s, exchange *x)
{
    const ask *a = x->work;
    slate_headers(s, x, a);
    slate_record(s, x, a);
    json_t *reply = slate_json(s, x, a), *items = json_object_get(reply, "items");
    if (!json_is_true(json_object_get(x->json, "reasons"))) {
        TRY(exchange_reply(x, 200, reply));
        http_done(x);
        return LOREC_OK;
    }
    lorec_err e = reply ? add_reasons(s, a, items) : LOREC_OK;
    if (!e) return wording_start(s, x, reply, items, words_deadline(s, x));
    json_decref(reply);
    return e;
}

static lorec_err answer_explain(server *s, exchange *x)
{
    const ask *a = x->work;
    evidence why;
    buf text = {0};
    slate_headers(s, x, a);
    slate_record(s, x, a);
    TRY(evidence_find(&s->engine, a, a->candidates, 1, &why));
    lorec_err e = evidence_reason(&s->live, &why, &text);
    json_t *reply = e ? NULL : slate_json(s, x, a);
    json_t *reason = e ? NULL : json_stringn(text.p, text.n);
    buf_free(&text);
    TRY(e);
    json_t *items = json_object_get(reply, "items"), *item = json_array_get(items, 0);
    if (reply && reason && item) {
        json_object_set_new(item, "reason", reason);
        json_object_set_new(item, "basis", json_string(basis_words[why.basis]));
        json_object_set_new(item, "evidence", evidence_json(&s->live, &why));
        json_object_set_new(item, "popularity", json_integer((json_int_t)s->live.item[why.item].popularity));
        return wording_start(s, x, reply, items, words_deadline(s, x));
    }
    json_decref(reason);
    json_decref(reply);
    return err_set(LOREC_FAILED, "the model gave nothing for the item");
}

static lorec_err get_methods(server *s, exchange *x)
{
    json_t *list = json_array();
    live_read_lock(&s->live); /* which variants there are changes under it */
    for (size_t i = 0; i < s->engine.n; i++) {
        const variant *r = s->engine.run[i];
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:I, s:I, s:b}", "method",
                                        r->advisor.r->key, "title", r->advisor.r->title, "family", r->advisor.r->family,
                                        "cite", r->advisor.r->cite ? r->advisor.r->cite : "", "run", r->path, "seed",
                                        (json_int_t)r->advisor.seed, "model", r->model, "users",
                                        (json_int_t)r->advisor.data.rows.n_users, "items",
                                        (json_int_t)r->advisor.data.rows.n_items, "split", i < s->engine.n_split));
    }
    live_unlock(&s->live);
    return exchange_reply(x, 200, json_pack("{s:o}", "methods", list));
}

static const route rows[] = {
    {"POST", "/v1/recommend", .on = ON_MODEL, .ask = ask_recommend, .answer = answer, .hands_on = true,
     .takes = &recommend_form, .gives = "Slate", .about = "a list for a user or a history of titles"},
    {"POST", "/v1/rerank", .on = ON_MODEL, .ask = ask_rerank_body, .answer = answer, .hands_on = true,
     .takes = &rerank_form, .gives = "Slate", .about = "given candidates in the model's order"},
    {"POST", "/v1/explain", .on = ON_MODEL, .ask = ask_explain, .answer = answer_explain, .hands_on = true,
     .takes = &explain_form, .gives = "Explanation",
     .about = "why an item, by what the model does without each thing of the history"},
    {"GET", "/v1/methods", get_methods, ON_HTTP, .gives = "Methods", .about = "what is served"},
};
const route_table routes_v1 = {rows, sizeof rows / sizeof *rows};
