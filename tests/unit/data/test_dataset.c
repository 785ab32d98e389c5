/* The builder, side columns, finding by title, saving, and reading by many workers. */
#include "support/support.h"

#include <math.h>

#include "base/log.h"
#include "base/threads.h"
#include "data/dataset.h"

static dataset_builder *b;

static void row(const char *user, const char *item, int64_t time)
{
    assert_ok(dataset_builder_row(b, &(raw_row){slice_of(user), slice_of(item), NAN, time}));
}

static void cell(column_side side, const char *name, column_kind kind, const char *who, const char *value)
{
    assert_ok(dataset_builder_cell(b, side, name, kind, slice_of(who), slice_of(value), '|'));
}

static void check_dataset(const dataset *d)
{
    assert_int_equal(d->rows.n_users, 2);
    assert_int_equal(d->rows.n_items, 3); /* z is only in a side column */
    assert_null(d->rows.rating);
    /* b: y at 5, x at 9; a: x at 1, x at 7, w at 7 */
    static const uint32_t items[] = {1, 0, 0, 0, 2};
    static const int64_t times[] = {5, 9, 1, 7, 7};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(d->rows.item[i], items[i]);
        assert_int_equal(d->rows.time[i], times[i]);
    }
    const column *title = dataset_column(d, SIDE_ITEM, "title"), *tags = dataset_column(d, SIDE_ITEM, "tags");
    const column *age = dataset_column(d, SIDE_USER, "age"), *where = dataset_column(d, SIDE_ROW, "where");
    assert_true(slice_is(names_at(&title->words, 0), "New X")); /* the last cell counts */
    assert_true(slice_is(names_at(&title->words, 1), ""));
    assert_true(slice_is(dataset_title(d, 1), "y")); /* no title: the id */
    assert_int_equal(tags->first[1] - tags->first[0], 2);
    assert_true(slice_is(names_at(&tags->words, tags->code[1]), "red"));
    assert_int_equal(tags->first[3], 2);
    assert_near(age->value[1], 33, 0);
    assert_true(isnan(age->value[0]));
    assert_true(slice_is(names_at(&where->words, where->code[1]), "home")); /* row "b x 9" was the first to come */
    assert_true(slice_is(names_at(&where->words, where->code[0]), ""));
    assert_true(slice_is(names_at(&where->words, where->code[4]), "out"));
}

static void test_builder(void **state)
{
    (void)state;
    dataset d, again;
    b = dataset_builder_new("tiny");
    assert_non_null(b);
    cell(SIDE_ITEM, "title", COLUMN_TEXT, "z", "Zed");
    cell(SIDE_ITEM, "title", COLUMN_TEXT, "x", "Old X");
    row("b", "x", 9);
    cell(SIDE_ROW, "where", COLUMN_TOKEN, "", "home");
    row("b", "y", 5);
    row("a", "x", 7);
    row("a", "w", 7);
    cell(SIDE_ROW, "where", COLUMN_TOKEN, "", "out");
    row("a", "x", 1);
    cell(SIDE_ITEM, "title", COLUMN_TEXT, "x", "New X");
    cell(SIDE_ITEM, "tags", COLUMN_TOKEN_SEQ, "x", "blue|red");
    cell(SIDE_USER, "age", COLUMN_FLOAT, "a", "33");
    assert_fails(dataset_builder_cell(b, SIDE_USER, "age", COLUMN_TOKEN, slice_of("a"), slice_of("x"), 0), LOREC_INPUT,
                 "\"age\"");
    assert_fails(dataset_builder_cell(b, SIDE_USER, "age", COLUMN_FLOAT, slice_of("a"), slice_of("old"), 0),
                 LOREC_INPUT, "\"old\"");
    assert_ok(dataset_builder_finish(b, false, &d));
    check_dataset(&d);
    assert_ok(dataset_save(&d, test_path("tiny")));
    assert_ok(dataset_save(&d, test_path("tiny/"))); /* over itself */
    assert_ok(dataset_open(&again, test_path("tiny")));
    check_dataset(&again);
    assert_string_equal(again.sha256, d.sha256);
    assert_string_equal(again.name, "tiny");
    dataset_close(&again);
    dataset_close(&d);
    assert_fails(dataset_builder_finish(dataset_builder_new("none"), true, &d), LOREC_INPUT, "no interactions");
}

