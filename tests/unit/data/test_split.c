#include "data/split.h"

#include <math.h>

#include "base/mem.h"
#include "support/support.h"
#include "tensor/rng.h"

/* Rows "user item time"; the item ids are those of the text. */
static void from_rows(dataset *d, const char *const (*rows)[3], size_t n, bool times)
{
    dataset_builder *b = dataset_builder_new("rows");
    for (size_t i = 0; i < n; i++)
        assert_ok(dataset_builder_row(
            b, &(raw_row){slice_of(rows[i][0]), slice_of(rows[i][1]), (float)i, times ? atoi(rows[i][2]) : INT64_MIN}));
    assert_ok(dataset_builder_finish(b, false, d));
}

/* "a:i1,i2 b:i3" of a part, in order. */
static const char *part_text(const split *s, const interactions *part)
{
    static char text[2000];
    size_t at = 0;
    text[0] = 0;
    for (uint32_t u = 0; u < part->n_users; u++) {
        if (part->start[u] == part->start[u + 1]) continue;
        slice user = names_at(&s->data->user_ids, u);
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%.*s:", at ? " " : "", (int)user.n, user.p);
        for (uint64_t r = part->start[u]; r < part->start[u + 1]; r++) {
            slice item = names_at(&s->data->item_ids, part->item[r]);
            at += (size_t)snprintf(text + at, sizeof text - at, "%s%.*s", r == part->start[u] ? "" : ",", (int)item.n,
                                   item.p);
            /* what goes with a row stays with it */
            assert_true(part->rating[r] == s->data->rows.rating[part->row[r]]);
            assert_int_equal(part->item[r], s->data->rows.item[part->row[r]]);
            if (part->time) assert_true(part->time[r] == s->data->rows.time[part->row[r]]);
        }
    }
    return text;
}

static void make(split *s, const dataset *d, const char *words)
{
    split_options o = {.seed = 7};
    assert_ok(split_parse(&o, words));
    assert_ok(split_make(s, d, &o));
}

static void leave_one_out(void **state)
{
    (void)state;
    static const char *const rows[][3] = {{"a", "w", "3"}, {"a", "x", "1"}, {"b", "x", "1"},
                                          {"a", "y", "2"}, {"b", "y", "2"}, {"c", "z", "5"},
                                          {"c", "w", "4"}, {"c", "x", "5"}, {"c", "y", "4"}};
    dataset d;
    split s, all;
    from_rows(&d, rows, 9, true);
    make(&s, &d, "loo");
    assert_string_equal(s.id, "loo");
    assert_string_equal(part_text(&s, &s.train),
                        "a:x b:x,y c:w,y"); /* b has too few; equal times keep the source's order */
    assert_string_equal(part_text(&s, &s.valid), "a:y c:z");
    assert_string_equal(part_text(&s, &s.test), "a:w c:x");
    uint32_t had[9];
    int64_t times[9];
    assert_int_equal(split_history(&s, false, 0, had, NULL), 1);
    assert_int_equal(split_history(&s, true, 0, had, times), 2);
    assert_true(times[0] == 1 && times[1] == 2 && had[1] == s.valid.item[0]);
    assert_ok(split_with_valid(&all, &s));
    assert_string_equal(part_text(&all, &all.train), "a:x,y b:x,y c:w,y,z");
    assert_true(all.valid.n == 0 && all.valid.start[all.valid.n_users] == 0);
    assert_string_equal(part_text(&all, &all.test), "a:w c:x");
    assert_string_equal(all.id, s.id);
    assert_int_equal(split_history(&all, true, 0, had, NULL), 2);
    split_close(&all);
    split_close(&s);
    dataset_close(&d);
}

/* RecBole's _calcu_split_ids for 8:1:1, as its Python computes it: rows -> train, valid, test. */
static void rounding_of_recbole(void **state)
{
    (void)state;
    static const int cases[][4] = {{1, 1, 0, 0},   {2, 1, 0, 1},      {3, 1, 1, 1},      {4, 2, 1, 1},
                                   {9, 7, 1, 1},   {10, 8, 1, 1},     {11, 9, 1, 1},     {19, 17, 1, 1},
                                   {20, 16, 2, 2}, {29, 25, 2, 2},    {30, 24, 3, 3},    {65, 53, 6, 6},
                                   {99, 81, 9, 9}, {100, 80, 10, 10}, {737, 591, 73, 73}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        for (int random = 0; random < 2; random++) {
            dataset_builder *b = dataset_builder_new("one");
            char item[16];
            for (int u = 0; u < 2; u++) /* a second user, so that training and test are never empty */
                for (int i = 0; i < (u ? 30 : cases[c][0]); i++) {
                    snprintf(item, sizeof item, "%d", i);
                    assert_ok(dataset_builder_row(b, &(raw_row){slice_of(u ? "b" : "a"), slice_of(item), 1, i}));
                }
            dataset d;
            split s;
            assert_ok(dataset_builder_finish(b, false, &d));
            make(&s, &d, random ? "ratio-random:8:1:1" : "ratio");
            assert_int_equal(s.train.start[1], cases[c][1]);
            assert_int_equal(s.valid.start[1], cases[c][2]);
            assert_int_equal(s.test.start[1], cases[c][3]);
            assert_int_equal(s.test.n - s.test.start[1], 3);
            for (uint64_t r = 1; r < s.train.n; r++)
                if (r != s.train.start[1]) assert_true(s.train.time[r] > s.train.time[r - 1]); /* time order stays */
            if (!random && s.test.start[1]) assert_true(s.test.time[0] > s.train.time[s.train.start[1] - 1]);
            split_close(&s);
            dataset_close(&d);
        }
    }
}

