/* Sampling: what may be drawn, how often, and what it is said to be worth. */
#include "support/support.h"

#include <math.h>

#include "lm/decode/choices.h"

static void filters_in_order(void **state)
{
    (void)state;
    /* probabilities .5 .25 .125 .0625 .0625 */
    float logits[5] = {logf(.0625f), logf(.5f), logf(.125f), logf(.25f), logf(.0625f)};
    choices c = {0};
    assert_ok(choices_make(&c, logits, 5, NULL, &(sampling){.temperature = 1}));
    assert_int_equal(c.n, 5);
    const int32_t best_first[] = {1, 3, 2, 0, 4};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(c.token[i], best_first[i]);
        assert_near(c.logp[i], logits[best_first[i]], 1e-6);
    }
    assert_ok(choices_make(&c, logits, 5, NULL, &(sampling){.temperature = 1, .top_k = 2}));
    assert_int_equal(c.n, 2);
    assert_near(c.logp[1], log(.25), 1e-6); /* among all tokens, not among the two */
    /* .5 + .25 reach .75 exactly; .76 needs a third */
    assert_ok(choices_make(&c, logits, 5, NULL, &(sampling){.temperature = 1, .top_p = .7499f}));
    assert_int_equal(c.n, 2);
    assert_ok(choices_make(&c, logits, 5, NULL, &(sampling){.temperature = 1, .top_p = .76f}));
    assert_int_equal(c.n, 3);
    /* of the two best, the first alone has 2/3 */
    assert_ok(choices_make(&c, logits, 5, NULL, &(sampling){.temperature = 1, .top_k = 2, .top_p = .6f}));
    assert_int_equal(c.n, 1);
    /* at least a quarter as likely as the best; at temperature 2 that is a sixteenth */
    assert_ok(choices_make(&c, logits, 5, NULL, &(sampling){.temperature = 1, .min_p = .2499f}));
    assert_int_equal(c.n, 3);
    assert_ok(choices_make(&c, logits, 5, NULL, &(sampling){.temperature = 2, .min_p = .2499f}));
    assert_int_equal(c.n, 5);
    assert_ok(choices_make(&c, logits, 5, NULL, &(sampling){.temperature = 1, .top_k = 99, .top_p = 1}));
    assert_int_equal(c.n, 5);
    assert_ok(choices_make(&c, logits, 5, NULL, &(sampling){.temperature = 0}));
    assert_int_equal(c.n, 1);
    assert_int_equal(c.token[0], 1);
    choices_free(&c);
}

static void keeps_to_a_list(void **state)
{
    (void)state;
    const float logits[4] = {9, 1, 1, -INFINITY};
    token_list only = {0};
    assert_ok(token_list_add(&only, 1));
    assert_ok(token_list_add(&only, 2));
    assert_ok(token_list_add(&only, 3));
    choices c = {0};
    assert_ok(choices_make(&c, logits, 4, &only, &(sampling){.temperature = 1}));
    assert_int_equal(c.n, 2); /* equal ones by number; -inf can not be taken */
    assert_int_equal(c.token[0], 1);
    assert_int_equal(c.token[1], 2);
    only.n = 0;
    assert_ok(choices_make(&c, logits, 4, &only, &(sampling){.temperature = 1}));
    assert_int_equal(c.n, 0);
    assert_ok(token_list_add(&only, 4));
    assert_fails(choices_make(&c, logits, 4, &only, &(sampling){.temperature = 1}), LOREC_USAGE, "token 4");
    assert_fails(choices_make(&c, (float[]){0, NAN}, 2, NULL, &(sampling){0}), LOREC_FAILED, "nan");
    token_list_free(&only);
    choices_free(&c);
}

/* Chi-square of 100,000 draws against softmax(logits / temperature). */
static void draws_as_often_as_it_should(void **state)
{
    (void)state;
    enum { N = 12, DRAWS = 100000 };
    float logits[N];
    for (int i = 0; i < N; i++) logits[i] = sinf((float)i * 2.3f) * 2;
    const float temperatures[] = {.5f, 1, 2};
    for (int k = 0; k < 3; k++) {
        double weight[N], total = 0, chi = 0;
        size_t count[N] = {0};
        for (int i = 0; i < N; i++) total += weight[i] = exp(logits[i] / (double)temperatures[k]);
        choices c = {0};
        assert_ok(choices_make(&c, logits, N, NULL, &(sampling){.temperature = temperatures[k]}));
        rng r = rng_make(7, RNG_SAMPLING);
        for (int d = 0; d < DRAWS; d++) count[c.token[choices_draw(&c, &r)]]++;
        for (int i = 0; i < N; i++) {
            double expected = DRAWS * weight[i] / total, off = (double)count[i] - expected;
            chi += off * off / expected;
        }
        assert_true(chi < 31.3); /* 11 degrees of freedom, p = .001 */
        choices_free(&c);
    }
}

/* The best k of many, against sorting them all. */
static void best_k_of_many(void **state)
{
    (void)state;
    enum { N = 3000 };
    static float logits[N];
    rng r = rng_make(3, RNG_USER);
    for (int i = 0; i < N; i++) logits[i] = (float)rng_below(&r, 500); /* many are equal */
    choices all = {0}, some = {0};
    assert_ok(choices_make(&all, logits, N, NULL, &(sampling){.temperature = 1}));
    for (size_t i = 1; i < N; i++) {
        assert_true(all.logp[i - 1] >= all.logp[i]);
        if (all.logp[i - 1] == all.logp[i]) assert_true(all.token[i - 1] < all.token[i]);
    }
    for (int64_t k = 1; k <= N; k = k * 3 + 1) {
        assert_ok(choices_make(&some, logits, N, NULL, &(sampling){.temperature = 1, .top_k = k}));
        assert_int_equal(some.n, k);
        for (int64_t i = 0; i < k; i++) assert_int_equal(some.token[i], all.token[i]);
    }
    /* the shortest beginning that reaches top_p, whether it is short or long; min_p with it */
    double total = 0;
    for (int i = 0; i < N; i++) total += exp((all.logp[i] - all.logp[0]) / 200.0);
    for (int j = 1; j < 10; j++) {
        sampling how = {.temperature = 200, .top_p = (float)j / 10, .min_p = j % 2 ? 0 : .5f};
        double sum = 0;
        size_t n = 0, likely = 0;
        while (sum < how.top_p * total) sum += exp((all.logp[n++] - all.logp[0]) / 200.0);
        while (likely < N && exp((all.logp[likely] - all.logp[0]) / 200.0) >= how.min_p) likely++;
        assert_ok(choices_make(&some, logits, N, NULL, &how));
        assert_in_range(some.n, (likely < n ? likely : n) - 1, (likely < n ? likely : n) + 1);
        for (size_t i = 0; i < some.n; i++) assert_int_equal(some.token[i], all.token[i]);
    }
    choices_free(&all);
    choices_free(&some);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_in_order),
        cmocka_unit_test(keeps_to_a_list),
        cmocka_unit_test(draws_as_often_as_it_should),
        cmocka_unit_test(best_k_of_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
