/* Product quantisation on vectors whose directions are mixed, so that slices as they come fit badly. */
#include "support/support.h"

#include <math.h>

#include "learn/kmeans.h"
#include "retrieve/pq.h"
#include "tensor/rng.h"

enum { N = 600, DIMS = 12 };
static float x[N * DIMS];

/* Six hidden numbers, each the sum of a coarse and a fine one, spread over all twelve. */
static void make(void)
{
    rng r = rng_make(4, RNG_USER);
    float mix[6][DIMS];
    for (int k = 0; k < 6; k++)
        for (int j = 0; j < DIMS; j++) mix[k][j] = (float)rng_normal(&r);
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < DIMS; j++) x[i * DIMS + j] = 3;
        for (int k = 0; k < 6; k++) {
            float h = (float)rng_below(&r, 3) * 2 + .1f * (float)rng_normal(&r);
            for (int j = 0; j < DIMS; j++) x[i * DIMS + j] += h * mix[k][j];
        }
    }
}

/* Encodes, decodes, and says the mean squared distance. */
static double round_trip(const pq *q, int32_t *code)
{
    static float back[N * DIMS];
    double sum = 0;
    assert_ok(pq_encode(q, x, N, code));
    for (size_t i = 0; i < (size_t)N * q->parts; i++) assert_in_range(code[i], 0, q->clusters - 1);
    assert_ok(pq_decode(q, code, N, back));
    for (int i = 0; i < N * DIMS; i++) sum += pow(x[i] - back[i], 2);
    return sum / N;
}

static double error_with(uint32_t parts, uint32_t clusters, int rotations)
{
    static int32_t code[N * DIMS];
    pq q;
    assert_ok(pq_learn(&q, x, N, DIMS, &(pq_options){parts, clusters, rotations, 1}));
    double e = round_trip(&q, code);
    if (DIMS % parts == 0)
        assert_near(e, q.error, 1e-3 * (1 + e));
    else
        assert_true(e <= q.error); /* what lies in the filled-up numbers is not given back */
    pq_free(&q);
    return e;
}

static void more_codes_lose_less(void **state)
{
    (void)state;
    double few = error_with(4, 4, 0), more = error_with(4, 16, 0), most = error_with(4, 64, 0);
    assert_true(more < .7 * few);
    assert_true(most < .7 * more);
    assert_true(error_with(6, 16, 0) < more);
}

static void a_learned_rotation_loses_less(void **state)
{
    (void)state;
    assert_true(error_with(6, 8, 30) < .8 * error_with(6, 8, 0));
    assert_true(error_with(6, 8, 30) < error_with(6, 8, 1));
    error_with(5, 8, 3); /* 12 numbers in five slices of three: filled up */
}

static void the_same_twice_and_from_files(void **state)
{
    (void)state;
    static int32_t a[N * 4], b[N * 4];
    pq p, q, kept;
    pq_options o = {4, 16, 4, 9};
    assert_ok(pq_learn(&p, x, N, DIMS, &o));
    assert_ok(pq_learn(&q, x, N, DIMS, &o));
    assert_ok(pq_encode(&p, x, N, a));
    assert_ok(pq_encode(&q, x, N, b));
    assert_memory_equal(a, b, sizeof a);
    const char *folder = test_folder();
    assert_ok(pq_save(&p, folder));
    assert_ok(pq_load(&kept, folder));
    assert_ok(pq_encode(&kept, x, N, b));
    assert_memory_equal(a, b, sizeof a);
    pq_free(&p);
    pq_free(&q);
    pq_free(&kept);
}

static void few_vectors_are_their_own_centroids(void **state)
{
    (void)state;
    pq q;
    int32_t code[3 * 4];
    float back[3 * DIMS];
    assert_ok(pq_learn(&q, x, 3, DIMS, &(pq_options){4, 256, 2, 1}));
    assert_ok(pq_encode(&q, x, 3, code));
    assert_ok(pq_decode(&q, code, 3, back));
    for (int i = 0; i < 3 * DIMS; i++) assert_near(back[i], x[i], 1e-3);
    code[5] = 256;
    assert_int_equal(pq_decode(&q, code, 3, back), LOREC_INPUT);
    pq_free(&q);
    assert_int_equal(pq_learn(&q, x, 0, DIMS, &(pq_options){4, 16, 0, 1}), LOREC_INPUT);
    assert_int_equal(pq_learn(&q, x, 3, DIMS, &(pq_options){13, 16, 0, 1}), LOREC_INPUT);
}

static void kmeans_finds_clumps(void **state)
{
    (void)state;
    float clump[60 * 2], centroid[3 * 2];
    int32_t code[60];
    double error;
    rng r = rng_make(2, RNG_USER);
    for (int i = 0; i < 60; i++) {
        clump[2 * i] = (float)(i % 3) * 10 + .1f * (float)rng_normal(&r);
        clump[2 * i + 1] = i % 3 == 1 ? 5 : -5;
    }
    kmeans_rows rows = {clump, 60, 2, 2};
    for (int i = 0; i < 6; i++) centroid[i] = i < 2 ? clump[i] : 1000; /* two that nobody is near: they have to move */
    assert_ok(kmeans_learn(&rows, 3, 20, centroid, code, &error));
    assert_true(error < .05);
    for (int i = 3; i < 60; i++) assert_int_equal(code[i], code[i % 3]);
    assert_true(code[0] != code[1] && code[1] != code[2] && code[0] != code[2]);
}

int main(void)
{
    make();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_codes_lose_less),          cmocka_unit_test(a_learned_rotation_loses_less),
        cmocka_unit_test(the_same_twice_and_from_files), cmocka_unit_test(few_vectors_are_their_own_centroids),
        cmocka_unit_test(kmeans_finds_clumps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