static void random_dataset(dataset *d, uint32_t users, uint32_t per_user)
{
    dataset_builder *b = dataset_builder_new("random");
    rng r = rng_make(1, RNG_USER);
    char user[16], item[16];
    for (uint32_t i = 0; i < users * per_user; i++) {
        snprintf(user, sizeof user, "u%u", i % users);
        snprintf(item, sizeof item, "i%u", rng_below(&r, 50));
        assert_ok(dataset_builder_row(b, &(raw_row){slice_of(user), slice_of(item), 1, rng_below(&r, 300)}));
    }
    assert_ok(dataset_builder_finish(b, false, d));
}

/* Each row is in exactly one part; each place of a user is as likely to be test as any other. */
static void random_ratio(void **state)
{
    (void)state;
    enum { USERS = 2000, PER = 10 };
    dataset d;
    split s, t;
    random_dataset(&d, USERS, PER);
    make(&s, &d, "ratio-random:6:2:2@5");
    assert_string_equal(s.id, "ratio-user-random-0.6-0.2-0.2-s5");
    assert_int_equal(s.train.n + s.valid.n + s.test.n, d.rows.n);
    unsigned char *seen = test_calloc(USERS * PER, 1);
    double at[PER] = {0};
    const interactions *parts[] = {&s.train, &s.valid, &s.test};
    for (int p = 0; p < 3; p++)
        for (uint64_t r = 0; r < parts[p]->n; r++) seen[parts[p]->row[r]]++;
    for (uint64_t r = 0; r < d.rows.n; r++) assert_int_equal(seen[r], 1);
    for (uint64_t r = 0; r < s.test.n; r++) at[s.test.row[r] % PER]++;
    for (int i = 0; i < PER; i++) assert_near(at[i] / USERS, 0.2, 0.04); /* 4.5 standard deviations */
    make(&t, &d, "ratio-random:6:2:2@5");
    assert_memory_equal(s.test.row, t.test.row, s.test.n * sizeof *s.test.row);
    split_close(&t);
    make(&t, &d, "ratio-random:6:2:2@6");
    assert_memory_not_equal(s.test.row, t.test.row, s.test.n * sizeof *s.test.row);
    split_close(&t);
    split_close(&s);
    make(&s, &d, "ratio-all-random:8:1:1");
    assert_true(s.valid.n == USERS * PER / 10 && s.test.n == USERS * PER / 10);
    assert_string_equal(s.id, "ratio-all-random-0.8-0.1-0.1-s7");
    split_close(&s);
    test_free(seen);
    dataset_close(&d);
}

static void by_time(void **state)
{
    (void)state;
    dataset d;
    split s;
    random_dataset(&d, 60, 50);
    make(&s, &d, "ratio-all:7:1:2");
    assert_true(s.train.n == 2100 && s.valid.n == 300 && s.test.n == 600);
    int64_t last = 0, first = INT64_MAX;
    for (uint64_t r = 0; r < s.train.n; r++)
        if (s.train.time[r] > last) last = s.train.time[r];
    for (uint64_t r = 0; r < s.valid.n; r++) {
        assert_true(s.valid.time[r] >= last);
        if (s.valid.time[r] < first) first = s.valid.time[r];
    }
    for (uint64_t r = 0; r < s.test.n; r++) assert_true(s.test.time[r] >= first);
    split_close(&s);
    make(&s, &d, "time:100:200"); /* instants: equal times stay together */
    assert_string_equal(s.id, "time-100-200");
    for (uint64_t r = 0; r < s.train.n; r++) assert_true(s.train.time[r] < 100);
    for (uint64_t r = 0; r < s.valid.n; r++) assert_true(s.valid.time[r] >= 100 && s.valid.time[r] < 200);
    for (uint64_t r = 0; r < s.test.n; r++) assert_true(s.test.time[r] >= 200);
    assert_int_equal(s.train.n + s.valid.n + s.test.n, d.rows.n);
    split_close(&s);
    make(&s, &d, "time:8:1:1");
    assert_near((double)s.train.n / 3000, 0.8, 0.01);
    assert_near((double)s.test.n / 3000, 0.1, 0.01);
    assert_true(s.options.valid_from > 0 && s.options.test_from > s.options.valid_from);
    split_close(&s);
    dataset_close(&d);
}

