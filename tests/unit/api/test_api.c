/* The public face: rows in memory, a run and its report, models out of it, listeners and stopping. */
#include <math.h>

#include "base/json.h"
#include "lorec/run.h"
#include "support/support.h"

enum { USERS = 40, ITEMS = 12, EACH = 6, ROWS = USERS * EACH };

static int64_t user[ROWS], item[ROWS], when[ROWS];
static float rating[ROWS];

/* Everybody goes on by one from where they began; rows come newest first, so that order comes from the times. */
static lorec_rows chain(void)
{
    for (int u = 0, r = 0; u < USERS; u++)
        for (int k = EACH - 1; k >= 0; k--, r++) {
            user[r] = 1000 + u;
            item[r] = (u + k) % ITEMS;
            when[r] = 1600000000 + u * 100 + k;
            rating[r] = (float)(1 + k % 5);
        }
    return (lorec_rows){
        .size = sizeof(lorec_rows), .n = ROWS, .user = user, .item = item, .time = when, .rating = rating};
}

static void rows_become_a_data_set(void **state)
{
    (void)state;
    lorec_rows rows = chain();
    lorec_dataset *d;
    lorec_columns c = {.size = sizeof c};
    size_t n;
    assert_ok(lorec_dataset_from_rows(&d, &rows));
    assert_int_equal(lorec_dataset_users(d), USERS);
    assert_int_equal(lorec_dataset_items(d), ITEMS);
    assert_int_equal(lorec_dataset_interactions(d), ROWS);
    assert_string_equal(lorec_dataset_name(d), "memory");
    assert_ok(lorec_dataset_columns(d, &c));
    assert_int_equal(c.start[USERS], ROWS);
    for (uint64_t r = c.start[3] + 1; r < c.start[4]; r++) assert_true(c.time[r] > c.time[r - 1]);
    assert_memory_equal(lorec_dataset_user(d, 0, &n), "1000", 4);
    assert_int_equal(n, 4);
    assert_null(lorec_dataset_user(d, USERS, &n));
    lorec_dataset_free(d);
}

static void tables_of_ids_and_titles(void **state)
{
    (void)state;
    static const char *const ids[] = {"b", "a", "never", "b"}, *const titles[] = {"Bees", NULL, "Never", NULL};
    lorec_dataset *d;
    size_t n;
    lorec_rows rows = {.size = sizeof rows,
                       .name = "small",
                       .n = 4,
                       .user = (int64_t[]){0, 0, 1, 1},
                       .item = (int64_t[]){1, 0, 3, 1},
                       .user_id = (const char *const[]){"ann", "bob"},
                       .n_user_id = 2,
                       .item_id = ids,
                       .item_title = titles,
                       .n_item_id = 4};
    assert_ok(lorec_dataset_from_rows(&d, &rows));
    assert_int_equal(lorec_dataset_items(d), 2); /* the two "b" are one, "never" has no row */
    assert_memory_equal(lorec_dataset_item(d, 0, &n), "a", 1);
    assert_memory_equal(lorec_dataset_title(d, 1, &n), "Bees", 4);
    lorec_dataset_free(d);

    rows.user = (int64_t[]){0, 0, 2, 1};
    assert_fails(lorec_dataset_from_rows(&d, &rows), LOREC_INPUT, "row 2: user 2 is no place in a table of 2");
    assert_null(d);
    rows.n = 0;
    assert_fails(lorec_dataset_from_rows(&d, &rows), LOREC_INPUT, "no rows");
    rows.size = 4096;
    assert_fails(lorec_dataset_from_rows(&d, &rows), LOREC_USAGE, "sizeof(lorec_rows)");
    rows = chain();
    rating[7] = INFINITY;
    assert_fails(lorec_dataset_from_rows(&d, &rows), LOREC_INPUT, "row 7");
    rows.item = NULL;
    rows.rating = NULL;
    assert_fails(lorec_dataset_from_rows(&d, &rows), LOREC_USAGE, "lorec_rows.item is missing");
}

