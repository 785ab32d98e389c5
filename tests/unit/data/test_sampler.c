#include "data/sampler.h"

#include <math.h>

#include "support/support.h"

enum { ITEMS = 7, DRAWS = 200000 };
static const uint32_t counts[ITEMS] = {50, 0, 1, 9, 20, 20, 0};

static interactions train_of(uint32_t item[100], uint64_t start[2])
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < ITEMS; i++)
        for (uint32_t c = 0; c < counts[i]; c++) item[n++] = i;
    start[0] = 0;
    start[1] = n;
    return (interactions){.n_users = 1, .n_items = ITEMS, .n = n, .start = start, .item = item};
}

/* Shares of the draws within five standard deviations of `share`. */
static void like(const double *share, const uint32_t *drawn)
{
    for (int i = 0; i < ITEMS; i++) {
        if (share[i] == 0) assert_int_equal(drawn[i], 0);
        assert_near((double)drawn[i] / DRAWS, share[i], 5 * sqrt(share[i] * (1 - share[i]) / DRAWS) + 1e-12);
    }
}

static void shares(void **state)
{
    (void)state;
    uint32_t item[100];
    uint64_t start[2];
    interactions train = train_of(item, start);
    static const double exponents[] = {1, 0.5, 0};
    for (int k = -1; k < 3; k++) {
        sampler s;
        double share[ITEMS], sum = 0;
        uint32_t drawn[ITEMS] = {0};
        for (int i = 0; i < ITEMS; i++) {
            share[i] = k < 0 ? 1 : counts[i] ? pow(counts[i], exponents[k]) : 0;
            sum += share[i];
        }
        for (int i = 0; i < ITEMS; i++) share[i] /= sum;
        assert_ok(sampler_make(&s, &train, k < 0 ? SAMPLER_UNIFORM : SAMPLER_POPULARITY, k < 0 ? 1 : exponents[k]));
        rng r = rng_make(5, RNG_NEGATIVES);
        for (int i = 0; i < DRAWS; i++) drawn[sampler_draw(&s, &r)]++;
        like(share, drawn);
        for (int i = 0; i < ITEMS && k >= 0; i++)
            if (share[i] > 0) assert_near((double)s.log_q[i], log(share[i]), 1e-6);
        sampler_free(&s);
    }
}

/* Without the most popular ones: the others' shares scaled, whether by rejection or, where little is left, in one pass. */
static void without(void **state)
{
    (void)state;
    uint32_t item[100];
    uint64_t start[2];
    interactions train = train_of(item, start);
    sampler pop, even;
    assert_ok(sampler_make(&pop, &train, SAMPLER_POPULARITY, 1));
    assert_ok(sampler_make(&even, &train, SAMPLER_UNIFORM, 1));
    rng r = rng_make(6, RNG_NEGATIVES);
    const uint32_t first[] = {0, 0, 4}, most[] = {0, 3, 4, 5}, had[] = {0, 2, 3, 4, 5}, every[] = {0, 1, 2, 3, 4, 5, 6};
    uint32_t drawn[ITEMS] = {0}, last[ITEMS] = {0}, unseen[ITEMS] = {0};
    for (int i = 0; i < DRAWS; i++) drawn[sampler_draw_not(&pop, &r, first, 3)]++;
    like((double[ITEMS]){0, 0, 1 / 30.0, 9 / 30.0, 0, 20 / 30.0, 0}, drawn);
    for (int i = 0; i < 1000; i++) last[sampler_draw_not(&pop, &r, most, 4)]++;
    assert_int_equal(last[2], 1000); /* one row of a hundred: rejection gives up, the pass finds it */
    for (int i = 0; i < DRAWS; i++) unseen[sampler_draw_not(&pop, &r, had, 5)]++;
    like((double[ITEMS]){0, 0.5, 0, 0, 0, 0, 0.5}, unseen); /* only items nobody had are left */
    assert_int_equal(sampler_draw_not(&pop, &r, every, 7), UINT32_MAX);
    assert_int_equal(sampler_draw_not(&even, &r, every, 7), UINT32_MAX);
    uint32_t rest[ITEMS] = {0};
    for (int i = 0; i < DRAWS; i++) rest[sampler_draw_not(&even, &r, most, 4)]++;
    like((double[ITEMS]){0, 1 / 3.0, 1 / 3.0, 0, 0, 0, 1 / 3.0}, rest);
    sampler_free(&pop);
    sampler_free(&even);
}

static void refusals(void **state)
{
    (void)state;
    uint64_t start[2] = {0, 0};
    uint32_t item[100];
    uint64_t begin[2];
    sampler s;
    interactions none = {.n_users = 1, .n_items = 3, .start = start}, nothing = {.n_users = 1, .start = start};
    interactions train = train_of(item, begin);
    assert_fails(sampler_make(&s, &none, SAMPLER_POPULARITY, 1), LOREC_INPUT, "no training interactions");
    assert_fails(sampler_make(&s, &nothing, SAMPLER_UNIFORM, 1), LOREC_INPUT, "no items");
    assert_fails(sampler_make(&s, &train, SAMPLER_POPULARITY, NAN), LOREC_USAGE, "finite");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(shares), cmocka_unit_test(without), cmocka_unit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
