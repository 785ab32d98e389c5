/* Ranking by vectors and by scores is the same thing; the row functions against plain loops; controls. */
#include <math.h>

#include "base/mem.h"
#include "base/threads.h"
#include "eval/controls.h"
#include "eval/rank.h"
#include "support/support.h"
#include "tensor/rng.h"

static void row_functions(void **state)
{
    (void)state;
    rng r = rng_make(4, RNG_USER);
    for (size_t n = 0; n < 70; n++) {
        float x[70];
        size_t nan = 0;
        for (size_t i = 0; i < n; i++) {
            x[i] = rng_below(&r, 9) == 0 ? NAN : (float)rng_below(&r, 5) - 2;
            nan += isnan(x[i]);
        }
        assert_int_equal(rank_clean(x, n), nan);
        for (float t = -3; t <= 3; t++) {
            uint32_t above, equal, more = 0, same = 0;
            rank_count(x, n, t, &above, &equal);
            for (size_t i = 0; i < n; i++) {
                more += x[i] > t;
                same += x[i] == t;
            }
            assert_int_equal(above, more);
            assert_int_equal(equal, same);
        }
        for (uint32_t i = 0; i < n; i++) {
            place p, below;
            rank_places(x, n, &i, 1, -INFINITY, &p);
            if (x[i] == -INFINITY) {
                assert_int_equal(p.above, UINT32_MAX);
                continue;
            }
            assert_true(p.above + p.tied < n);
            rank_places(x, n, &i, 1, x[i] + 0.5f, &below);
            assert_int_equal(below.above, UINT32_MAX);
        }
    }
}

/* ---- vectors ----------------------------------------------------------------------------------------------------------- */

enum { USERS = 150, ITEMS = 97, D = 5 };
typedef struct vectors {
    float user[USERS * D], item[ITEMS * D], bias[ITEMS];
} vectors;

static lorec_err dots(const void *self, rec_session *s, const query *q, size_t n, float *scores)
{
    (void)s;
    const vectors *v = self;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < ITEMS; j++) {
            float sum = v->bias[j];
            for (size_t c = 0; c < D; c++) sum += v->user[q[i].user * D + c] * v->item[j * D + c];
            scores[i * ITEMS + j] = sum;
        }
    return LOREC_OK;
}
static const recommender by_score = {.key = "dots", .score = dots};

