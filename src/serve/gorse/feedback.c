/* /api/feedback: who did what; append-only events. "EventId" makes a retry harmless: the same id is stored once. */
#include <stdatomic.h>
#include <stdio.h>

#include "serve/gorse/gorse.h"

static lorec_err see_retraction(void *ctx, const store_event *e)
{
    if (e->retract) *(int64_t *)ctx = e->seq;
    return LOREC_OK;
}

/* With --feedback unique: one a type, user and item; a new one after each time that it was taken back. */
static lorec_err unique_id(const server *s, const store_event *e, buf *out)
{
    int64_t taken_back = 0;
    TRY(store_events_of(s->store, e->user, e->item, e->type, INT64_MAX, 1, see_retraction, &taken_back));
    TRY(buf_printf(out, "u:%zu:%zu:%.*s:%.*s:%.*s", e->type.n, e->user.n, (int)e->type.n, e->type.p, (int)e->user.n,
                   e->user.p, (int)e->item.n, e->item.p));
    return taken_back ? buf_printf(out, ":%lld", (long long)taken_back) : LOREC_OK;
}

/* Without an id of the client's. */
static lorec_err make_id(const server *s, const store_event *e, buf *out)
{
    static _Atomic uint64_t drawn;
    if (s->o.unique) return unique_id(s, e, out);
    return buf_printf(out, "e:%llx:%llx:%llx", (unsigned long long)server_now(),
                      (unsigned long long)(uint64_t)(s->started * 1e9),
                      (unsigned long long)atomic_fetch_add(&drawn, 1));
}

lorec_err gorse_store_event(server *s, store_event *e, store_again again, int64_t *affected)
{
    buf id = {0};
    lorec_err err = e->event_id.n ? LOREC_OK : make_id(s, e, &id);
    bool added = false;
    if (!e->event_id.n) e->event_id = (slice){id.p, id.n};
    if (!err) err = store_event_add(s->store, e, again, &added);
    buf_free(&id);
    if (!err && added) stats_add(s->stats, STAT_EVENTS, 1);
    *affected += !err && (added || again == STORE_OVERWRITE);
    return err;
}

typedef struct event_fields {
    store_event e;
    json_t *when;
} event_fields;
#define AT(field) offsetof(event_fields, field)
static const form_row event_rows[] = {
    {"FeedbackType", FIELD_TEXT, AT(e.type), true, 1, 64},
    {"UserId", FIELD_TEXT, AT(e.user), true, 1, ID_CHARS},
    {"ItemId", FIELD_TEXT, AT(e.item), true, 1, ID_CHARS},
    {"Value", FIELD_REAL, AT(e.value), .min = -1e15, .max = 1e15},
    {"Timestamp", FIELD_ANY, AT(when), .of = "Time"},
    {"Comment", FIELD_TEXT, AT(e.comment)},
    {"EventId", FIELD_TEXT, AT(e.event_id), .min = 1, .max = 1200,
     .about = "the same id is stored once"}, /* own ones hold ids */
    {"Retract", FIELD_BOOL, AT(e.retract)},
};
const form gorse_event_form = {event_rows, sizeof event_rows / sizeof *event_rows, .or_list = true};

static lorec_err read_event(const json_t *object, store_event *e)
{
    event_fields f = {.e.value = 1};
    TRY(form_read(NULL, object, &gorse_event_form, &f));
    *e = f.e;
    return when_read(f.when, "Timestamp", server_now(), &e->time);
}

lorec_err gorse_put_event(server *s, const json_t *object, int64_t *affected)
{
    store_event e;
    TRY(read_event(object, &e));
    return gorse_store_event(s, &e, STORE_IDEMPOTENT, affected);
}

static lorec_err overwrite(server *s, const json_t *object, int64_t *affected)
{
    store_event e;
    TRY(read_event(object, &e));
    return gorse_store_event(s, &e, STORE_OVERWRITE, affected);
}

static lorec_err post_feedback(server *s, exchange *x)
{
    return gorse_rows(s, x, gorse_put_event);
}

