#include "store/store.h"

#include "base/mem.h"
#include "store/schema.h"

struct store {
    sql *db;
};

lorec_err store_open(store **out, const char *url)
{
    *out = NULL;
    store *s;
    TRY(mem_new(&s, 1));
    lorec_err e = sql_open(&s->db, url);
    if (!e) e = schema_migrate(s->db);
    if (e)
        store_close(s);
    else
        *out = s;
    return e;
}

void store_close(store *s)
{
    if (!s) return;
    sql_close(s->db);
    mem_free(s);
}

bool store_shared(const store *s)
{
    return sql_shared(s->db);
}

lorec_err store_begin(store *s)
{
    return sql_begin(s->db);
}

lorec_err store_commit(store *s)
{
    return sql_commit(s->db);
}

void store_rollback(store *s)
{
    sql_rollback(s->db);
}

lorec_err store_words(store *s, const char *text)
{
    return sql_run(s->db, text, NULL, 0, NULL, NULL);
}

/* ---- users and items --------------------------------------------------------------------------------------------------- */

static lorec_err changed(store *s, const char *kind, slice id)
{
    sql_value v[] = {sql_text(slice_of(kind)), sql_text(id)};
    return sql_run(s->db, "INSERT INTO changes (kind, id) VALUES ($1, $2)", v, 2, NULL, NULL);
}

lorec_err store_user_put(store *s, const store_user *u)
{
    sql_value v[] = {sql_text(u->id), sql_text(u->labels), sql_text(u->comment)};
    TRY(sql_run(s->db,
                "INSERT INTO users (user_id, labels, comment) VALUES ($1, $2, $3) ON CONFLICT (user_id) DO UPDATE SET "
                "labels = excluded.labels, comment = excluded.comment",
                v, 3, NULL, NULL));
    return changed(s, "user", u->id);
}

lorec_err store_item_put(store *s, const store_item *i)
{
    sql_value v[] = {sql_text(i->id),     sql_int(i->hidden), sql_text(i->categories), sql_int(i->time),
                     sql_text(i->labels), sql_text(i->title), sql_text(i->comment)};
    TRY(sql_run(s->db,
                "INSERT INTO items (item_id, hidden, categories, time, labels, title, comment) VALUES ($1, $2, $3, $4, "
                "$5, $6, $7) ON CONFLICT (item_id) DO UPDATE SET hidden = excluded.hidden, categories = "
                "excluded.categories, time = excluded.time, labels = excluded.labels, title = excluded.title, comment "
                "= excluded.comment",
                v, 7, NULL, NULL));
    return changed(s, "item", i->id);
}

lorec_err store_user_delete(store *s, slice id, bool *was)
{
    sql_value v = sql_text(id);
    TRY(sql_run(s->db, "DELETE FROM users WHERE user_id = $1", &v, 1, NULL, NULL));
    *was = sql_changed(s->db) > 0;
    return changed(s, "user", id);
}

lorec_err store_item_delete(store *s, slice id, bool *was)
{
    sql_value v = sql_text(id);
    TRY(sql_run(s->db, "DELETE FROM items WHERE item_id = $1", &v, 1, NULL, NULL));
    *was = sql_changed(s->db) > 0;
    return changed(s, "item", id);
}

typedef struct each_row { /* a typed callback behind sql's */
    store_user_fn user;
    store_item_fn item;
    store_event_fn event;
    store_change_fn change;
    void *ctx;
} each_row;

static lorec_err user_row(void *ctx, const sql_value *v, int n)
{
    (void)n;
    const each_row *r = ctx;
    return r->user(r->ctx, &(store_user){v[0].t, v[1].t, v[2].t});
}

static lorec_err item_row(void *ctx, const sql_value *v, int n)
{
    (void)n;
    const each_row *r = ctx;
    return r->item(r->ctx, &(store_item){.id = v[0].t,
                                         .hidden = v[1].i != 0,
                                         .categories = v[2].t,
                                         .time = v[3].i,
                                         .labels = v[4].t,
                                         .title = v[5].t,
                                         .comment = v[6].t});
}

#define ITEM_COLUMNS "item_id, hidden, categories, time, labels, title, comment"

