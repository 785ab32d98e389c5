/* The store, on SQLite and (where LOREC_TEST_POSTGRES names one) on PostgreSQL: what goes in comes out, once. */
#include "base/mem.h"
#include "store/store.h"
#include "support/support.h"

static slice s_of(const char *t)
{
    return slice_of(t);
}

typedef struct seen_events {
    int n;
    int64_t last_seq;
    char last_item[64];
    double last_value;
} seen_events;

static lorec_err see(void *ctx, const store_event *e)
{
    seen_events *s = ctx;
    s->n++;
    s->last_seq = e->seq;
    s->last_value = e->value;
    snprintf(s->last_item, sizeof s->last_item, "%.*s", (int)e->item.n, e->item.p);
    return LOREC_OK;
}

static void events_are_stored_once(store *s)
{
    bool added;
    store_event e = {.event_id = s_of("a"),
                     .type = s_of("like"),
                     .user = s_of("u'; DROP TABLE events; --"),
                     .item = s_of("i\"1"),
                     .comment = s_of(""),
                     .value = .1,
                     .time = 1795678200};
    assert_ok(store_begin(s));
    assert_ok(store_event_add(s, &e, STORE_IDEMPOTENT, &added));
    assert_true(added);
    e.value = 5;
    assert_ok(store_event_add(s, &e, STORE_IDEMPOTENT, &added));
    assert_false(added);
    assert_ok(store_commit(s));
    seen_events seen = {0};
    assert_ok(store_events_after(s, 0, 10, see, &seen));
    assert_int_equal(seen.n, 1);
    assert_string_equal(seen.last_item, "i\"1");
    assert_true(seen.last_value == .1); /* every bit of it */
    assert_ok(store_event_add(s, &e, STORE_OVERWRITE, &added));
    assert_false(added);
    seen = (seen_events){0};
    assert_ok(store_events_of(s, e.user, s_of(""), s_of("like"), INT64_MAX, 10, see, &seen));
    assert_int_equal(seen.n, 1);
    assert_true(seen.last_value == 5);
    seen = (seen_events){0};
    assert_ok(store_events_of(s, e.user, s_of("other"), s_of(""), INT64_MAX, 10, see, &seen));
    assert_int_equal(seen.n, 0);
    const struct { /* what was taken back is no feedback, what was said again is */
        const char *id;
        bool retract;
        size_t feedback, events;
    } then[] = {{"back", true, 0, 2}, {"again", false, 1, 3}};
    for (size_t i = 0; i < 2; i++) {
        e.event_id = s_of(then[i].id), e.retract = then[i].retract;
        assert_ok(store_event_add(s, &e, STORE_IDEMPOTENT, &added));
        seen = (seen_events){0};
        assert_ok(store_feedback_of(s, e.user, s_of(""), s_of(""), INT64_MAX, 10, see, &seen));
        assert_int_equal(seen.n, then[i].feedback);
        seen = (seen_events){0};
        assert_ok(store_events_of(s, e.user, s_of(""), s_of(""), INT64_MAX, 10, see, &seen));
        assert_int_equal(seen.n, then[i].events);
    }
}

static void what_is_rolled_back_is_not_there(store *s)
{
    bool added;
    store_event e = {.event_id = s_of("rolled"), .type = s_of("like"), .user = s_of("r"), .item = s_of("i")};
    assert_ok(store_begin(s));
    assert_ok(store_event_add(s, &e, STORE_IDEMPOTENT, &added));
    store_rollback(s);
    seen_events seen = {0};
    assert_ok(store_events_of(s, s_of("r"), s_of(""), s_of(""), INT64_MAX, 10, see, &seen));
    assert_int_equal(seen.n, 0);
    e.event_id = s_of("kept");
    assert_ok(store_begin(s));
    assert_ok(store_event_add(s, &e, STORE_IDEMPOTENT, &added));
    assert_ok(store_words(s, "SAVEPOINT one"));
    e.event_id = s_of("undone");
    assert_ok(store_event_add(s, &e, STORE_IDEMPOTENT, &added));
    assert_ok(store_words(s, "ROLLBACK TO SAVEPOINT one"));
    assert_ok(store_words(s, "RELEASE SAVEPOINT one"));
    assert_ok(store_commit(s));
    assert_ok(store_events_of(s, s_of("r"), s_of(""), s_of(""), INT64_MAX, 10, see, &seen));
    assert_int_equal(seen.n, 1);
}

static lorec_err see_item(void *ctx, const store_item *i)
{
    seen_events *s = ctx;
    s->n++;
    s->last_value = i->hidden;
    snprintf(s->last_item, sizeof s->last_item, "%.*s", (int)i->title.n, i->title.p);
    return LOREC_OK;
}

typedef struct seen_changes {
    int items, users;
    int64_t seq;
} seen_changes;

static lorec_err see_change(void *ctx, int64_t seq, bool is_item, slice id)
{
    seen_changes *c = ctx;
    assert_true(id.n > 0);
    assert_true(seq > c->seq);
    c->seq = seq;
    *(is_item ? &c->items : &c->users) += 1;
    return LOREC_OK;
}