static lorec_err put_feedback(server *s, exchange *x)
{
    return gorse_rows(s, x, overwrite);
}

/* ---- looking back ---------------------------------------------------------------------------------------------------------- */

static lorec_err add_event(void *ctx, const store_event *e)
{
    gorse_page *p = ctx;
    if (json_array_append_new(p->rows, gorse_event_json(e))) return err_set(LOREC_RESOURCE, "out of memory");
    char key[32];
    snprintf(key, sizeof key, "%lld", (long long)e->seq);
    gorse_page_key(p, slice_of(key));
    return LOREC_OK;
}

static lorec_err list_events(server *s, exchange *x, slice type, slice user, slice item, bool pages)
{
    gorse_page p;
    slice cursor;
    int64_t before = INT64_MAX;
    TRY(gorse_page_start(&p, x, &cursor));
    lorec_err e = LOREC_OK;
    if (cursor.n && (!slice_to_i64(cursor, &before) || before < 0))
        e = err_set(LOREC_USAGE, "cursor has to be one that was given");
    if (!e) e = store_feedback_of(s->store, user, item, type, before, p.n, add_event, &p);
    if (!e && pages) return exchange_reply(x, 200, json_pack("{s:s, s:o}", "Cursor", p.last, "Feedback", p.rows));
    if (!e) return exchange_reply(x, 200, p.rows);
    json_decref(p.rows);
    return e;
}

static const slice any = {"", 0};

static lorec_err get_all(server *s, exchange *x)
{
    return list_events(s, x, any, any, any, true);
}

static lorec_err get_of_type(server *s, exchange *x)
{
    return list_events(s, x, x->part[0], any, any, true);
}

static lorec_err get_of_user(server *s, exchange *x)
{
    return list_events(s, x, any, x->part[0], any, false);
}

static lorec_err get_of_user_type(server *s, exchange *x)
{
    return list_events(s, x, x->part[1], x->part[0], any, false);
}

static lorec_err get_of_item(server *s, exchange *x)
{
    return list_events(s, x, any, any, x->part[0], false);
}

static lorec_err get_of_pair(server *s, exchange *x)
{
    return list_events(s, x, any, x->part[0], x->part[1], false);
}

static lorec_err get_of_item_type(server *s, exchange *x)
{
    return list_events(s, x, x->part[1], any, x->part[0], false);
}

static lorec_err keep_event(void *ctx, const store_event *e)
{
    *(json_t **)ctx = gorse_event_json(e);
    return LOREC_OK;
}

/* One, the newest; {} where there is none, as in Gorse. */
static lorec_err get_of_triple(server *s, exchange *x)
{
    json_t *newest = NULL;
    TRY(store_feedback_of(s->store, x->part[1], x->part[2], x->part[0], INT64_MAX, 1, keep_event, &newest));
    return exchange_reply(x, 200, newest ? newest : json_object());
}

/* Append-only: taking back is an event too. */
static lorec_err take_back(server *s, const exchange *x, slice type, slice user, slice item, int64_t *affected)
{
    buf id = {0};
    store_event e = {.type = type, .user = user, .item = item, .retract = true, .time = server_now()};
    lorec_err err = buf_printf(&id, "r:%s:%.*s", x->id, (int)type.n, type.p);
    e.event_id = (slice){id.p, id.n};
    if (!err) err = gorse_store_event(s, &e, STORE_IDEMPOTENT, affected);
    buf_free(&id);
    return err;
}

static lorec_err delete_triple(server *s, exchange *x)
{
    int64_t affected = 0;
    TRY(take_back(s, x, x->part[0], x->part[1], x->part[2], &affected));
    return exchange_reply(x, 200, json_pack("{s:I}", "RowAffected", (json_int_t)affected));
}

static lorec_err add_type(void *ctx, const store_event *e)
{
    return json_array_append_new(ctx, gorse_text(e->type)) ? err_set(LOREC_RESOURCE, "out of memory") : LOREC_OK;
}