lorec_err store_users(store *s, slice after, int64_t n, store_user_fn each, void *ctx)
{
    sql_value v[] = {sql_text(after), sql_int(n)};
    each_row r = {.user = each, .ctx = ctx};
    return sql_run(s->db, "SELECT user_id, labels, comment FROM users WHERE user_id > $1 ORDER BY user_id LIMIT $2", v,
                   2, user_row, &r);
}

lorec_err store_items(store *s, slice after, int64_t n, store_item_fn each, void *ctx)
{
    sql_value v[] = {sql_text(after), sql_int(n)};
    each_row r = {.item = each, .ctx = ctx};
    return sql_run(s->db, "SELECT " ITEM_COLUMNS " FROM items WHERE item_id > $1 ORDER BY item_id LIMIT $2", v, 2,
                   item_row, &r);
}

lorec_err store_user_get(store *s, slice id, store_user_fn each, void *ctx)
{
    sql_value v = sql_text(id);
    each_row r = {.user = each, .ctx = ctx};
    return sql_run(s->db, "SELECT user_id, labels, comment FROM users WHERE user_id = $1", &v, 1, user_row, &r);
}

lorec_err store_item_get(store *s, slice id, store_item_fn each, void *ctx)
{
    sql_value v = sql_text(id);
    each_row r = {.item = each, .ctx = ctx};
    return sql_run(s->db, "SELECT " ITEM_COLUMNS " FROM items WHERE item_id = $1", &v, 1, item_row, &r);
}

static lorec_err change_row(void *ctx, const sql_value *v, int n)
{
    (void)n;
    const each_row *r = ctx;
    return r->change(r->ctx, v[0].i, slice_is(v[1].t, "item"), v[2].t);
}

lorec_err store_changes_after(store *s, int64_t seq, int64_t n, store_change_fn each, void *ctx)
{
    sql_value v[] = {sql_int(seq), sql_int(n)};
    each_row r = {.change = each, .ctx = ctx};
    return sql_run(s->db, "SELECT seq, kind, id FROM changes WHERE seq > $1 ORDER BY seq LIMIT $2", v, 2, change_row,
                   &r);
}

/* ---- events ------------------------------------------------------------------------------------------------------------ */

#define EVENT_COLUMNS "seq, event_id, type, user_id, item_id, value, time, comment, retract"

lorec_err store_event_add(store *s, const store_event *e, store_again again, bool *added)
{
    sql_value v[] = {sql_text(e->event_id), sql_text(e->type), sql_text(e->user),    sql_text(e->item),
                     sql_real(e->value),    sql_int(e->time),  sql_text(e->comment), sql_int(e->retract)};
    TRY(sql_run(s->db,
                "INSERT INTO events (event_id, type, user_id, item_id, value, time, comment, retract) VALUES ($1, $2, "
                "$3, $4, $5, $6, $7, $8) ON CONFLICT (event_id) DO NOTHING",
                v, 8, NULL, NULL));
    *added = sql_changed(s->db) > 0;
    if (*added || again == STORE_IDEMPOTENT) return LOREC_OK;
    sql_value w[] = {sql_real(e->value), sql_int(e->time), sql_text(e->comment), sql_text(e->event_id)};
    return sql_run(s->db, "UPDATE events SET value = $1, time = $2, comment = $3 WHERE event_id = $4", w, 4, NULL,
                   NULL);
}

static lorec_err event_row(void *ctx, const sql_value *v, int n)
{
    (void)n;
    const each_row *r = ctx;
    double value = v[5].kind == SQL_INT ? (double)v[5].i : v[5].r;
    return r->event(r->ctx, &(store_event){.seq = v[0].i,
                                           .event_id = v[1].t,
                                           .type = v[2].t,
                                           .user = v[3].t,
                                           .item = v[4].t,
                                           .value = value,
                                           .time = v[6].i,
                                           .comment = v[7].t,
                                           .retract = v[8].i != 0});
}

lorec_err store_events_after(store *s, int64_t seq, int64_t n, store_event_fn each, void *ctx)
{
    sql_value v[] = {sql_int(seq), sql_int(n)};
    each_row r = {.event = each, .ctx = ctx};
    return sql_run(s->db, "SELECT " EVENT_COLUMNS " FROM events WHERE seq > $1 ORDER BY seq LIMIT $2", v, 2, event_row,
                   &r);
}

