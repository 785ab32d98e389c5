/* The sample catalogue: the same everywhere, and with the signal that it promises. */
#include "support/support.h"

#include "data/dataset.h"

static void test_same_everywhere(void **state)
{
    (void)state;
    dataset a, b, c;
    assert_ok(dataset_load(&a, "sample", NULL));
    assert_int_equal(a.rows.n_users, 1500);
    assert_int_equal(a.rows.n_items, 600);
    assert_string_equal(a.sha256, "f7841f3dc462388a70f9196dfb1bd75b65ad4d2cc67e3c33d512f429900386b0");
    assert_ok(dataset_sample(&b, 0, 42));
    assert_string_equal(a.sha256, b.sha256);
    assert_ok(dataset_load(&c, "sample:40x7", NULL));
    assert_int_equal(c.rows.n_users, 40);
    assert_string_not_equal(a.sha256, c.sha256);
    dataset_close(&a);
    dataset_close(&b);
    dataset_close(&c);
    assert_fails(dataset_load(&a, "sample:many", NULL), LOREC_USAGE, "sample:USERS");
}

/* Volume n + 1 never comes before volume n, and no book is bought twice. */
static void test_series_in_order(void **state)
{
    (void)state;
    dataset d;
    assert_ok(dataset_sample(&d, 300, 1));
    const column *series = dataset_column(&d, SIDE_ITEM, "series");
    assert_non_null(series);
    size_t steps = 0;
    for (uint32_t u = 0; u < d.rows.n_users; u++) {
        for (uint64_t r = d.rows.start[u]; r < d.rows.start[u + 1]; r++) {
            for (uint64_t q = d.rows.start[u]; q < r; q++) {
                uint32_t now = d.rows.item[r], before = d.rows.item[q];
                assert_true(now != before);
                if (!series->code[now] || series->code[now] != series->code[before]) continue;
                /* Volumes of a series have ids in a row. */
                assert_true(memcmp(names_at(&d.item_ids, before).p, names_at(&d.item_ids, now).p, strlen("B001")) < 0);
                steps++;
            }
        }
    }
    assert_true(steps > d.rows.n_users); /* sequels are read, and read in order */
    dataset_close(&d);
}

/* Winter books go in winter: at least four in five between December and February. */
static void test_seasons(void **state)
{
    (void)state;
    dataset d;
    assert_ok(dataset_sample(&d, 0, 42));
    const column *season = dataset_column(&d, SIDE_ITEM, "season");
    size_t winter = 0, cold = 0, all_cold = 0;
    for (uint64_t r = 0; r < d.rows.n; r++) {
        double day = (double)(d.rows.time[r] / 86400 % 365);
        bool in_winter = day < 75 || day > 340;
        all_cold += in_winter;
        if (!slice_is(names_at(&season->words, season->code[d.rows.item[r]]), "winter")) continue;
        winter++;
        cold += in_winter;
    }
    assert_true(winter > 500);
    assert_true(cold * 5 > winter * 4);
    assert_true(all_cold * 2 < d.rows.n);
    dataset_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_everywhere), cmocka_unit_test(test_series_in_order),
                                       cmocka_unit_test(test_seasons)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