/* What the JSON says of a result is the mean of its users' values. */
static void means_agree(const lorec_report *r)
{
    json_t *root;
    assert_ok(json_parse(&root, lorec_report_json(r), strlen(lorec_report_json(r)), "report"));
    const json_t *names = json_object_get(root, "metrics"), *results = json_object_get(root, "results");
    assert_int_equal(json_array_size(results), lorec_report_results(r));
    assert_int_equal(json_array_size(names), lorec_report_metrics(r));
    for (size_t i = 0; i < json_array_size(results); i++) {
        const json_t *one = json_array_get(results, i);
        const float *values = lorec_report_values(r, i);
        if (strcmp(json_string_value(json_object_get(one, "status")), "ok") != 0) {
            assert_null(values);
            continue;
        }
        double sum = 0;
        for (uint32_t u = 0; u < lorec_report_users(r); u++) sum += values[u * lorec_report_metrics(r)];
        assert_string_equal(json_string_value(json_array_get(names, 0)), "recall@3");
        assert_near(sum / lorec_report_users(r),
                    json_number_value(json_object_get(json_object_get(one, "metrics"), "recall@3")), 1e-6);
    }
    json_decref(root);
}

static void a_run_and_its_report(void **state)
{
    (void)state;
    lorec_rows rows = chain();
    lorec_dataset *d;
    lorec_report *r, *again;
    lorec_model *m;
    lorec_item list[3];
    size_t n;
    const char *out = test_path("first");
    assert_ok(lorec_dataset_from_rows(&d, &rows));
    lorec_run_options o = {.size = sizeof o,
                           .methods = "markov",
                           .data = d,
                           .settings = "{\"metrics\": [\"recall\", \"ndcg\"], \"topk\": 3, \"smoothing\": 0.5}",
                           .out = out};
    assert_ok(lorec_run(&r, &o));
    assert_string_equal(lorec_report_folder(r), out);
    assert_int_equal(lorec_report_users(r), USERS);
    assert_string_equal(lorec_report_user(r, 0), "1000");
    assert_null(lorec_report_user(r, USERS));
    means_agree(r);
    assert_non_null(strstr(lorec_report_json(r), "\"smoothing\":0.5"));

    assert_ok(lorec_report_open(&again, out));
    assert_int_equal(lorec_report_results(again), lorec_report_results(r));
    assert_memory_equal(lorec_report_values(again, 0), lorec_report_values(r, 0), USERS * 2 * sizeof(float));
    lorec_report_free(again);

    assert_ok(lorec_model_load(&m, out));
    assert_string_equal(lorec_model_method(m), "markov");
    assert_ok(lorec_recommend(m, NULL, (const char *const[]){"4"}, 1, list, 3, &n));
    assert_string_equal(list[0].id, "5");
    lorec_model_free(m);
    assert_fails(lorec_run_model(&m, out, "ease", 9), LOREC_INPUT, "no model of ease with seed 9");

    /* config.json repeats the run from the data that it keeps */
    json_t *config;
    char path[512];
    snprintf(path, sizeof path, "%s/config.json", out);
    assert_ok(json_read(&config, path));
    assert_non_null(strstr(json_string_value(json_object_get(config, "data")), "first/data"));
    char *words = json_dumps(config, 0);
    assert_ok(lorec_run(&again, &(lorec_run_options){.size = sizeof o, .settings = words, .out = test_path("second")}));
    assert_memory_equal(lorec_report_values(again, 0), lorec_report_values(r, 0), USERS * 2 * sizeof(float));
    lorec_report_free(again);
    free(words);
    json_decref(config);

    lorec_report_free(r);
    o.methods = NULL;
    assert_fails(lorec_run(&r, &o), LOREC_USAGE, "which method?");
    assert_null(r);
    o.methods = "markov";
    assert_fails(lorec_run(&r, &o), LOREC_USAGE, "holds a run");
    o.out = test_path("third");
    o.settings = "{\"smothing\": 1}";
    assert_fails(lorec_run(&r, &o), LOREC_USAGE, "did you mean \"smoothing\"?");
    o.settings = "{\"hidden_size\": 1}"; /* an option, but of nothing that runs */
    assert_fails(lorec_run(&r, &o), LOREC_USAGE, "no option \"hidden_size\"");
    o.settings = "{";
    assert_fails(lorec_run(&r, &o), LOREC_INPUT, "the settings");
    o.settings = NULL;
    o.data = NULL;
    assert_fails(lorec_run(&r, &o), LOREC_USAGE, "which data?");
    lorec_dataset_free(d);
}