static lorec_err events_of(store *s, slice user, slice item, slice type, int64_t before, int64_t n, const char *also,
                           store_event_fn each, void *ctx)
{
    buf text = {0};
    sql_value v[5];
    int k = 0;
    struct {
        const char *column;
        slice value;
    } given[] = {{"user_id", user}, {"item_id", item}, {"type", type}};
    lorec_err e = buf_puts(&text, "SELECT " EVENT_COLUMNS " FROM events AS e WHERE ");
    for (size_t i = 0; i < 3 && !e; i++) {
        if (!given[i].value.n) continue;
        v[k++] = sql_text(given[i].value);
        e = buf_printf(&text, "%s = $%d AND ", given[i].column, k);
    }
    v[k++] = sql_int(before);
    if (!e) e = buf_printf(&text, "seq < $%d%s ORDER BY seq DESC LIMIT ", k, also);
    v[k++] = sql_int(n);
    if (!e) e = buf_printf(&text, "$%d", k);
    each_row r = {.event = each, .ctx = ctx};
    if (!e) e = sql_run(s->db, text.p, v, k, event_row, &r);
    buf_free(&text);
    return e;
}

lorec_err store_events_of(store *s, slice user, slice item, slice type, int64_t before, int64_t n, store_event_fn each,
                          void *ctx)
{
    return events_of(s, user, item, type, before, n, "", each, ctx);
}

lorec_err store_feedback_of(store *s, slice user, slice item, slice type, int64_t before, int64_t n,
                            store_event_fn each, void *ctx)
{
    return events_of(s, user, item, type, before, n,
                     " AND retract = 0 AND NOT EXISTS (SELECT 1 FROM events AS r WHERE r.user_id = e.user_id AND r.seq "
                     "> e.seq AND r.retract <> 0 AND r.item_id = e.item_id AND r.type = e.type)",
                     each, ctx);
}

lorec_err store_events_expire(store *s, int64_t before, int64_t most, int64_t *n)
{
    sql_value v[] = {sql_int(before), sql_int(most)};
    TRY(sql_run(s->db,
                "DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE time < $1 ORDER BY time, seq LIMIT $2)",
                v, 2, NULL, NULL));
    *n = sql_changed(s->db);
    return LOREC_OK;
}

lorec_err store_forget(store *s, slice user)
{
    sql_value v = sql_text(user);
    TRY(sql_run(s->db, "DELETE FROM events WHERE user_id = $1", &v, 1, NULL, NULL));
    TRY(sql_run(s->db, "DELETE FROM records WHERE user_id = $1", &v, 1, NULL, NULL));
    bool was;
    return store_user_delete(s, user, &was);
}

/* ---- records ----------------------------------------------------------------------------------------------------------- */

lorec_err store_record_put(store *s, slice request_id, int64_t time, slice user, slice body)
{
    sql_value v[] = {sql_text(request_id), sql_int(time), sql_text(user), sql_text(body)};
    return sql_run(s->db,
                   "INSERT INTO records (request_id, time, user_id, body) VALUES ($1, $2, $3, $4) ON CONFLICT "
                   "(request_id) DO NOTHING",
                   v, 4, NULL, NULL);
}

typedef struct record_found {
    buf *body;
    bool found;
} record_found;

static lorec_err record_row(void *ctx, const sql_value *v, int n)
{
    (void)n;
    record_found *r = ctx;
    r->found = true;
    buf_clear(r->body);
    return buf_add(r->body, v[0].t.p, v[0].t.n);
}

lorec_err store_record_get(store *s, slice request_id, buf *body)
{
    sql_value v = sql_text(request_id);
    record_found r = {.body = body};
    TRY(sql_run(s->db, "SELECT body FROM records WHERE request_id = $1", &v, 1, record_row, &r));
    return r.found ? LOREC_OK
                   : err_set(LOREC_INPUT, "there is no record of request %.*s (records expire; see --keep-records)",
                             (int)(request_id.n < 80 ? request_id.n : 80), request_id.p);
}

lorec_err store_records_expire(store *s, int64_t before, int64_t *n)
{
    sql_value v = sql_int(before);
    TRY(sql_run(s->db, "DELETE FROM records WHERE time < $1", &v, 1, NULL, NULL));
    *n = sql_changed(s->db);
    return LOREC_OK;
}