static void test_keep_unseen(void **state)
{
    (void)state;
    dataset d;
    b = dataset_builder_new("unseen");
    cell(SIDE_ITEM, "odd/name: \xC3\xA9", COLUMN_TOKEN, "z", "Zed"); /* any column name can be saved */
    cell(SIDE_USER, "age", COLUMN_FLOAT, "nobody", "1");
    row("a", "x", 1);
    assert_ok(dataset_builder_finish(b, true, &d));
    assert_int_equal(d.rows.n_users, 2);
    assert_int_equal(d.rows.n_items, 2);
    assert_int_equal(d.rows.start[2], 1);
    assert_ok(dataset_save(&d, test_path("unseen")));
    dataset_close(&d);
    assert_ok(dataset_open(&d, test_path("unseen")));
    const column *c = dataset_column(&d, SIDE_ITEM, "odd/name: \xC3\xA9");
    assert_true(slice_is(names_at(&c->words, c->code[1]), "Zed"));
    dataset_close(&d);
}

static void test_finding(void **state)
{
    (void)state;
    dataset d;
    uint32_t item, user;
    b = dataset_builder_new("shop");
    static const char *const titles[] = {
        "The Glass Harbour", "The Glass Harbour II", "Caf\xC3\xA9 Noir", "Twins", "Twins", "4"};
    char id[8];
    for (int i = 0; i < 6; i++) {
        snprintf(id, sizeof id, "%d", i);
        row("a", id, i);
        cell(SIDE_ITEM, "title", COLUMN_TEXT, id, titles[i]);
    }
    assert_ok(dataset_builder_finish(b, false, &d));
    assert_ok(dataset_find_item(&d, slice_of("the glass harbour"), &item)); /* whole before part */
    assert_int_equal(item, 0);
    assert_ok(dataset_find_item(&d, slice_of("harbour ii"), &item));
    assert_int_equal(item, 1);
    assert_ok(dataset_find_item(&d, slice_of("CAF\xC3\x89"), &item));
    assert_int_equal(item, 2);
    assert_ok(dataset_find_item(&d, slice_of("4"), &item)); /* an id before a title */
    assert_int_equal(item, 4);
    assert_fails(dataset_find_item(&d, slice_of("twins"), &item), LOREC_USAGE, "(id 3)");
    assert_fails(dataset_find_item(&d, slice_of("glass"), &item), LOREC_USAGE, "fits 2 items");
    assert_fails(dataset_find_item(&d, slice_of("Cafe Noir"), &item), LOREC_USAGE, "did you mean \"Caf\xC3\xA9 Noir\"");
    assert_fails(dataset_find_item(&d, slice_of("zzzzzzzz"), &item), LOREC_USAGE, "no item");
    assert_fails(dataset_find_item(&d, slice_of("  "), &item), LOREC_USAGE, "empty");
    assert_true(dataset_find_user(&d, slice_of("a"), &user));
    assert_false(dataset_find_user(&d, slice_of("b"), &user));
    dataset_close(&d);
}

enum { LINES = 120000 };

/* Whatever the number of workers, numbers are by first sight and the data set is the same, bit for bit. */
static void test_workers_agree(void **state)
{
    (void)state;
    char *text = malloc(LINES * 32), *p = text;
    assert_non_null(text);
    p += sprintf(p, "user_id,item_id,rating,timestamp\n");
    uint32_t s = 1;
    for (int i = 0; i < LINES; i++) {
        s = s * 1664525u + 1013904223u;
        p += sprintf(p, "u%u,i%u,%u.5,%u\n", s >> 20, (s >> 8) % 1000, s >> 30, 1000000000u + (s >> 4) % 1000);
    }
    const char *path = test_file("large.csv", text);
    char first[65] = "", odd[64];
    int workers = par_workers();
    for (int w = 1; w <= 5; w++) {
        dataset d;
        par_set_workers(w);
        assert_ok(dataset_import(&d, path, NULL));
        assert_int_equal(d.rows.n, LINES);
        assert_true(slice_is(names_at(&d.user_ids, 0), "u968")); /* the first line's */
        if (w == 1) memcpy(first, d.sha256, sizeof first);
        assert_string_equal(d.sha256, first);
        dataset_close(&d);
    }
    /* a bad row far behind: the lowest one is told, by its line */
    memcpy(odd, "broken\n", 8);
    size_t third = (size_t)(p - text) / 3 * 2;
    char *at = strchr(text + third, '\n') + 1, *end = strchr(at, '\n');
    memset(at, 'x', (size_t)(end - at));
    size_t line = 1;
    for (char *q = text; q < at; q++) line += *q == '\n';
    test_file("large.csv", text);
    dataset d;
    snprintf(odd, sizeof odd, "large.csv, line %zu: 1 column where 4 are needed", line);
    assert_fails(dataset_import(&d, path, NULL), LOREC_INPUT, odd);
    par_set_workers(workers);
    free(text);
}

int main(void)
{
    log_set_level(LOG_QUIET);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_builder), cmocka_unit_test(test_keep_unseen),
                                       cmocka_unit_test(test_finding), cmocka_unit_test(test_workers_agree)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
