#include "eval/stats.h"

#include <math.h>

#include "base/threads.h"
#include "support/support.h"
#include "tensor/rng.h"

/* All 2^n sign patterns: the test's exact p. */
static double exact_p(const double *d, int n)
{
    double observed = 0;
    int extreme = 0;
    for (int i = 0; i < n; i++) observed += d[i];
    for (int mask = 0; mask < 1 << n; mask++) {
        double sum = 0;
        for (int i = 0; i < n; i++) sum += mask >> i & 1 ? d[i] : -d[i];
        extreme += fabs(sum) >= fabs(observed) - 1e-9;
    }
    return (double)extreme / (1 << n);
}

static void sign_flips(void **state)
{
    (void)state;
    float a[12], b[12];
    double d[12];
    rng r = rng_make(3, RNG_USER);
    for (int i = 0; i < 12; i++) {
        a[i] = (float)rng_below(&r, 100) / 100 + 0.15f;
        b[i] = (float)rng_below(&r, 100) / 100;
        d[i] = (double)a[i] - (double)b[i];
    }
    paired p;
    assert_ok(paired_compare(&p, a, b, 12, 1, 100000, 1));
    double mean = 0;
    for (int i = 0; i < 12; i++) mean += d[i] / 12;
    assert_near(p.delta, mean, 1e-9);
    assert_near(p.p, exact_p(d, 12), 0.006);
    assert_true(p.ci95.low < mean && mean < p.ci95.high);
    paired q; /* the other way round: the same evidence */
    assert_ok(paired_compare(&q, b, a, 12, 1, 100000, 1));
    assert_near(q.p, p.p, 1e-12);
    assert_near(q.ci95.low, -p.ci95.high, 1e-9);
    assert_ok(paired_compare(&q, a, a, 12, 1, 2000, 1));
    assert_true(q.p == 1 && q.delta == 0 && q.ci95.low == 0 && q.ci95.high == 0);
}

/* Every fifth user a hit: the interval of a share, known from the binomial law; strides, NaN and threads. */
static void bootstrap(void **state)
{
    (void)state;
    enum { N = 4000 };
    float *v = test_malloc(3 * N * sizeof *v);
    for (int i = 0; i < 3 * N; i++) v[i] = 77;
    for (int i = 0; i < N; i++) v[3 * i + 1] = i % 5 == 0;
    interval one, many, seed2, strided;
    int workers = par_workers();
    par_set_workers(1);
    assert_ok(bootstrap_mean(&one, v + 1, N, 3, 2000, 9));
    par_set_workers(5);
    assert_ok(bootstrap_mean(&many, v + 1, N, 3, 2000, 9));
    par_set_workers(workers);
    assert_true(one.low == many.low && one.high == many.high);
    double se = sqrt(0.2 * 0.8 / N);
    assert_near(one.low, 0.2 - 1.96 * se, 0.12 * se);
    assert_near(one.high, 0.2 + 1.96 * se, 0.12 * se);
    assert_ok(bootstrap_mean(&seed2, v + 1, N, 3, 2000, 10));
    assert_true(seed2.low != one.low);
    assert_near(seed2.low, one.low, 0.2 * se);
    /* beyond the exact work: the limit law gives nearly the same */
    assert_ok(bootstrap_mean(&strided, v + 1, N, 3, STATS_EXACT_WORK / N + 1, 9));
    assert_near(strided.low, one.low, 0.12 * se);
    assert_near(strided.high, one.high, 0.12 * se);
    for (int i = 0; i < N; i++)
        if (i % 5 != 0) v[3 * i + 1] = NAN;
    assert_ok(bootstrap_mean(&one, v + 1, N, 3, 100, 9));
    assert_true(one.low == 1 && one.high == 1);
    for (int i = 0; i < N; i++) v[3 * i + 1] = NAN;
    assert_ok(bootstrap_mean(&one, v + 1, N, 3, 100, 9));
    assert_true(isnan(one.low) && isnan(one.high));
    assert_fails(bootstrap_mean(&one, v, N, 3, 0, 9), LOREC_USAGE, "draws");
    test_free(v);
}

/* The permutation p of many users against the limit law that replaces it. */
static void limit(void **state)
{
    (void)state;
    enum { N = 3000 };
    float *a = test_malloc(N * sizeof *a), *b = test_malloc(N * sizeof *b);
    rng r = rng_make(8, RNG_USER);
    for (int i = 0; i < N; i++) {
        a[i] = rng_below(&r, 100) < 20;
        b[i] = rng_below(&r, 100) < 20;
    }
    paired drawn, law;
    assert_ok(paired_compare(&drawn, a, b, N, 1, 10000, 1));
    assert_ok(paired_compare(&law, a, b, N, 1, STATS_EXACT_WORK / N + 1, 1));
    assert_true(drawn.p > 0.001 && drawn.p < 0.999);
    assert_near(drawn.p, law.p, 0.02);
    test_free(a);
    test_free(b);
}

static void holm_by_hand(void **state)
{
    (void)state;
    double p[5] = {0.01, 0.04, 0.03, NAN, 0.005}, q[5];
    holm(p, q, 5);
    assert_near(q[4], 0.02, 1e-12); /* 4 x .005 */
    assert_near(q[0], 0.03, 1e-12); /* 3 x .01 */
    assert_near(q[2], 0.06, 1e-12); /* 2 x .03 */
    assert_near(q[1], 0.06, 1e-12); /* 1 x .04, but not below the one before */
    assert_true(isnan(q[3]));
    double big[2] = {0.7, 0.9};
    holm(big, q, 2);
    assert_true(q[0] == 1 && q[1] == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sign_flips), cmocka_unit_test(bootstrap),
                                       cmocka_unit_test(limit), cmocka_unit_test(holm_by_hand)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
