/* What a person looks at: items by words of their titles, users by their ids, a user's history. For the page, and for whoever
 * builds another one. */
#include "base/mem.h"
#include "serve/gorse/gorse.h"

enum { MOST = 200, DEEPEST = 1000000 };

/* ---- items -------------------------------------------------------------------------------------------------------------- */

static json_t *item_json(const live *v, uint32_t item)
{
    const live_item *i = &v->item[item];
    json_t *categories = json_array();
    for (uint32_t k = 0; k < i->n_categories; k++)
        json_array_append_new(categories, gorse_text(ids_name(&v->categories, i->category[k])));
    return json_pack("{s:o, s:o, s:o, s:I}", "id", gorse_text(ids_name(&v->items, item)), "title",
                     gorse_text(live_title(v, item)), "categories", categories, "popularity",
                     (json_int_t)i->popularity);
}

static lorec_err get_items(server *s, exchange *x)
{
    int64_t n, offset;
    size_t found, total;
    uint32_t *items;
    const char *q = exchange_query(x, "q");
    TRY(exchange_int(x, "n", 1, MOST, 20, &n));
    TRY(exchange_int(x, "offset", 0, DEEPEST, 0, &offset));
    TRY(mem_new(&items, (size_t)n));
    live_read_lock(&s->live);
    lorec_err e = title_index_find(&s->search, &s->live, slice_of(q ? q : ""), (size_t)offset, (size_t)n, items, &found,
                                   &total);
    json_t *list = e ? NULL : json_array();
    for (size_t i = 0; i < found && !e; i++) json_array_append_new(list, item_json(&s->live, items[i]));
    live_unlock(&s->live);
    mem_free(items);
    TRY(e);
    return exchange_reply(x, 200, json_pack("{s:I, s:o}", "total", (json_int_t)total, "items", list));
}

/* ---- users -------------------------------------------------------------------------------------------------------------- */

static bool begins(slice id, slice words)
{
    return id.n >= words.n && !memcmp(id.p, words.p, words.n);
}

/* Users of the first run's data, then those that only feedback brought up. */
static json_t *users_json(const server *s, slice words, size_t n)
{
    const dataset *d = &s->engine.run[0]->advisor.data;
    const ids *more = &s->live.users;
    json_t *list = json_array();
    uint32_t number;
    for (uint32_t i = 0; i < d->user_ids.n && json_array_size(list) < n; i++)
        if (begins(names_at(&d->user_ids, i), words))
            json_array_append_new(list, gorse_text(names_at(&d->user_ids, i)));
    for (uint32_t i = 0; i < more->n && json_array_size(list) < n; i++)
        if (begins(ids_name(more, i), words) && !dataset_find_user(d, ids_name(more, i), &number))
            json_array_append_new(list, gorse_text(ids_name(more, i)));
    return list;
}

static lorec_err get_users(server *s, exchange *x)
{
    int64_t n;
    const char *q = exchange_query(x, "q");
    TRY(exchange_int(x, "n", 1, MOST, 20, &n));
    live_read_lock(&s->live);
    json_t *list = users_json(s, slice_of(q ? q : ""), (size_t)n);
    live_unlock(&s->live);
    return exchange_reply(x, 200, json_pack("{s:o}", "users", list));
}

static json_t *row_json(const server *s, uint32_t item, int64_t time, json_t *rating, const char *from)
{
    json_t *row = json_pack("{s:o, s:o, s:o, s:o, s:s}", "id", gorse_text(ids_name(&s->live.items, item)), "title",
                            gorse_text(live_title(&s->live, item)), "time",
                            time == INT64_MIN ? json_null() : json_integer(time), "rating", rating, "from", from);
    return row;
}

/* The variant whose data knows the user; the runs speak of one catalogue and of the same people. */
static const variant *whose_data(const server *s, slice id, uint32_t *user)
{
    for (size_t i = 0; i < s->engine.n; i++)
        if (dataset_find_user(&s->engine.run[i]->advisor.data, id, user)) return s->engine.run[i];
    *user = NO_NUMBER;
    return s->engine.run[0];
}