static void like_scores(void **state)
{
    (void)state;
    dataset_builder *b = dataset_builder_new("vectors");
    rng r = rng_make(2, RNG_USER);
    char user[16], item[16];
    for (uint32_t u = 0; u < USERS; u++)
        for (int i = 0; i < 12; i++) {
            snprintf(user, sizeof user, "u%u", u);
            snprintf(item, sizeof item, "i%u", u == 0 && i == 0 ? 0 : rng_below(&r, ITEMS));
            assert_ok(dataset_builder_row(b, &(raw_row){slice_of(user), slice_of(item), NAN, i}));
        }
    dataset d;
    split s;
    protocol p;
    report one, many, scored;
    assert_ok(dataset_builder_finish(b, false, &d));
    assert_int_equal(d.rows.n_items, ITEMS);
    assert_ok(split_make(&s, &d, &(split_options){.kind = SPLIT_RATIO_USER, .train = 6, .valid = 2, .test = 4}));
    assert_ok(protocol_make(&p, &s, "full",
                            "recall@10,ndcg@10,mrr,map@10,coverage@10,gini@10,novelty@10,diversity@10,popularity@10",
                            false, 1));
    vectors *v = test_malloc(sizeof *v); /* small whole numbers: sums are exact and many tie */
    for (int i = 0; i < USERS * D; i++) v->user[i] = (float)rng_below(&r, 5) - 2;
    for (int i = 0; i < ITEMS * D; i++) v->item[i] = (float)rng_below(&r, 5) - 2;
    for (int i = 0; i < ITEMS; i++) v->bias[i] = (float)rng_below(&r, 3);
    rank_vectors_request req = {
        .protocol = &p, .part = PART_TEST, .user = v->user, .item = v->item, .bias = v->bias, .d = D};
    int workers = par_workers();
    par_set_workers(1);
    assert_ok(rank_vectors(&one, &req));
    par_set_workers(4);
    assert_ok(rank_vectors(&many, &req));
    par_set_workers(workers);
    assert_ok(evaluate(
        &scored,
        &(evaluate_request){.recommender = &by_score, .self = v, .protocol = &p, .part = PART_TEST, .quiet = true}));
    assert_int_equal(one.n_users, scored.n_users);
    for (size_t j = 0; j < p.n_metrics; j++) {
        assert_true(one.mean[j] == many.mean[j]);
        assert_true(one.mean[j] == scored.mean[j]);
        assert_true(one.mean[j] > 0);
    }
    assert_memory_equal(one.list, scored.list, (size_t)one.n_users * one.k * sizeof *one.list);

    /* What is shown, the plain way, from the lists. */
    double shown[ITEMS] = {0}, coverage = 0, gini = 0, novelty = 0, popularity = 0, diversity = 0, all = 0;
    for (uint32_t i = 0; i < one.n_users; i++) {
        double bits = 0, rows = 0, close = 0;
        for (int a = 0; a < 10; a++) {
            uint32_t item_a = one.list[i * one.k + a], n_rows = 0;
            shown[item_a]++;
            all++;
            double had_a = 0;
            for (uint32_t u = 0; u < USERS; u++) {
                bool has = false;
                for (uint64_t x = s.train.start[u]; x < s.train.start[u + 1]; x++) {
                    n_rows += s.train.item[x] == item_a;
                    has |= s.train.item[x] == item_a;
                }
                had_a += has;
            }
            bits += log2(USERS / (had_a > 0 ? had_a : 1));
            rows += n_rows;
            for (int c = 0; c < a; c++) {
                uint32_t item_c = one.list[i * one.k + c];
                double both = 0, had_c = 0;
                for (uint32_t u = 0; u < USERS; u++) {
                    bool has_a = false, has_c = false;
                    for (uint64_t x = s.train.start[u]; x < s.train.start[u + 1]; x++) {
                        has_a |= s.train.item[x] == item_a;
                        has_c |= s.train.item[x] == item_c;
                    }
                    both += has_a && has_c;
                    had_c += has_c;
                }
                close += both > 0 ? both / sqrt(had_a * had_c) : 0;
            }
        }
        novelty += bits / 10 / one.n_users;
        popularity += rows / 10 / one.n_users;
        diversity += (1 - close / 45) / one.n_users;
    }
    for (int a = 0; a < ITEMS; a++) {
        coverage += shown[a] > 0;
        for (int c = 0; c < ITEMS; c++) gini += fabs(shown[a] - shown[c]); /* mean absolute difference / 2 mean */
    }
    assert_near(one.mean[4], coverage / ITEMS, 1e-12);
    assert_near(one.mean[5], gini / (2.0 * ITEMS * all), 1e-9);
    assert_near(one.mean[6], novelty, 1e-5);
    assert_near(one.mean[7], diversity, 1e-5);
    assert_near(one.mean[8], popularity, 1e-4);

    report_close(&one);
    report_close(&many);
    report_close(&scored);
    protocol_close(&p);
    split_close(&s);
    dataset_close(&d);
    test_free(v);
}

/* ---- controls ---------------------------------------------------------------------------------------------------------- */

static void which_controls(void **state)
{
    (void)state;
    static const recommender list = {.tasks = TASK_TOPN | TASK_CLICK}, click = {.tasks = TASK_CLICK | TASK_RATING};
    const recommender *both[] = {&click, &list};
    const char *const *keys = controls_for(both, 2);
    static const char *const due[] = {"pop", "markov", "repeat", "ease"};
    for (int i = 0; i < 4; i++) assert_string_equal(keys[i], due[i]);
    assert_null(keys[4]);
    keys = controls_for(both, 1);
    assert_string_equal(keys[0], "lr");
    assert_null(keys[1]);
    assert_true(methods_only_pairs(both, 1) && !methods_only_pairs(both, 2) && !methods_only_pairs(both, 0));
    assert_string_equal(control_instead("ease"), "itemknn");
    assert_null(control_instead("pop"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(row_functions), cmocka_unit_test(like_scores),
                                       cmocka_unit_test(which_controls)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