static void many_users_as_one_by_one(void **state)
{
    (void)state;
    lorec_rows rows = chain();
    lorec_dataset *d;
    lorec_model *m;
    assert_ok(lorec_dataset_from_rows(&d, &rows));
    assert_ok(lorec_fit(&m, "itemknn", d, NULL));
    lorec_dataset_free(d);
    enum { K = ITEMS };
    uint32_t items[USERS * K];
    float scores[USERS * K], all[ITEMS];
    assert_ok(lorec_recommend_users(m, NULL, USERS, K, items, scores));
    const lorec_dataset *of = lorec_model_catalogue(m);
    for (uint32_t u = 0; u < USERS; u++) {
        lorec_item list[K];
        char id[16];
        size_t n, length;
        const char *p = lorec_dataset_user(of, u, &length);
        snprintf(id, sizeof id, "%.*s", (int)length, p);
        assert_ok(lorec_recommend(m, id, NULL, 0, list, K, &n));
        assert_ok(lorec_score_all(m, id, NULL, 0, all));
        for (size_t j = 0; j < n; j++) {
            assert_memory_equal(lorec_dataset_item(of, items[u * K + j], &length), list[j].id, strlen(list[j].id));
            assert_near(scores[u * K + j], list[j].score, 1e-6);
            assert_near(all[items[u * K + j]], list[j].score, 1e-6);
        }
        for (size_t j = n; j < K; j++) assert_true(items[u * K + j] == UINT32_MAX && isnan(scores[u * K + j]));
    }
    assert_fails(lorec_recommend_users(m, (const uint32_t[]){0, USERS}, 2, 1, items, scores), LOREC_USAGE,
                 "user 1 of the list");
    lorec_model_free(m);
}

typedef struct heard {
    int steps, lines, asked, stop_after;
} heard;
static void on_progress(void *ctx, const char *what, double done, double total, const char *unit, const char *note)
{
    (void)done, (void)note;
    assert_true(what && *what && unit && total >= 0);
    ((heard *)ctx)->steps++;
}
static void on_log(void *ctx, int level, const char *line)
{
    assert_true(level >= 1 && level <= 3 && *line);
    ((heard *)ctx)->lines++;
}
static int on_stop(void *ctx)
{
    heard *h = ctx;
    return ++h->asked > h->stop_after;
}

static void a_listener_hears_and_stops(void **state)
{
    (void)state;
    lorec_rows rows = chain();
    lorec_dataset *d;
    lorec_report *r;
    heard h = {.stop_after = 1 << 30};
    lorec_watch w = {.size = sizeof w, .ctx = &h, .stop = on_stop, .progress = on_progress, .log = on_log};
    assert_ok(lorec_dataset_from_rows(&d, &rows));
    assert_ok(lorec_watch_thread(&w));
    lorec_run_options o = {
        .size = sizeof o, .methods = "bpr", .data = d, .settings = "{\"epochs\": 3}", .out = test_path("heard")};
    assert_ok(lorec_run(&r, &o));
    lorec_report_free(r);
    assert_true(h.steps > 0 && h.lines > 0 && h.asked > 3);

    h = (heard){.stop_after = h.asked / 2};
    o.out = test_path("stopped");
    assert_fails(lorec_run(&r, &o), LOREC_CANCELLED, "resume goes on from there");
    assert_null(r);
    h.stop_after = 1 << 30;
    o.resume = 1;
    assert_ok(lorec_run(&r, &o));
    lorec_report_free(r);

    assert_ok(lorec_watch_thread(NULL)); /* nobody any more */
    int asked = h.asked;
    lorec_model *m;
    lorec_set_log_level(0);
    assert_ok(lorec_fit(&m, "bpr", d, NULL));
    lorec_set_log_level(2);
    assert_int_equal(h.asked, asked);
    lorec_model_free(m);
    lorec_dataset_free(d);
}

static void methods_are_told(void **state)
{
    (void)state;
    json_t *root;
    const char *text = lorec_methods_json();
    assert_ok(json_parse(&root, text, strlen(text), "methods"));
    assert_true(json_array_size(json_object_get(root, "methods")) > 30);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_become_a_data_set),     cmocka_unit_test(tables_of_ids_and_titles),
        cmocka_unit_test(a_run_and_its_report),       cmocka_unit_test(many_users_as_one_by_one),
        cmocka_unit_test(a_listener_hears_and_stops), cmocka_unit_test(methods_are_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