static void items_change_and_tell(store *s)
{
    seen_changes c = {0};
    assert_ok(store_changes_after(s, 0, 100, see_change, &c));
    int before = c.items;
    store_item i = {.id = s_of("i1"),
                    .categories = s_of("[\"a\"]"),
                    .labels = s_of("null"),
                    .title = s_of("Räuber"),
                    .comment = s_of("")};
    assert_ok(store_item_put(s, &i));
    i.hidden = true;
    assert_ok(store_item_put(s, &i));
    seen_events seen = {0};
    assert_ok(store_item_get(s, i.id, see_item, &seen));
    assert_int_equal(seen.n, 1);
    assert_true(seen.last_value == 1);
    assert_string_equal(seen.last_item, "Räuber");
    bool was;
    assert_ok(store_item_delete(s, i.id, &was));
    assert_true(was);
    assert_ok(store_item_delete(s, i.id, &was));
    assert_false(was);
    int64_t from = c.seq;
    c = (seen_changes){.seq = from};
    assert_ok(store_changes_after(s, from, 100, see_change, &c));
    assert_int_equal(c.items, 4);
    assert_int_equal(before, 0);
}

static void records_expire_and_people_are_forgotten(store *s)
{
    buf body = {0};
    bool added;
    assert_ok(store_record_put(s, s_of("q1"), 100, s_of("forget me"), s_of("{}")));
    assert_ok(store_record_put(s, s_of("q2"), 200, s_of("x"), s_of("{\"a\":1}")));
    assert_ok(store_record_get(s, s_of("q2"), &body));
    assert_string_equal(body.p, "{\"a\":1}");
    assert_fails(store_record_get(s, s_of("q3"), &body), LOREC_INPUT, "no record");
    store_event e = {.event_id = s_of("f"), .type = s_of("like"), .user = s_of("forget me"), .item = s_of("i")};
    assert_ok(store_event_add(s, &e, STORE_IDEMPOTENT, &added));
    assert_ok(store_forget(s, s_of("forget me")));
    assert_fails(store_record_get(s, s_of("q1"), &body), LOREC_INPUT, "no record");
    seen_events seen = {0};
    assert_ok(store_events_of(s, s_of("forget me"), s_of(""), s_of(""), INT64_MAX, 10, see, &seen));
    assert_int_equal(seen.n, 0);
    int64_t n;
    assert_ok(store_records_expire(s, 201, &n));
    assert_int_equal(n, 1);
    buf_free(&body);
}

static void events_expire(store *s)
{
    bool added;
    int64_t n;
    const char *const name[] = {"x1", "x2", "x3"};
    for (int i = 0; i < 3; i++) {
        store_event e = {
            .event_id = s_of(name[i]), .type = s_of("t"), .user = s_of("old"), .item = s_of("i"), .time = i - 100};
        assert_ok(store_event_add(s, &e, STORE_IDEMPOTENT, &added));
    }
    assert_ok(store_events_expire(s, -98, 1, &n)); /* no more than asked for, oldest first */
    assert_int_equal(n, 1);
    assert_ok(store_events_expire(s, -98, 100, &n));
    assert_int_equal(n, 1);
    seen_events seen = {0};
    assert_ok(store_events_of(s, s_of("old"), s_of(""), s_of(""), INT64_MAX, 10, see, &seen));
    assert_int_equal(seen.n, 1);
    assert_ok(store_forget(s, s_of("old")));
}

static void all_of_it(const char *url)
{
    store *s;
    assert_ok(store_open(&s, url));
    events_are_stored_once(s);
    what_is_rolled_back_is_not_there(s);
    items_change_and_tell(s);
    records_expire_and_people_are_forgotten(s);
    events_expire(s);
    store_close(s);
}

static void on_sqlite(void **state)
{
    (void)state;
    char url[512];
    snprintf(url, sizeof url, "sqlite:%s", test_path("a.db"));
    all_of_it(url);
    store *again; /* what was committed is there for the next process */
    seen_events seen = {0};
    assert_ok(store_open(&again, url));
    assert_ok(store_events_after(again, 0, 10, see, &seen));
    assert_int_equal(seen.n, 4);
    store_close(again);
}

static void on_postgresql(void **state)
{
    (void)state;
    const char *url = getenv("LOREC_TEST_POSTGRES");
    if (!url) {
        printf("PostgreSQL is not tested: LOREC_TEST_POSTGRES names no empty database\n");
        return;
    }
    all_of_it(url);
}

static void bad_stores_say_why(void **state)
{
    (void)state;
    store *s;
    char url[512];
    assert_fails(store_open(&s, "mysql:x"), LOREC_USAGE, "sqlite:FILE");
    snprintf(url, sizeof url, "sqlite:%s",
             test_file("junk.db", "this is no data base, but it is long enough to be one"));
    assert_fails(store_open(&s, url), LOREC_INPUT, "damaged");
    assert_fails(store_open(&s, "sqlite:/no/such/folder/x.db"), LOREC_RESOURCE, "/no/such/folder/x.db");
    assert_fails(store_open(&s, "postgresql://127.0.0.1:1/x"), LOREC_RESOURCE, "postgresql");
    snprintf(url, sizeof url, "sqlite:%s", test_path("newer.db"));
    sql *db;
    assert_ok(sql_open(&db, url));
    assert_ok(sql_run(db, "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)", NULL, 0, NULL, NULL));
    assert_ok(sql_run(db, "INSERT INTO meta VALUES ('schema_version', '99')", NULL, 0, NULL, NULL));
    sql_close(db);
    assert_fails(store_open(&s, url), LOREC_INPUT, "newer");
}

static void memory_that_runs_out(void **state)
{
    (void)state;
    for (size_t n = 1; n < 60; n++) {
        store *s = NULL;
        mem_fail_at(n, false);
        lorec_err e = store_open(&s, "sqlite::memory:");
        mem_fail_at(0, false);
        if (e) assert_int_equal(e, LOREC_RESOURCE);
        store_close(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(on_sqlite), cmocka_unit_test(on_postgresql),
                                       cmocka_unit_test(bad_stores_say_why), cmocka_unit_test(memory_that_runs_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