static void files(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"a", "x", "train"}, {"a", "y", "test"}, {"b", "x", "valid"}, {"b", "y", "train"}};
    dataset d;
    split s;
    for (int wrong = 0; wrong < 2; wrong++) {
        dataset_builder *b = dataset_builder_new("files");
        for (size_t i = 0; i < 4; i++) {
            assert_ok(dataset_builder_row(b, &(raw_row){slice_of(rows[i][0]), slice_of(rows[i][1]), 1, INT64_MIN}));
            assert_ok(dataset_builder_cell(b, SIDE_ROW, "part", COLUMN_TOKEN, (slice){0},
                                           slice_of(wrong && i == 3 ? "tset" : rows[i][2]), 0));
        }
        assert_ok(dataset_builder_finish(b, false, &d));
        if (wrong) {
            assert_fails(split_make(&s, &d, &(split_options){.kind = SPLIT_FILES}), LOREC_INPUT, "\"tset\"");
        } else {
            make(&s, &d, "files");
            assert_string_equal(part_text(&s, &s.train), "a:x b:y");
            assert_string_equal(part_text(&s, &s.valid), "b:x");
            assert_string_equal(part_text(&s, &s.test), "a:y");
            split_close(&s);
        }
        dataset_close(&d);
    }
}

static void refusals(void **state)
{
    (void)state;
    static const char *const rows[][3] = {{"a", "x", "1"}, {"a", "y", "2"}, {"b", "x", "1"}};
    dataset d;
    split s;
    split_options o = {0};
    from_rows(&d, rows, 3, false);
    assert_fails(split_make(&s, &d, &(split_options){.kind = SPLIT_LOO}), LOREC_INPUT, "at least 3 interactions");
    assert_null(s.memory);
    assert_fails(split_make(&s, &d, &(split_options){.kind = SPLIT_TIME}), LOREC_INPUT, "no times");
    assert_fails(split_make(&s, &d, &(split_options){.kind = SPLIT_RATIO_ALL}), LOREC_INPUT, "no times");
    assert_fails(split_make(&s, &d, &(split_options){.kind = SPLIT_FILES}), LOREC_USAGE, "\"part\"");
    assert_fails(split_make(&s, &d, &(split_options){.kind = SPLIT_RATIO_USER, .train = -1, .test = 2}), LOREC_USAGE,
                 "ratios");
    dataset_close(&d);
    from_rows(&d, rows, 3, true);
    assert_fails(split_make(&s, &d, &(split_options){.kind = SPLIT_TIME, .valid_from = 1, .test_from = 1}), LOREC_INPUT,
                 "training part empty");
    assert_fails(split_make(&s, &d, &(split_options){.kind = SPLIT_TIME, .valid_from = 5, .test_from = 5}), LOREC_INPUT,
                 "test part empty");
    dataset_close(&d);
    static const char *const bad[][2] = {{"lo", "did you mean \"loo\""},
                                         {"loo:1", "no values"},
                                         {"ratio:8:1", "train:valid:test"},
                                         {"ratio:8:1:1:1", "train:valid:test"},
                                         {"ratio:8:x:1", "\"x\" is no ratio"},
                                         {"ratio:0:1:1", "above 0"},
                                         {"ratio@4", "where the split is random"},
                                         {"ratio-random@x", "whole number"},
                                         {"time:2020-13-01:2021-01-01", "YYYY-MM-DD"},
                                         {"time:2021-01-01:2020-01-01", "before the validation"},
                                         {"", "not known"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_fails(split_parse(&o, bad[i][0]), LOREC_USAGE, bad[i][1]);
    assert_ok(split_parse(&o, "time:1970-01-02:2020-02-29"));
    assert_true(o.valid_from == 86400 && o.test_from == 1582934400);
}

/* Every allocation that fails is told, and nothing leaks (the sanitizer build watches). */
static void memory(void **state)
{
    (void)state;
    dataset d;
    split s;
    random_dataset(&d, 20, 10);
    for (size_t n = 1; n < 100; n++) {
        (void)mem_fail_at(n, false);
        lorec_err e = split_make(&s, &d, &(split_options){.kind = SPLIT_TIME});
        size_t counted = mem_fail_at(0, false);
        if (!e) {
            split_close(&s);
            assert_true(n > counted && n > 10);
            break;
        }
        assert_int_equal(e, LOREC_RESOURCE);
    }
    dataset_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leave_one_out), cmocka_unit_test(rounding_of_recbole),
        cmocka_unit_test(random_ratio),  cmocka_unit_test(by_time),
        cmocka_unit_test(files),         cmocka_unit_test(refusals),
        cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
