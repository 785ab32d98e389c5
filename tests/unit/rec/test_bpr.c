#include <math.h>

#include "base/log.h"
#include "rec/negatives.h"
#include "rec/sparse.h"
#include "rec/triples.h"
#include "unit/rec/made.h"

extern const recommender recommender_bpr, recommender_fpmc, recommender_pop;

static made m;

static void it_beats_popularity_on_blocks(void **state)
{
    (void)state;
    made_blocks(&m, 120, 3, 8);
    void *bpr, *pop;
    fit_context fit = {.train = &m.x, .seed = 1};
    assert_ok(made_fit(&recommender_pop, &pop, &fit, NULL));
    assert_ok(made_fit(&recommender_bpr, &bpr, &fit,
                       (const char *[]){"epochs", "150", "learning_rate", "0.02", "embedding_size", "8", NULL}));
    double of_bpr = made_hit(&recommender_bpr, bpr, &m, true), of_pop = made_hit(&recommender_pop, pop, &m, true);
    assert_true(of_bpr > 0.95);
    assert_true(of_pop < 0.4);
    made_check_saving(&recommender_bpr, bpr, &m, "bpr");
    made_check_strangers(&recommender_bpr, bpr, &m);
    json_t *counts = recommender_bpr.counts(bpr);
    assert_int_equal(json_integer_value(json_object_get(counts, "parameters")), (120 + 24) * 8);
    assert_int_equal(json_integer_value(json_object_get(counts, "epochs")), 150);
    json_decref(counts);
    recommender_free(&recommender_bpr, bpr);
    recommender_free(&recommender_pop, pop);
}

/* A session without a user number that had what a known user had is given that user's kind of items. */
static void strangers_are_placed_by_their_history(void **state)
{
    (void)state;
    made_blocks(&m, 120, 3, 8);
    void *bpr;
    assert_ok(made_fit(&recommender_bpr, &bpr, &(fit_context){.train = &m.x, .seed = 1},
                       (const char *[]){"epochs", "150", "learning_rate", "0.02", "embedding_size", "8", NULL}));
    query q = made_query(&m, 4); /* of block 1, items 8 .. 15 */
    q.user = NO_USER;
    float scores[24];
    rec_session *s = rec_session_new(1);
    assert_ok(recommender_bpr.score(bpr, s, &q, 1, scores));
    for (int i = 16; i < 24; i++) assert_true(scores[m.next[4]] > scores[i]);
    rec_session_free(s);
    recommender_free(&recommender_bpr, bpr);
}

static void lazy_rows_learn_too(void **state)
{
    (void)state;
    made_blocks(&m, 120, 3, 8);
    void *bpr;
    assert_ok(made_fit(&recommender_bpr, &bpr, &(fit_context){.train = &m.x, .seed = 1},
                       (const char *[]){"epochs", "100", "lr", "0.02", "embedding_size", "8", "lazy", "true", "reg",
                                        "0.001", "train_batch_size", "64", NULL}));
    assert_true(made_hit(&recommender_bpr, bpr, &m, true) > 0.9);
    recommender_free(&recommender_bpr, bpr);
}

static void fpmc_follows_the_last_item(void **state)
{
    (void)state;
    made_chain(&m, 60, 20, 8);
    void *fpmc;
    assert_ok(made_fit(&recommender_fpmc, &fpmc, &(fit_context){.train = &m.x, .seed = 1},
                       (const char *[]){"epochs", "300", "learning_rate", "0.02", "embedding_size", "16", NULL}));
    assert_true(made_hit(&recommender_fpmc, fpmc, &m, true) > 0.9);
    made_check_saving(&recommender_fpmc, fpmc, &m, "fpmc");
    made_check_strangers(&recommender_fpmc, fpmc, &m);
    recommender_free(&recommender_fpmc, fpmc);
}

static void small_worlds(void **state)
{
    (void)state;
    const recommender *all[] = {&recommender_bpr, &recommender_fpmc};
    for (int i = 0; i < 2; i++) {
        void *self;
        made_begin(&m, 3, 5); /* nobody did anything */
        assert_int_equal(made_fit(all[i], &self, &(fit_context){.train = &m.x, .seed = 1}, NULL), LOREC_INPUT);
        recommender_free(all[i], self);
        made_begin(&m, 1, 1); /* one user, one item: nothing is left to draw as a negative */
        made_add(&m, 0, 0);
        assert_ok(
            made_fit(all[i], &self, &(fit_context){.train = &m.x, .seed = 1}, (const char *[]){"epochs", "2", NULL}));
        float score;
        query q = made_query(&m, 0);
        rec_session *s = rec_session_new(1);
        assert_ok(all[i]->score(self, s, &q, 1, &score));
        assert_true(isfinite(score));
        rec_session_free(s);
        recommender_free(all[i], self);
    }
}

static void negatives_are_what_was_not_had(void **state)
{
    (void)state;
    made_begin(&m, 3, 6);
    for (uint32_t i = 0; i < 6; i++)
        if (i != 4) made_add(&m, 0, i);
    made_add(&m, 1, 2);
    made_add(&m, 1, 2);
    for (uint32_t i = 0; i < 6; i++) made_add(&m, 2, i);
    sparse had;
    assert_ok(sparse_from(&had, &m.x));
    enum { ROWS = 3000, K = 4 };
    static uint32_t user[ROWS];
    static int32_t a[ROWS * 5], b[ROWS * 5];
    for (uint32_t i = 0; i < ROWS; i++) user[i] = i % 3;
    assert_ok(negatives_fill(&had, rng_make(7, RNG_NEGATIVES), user, ROWS, K, 5, a));
    size_t count[6] = {0};
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < K; j++) {
            int32_t x = a[i * 5 + j];
            if (i % 3 == 0)
                assert_int_equal(x, 4);
            else if (i % 3 == 2)
                assert_int_equal(x, -1);
            else {
                assert_in_range(x, 0, 5);
                assert_int_not_equal(x, 2);
                count[x]++;
            }
        }
    for (int i = 0; i < 6; i++)
        if (i != 2) assert_in_range(count[i], 700, 900); /* 4000 draws over 5 items; sd 25 */
    assert_ok(negatives_fill(&had, rng_make(7, RNG_NEGATIVES), user, ROWS, K, 5, b));
    for (size_t i = 0; i < ROWS; i++) assert_memory_equal(a + i * 5, b + i * 5, K * sizeof *a);
    sparse_free(&had);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_beats_popularity_on_blocks),
        cmocka_unit_test(strangers_are_placed_by_their_history),
        cmocka_unit_test(lazy_rows_learn_too),
        cmocka_unit_test(fpmc_follows_the_last_item),
        cmocka_unit_test(small_worlds),
        cmocka_unit_test(negatives_are_what_was_not_had),
    };
    log_set_level(LOG_WARN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
