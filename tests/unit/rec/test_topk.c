#include <math.h>

#include "rec/topk.h"
#include "support/support.h"
#include "tensor/rng.h"

/* The obvious way: pick the best k times. */
static size_t naive(const float *x, size_t n, size_t k, uint32_t *items)
{
    bool used[200] = {0};
    size_t kept = 0;
    while (kept < k) {
        size_t best = n;
        for (size_t i = 0; i < n; i++) {
            if (used[i] || isnan(x[i]) || x[i] == -INFINITY) continue;
            if (best == n || x[i] > x[best]) best = i;
        }
        if (best == n) break;
        used[best] = true;
        items[kept++] = (uint32_t)best;
    }
    return kept;
}

static void selects(void **state)
{
    (void)state;
    rng r = rng_make(7, RNG_USER);
    for (int round = 0; round < 500; round++) {
        float x[200], best[200];
        uint32_t a[200], b[200];
        size_t n = rng_below(&r, 200), k = rng_below(&r, 30);
        for (size_t i = 0; i < n; i++) {
            uint32_t kind = rng_below(&r, 12);
            x[i] = kind == 0 ? NAN : kind == 1 ? -INFINITY : (float)rng_below(&r, 20); /* many ties */
        }
        size_t got = topk_select(x, n, k, a, best);
        assert_int_equal(got, naive(x, n, k, b));
        for (size_t i = 0; i < got; i++) {
            assert_int_equal(a[i], b[i]);
            assert_true(best[i] == x[a[i]]);
        }
    }
}

static lorec_err score_by_number(const void *self, rec_session *s, const query *q, size_t n, float *scores)
{
    (void)self;
    (void)s;
    (void)q;
    for (size_t i = 0; i < n; i++) {
        for (int j = 0; j < 8; j++) scores[i * 8 + (size_t)j] = (float)j;
    }
    return LOREC_OK;
}

static void lists(void **state)
{
    (void)state;
    recommender r = {.key = "by-number", .score = score_by_number};
    uint32_t had[] = {7, 5}, items[6];
    float best[6];
    size_t found[2];
    query q[2] = {{.user = NO_USER, .items = had, .n = 2}, {.user = 0}};
    assert_ok(recommender_list(&r, NULL, NULL, 8, q, 2, 3, false, items, best, found));
    uint32_t want[] = {6, 4, 3, 7, 6, 5};
    assert_memory_equal(items, want, sizeof want);
    assert_true(found[0] == 3 && found[1] == 3);
    recommender none = {.key = "pairs"};
    assert_fails(recommender_list(&none, NULL, NULL, 8, q, 2, 3, false, items, best, found), LOREC_USAGE, "pairs");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(selects), cmocka_unit_test(lists)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
