/* lorec's own words: /v1/recommend, /v1/rerank, /v1/methods. */
#include "base/mem.h"
#include "methods/registry.h"
#include "serve/slate.h"

enum { LIST_MAX = 1000, HISTORY_MAX = 10000, CANDIDATES_MAX = 100000 };

/* Items by id or title; `strict`: an unknown one is an error (candidates), otherwise it is passed over (history). */
static lorec_err find_items(server *s, const json_t *list, const char *field_name, bool strict, uint32_t **out,
                            size_t *n)
{
    TRY(mem_new(out, json_array_size(list) + 1));
    *n = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *v = json_array_get(list, i);
        if (!json_is_string(v))
            return err_set(LOREC_INPUT, "\"%s\", entry %zu, has to be an id or a title", field_name, i);
        slice words = {json_string_value(v), json_string_length(v)};
        uint32_t item = live_find_item(&s->live, words);
        if (item == NO_NUMBER) {
            uint32_t number;
            const variant *r = s->engine.run[0];
            if (!dataset_find_item(&r->advisor.data, words, &number))
                item = r->number[number];
            else if (strict)
                return err_context(LOREC_INPUT, "\"%s\", entry %zu", field_name, i);
        }
        if (item != NO_NUMBER) (*out)[(*n)++] = item;
    }
    return LOREC_OK;
}

static lorec_err variant_named(const server *s, slice method, int *out)
{
    if (!method.n) return LOREC_OK;
    const char *keys[64];
    size_t n = s->engine.n < 64 ? s->engine.n : 64;
    char word[64];
    snprintf(word, sizeof word, "%.*s", (int)(method.n < 63 ? method.n : 63), method.p);
    for (size_t i = 0; i < n; i++) {
        keys[i] = s->engine.run[i]->advisor.r->key;
        if (slice_is(method, keys[i]) || slice_is(method, s->engine.run[i]->path)) return *out = (int)i, LOREC_OK;
    }
    const char *near = err_nearest(word, keys, n);
    return err_set(LOREC_INPUT, "\"method\": \"%s\" is not served here%s%s%s; see /v1/methods", word,
                   near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static lorec_err ask_body(server *s, exchange *x, bool rerank)
{
    ask *a = x->work;
    json_t *body, *history = NULL, *candidates = NULL, *exclude = NULL;
    slice user = {0}, method = {0}, category = {0};
    int64_t k = 10, offset = 0;
    double timeout_ms = 0;
    bool keep_seen = false, reasons = false;
    const field f[] = {{"user", FIELD_TEXT, &user, false, 1, 512},
                       {"history", FIELD_LIST, &history, false, 0, HISTORY_MAX},
                       {"method", FIELD_TEXT, &method, false, 1, 512},
                       {"k", FIELD_INT, &k, false, 1, rerank ? CANDIDATES_MAX : LIST_MAX},
                       {"offset", FIELD_INT, &offset, false, 0, 100000},
                       {"candidates", FIELD_LIST, &candidates, rerank, 1, CANDIDATES_MAX},
                       {"exclude", FIELD_LIST, &exclude, false, 0, CANDIDATES_MAX},
                       {"category", FIELD_TEXT, &category, false, 1, 512},
                       {"keep_seen", FIELD_BOOL, &keep_seen},
                       {"reasons", FIELD_BOOL, &reasons},
                       {"timeout_ms", FIELD_REAL, &timeout_ms, false, 1, 600000}};
    TRY(exchange_json(x, &body));
    TRY(fields_read(body, f, sizeof f / sizeof *f, true));
    if (!user.n && !history)
        return err_set(LOREC_INPUT,
                       "for whom? \"user\" or \"history\" (a list of ids or titles, oldest first) is missing");
    TRY(variant_named(s, method, &a->variant));
    if (history) TRY(find_items(s, history, "history", false, &a->history, &a->n_history));
    if (candidates) TRY(find_items(s, candidates, "candidates", true, &a->candidates, &a->n_candidates));
    if (exclude) TRY(find_items(s, exclude, "exclude", false, &a->exclude, &a->n_exclude));
    uint32_t number;
    if (category.n) a->category = ids_find(&s->live.categories, category, &number) ? number : NO_NUMBER - 1;
    a->user_id = user;
    a->user = user.n ? live_find_user(&s->live, user) : NO_NUMBER;
    a->n = rerank && !json_object_get(body, "k") ? a->n_candidates : (size_t)k;
    a->offset = (size_t)offset;
    a->keep_seen = keep_seen;
    if (timeout_ms > 0) a->deadline = x->started + timeout_ms / 1e3;
    return LOREC_OK;
}

static lorec_err ask_recommend(server *s, exchange *x)
{
    return ask_body(s, x, false);
}

static lorec_err ask_rerank_body(server *s, exchange *x)
{
    return ask_body(s, x, true);
}

static lorec_err answer(server *s, exchange *x)
{
    const ask *a = x->work;
    slate_headers(s, x, a);
    slate_record(s, x, a);
    return exchange_reply(x, 200, slate_json(s, x, a));
}

static lorec_err get_methods(server *s, exchange *x)
{
    json_t *list = json_array();
    live_read_lock(&s->live); /* which variants there are changes under it */
    for (size_t i = 0; i < s->engine.n; i++) {
        const variant *r = s->engine.run[i];
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:I, s:I}", "method", r->advisor.r->key,
                                        "title", r->advisor.r->title, "family", r->advisor.r->family, "cite",
                                        r->advisor.r->cite ? r->advisor.r->cite : "", "run", r->path, "seed",
                                        (json_int_t)r->advisor.seed, "model", r->model, "users",
                                        (json_int_t)r->advisor.data.rows.n_users, "items",
                                        (json_int_t)r->advisor.data.rows.n_items));
    }
    live_unlock(&s->live);
    return exchange_reply(x, 200, json_pack("{s:o}", "methods", list));
}

static const route rows[] = {
    {"POST", "/v1/recommend", .on = ON_MODEL, .ask = ask_recommend, .answer = answer,
     .about = "a list for a user or a history of titles"},
    {"POST", "/v1/rerank", .on = ON_MODEL, .ask = ask_rerank_body, .answer = answer,
     .about = "given candidates in the model's order"},
    {"GET", "/v1/methods", get_methods, ON_HTTP, .about = "what is served"},
};
const route_table routes_v1 = {rows, sizeof rows / sizeof *rows};
