/* EASE against an explicit inverse in doubles; SLIM against its optimality conditions; neighbours by hand. */
#include "unit/rec/tiny.h"

#include <lapacke.h>

#include "rec/sparse.h"

static void ease_is_the_closed_form(void **state)
{
    (void)state;
    tiny t;
    tiny_random(&t, 60, 25, 8, 3);
    size_t n = t.x.n_items;
    double *x = tiny_dense(&t.x), *p = calloc(n * n, sizeof *p);
    const double l2 = 3;
    for (size_t i = 0; i < n; i++) {
        p[i * n + i] = l2;
        for (size_t j = 0; j < n; j++)
            for (size_t u = 0; u < t.x.n_users; u++) p[i * n + j] += x[u * n + i] * x[u * n + j];
    }
    lapack_int pivot[25];
    assert_int_equal(LAPACKE_dgetrf(LAPACK_ROW_MAJOR, 25, 25, p, 25, pivot), 0);
    assert_int_equal(LAPACKE_dgetri(LAPACK_ROW_MAJOR, 25, p, 25, pivot), 0);
    void *m = tiny_fit(&recommender_ease, &t.x, "l2", "3", NULL);
    query q[60];
    for (uint32_t u = 0; u < 60; u++) q[u] = tiny_query(&t, u);
    float *s = tiny_scores(&recommender_ease, m, &t.x, q, 60);
    for (size_t u = 0; u < 60; u++)
        for (size_t j = 0; j < n; j++) {
            double want = 0;
            for (size_t i = 0; i < n; i++)
                if (i != j) want -= x[u * n + i] * p[i * n + j] / p[j * n + j];
            assert_near(s[u * n + j], want, 1e-5);
        }
    /* candidates only */
    rec_session *session = rec_session_new(1);
    float few[3];
    assert_ok(recommender_score_items(&recommender_ease, m, session, 25, q + 1, 2, (uint64_t[]){0, 1, 3},
                                      (uint32_t[]){24, 3, 7}, few));
    assert_near(few[0], s[n + 24], 1e-6);
    assert_near(few[1], s[2 * n + 3], 1e-6);
    assert_near(few[2], s[2 * n + 7], 1e-6);
    rec_session_free(session);
    free(x), free(p), free(s);
    recommender_free(&recommender_ease, m);
    tiny_free(&t);
}

/* w_ij read off by asking with the history {i}. */
static double *item_weights(const recommender *r, const void *m, const interactions *x)
{
    uint32_t n = x->n_items, *one = calloc(n, sizeof *one);
    query *q = calloc(n, sizeof *q);
    for (uint32_t i = 0; i < n; i++) one[i] = i, q[i] = (query){.user = NO_USER, .items = &one[i], .n = 1};
    float *s = tiny_scores(r, m, x, q, n);
    double *w = calloc((size_t)n * n, sizeof *w);
    for (size_t k = 0; k < (size_t)n * n; k++) w[k] = s[k];
    free(one), free(q), free(s);
    return w;
}

static void slim_meets_its_optimality_conditions(void **state)
{
    (void)state;
    tiny t;
    tiny_random(&t, 80, 20, 6, 5);
    size_t n = 20, users = 80;
    /* l1 = 80 * 0.05 * 0.4 = 1.6, l2 = 80 * 0.05 * 0.6 = 2.4 */
    void *m = tiny_fit(&recommender_slim, &t.x, "alpha", "0.05", "l1_ratio", "0.4", "tolerance", "1e-6", "max_iter",
                       "10000", NULL);
    double *w = item_weights(&recommender_slim, m, &t.x), *x = tiny_dense(&t.x);
    size_t positive = 0, zero = 0;
    for (size_t j = 0; j < n; j++)
        for (size_t i = 0; i < n; i++) {
            if (i == j) {
                assert_near(w[i * n + j], 0, 0);
                continue;
            }
            double slope = 2.4 * w[i * n + j] + 1.6; /* of the objective along w_ij */
            for (size_t u = 0; u < users; u++) {
                double rest = x[u * n + j];
                for (size_t k = 0; k < n; k++) rest -= x[u * n + k] * w[k * n + j];
                slope -= x[u * n + i] * rest;
            }
            assert_true(w[i * n + j] >= 0);
            if (w[i * n + j] > 0) {
                assert_near(slope, 0, 1e-4);
                positive++;
            } else {
                assert_true(slope > -1e-4);
                zero++;
            }
        }
    assert_true(positive > 20 && zero > 20); /* both kinds are there to be checked */
    free(w), free(x);
    recommender_free(&recommender_slim, m);
    tiny_free(&t);
}

