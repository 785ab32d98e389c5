/* What every recommender without a gradient tape keeps to: the same bits for the same seed, save -> load -> the same
 * scores, unknown users, empty histories, one user, one item, nothing to learn from, memory and disk that fail. */
#include "unit/rec/tiny.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/npy.h"
#include "rec/topk.h"

static const recommender *const all[] = {
    &recommender_pop,     &recommender_recent_pop, &recommender_repeat, &recommender_markov, &recommender_itemknn,
    &recommender_userknn, &recommender_slim,       &recommender_ease,   &recommender_ials,   &recommender_gfcf,
};
enum { ALL = sizeof all / sizeof *all };

static void same_seed_same_bits_and_after_loading(void **state)
{
    (void)state;
    tiny t;
    tiny_random(&t, 50, 40, 7, 1);
    query q[52];
    for (uint32_t u = 0; u < 50; u++) q[u] = tiny_query(&t, u);
    q[50] = (query){.user = NO_USER, .now = INT64_MIN};
    q[51] = (query){.user = NO_USER, .items = (uint32_t[]){3, 39, 3, 4000000000U}, .n = 4, .now = INT64_MIN};
    for (size_t i = 0; i < ALL; i++) {
        const recommender *r = all[i];
        void *a = tiny_fit(r, &t.x, NULL), *b = tiny_fit(r, &t.x, NULL), *c;
        float *sa = tiny_scores(r, a, &t.x, q, 52), *sb = tiny_scores(r, b, &t.x, q, 52);
        const char *folder = test_path(r->key);
        assert_ok(recommender_save(r, a, folder));
        assert_ok(recommender_save(r, b, folder)); /* over an old one */
        assert_ok(recommender_load(r, &c, folder));
        float *sc = tiny_scores(r, c, &t.x, q, 52), *one = tiny_scores(r, c, &t.x, q + 17, 1);
        if (memcmp(sa, sb, 52 * 40 * sizeof *sa)) fail_msg("%s: two fits of one seed differ", r->key);
        if (memcmp(sa, sc, 52 * 40 * sizeof *sa)) fail_msg("%s: the loaded model scores differently", r->key);
        for (int j = 0; j < 40; j++) assert_near(one[j], sa[17 * 40 + j], 1e-5); /* a batch is its queries */
        for (int k = 0; k < 52 * 40; k++)
            if (!isfinite(sa[k])) fail_msg("%s: score %d is %g", r->key, k, (double)sa[k]);
        free(sa), free(sb), free(sc), free(one);
        recommender_free(r, a), recommender_free(r, b), recommender_free(r, c);
    }
    tiny_free(&t);
}

static void users_differ_and_history_matters(void **state)
{
    (void)state;
    tiny t;
    tiny_random(&t, 50, 40, 7, 1);
    query q[2] = {{.user = NO_USER, .items = (uint32_t[]){1, 2}, .n = 2, .now = INT64_MIN},
                  {.user = NO_USER, .items = (uint32_t[]){5, 9}, .n = 2, .now = INT64_MIN}};
    for (size_t i = 2; i < ALL; i++) { /* all but the two popularity rules */
        void *m = all[i] == &recommender_slim ? tiny_fit(all[i], &t.x, "alpha", "0.01", NULL)
                                              : tiny_fit(all[i], &t.x, NULL);
        float *s = tiny_scores(all[i], m, &t.x, q, 2);
        assert_memory_not_equal(s, s + 40, 40 * sizeof *s);
        free(s);
        recommender_free(all[i], m);
    }
    tiny_free(&t);
}

static void smallest_data(void **state)
{
    (void)state;
    const struct {
        uint32_t users, items;
        const char *rows;
    } cases[] = {{1, 1, "0"}, {1, 3, "0 1 2"}, {3, 1, "0 | 0 | 0 0"}, {3, 5, " | 2 | "}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        tiny t;
        tiny_from(&t, cases[c].users, cases[c].items, cases[c].rows);
        for (size_t i = 0; i < ALL; i++) {
            void *m = tiny_fit(all[i], &t.x, NULL);
            query q[2] = {tiny_query(&t, 0), {.user = NO_USER, .now = INT64_MIN}};
            float *s = tiny_scores(all[i], m, &t.x, q, 2);
            for (uint32_t k = 0; k < 2 * t.x.n_items; k++)
                if (!isfinite(s[k])) fail_msg("%s: %g with %s", all[i]->key, (double)s[k], cases[c].rows);
            free(s);
            recommender_free(all[i], m);
        }
        tiny_free(&t);
    }
}

