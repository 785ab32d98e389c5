/* Parts of the server without sockets: which models are in force, CSV records, words of items, what is taken back. */
#include "base/mem.h"
#include "serve/engine/item_words.h"
#include "serve/engine/live.h"
#include "serve/http/csv_rows.h"
#include "serve/train/models.h"
#include "support/support.h"

static const char *const runs[] = {"runs/a", "runs/b"};

static void models_are_kept(void **state)
{
    (void)state;
    models m;
    char folder[512];
    snprintf(folder, sizeof folder, "%s/models", test_folder());
    assert_ok(models_open(&m, folder, runs, 2));
    assert_string_equal(m.slot[1].current, "runs/b");
    assert_fails(models_rollback(&m, 1), LOREC_USAGE, "no model before");
    assert_ok(models_adopt(&m, 1, "x/1/run"));
    assert_ok(models_adopt(&m, 1, "x/2/run"));
    models_close(&m);
    assert_ok(models_open(&m, folder, runs, 2));
    assert_string_equal(m.slot[0].current, "runs/a");
    assert_string_equal(m.slot[1].current, "x/2/run");
    assert_ok(models_rollback(&m, 1));
    models_close(&m);
    assert_ok(models_open(&m, folder, &runs[1], 1)); /* what is not served any more is not asked for */
    assert_string_equal(m.slot[0].current, "x/1/run");
    assert_string_equal(m.slot[0].previous, "x/2/run");
    models_close(&m);
}

static void state_files_that_lie(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "{\"models\":[3]}",
        "{\"models\":[{\"run\":\"runs/a\"}]}",
        "{\"models\":[{\"run\":\"runs/a\",\"current\":null}]}",
        "{\"job\":{\"id\":\"1\",\"run\":\"runs/a\",\"event_seq\":-1,\"began\":0,\"attempts\":1}}",
        "{\"job\":{\"id\":\"1\",\"run\":\"runs/a\",\"event_seq\":1,\"began\":0,\"attempts\":1,\"pid\":99999999999}}",
    };
    char folder[512], path[600];
    snprintf(folder, sizeof folder, "%s/lies", test_folder());
    snprintf(path, sizeof path, "%s/state.json", folder);
    assert_ok(folder_make(folder));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        models m;
        writer w;
        assert_ok(writer_open(&w, path));
        writer_put(&w, texts[i], strlen(texts[i]));
        assert_ok(writer_commit(&w));
        if (i == 2) { /* nothing in it */
            assert_ok(models_open(&m, folder, runs, 2));
            models_close(&m);
            continue;
        }
        assert_fails(models_open(&m, folder, runs, 2), LOREC_INPUT, "state.json");
    }
    /* a job whose folder is elsewhere is nobody's */
    static const char outside[] =
        "{\"job\":{\"id\":\"../../etc\",\"run\":\"runs/a\",\"event_seq\":1,\"began\":0,\"attempts\":1}}";
    models m;
    writer w;
    assert_ok(writer_open(&w, path));
    writer_put(&w, outside, strlen(outside));
    assert_ok(writer_commit(&w));
    assert_ok(models_open(&m, folder, runs, 2));
    assert_null(m.job.id);
    models_close(&m);
}

static void csv_records(void **state)
{
    (void)state;
    csv_rows c = {.rest = slice_of("a,\"b \"\"c\"\", d\ne\",\r\n\n\"\"\nlast,x"), .separator = ','};
    bool more;
    assert_ok(csv_next(&c, &more));
    assert_true(more && c.n == 3 && c.line == 1);
    assert_true(slice_is(c.cell[0], "a") && slice_is(c.cell[1], "b \"c\", d\ne") && c.cell[2].n == 0);
    assert_ok(csv_next(&c, &more));
    assert_true(more && c.n == 2 && c.line == 5 && slice_is(c.cell[1], "x"));
    assert_ok(csv_next(&c, &more));
    assert_false(more);
    csv_rows_free(&c);
    c = (csv_rows){.rest = slice_of("\"a\"b"), .separator = ','};
    assert_fails(csv_next(&c, &more), LOREC_INPUT, "follows a closed quote");
    csv_rows_free(&c);
    c = (csv_rows){.rest = slice_of("x\n\"a"), .separator = ','};
    assert_ok(csv_next(&c, &more));
    assert_fails(csv_next(&c, &more), LOREC_INPUT, "line 2");
    csv_rows_free(&c);
}

static void words_are_sets(void **state)
{
    (void)state;
    uint32_t *a, *b, n, k;
    assert_ok(item_words((slice[]){slice_of("The Am\xc3\xa9lie the"), slice_of("film")}, 2, &a, &n));
    assert_ok(item_words((slice[]){slice_of("film amelie THE")}, 1, &b, &k));
    assert_int_equal(n, 3);
    assert_int_equal(k, 3);
    assert_memory_equal(a, b, 3 * sizeof *a);
    mem_free(a);
    mem_free(b);
    assert_ok(item_words((slice[]){slice_of("!?")}, 1, &a, &n));
    assert_int_equal(n, 0);
    mem_free(a);
}

static lorec_err say(live *v, int64_t seq, const char *type, const char *item, bool retract, int64_t time)
{
    return live_event(v, &(store_event){.seq = seq,
                                        .type = slice_of(type),
                                        .user = slice_of("u"),
                                        .item = slice_of(item),
                                        .time = time,
                                        .retract = retract});
}

static void taken_back_and_old(void **state)
{
    (void)state;
    live v;
    assert_ok(live_open(&v, "read", false));
    assert_ok(say(&v, 1, "like", "a", false, 10));
    assert_ok(say(&v, 2, "read", "a", false, 20));
    assert_ok(say(&v, 3, "like", "b", false, 30));
    uint32_t u = live_find_user(&v, slice_of("u")), a = live_find_item(&v, slice_of("a"));
    assert_int_equal(v.item[a].popularity, 1);
    /* from a model that read up to event 1: only what came later counts */
    live_count(&v, NULL, NULL, 0, 1);
    assert_int_equal(v.item[a].popularity, 0);
    assert_int_equal(v.item[live_find_item(&v, slice_of("b"))].popularity, 1);
    assert_ok(say(&v, 4, "like", "a", true, 40));
    assert_int_equal(v.item[a].popularity, 0);
    assert_true(live_taken_back(&v.user[u], a, 1, INT64_MAX));
    assert_false(live_taken_back(&v.user[u], a, 4, INT64_MAX));
    assert_false(live_taken_back(&v.user[u], a, 1, 3));
    assert_int_equal(v.user[u].n, 2);
    uint32_t from = 0;
    live_expire(&v, 25, &from, 100);
    assert_int_equal(from, 0);
    assert_int_equal(v.user[u].n, 1);
    assert_int_equal(v.n_events, 1);
    live_close(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_are_kept), cmocka_unit_test(state_files_that_lie), cmocka_unit_test(csv_records),
        cmocka_unit_test(words_are_sets),  cmocka_unit_test(taken_back_and_old),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