static void itemknn_by_hand(void **state)
{
    (void)state;
    tiny t; /* together: 0-1 twice, 0-2 once, 1-2 once, 2-3 once; degrees 2, 3, 2, 1 */
    tiny_from(&t, 4, 4, "0 1 | 0 1 2 | 1 | 2 3");
    void *m = tiny_fit(&recommender_itemknn, &t.x, NULL);
    double *w = item_weights(&recommender_itemknn, m, &t.x);
    assert_near(w[0 * 4 + 1], 2 / sqrt(6), 1e-6);
    assert_near(w[1 * 4 + 0], 2 / sqrt(6), 1e-6);
    assert_near(w[0 * 4 + 2], 1 / sqrt(4), 1e-6);
    assert_near(w[1 * 4 + 2], 1 / sqrt(6), 1e-6);
    assert_near(w[3 * 4 + 2], 1 / sqrt(2), 1e-6);
    assert_near(w[0 * 4 + 3], 0, 0);
    assert_near(w[0], 0, 0);
    free(w);
    recommender_free(&recommender_itemknn, m);
    /* one neighbour each, chosen for the item that is scored: 2's is 3 (1/sqrt 2), 3's is 2, 0's is 1 and 1's is 0 */
    m = tiny_fit(&recommender_itemknn, &t.x, "k", "1", NULL);
    w = item_weights(&recommender_itemknn, m, &t.x);
    assert_near(w[3 * 4 + 2], 1 / sqrt(2), 1e-6);
    assert_near(w[1 * 4 + 2], 0, 0);
    assert_near(w[2 * 4 + 3], 1 / sqrt(2), 1e-6);
    assert_near(w[1 * 4 + 0], 2 / sqrt(6), 1e-6);
    assert_near(w[2 * 4 + 0], 0, 0);
    free(w);
    recommender_free(&recommender_itemknn, m);
    const struct {
        const char *name;
        double want; /* of items 0 and 1: 2 shared of 2 and 3, shrink 5 */
    } kinds[] = {{"cosine", 2 / (sqrt(6) + 5)}, {"jaccard", 2.0 / (3 + 5)}, {"dice", 4.0 / (5 + 5)}, {"overlap", 2}};
    for (size_t k = 0; k < 4; k++) {
        m = tiny_fit(&recommender_itemknn, &t.x, "similarity", kinds[k].name, "shrink", "5", NULL);
        w = item_weights(&recommender_itemknn, m, &t.x);
        assert_near(w[1], kinds[k].want, 1e-6);
        free(w);
        recommender_free(&recommender_itemknn, m);
    }
    /* asymmetric: scoring 1 from 0 is 2 / (3^.2 2^.8), scoring 0 from 1 is 2 / (2^.2 3^.8) */
    m = tiny_fit(&recommender_itemknn, &t.x, "similarity", "asymmetric", "alpha", "0.2", NULL);
    w = item_weights(&recommender_itemknn, m, &t.x);
    assert_near(w[0 * 4 + 1], 2 / (pow(3, 0.2) * pow(2, 0.8)), 1e-6);
    assert_near(w[1 * 4 + 0], 2 / (pow(2, 0.2) * pow(3, 0.8)), 1e-6);
    free(w);
    recommender_free(&recommender_itemknn, m);
    tiny_free(&t);
}

static void userknn_by_hand(void **state)
{
    (void)state;
    tiny t;
    tiny_from(&t, 4, 5, "0 1 | 0 1 2 | 1 3 | 4");
    void *m = tiny_fit(&recommender_userknn, &t.x, NULL);
    query q[2] = {tiny_query(&t, 0), tiny_query(&t, 0)};
    q[1].user = NO_USER;
    float *s = tiny_scores(&recommender_userknn, m, &t.x, q, 2);
    double one = 2 / sqrt(2 * 3), two = 1 / sqrt(2 * 2); /* likeness to users 1 and 2 */
    const double want[5] = {one, one + two, one, two, 0};
    for (int j = 0; j < 5; j++) {
        assert_near(s[j], want[j], 1e-6);
        assert_near(s[5 + j], want[j] + (j < 2 ? 1 : 0), 1e-6); /* a stranger with user 0's history finds user 0 too */
    }
    free(s);
    recommender_free(&recommender_userknn, m);
    m = tiny_fit(&recommender_userknn, &t.x, "k", "1", NULL);
    s = tiny_scores(&recommender_userknn, m, &t.x, q, 1);
    assert_near(s[2], one, 1e-6);
    assert_near(s[3], 0, 0);
    free(s);
    recommender_free(&recommender_userknn, m);
    tiny_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ease_is_the_closed_form),
        cmocka_unit_test(slim_meets_its_optimality_conditions),
        cmocka_unit_test(itemknn_by_hand),
        cmocka_unit_test(userknn_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
