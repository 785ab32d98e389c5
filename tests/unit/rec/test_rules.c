/* Pop, recent Pop, last-item transition, repeat: by hand. */
#include "unit/rec/tiny.h"

static void pop_counts_everything(void **state)
{
    (void)state;
    tiny t;
    tiny_from(&t, 3, 4, "0 1 1 | 1 3 | 1");
    void *m = tiny_fit(&recommender_pop, &t.x, NULL);
    query q[2] = {tiny_query(&t, 0), {.user = NO_USER, .now = INT64_MIN}};
    float *s = tiny_scores(&recommender_pop, m, &t.x, q, 2);
    assert_memory_equal(s, ((float[]){1, 4, 0, 1, 1, 4, 0, 1}), 8 * sizeof(float));
    free(s);
    recommender_free(&recommender_pop, m);
    tiny_free(&t);
}

static void markov_by_hand(void **state)
{
    (void)state;
    tiny t; /* 0 -> 1 twice, 0 -> 2 once, 1 -> 0 once; six rows: 0 three times, 1 two, 2 one ... */
    tiny_from(&t, 3, 4, "0 1 0 2 | 0 1 | 3");
    void *m = tiny_fit(&recommender_markov, &t.x, "smoothing", "0.5", NULL);
    query q[2] = {{.user = NO_USER, .items = (uint32_t[]){3, 0}, .n = 2}, {.user = NO_USER}};
    float *s = tiny_scores(&recommender_markov, m, &t.x, q, 2);
    const double share[4] = {3 / 7.0, 2 / 7.0, 1 / 7.0, 1 / 7.0}, after_0[4] = {0, 2, 1, 0};
    for (int j = 0; j < 4; j++) {
        assert_near(s[j], (after_0[j] + 0.5 * share[j]) / 3.5, 1e-6);
        assert_near(s[4 + j], share[j], 1e-6); /* nothing before: popularity */
    }
    free(s);
    recommender_free(&recommender_markov, m);
    tiny_free(&t);
}

static void repeat_by_frequency_and_by_age(void **state)
{
    (void)state;
    tiny t;
    tiny_from(&t, 2, 5, "0 1 1 2 0 | 3");
    query q = tiny_query(&t, 0);
    void *m = tiny_fit(&recommender_repeat, &t.x, NULL);
    float *s = tiny_scores(&recommender_repeat, m, &t.x, &q, 1);
    assert_true(s[0] > s[1] && s[1] > s[2] && s[2] > s[3] && s[3] > s[4]); /* 0 and 1 twice each, 0 later */
    assert_near(s[0], 2 + 5 / 6.0, 1e-6);
    assert_near(s[3], 0.5 / 6, 1e-6);
    free(s);
    recommender_free(&recommender_repeat, m);
    m = tiny_fit(&recommender_repeat, &t.x, "by", "recent", NULL);
    s = tiny_scores(&recommender_repeat, m, &t.x, &q, 1);
    assert_true(s[0] > s[2] && s[2] > s[1] && s[1] > s[3]);
    free(s);
    recommender_free(&recommender_repeat, m);
    tiny_free(&t);
}

static void recent_pop_windows(void **state)
{
    (void)state;
    tiny t; /* row r happens on day r */
    tiny_from(&t, 2, 3, "0 0 0 1 | 1 2");
    void *m = tiny_fit(&recommender_recent_pop, &t.x, "window_days", "2.5", NULL);
    query q[2] = {{.user = NO_USER, .now = INT64_MIN}, {.user = NO_USER, .now = 3 * 86400}};
    float *s = tiny_scores(&recommender_recent_pop, m, &t.x, q, 2);
    assert_near(s[0], 0 + 3 / 7.0, 1e-6); /* the end of training is day 5: days 3, 4, 5 count */
    assert_near(s[1], 2 + 2 / 7.0, 1e-6);
    assert_near(s[2], 1 + 1 / 7.0, 1e-6);
    assert_near(s[3], 2 + 3 / 7.0, 1e-6); /* asked on day 3: days 1 and 2, not 3 itself and nothing later */
    assert_near(s[4], 2 / 7.0, 1e-6);
    free(s);
    recommender_free(&recommender_recent_pop, m);

    m = tiny_fit(&recommender_recent_pop, &t.x, "window_days", "0", "half_life_days", "1", "at_query", "false", NULL);
    s = tiny_scores(&recommender_recent_pop, m, &t.x, q + 1, 1);
    assert_near(s[0], 1 / 32.0 + 1 / 16.0 + 1 / 8.0 + 3 / 7.0, 1e-6);
    assert_near(s[1], 1 / 4.0 + 1 / 2.0 + 2 / 7.0, 1e-6);
    assert_near(s[2], 1 + 1 / 7.0, 1e-6);
    free(s);
    recommender_free(&recommender_recent_pop, m);

    t.x.time = NULL;
    assert_ok(recommender_new(&recommender_recent_pop, &m));
    assert_fails(recommender_recent_pop.fit(m, &(fit_context){.train = &t.x}), LOREC_INPUT, "needs times");
    recommender_free(&recommender_recent_pop, m);
    tiny_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pop_counts_everything),
        cmocka_unit_test(markov_by_hand),
        cmocka_unit_test(repeat_by_frequency_and_by_age),
        cmocka_unit_test(recent_pop_windows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