static void nothing_to_learn_from(void **state)
{
    (void)state;
    tiny t;
    tiny_from(&t, 2, 3, " | ");
    for (size_t i = 0; i < ALL; i++) {
        void *m;
        assert_ok(recommender_new(all[i], &m));
        assert_fails(all[i]->fit(m, &(fit_context){.train = &t.x}), LOREC_INPUT, "no interactions");
        recommender_free(all[i], m);
    }
    tiny_free(&t);
}

/* Every allocation and every write in turn fails: an error each time, nothing leaks (ASan), nothing half-written. */
static void memory_and_disk_that_fail(void **state)
{
    (void)state;
    tiny t;
    tiny_random(&t, 12, 10, 4, 1);
    query q = tiny_query(&t, 3);
    float scores[10];
    for (size_t i = 0; i < ALL; i++) {
        const recommender *r = all[i];
        bool done = false;
        for (size_t at = 1; !done; at++) {
            assert_true(at < 2000);
            void *m = NULL;
            mem_fail_at(at, false);
            lorec_err e = recommender_new(r, &m);
            if (!e) e = r->fit(m, &(fit_context){.train = &t.x, .seed = 1});
            rec_session *s = e ? NULL : rec_session_new(1);
            if (!e) e = s ? r->score(m, s, &q, 1, scores) : LOREC_RESOURCE;
            mem_fail_at(0, false);
            done = !e;
            if (e) assert_int_equal(e, LOREC_RESOURCE);
            rec_session_free(s);
            recommender_free(r, m);
        }
        void *m = tiny_fit(r, &t.x, NULL), *loaded;
        const char *folder = test_path("failing");
        for (size_t at = 1;; at++) {
            assert_true(at < 200);
            file_fail_at(at);
            lorec_err e = recommender_save(r, m, folder);
            file_fail_at(0);
            if (!e) break;
            assert_int_equal(e, LOREC_RESOURCE);
            assert_false(folder_exists(folder)); /* the first save that works is the first that shows */
        }
        for (size_t at = 1;; at++) {
            mem_fail_at(at, false);
            lorec_err e = recommender_load(r, &loaded, folder);
            mem_fail_at(0, false);
            if (!e) break;
            assert_null(loaded);
        }
        recommender_free(r, loaded);
        recommender_free(r, m);
        assert_ok(folder_remove(folder));
        char **there;
        size_t n;
        assert_ok(folder_list(test_folder(), &there, &n));
        for (size_t k = 0; k < n; k++) assert_null(strstr(there[k], "failing"));
        names_free(there, n);
    }
    tiny_free(&t);
}

static void another_catalogue_is_refused(void **state)
{
    (void)state;
    tiny t;
    tiny_random(&t, 12, 10, 4, 1);
    query q = tiny_query(&t, 0);
    for (size_t i = 0; i < ALL; i++) {
        void *m = tiny_fit(all[i], &t.x, NULL);
        rec_session *s = rec_session_new(1);
        uint32_t item[2];
        float score[2];
        size_t found;
        assert_ok(recommender_fits(all[i], m, 10));
        assert_fails(recommender_list(all[i], m, s, 9, &q, 1, 2, true, item, score, &found), LOREC_USAGE, "10 items");
        assert_fails(recommender_score_items(all[i], m, s, 11, &q, 1, (uint64_t[]){0, 1}, item, score), LOREC_USAGE,
                     "has 11");
        assert_ok(recommender_list(all[i], m, s, 10, &q, 1, 2, true, item, score, &found));
        assert_int_equal(found, 2);
        rec_session_free(s);
        recommender_free(all[i], m);
    }
    tiny_free(&t);
}

