/* /api/recommend, /api/session/recommend, /api/item-to-item, /api/latest, /api/non-personalized: lists in Gorse's form. */
#include <stdlib.h>

#include "base/mem.h"
#include "serve/engine/slate.h"
#include "serve/gorse/gorse.h"

enum { LIST_MAX = 1000 };

/* ---- asking --------------------------------------------------------------------------------------------------------------- */

static lorec_err page_of(const exchange *x, ask *a)
{
    int64_t n, offset;
    TRY(exchange_int(x, "n", 1, LIST_MAX, 10, &n));
    TRY(exchange_int(x, "offset", 0, 100000, 0, &offset));
    a->n = (size_t)n;
    a->offset = (size_t)offset;
    return LOREC_OK;
}

/* A category nobody has gives an empty list, as in Gorse. */
static lorec_err category_of(const server *s, ask *a, const char *word)
{
    uint32_t number;
    if (!word || !*word) return LOREC_OK;
    a->category = ids_find(&s->live.categories, slice_of(word), &number) ? number : NO_NUMBER - 1;
    return LOREC_OK;
}

static lorec_err ask_user(server *s, exchange *x)
{
    ask *a = x->work;
    TRY(page_of(x, a));
    TRY(category_of(s, a, exchange_query(x, "category")));
    a->user_id = x->part[0];
    a->user = live_find_user(&s->live, x->part[0]);
    int64_t unused;
    return gorse_delay(x, &unused);
}

static lorec_err ask_user_category(server *s, exchange *x)
{
    TRY(ask_user(s, x));
    return category_of(s, x->work, x->part[1].p);
}

static lorec_err ask_session(server *s, exchange *x)
{
    ask *a = x->work;
    json_t *body;
    TRY(page_of(x, a));
    TRY(category_of(s, a, exchange_query(x, "category")));
    TRY(exchange_json(x, &body));
    if (!json_is_array(body)) return err_set(LOREC_INPUT, "the body has to be a list of feedback");
    size_t n = json_array_size(body);
    if (n > 10000) return err_set(LOREC_INPUT, "%zu entries; at most 10,000 are taken", n);
    TRY(mem_new(&a->history, n + 1));
    for (size_t i = 0; i < n; i++) {
        const char *id = json_string_value(json_object_get(json_array_get(body, i), "ItemId"));
        if (!id) return err_set(LOREC_INPUT, "row %zu: \"ItemId\" is missing", i);
        uint32_t item = live_find_item(&s->live, slice_of(id));
        if (item != NO_NUMBER) a->history[a->n_history++] = item;
    }
    return LOREC_OK;
}

static lorec_err ask_session_category(server *s, exchange *x)
{
    TRY(ask_session(s, x));
    return category_of(s, x->work, x->part[0].p);
}

/* What goes with an item: what would follow somebody who had just that. */
static lorec_err neighbours_of(server *s, exchange *x, slice id)
{
    ask *a = x->work;
    TRY(page_of(x, a));
    TRY(category_of(s, a, exchange_query(x, "category")));
    uint32_t item = live_find_item(&s->live, id);
    if (item == NO_NUMBER) return exchange_refuse(x, 404, "there is no item \"%.*s\"", (int)id.n, id.p);
    TRY(mem_new(&a->history, 1));
    a->history[a->n_history++] = item;
    return LOREC_OK;
}

static lorec_err ask_neighbours(server *s, exchange *x)
{
    return neighbours_of(s, x, x->part[0]);
}

static lorec_err ask_neighbours_category(server *s, exchange *x)
{
    TRY(ask_neighbours(s, x));
    return category_of(s, x->work, x->part[1].p);
}

static lorec_err ask_item_to_item(server *s, exchange *x)
{
    return neighbours_of(s, x, x->part[1]);
}

/* ---- answering ------------------------------------------------------------------------------------------------------------- */

static lorec_err answer_scores(server *s, exchange *x)
{
    const ask *a = x->work;
    json_t *list = json_array();
    for (size_t i = 0; i < a->n_list; i++) {
        json_t *score = json_real((double)a->list[i].score);
        json_array_append_new(list, json_pack("{s:o, s:o}", "Id", gorse_text(ids_name(&s->live.items, a->list[i].item)),
                                              "Score", score ? score : json_real(0)));
    }
    slate_headers(s, x, a);
    slate_record(s, x, a);
    return exchange_reply(x, 200, list);
}

static lorec_err answer_ids(server *s, exchange *x)
{
    const ask *a = x->work;
    json_t *list = json_array();
    for (size_t i = 0; i < a->n_list; i++)
        json_array_append_new(list, gorse_text(ids_name(&s->live.items, a->list[i].item)));
    slate_headers(s, x, a);
    slate_record(s, x, a);
    return exchange_reply(x, 200, list);
}

/* Ids, or with X-API-Version: 2 their scores too; what is to be written back goes on to the store. */
static lorec_err answer_user(server *s, exchange *x)
{
    TRY(x->second_version ? answer_scores(s, x) : answer_ids(s, x));
    const char *type = exchange_query(x, "write-back-type");
    if (type && *type) return gorse_write_back(s, x);
    http_done(x);
    return LOREC_OK;
}

/* ---- the same for everybody -------------------------------------------------------------------------------------------------- */

typedef struct ranked {
    double key;
    uint32_t item;
} ranked;

static int larger(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->key != y->key) return x->key > y->key ? -1 : 1;
    return x->item < y->item ? -1 : x->item > y->item;
}

