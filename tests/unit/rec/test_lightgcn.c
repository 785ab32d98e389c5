#include <math.h>

#include "base/log.h"
#include "rec/vectors.h"
#include "unit/rec/made.h"

extern const recommender recommender_lightgcn;

static made m;

/* A step too small to move anything: what is scored is the propagation of the first values, which a model of 0 layers
 * gives away: its scores are <E0_u, E0_i>, and from the vectors file come E0 themselves. */

static void raw_vectors(vectors *v, const char *layers)
{
    void *self;
    assert_ok(made_fit(
        &recommender_lightgcn, &self, &(fit_context){.train = &m.x, .seed = 5},
        (const char *[]){"epochs", "1", "learning_rate", "1e-9", "embedding_size", "4", "n_layers", layers, NULL}));
    const char *folder = test_path(layers);
    assert_ok(recommender_save(&recommender_lightgcn, self, folder));
    *v = (vectors){0};
    assert_ok(vectors_load(v, folder));
    recommender_free(&recommender_lightgcn, self);
}

static void propagation_equals_the_dense_one(void **state)
{
    (void)state;
    enum { USERS = 7, ITEMS = 5, NODES = USERS + ITEMS, D = 4, LAYERS = 3 };
    made_begin(&m, USERS, ITEMS);
    double a[NODES][NODES] = {0}, degree[NODES] = {0};
    for (uint32_t u = 0; u < USERS; u++)
        for (uint32_t i = 0; i < ITEMS - 1; i++) /* the last item is isolated */
            if ((u * 3 + i * 5) % 4 < 2) {
                made_add(&m, u, i);
                a[u][USERS + i] = a[USERS + i][u] = 1;
            }
    made_add(&m, USERS - 1, 1); /* a repeat does not make the edge heavier */
    a[USERS - 1][USERS + 1] = a[USERS + 1][USERS - 1] = 1;
    for (int i = 0; i < NODES; i++)
        for (int j = 0; j < NODES; j++) degree[i] += a[i][j];
    vectors zero, three;
    raw_vectors(&zero, "0");
    raw_vectors(&three, "3");
    double e[NODES][D], sum[NODES][D];
    for (int i = 0; i < NODES; i++)
        for (int k = 0; k < D; k++)
            sum[i][k] = e[i][k] = i < USERS ? zero.user[i * D + k] : zero.item[(i - USERS) * D + k];
    for (int l = 0; l < LAYERS; l++) {
        double next[NODES][D] = {0};
        for (int i = 0; i < NODES; i++)
            for (int j = 0; j < NODES; j++)
                for (int k = 0; k < D; k++)
                    if (a[i][j] > 0) next[i][k] += e[j][k] / sqrt(degree[i] * degree[j]);
        memcpy(e, next, sizeof e);
        for (int i = 0; i < NODES; i++)
            for (int k = 0; k < D; k++) sum[i][k] += e[i][k];
    }
    for (int i = 0; i < NODES; i++)
        for (int k = 0; k < D; k++)
            assert_near(i < USERS ? three.user[i * D + k] : three.item[(i - USERS) * D + k], sum[i][k] / (LAYERS + 1),
                        2e-6);
    vectors_free(&zero);
    vectors_free(&three);
}

static void it_learns_blocks(void **state)
{
    (void)state;
    made_blocks(&m, 120, 3, 8);
    void *self;
    assert_ok(made_fit(&recommender_lightgcn, &self, &(fit_context){.train = &m.x, .seed = 1},
                       (const char *[]){"epochs", "60", "learning_rate", "0.02", "embedding_size", "8", NULL}));
    assert_true(made_hit(&recommender_lightgcn, self, &m, true) > 0.9);
    made_check_saving(&recommender_lightgcn, self, &m, "lightgcn");
    made_check_strangers(&recommender_lightgcn, self, &m);
    recommender_free(&recommender_lightgcn, self);
}

static void nothing_to_learn_from(void **state)
{
    (void)state;
    made_begin(&m, 3, 5);
    void *self;
    assert_int_equal(made_fit(&recommender_lightgcn, &self, &(fit_context){.train = &m.x, .seed = 1}, NULL),
                     LOREC_INPUT);
    recommender_free(&recommender_lightgcn, self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(propagation_equals_the_dense_one),
        cmocka_unit_test(it_learns_blocks),
        cmocka_unit_test(nothing_to_learn_from),
    };
    log_set_level(LOG_WARN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