static void damaged_folders(void **state)
{
    (void)state;
    tiny t;
    tiny_random(&t, 12, 10, 4, 1);
    void *m = tiny_fit(&recommender_markov, &t.x, NULL), *loaded;
    const char *folder = test_path("damaged");
    assert_ok(recommender_save(&recommender_markov, m, folder));
    assert_fails(recommender_load(&recommender_ease, &loaded, folder), LOREC_INPUT, "\"markov\", not \"ease\"");
    assert_fails(recommender_load(&recommender_ease, &loaded, test_path("nowhere")), LOREC_INPUT, "nowhere");
    /* a column that points beyond the last item must not reach scoring */
    npy col;
    assert_ok(npy_open(&col, test_path("damaged/next.col.npy"), NPY_U32, 1));
    uint32_t *copy = malloc((size_t)col.count * sizeof *copy);
    memcpy(copy, col.data, (size_t)col.count * sizeof *copy);
    int64_t n = col.count;
    npy_close(&col);
    copy[n - 1] = 77;
    assert_ok(npy_write(test_path("damaged/next.col.npy"), NPY_U32, 1, &n, copy));
    assert_fails(recommender_load(&recommender_markov, &loaded, folder), LOREC_INPUT, "damaged");
    n--;
    assert_ok(npy_write(test_path("damaged/next.col.npy"), NPY_U32, 1, &n, copy));
    assert_fails(recommender_load(&recommender_markov, &loaded, folder), LOREC_INPUT, "damaged");
    free(copy);
    test_file("damaged/recommender.json", "{\"version\": 99, \"key\": \"markov\", \"options\": {}}");
    assert_fails(recommender_load(&recommender_markov, &loaded, folder), LOREC_INPUT, "version");
    test_file("damaged/recommender.json", "{\"version\": 1, \"key\": \"markov\", \"options\": {\"smothing\": 1}}");
    lorec_err e = recommender_load(&recommender_markov, &loaded, folder);
    assert_true(e != LOREC_OK && strstr(lorec_error_message(), "smoothing"));
    recommender_free(&recommender_markov, m);
    tiny_free(&t);
}

static void options_come_back(void **state)
{
    (void)state;
    tiny t;
    tiny_random(&t, 12, 10, 4, 1);
    void *m = tiny_fit(&recommender_itemknn, &t.x, "k", "7", "similarity", "dice", "shrink", "2.5", NULL), *loaded;
    assert_ok(recommender_save(&recommender_itemknn, m, test_path("options/deep/down/")));
    assert_ok(recommender_load(&recommender_itemknn, &loaded, test_path("options/deep/down")));
    json_t *a = options_json(recommender_itemknn.options, recommender_itemknn.n_options, m),
           *b = options_json(recommender_itemknn.options, recommender_itemknn.n_options, loaded);
    assert_true(json_equal(a, b));
    json_decref(a), json_decref(b);
    recommender_free(&recommender_itemknn, m), recommender_free(&recommender_itemknn, loaded);
    tiny_free(&t);
}

static void the_registry(void **state)
{
    (void)state;
    const recommender *r;
    assert_ok(registry_need("ease", &r));
    assert_ptr_equal(r, &recommender_ease);
    assert_fails(registry_need("eaze", &r), LOREC_USAGE, "did you mean \"ease\"");
    assert_null(registry_find("nothing"));
    for (size_t i = 0; i < registry_count(); i++) {
        r = registry_at(i);
        assert_ptr_equal(registry_find(r->key), r); /* keys are unique */
        assert_non_null(r->title);
        assert_non_null(r->family);
        assert_non_null(r->fit);
        assert_true(r->tasks != 0 && r->size > 0);
        void *m;
        assert_ok(recommender_new(r, &m)); /* defaults are within their own bounds */
        for (size_t k = 0; k < r->n_options; k++) {
            buf text = {0};
            assert_ok(options_text(&r->options[k], m, &text));
            if (text.n) assert_ok(options_set(r->options, r->n_options, m, r->options[k].name, text.p));
            buf_free(&text);
        }
        recommender_free(r, m);
    }
    assert_null(registry_at(registry_count()));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_seed_same_bits_and_after_loading),
        cmocka_unit_test(users_differ_and_history_matters),
        cmocka_unit_test(smallest_data),
        cmocka_unit_test(nothing_to_learn_from),
        cmocka_unit_test(memory_and_disk_that_fail),
        cmocka_unit_test(another_catalogue_is_refused),
        cmocka_unit_test(damaged_folders),
        cmocka_unit_test(options_come_back),
        cmocka_unit_test(the_registry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