typedef struct history {
    json_t *list;
    size_t n, total;
} history;

static void add_feedback(const server *s, const variant *r, const live_user *u, history *h)
{
    for (size_t i = u->n; i-- > 0;) {
        const live_said *said = &u->said[i];
        if (said->seq <= r->event_seq) continue; /* the run was trained on it: it is in the data */
        if (h->total++ >= h->n) continue;
        json_t *row = row_json(s, said->item, said->time, json_null(), "feedback");
        if (row) json_object_set_new(row, "type", gorse_text(ids_name(&s->live.types, said->type)));
        json_array_append_new(h->list, row);
    }
}

static void add_data(const server *s, const variant *r, uint32_t user, const live_user *u, history *h)
{
    const interactions *rows = &r->advisor.data.rows;
    for (uint64_t i = rows->start[user + 1]; i-- > rows->start[user];) {
        uint32_t item = r->number[rows->item[i]];
        if (live_taken_back(u, item, r->event_seq, INT64_MAX) || h->total++ >= h->n) continue;
        json_array_append_new(h->list,
                              row_json(s, item, rows->time ? rows->time[i] : INT64_MIN,
                                       rows->rating ? json_real((double)rows->rating[i]) : json_null(), "data"));
    }
}

/* Feedback first, then the data, each from its newest row back. */
static void history_read(const server *s, slice id, history *h)
{
    uint32_t in_data, number = live_find_user(&s->live, id);
    const variant *r = whose_data(s, id, &in_data);
    const live_user *u = number == NO_NUMBER ? NULL : &s->live.user[number];
    h->list = json_array();
    if (u) add_feedback(s, r, u, h);
    if (in_data != NO_NUMBER) add_data(s, r, in_data, u, h);
}

static lorec_err get_user(server *s, exchange *x)
{
    int64_t n;
    TRY(exchange_int(x, "n", 1, 1000, 50, &n));
    history h = {.n = (size_t)n};
    live_read_lock(&s->live);
    history_read(s, x->part[0], &h);
    live_unlock(&s->live);
    if (!h.total) {
        json_decref(h.list);
        return exchange_refuse(x, 404, "there is no user \"%.*s\"", (int)x->part[0].n, x->part[0].p);
    }
    return exchange_reply(
        x, 200,
        json_pack("{s:o, s:I, s:o}", "id", gorse_text(x->part[0]), "total", (json_int_t)h.total, "history", h.list));
}

static const form_row items_rows[] = {
    {"q", FIELD_TEXT, 0, .min = 0, .max = 512, .about = "words of a title, the last one may be begun"},
    {"n", FIELD_INT, 0, .min = 1, .max = MOST},
    {"offset", FIELD_INT, 0, .min = 0, .max = DEEPEST},
};
static const form_row users_rows[] = {
    {"q", FIELD_TEXT, 0, .min = 0, .max = 512, .about = "how the id begins"},
    {"n", FIELD_INT, 0, .min = 1, .max = MOST},
};
static const form_row user_rows[] = {{"n", FIELD_INT, 0, .min = 1, .max = 1000}};
static const form items_form = {items_rows, sizeof items_rows / sizeof *items_rows};
static const form users_form = {users_rows, sizeof users_rows / sizeof *users_rows};
static const form user_form = {user_rows, sizeof user_rows / sizeof *user_rows};

static const route rows[] = {
    {"GET", "/v1/items", get_items, ON_HTTP, .asks = &items_form, .gives = "Catalogue",
     .about = "items by words of their titles (?q=), popular ones first"},
    {"GET", "/v1/users", get_users, ON_HTTP, .asks = &users_form, .gives = "People",
     .about = "users whose id begins so (?q=)"},
    {"GET", "/v1/users/{user-id}", get_user, ON_HTTP, .asks = &user_form, .gives = "{\"type\":\"object\"}",
     .about = "a user's history, newest first"},
};
const route_table routes_browse = {rows, sizeof rows / sizeof *rows};