static lorec_err rank_items(const server *s, const ask *a, bool by_time, ranked *r, json_t **out)
{
    size_t n = 0;
    for (uint32_t i = 0; i < s->live.items.n; i++) {
        const live_item *item = &s->live.item[i];
        if (item->hidden || !item->known) continue;
        if (a->category != NO_NUMBER && !live_in_category(&s->live, i, a->category)) continue;
        r[n++] = (ranked){by_time ? (double)item->time : (double)item->popularity, i};
    }
    qsort(r, n, sizeof *r, larger);
    *out = json_array();
    for (size_t i = a->offset; i < n && i < a->offset + a->n; i++)
        json_array_append_new(
            *out, json_pack("{s:o, s:f}", "Id", gorse_text(ids_name(&s->live.items, r[i].item)), "Score", r[i].key));
    return LOREC_OK;
}

static lorec_err everybody(server *s, exchange *x, bool by_time, const char *category)
{
    ask a = {.category = NO_NUMBER};
    ranked *r = NULL;
    json_t *list = NULL;
    TRY(page_of(x, &a));
    live_read_lock(&s->live);
    lorec_err e = category_of(s, &a, category ? category : exchange_query(x, "category"));
    if (!e) e = mem_new(&r, (size_t)s->live.items.n + 1);
    if (!e) e = rank_items(s, &a, by_time, r, &list);
    live_unlock(&s->live);
    mem_free(r);
    TRY(e);
    return exchange_reply(x, 200, list);
}

static lorec_err get_latest(server *s, exchange *x)
{
    return everybody(s, x, true, x->part[0].p);
}

static lorec_err get_popular(server *s, exchange *x)
{
    return everybody(s, x, false, x->part[0].p);
}

static lorec_err get_non_personalized(server *s, exchange *x)
{
    if (slice_is(x->part[0], "latest")) return everybody(s, x, true, NULL);
    if (slice_is(x->part[0], "popular") || slice_is(x->part[0], "most_popular")) return everybody(s, x, false, NULL);
    return exchange_refuse(x, 404, "there is no non-personalized list \"%.*s\"; there are latest and popular",
                           (int)x->part[0].n, x->part[0].p);
}

static const form_row list_rows[] = {
    {"n", FIELD_INT, 0, .min = 1, .max = LIST_MAX},
    {"offset", FIELD_INT, 0, .min = 0, .max = 100000},
    {"category", FIELD_TEXT, 0, .min = 0, .max = ID_CHARS},
};
static const form list_form = {list_rows, sizeof list_rows / sizeof *list_rows};
static const form_row user_rows[] = {
    {"n", FIELD_INT, 0, .min = 1, .max = LIST_MAX},
    {"offset", FIELD_INT, 0, .min = 0, .max = 100000},
    {"category", FIELD_TEXT, 0, .min = 0, .max = ID_CHARS},
    {"write-back-type", FIELD_TEXT, 0, .min = 0, .max = 64,
     .about = "what is given is stored as feedback of this type"},
    {"write-back-delay", FIELD_TEXT, 0, .of = GORSE_DELAY, .about = "its time is so much later: 0h10m0s"},
};
static const form user_form = {user_rows, sizeof user_rows / sizeof *user_rows};

static const route rows[] = {
    {"GET", "/api/recommend/{user-id}", .on = ON_MODEL, .ask = ask_user, .answer = answer_user, .hands_on = true,
     .asks = &user_form, .gives = "Ids", .about = "a user's list (X-API-Version: 2: with scores)"},
    {"GET", "/api/recommend/{user-id}/{category}", .on = ON_MODEL, .ask = ask_user_category, .answer = answer_user,
     .hands_on = true, .asks = &user_form, .gives = "Ids", .about = "a user's list in a category"},
    {"POST", "/api/session/recommend", .on = ON_MODEL, .ask = ask_session, .answer = answer_scores, .asks = &list_form,
     .takes_words = "Session", .gives = "Scores", .about = "a list for what a session had"},
    {"POST", "/api/session/recommend/{category}", .on = ON_MODEL, .ask = ask_session_category, .answer = answer_scores,
     .asks = &list_form, .takes_words = "Session", .gives = "Scores", .about = "the same in a category"},
    {"GET", "/api/item/{item-id}/neighbors", .on = ON_MODEL, .ask = ask_neighbours, .answer = answer_scores,
     .asks = &list_form, .gives = "Scores", .about = "what goes with an item"},
    {"GET", "/api/item/{item-id}/neighbors/{category}", .on = ON_MODEL, .ask = ask_neighbours_category,
     .answer = answer_scores, .asks = &list_form, .gives = "Scores", .about = "what goes with an item, of a category"},
    {"GET", "/api/item-to-item/{name}/{item-id}", .on = ON_MODEL, .ask = ask_item_to_item, .answer = answer_scores,
     .asks = &list_form, .gives = "Scores", .about = "what goes with an item"},
    {"GET", "/api/latest", get_latest, ON_HTTP, .asks = &list_form, .gives = "Scores", .about = "the newest items"},
    {"GET", "/api/latest/{category}", get_latest, ON_HTTP, .asks = &list_form, .gives = "Scores",
     .about = "the newest items of a category"},
    {"GET", "/api/popular", get_popular, ON_HTTP, .asks = &list_form, .gives = "Scores",
     .about = "the most popular items"},
    {"GET", "/api/popular/{category}", get_popular, ON_HTTP, .asks = &list_form, .gives = "Scores",
     .about = "the most popular items of a category"},
    {"GET", "/api/non-personalized/{name}", get_non_personalized, ON_HTTP, .asks = &list_form, .gives = "Scores",
     .about = "latest or popular"},
};
const route_table routes_gorse_recommend = {rows, sizeof rows / sizeof *rows};
