/* Sparse matrices, their kernels on every instruction set, histories, the Gram matrix. */
#include "unit/rec/tiny.h"

#include "rec/gram.h"
#include "rec/history.h"
#include "tensor/cpu/kernels.h"
#include "tensor/cpu/sparse.h"

static void from_interactions_and_back(void **state)
{
    (void)state;
    tiny t;
    tiny_from(&t, 4, 6, "5 1 5 3 | | 0 | 3 3");
    sparse m, turned;
    assert_ok(sparse_from(&m, &t.x));
    assert_int_equal(m.n, 5);
    assert_memory_equal(m.start, ((uint64_t[]){0, 3, 3, 4, 5}), 5 * sizeof(uint64_t));
    assert_memory_equal(m.col, ((uint32_t[]){1, 3, 5, 0, 3}), 5 * sizeof(uint32_t));
    assert_null(m.value);
    assert_ok(sparse_transpose(&turned, &m));
    assert_memory_equal(turned.start, ((uint64_t[]){0, 1, 2, 2, 4, 4, 5}), 7 * sizeof(uint64_t));
    assert_memory_equal(turned.col, ((uint32_t[]){2, 0, 0, 3, 0}), 5 * sizeof(uint32_t));
    uint32_t *count;
    assert_ok(sparse_popularity(&count, &t.x));
    assert_memory_equal(count, ((uint32_t[]){1, 1, 0, 3, 0, 2}), 6 * sizeof(uint32_t));
    mem_free(count);
    sparse_free(&m), sparse_free(&turned);
    tiny_free(&t);
}

static void triples_add_up(void **state)
{
    (void)state;
    sparse m;
    assert_ok(sparse_from_triples(&m, 2, 3, 5, (uint32_t[]){1, 0, 1, 1, 0}, (uint32_t[]){2, 1, 2, 0, 0},
                                  (float[]){1, 2, 3, 4, 5}));
    assert_memory_equal(m.start, ((uint64_t[]){0, 2, 4}), 3 * sizeof(uint64_t));
    assert_memory_equal(m.col, ((uint32_t[]){0, 1, 0, 2}), 4 * sizeof(uint32_t));
    assert_memory_equal(m.value, ((float[]){5, 2, 4, 4}), 4 * sizeof(float));
    sparse_free(&m);
}

static void gram_counts_pairs(void **state)
{
    (void)state;
    tiny t;
    tiny_random(&t, 50, 130, 9, 3); /* more than one tile of the mirror */
    sparse x, xt;
    assert_ok(sparse_from(&x, &t.x));
    assert_ok(sparse_transpose(&xt, &x));
    float *g = calloc(130 * 130, sizeof *g);
    assert_ok(gram_upper(&x, &xt, g));
    assert_ok(gram_mirror(g, 130));
    double *d = tiny_dense(&t.x);
    for (size_t i = 0; i < 130; i++)
        for (size_t j = 0; j < 130; j++) {
            double want = 0;
            for (size_t u = 0; u < 50; u++) want += d[u * 130 + i] * d[u * 130 + j];
            assert_near(g[i * 130 + j], want, 0);
        }
    free(g), free(d);
    sparse_free(&x), sparse_free(&xt);
    tiny_free(&t);
}

static void histories_become_sets(void **state)
{
    (void)state;
    arena a = {0};
    uint32_t long_one[100];
    for (uint32_t i = 0; i < 100; i++) long_one[i] = (i * 37) % 50;
    query q[3] = {{.items = (uint32_t[]){4, 2, 4, 9, 0}, .n = 5}, {0}, {.items = long_one, .n = 100}};
    history_rows h;
    assert_ok(history_sets(&a, q, 3, 9, &h));
    assert_memory_equal(h.start, ((uint64_t[]){0, 3, 3, 12}), 4 * sizeof(uint64_t));
    assert_memory_equal(h.item, ((uint32_t[]){0, 2, 4, 0, 1, 2, 3, 4, 5, 6, 7, 8}), 12 * sizeof(uint32_t));
    assert_int_equal(history_last(&q[0], 9), 0);
    assert_int_equal(history_last(&q[1], 9), UINT32_MAX);
    assert_int_equal(history_last(&(query){.items = (uint32_t[]){4, 9}, .n = 2}, 9), 4);
    arena_free(&a);
}

static void kernels_agree_with_sums_in_doubles(void **state)
{
    (void)state;
    static const size_t dims[] = {1, 2, 3, 7, 15, 16, 17, 31, 32, 63, 64, 65, 100, 128, 513, 700};
    const char *sets[] = {"portable", "avx2", "avx512", "amx"};
    rng r = rng_make(3, RNG_USER);
    int tried = 0;
    for (size_t set = 0; set < sizeof sets / sizeof *sets; set++) {
        if (!isa_choose(sets[set]) || strcmp(isa()->name, sets[set])) continue;
        const sparse_kernels *k = sparse_isa();
        assert_string_equal(k->name, strcmp(sets[set], "amx") == 0 ? "avx512" : sets[set]);
        tried++;
        for (size_t c = 0; c < sizeof dims / sizeof *dims; c++)
            for (size_t n = 0; n < 40; n += 1 + n / 3) {
                size_t d = dims[c];
                float *x = calloc(60 * d, sizeof *x), *out = calloc(d, sizeof *out), *p = calloc(d, sizeof *p), v[40],
                      a[40];
                uint32_t row[40];
                for (size_t i = 0; i < 60 * d; i++) x[i] = (float)rng_normal(&r);
                for (size_t i = 0; i < d; i++) p[i] = (float)rng_normal(&r);
                for (size_t i = 0; i < n; i++)
                    row[i] = rng_below(&r, 60), v[i] = (float)rng_normal(&r), a[i] = (float)rng_normal(&r);
                for (int ones = 0; ones < 2; ones++) {
                    k->gather_sum(n, row, ones ? NULL : v, x, d, out);
                    for (size_t j = 0; j < d; j++) {
                        double want = 0;
                        for (size_t i = 0; i < n; i++) want += (ones ? 1 : v[i]) * x[row[i] * d + j];
                        assert_near(out[j], want, 2e-5);
                    }
                }
                for (int plain = 0; plain < 2 && d % 16 == 0; plain++) {
                    for (size_t j = 0; j < d; j++) out[j] = 1;
                    k->normal_apply(n, d, x, plain ? NULL : a, v, p, out);
                    for (size_t j = 0; j < d; j++) {
                        double want = 1, size = 1;
                        for (size_t i = 0; i < n; i++) {
                            double dot = 0, most = 0;
                            for (size_t e = 0; e < d; e++) {
                                double product = (double)x[i * d + e] * p[e];
                                dot += product, most += fabs(product);
                            }
                            want += ((plain ? 0 : a[i]) + v[i] * dot) * x[i * d + j];
                            size += ((plain ? 0 : fabs(a[i])) + fabs(v[i]) * most) * fabs(x[i * d + j]);
                        }
                        assert_near(out[j], want, 1e-6 * size);
                    }
                }
                free(x), free(out), free(p);
            }
    }
    isa_choose(NULL);
    assert_true(tried > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_interactions_and_back),
        cmocka_unit_test(triples_add_up),
        cmocka_unit_test(gram_counts_pairs),
        cmocka_unit_test(histories_become_sets),
        cmocka_unit_test(kernels_agree_with_sums_in_doubles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