static bool said_before(const json_t *list, size_t n, const json_t *word)
{
    for (size_t i = 0; i < n; i++)
        if (json_equal(json_array_get(list, i), word)) return true;
    return false;
}

/* Of every type. */
static lorec_err delete_pair(server *s, exchange *x)
{
    json_t *types = json_array();
    int64_t affected = 0;
    lorec_err e = types ? LOREC_OK : err_set(LOREC_RESOURCE, "out of memory");
    if (!e) e = store_feedback_of(s->store, x->part[0], x->part[1], any, INT64_MAX, PAGE_ROWS, add_type, types);
    for (size_t i = 0; i < json_array_size(types) && !e; i++) {
        const json_t *type = json_array_get(types, i);
        slice word = {json_string_value(type), json_string_length(type)};
        if (!said_before(types, i, type)) e = take_back(s, x, word, x->part[0], x->part[1], &affected);
    }
    json_decref(types);
    TRY(e);
    return exchange_reply(x, 200, json_pack("{s:I}", "RowAffected", (json_int_t)affected));
}

static const form_row event_page_rows[] = {
    {"cursor", FIELD_TEXT, 0, .of = "{\"type\":\"string\",\"pattern\":\"^[0-9]{0,15}$\"}",
     .about = "of the page before"},
    {"n", FIELD_INT, 0, .min = 1, .max = PAGE_ROWS},
};
static const form event_page_form = {event_page_rows, sizeof event_page_rows / sizeof *event_page_rows};

static const route rows[] = {
    {"POST", "/api/feedback", post_feedback, ON_STORE, .writes = true, .takes = &gorse_event_form,
     .gives = "RowAffected", .about = "add feedback"},
    {"PUT", "/api/feedback", put_feedback, ON_STORE, .writes = true, .takes = &gorse_event_form, .gives = "RowAffected",
     .about = "add or overwrite feedback"},
    {"GET", "/api/feedback", get_all, ON_STORE, .asks = &event_page_form, .gives = "EventPage",
     .about = "feedback, newest first, by pages"},
    {"GET", "/api/feedback/{feedback-type}", get_of_type, ON_STORE, .asks = &event_page_form, .gives = "EventPage",
     .about = "feedback of one type"},
    {"GET", "/api/feedback/{user-id}/{item-id}", get_of_pair, ON_STORE, .asks = &event_page_form, .gives = "Events",
     .about = "feedback of a user on an item"},
    {"GET", "/api/feedback/{feedback-type}/{user-id}/{item-id}", get_of_triple, ON_STORE,
     .gives = "{\"anyOf\":[{\"$ref\":\"#/components/schemas/Event\"},{\"type\":\"object\",\"maxProperties\":0}]}",
     .about = "the newest feedback of one type of a user on an item, or {}"},
    {"DELETE", "/api/feedback/{user-id}/{item-id}", delete_pair, ON_STORE, .writes = true, .gives = "RowAffected",
     .about = "take all feedback of a user on an item back"},
    {"DELETE", "/api/feedback/{feedback-type}/{user-id}/{item-id}", delete_triple, ON_STORE, .writes = true,
     .gives = "RowAffected", .about = "take feedback back"},
    {"GET", "/api/user/{user-id}/feedback", get_of_user, ON_STORE, .asks = &event_page_form, .gives = "Events",
     .about = "feedback of a user"},
    {"GET", "/api/user/{user-id}/feedback/{feedback-type}", get_of_user_type, ON_STORE, .asks = &event_page_form,
     .gives = "Events", .about = "feedback of a user, of one type"},
    {"GET", "/api/item/{item-id}/feedback", get_of_item, ON_STORE, .asks = &event_page_form, .gives = "Events",
     .about = "feedback of an item"},
    {"GET", "/api/item/{item-id}/feedback/{feedback-type}", get_of_item_type, ON_STORE, .asks = &event_page_form,
     .gives = "Events", .about = "feedback of an item, of one type"},
};
const route_table routes_gorse_feedback = {rows, sizeof rows / sizeof *rows};
