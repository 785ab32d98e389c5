/* The graph beside looking at everything: recall at the defaults, the same file whatever the threads, spoiled files, odd sizes. */
#include "support/support.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/threads.h"
#include "rec/topk.h"
#include "retrieve/hnsw.h"
#include "tensor/rng.h"

enum { N = 5000, D = 30, K = 10, ASKED = 200 };
static float rows[N * D];

/* Vectors as factor models have them: of few hidden directions, lengths that differ by a factor of ten. */
static void make(void)
{
    rng r = rng_make(11, RNG_USER);
    static float mix[12][D];
    for (int k = 0; k < 12; k++)
        for (int j = 0; j < D; j++) mix[k][j] = (float)rng_normal(&r);
    for (int i = 0; i < N; i++) {
        float *x = rows + i * D, length = (float)exp(.6 * rng_normal(&r));
        for (int j = 0; j < D; j++) x[j] = .3f * (float)rng_normal(&r);
        for (int k = 0; k < 12; k++) {
            float weight = (float)rng_normal(&r);
            for (int j = 0; j < D; j++) x[j] += weight * mix[k][j];
        }
        for (int j = 0; j < D; j++) x[j] *= length;
    }
}

static size_t common(const uint32_t *a, size_t n, const uint32_t *b, size_t m)
{
    size_t both = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < m; j++) both += a[i] == b[j];
    return both;
}

/* Mean recall@10 of queries like the rows themselves; scores have the bits of the scan. */
static double recall(const hnsw *h)
{
    static float wide[D + 64], all[N], best[K], scores[K];
    uint32_t items[K], exact[K];
    size_t found, hits = 0;
    hnsw_scratch *s;
    assert_ok(hnsw_scratch_new(&s, h));
    for (uint32_t a = 0; a < ASKED; a++) {
        float q[D];
        for (int j = 0; j < D; j++) q[j] = rows[(a * 7 % N) * D + (uint32_t)j] - rows[(a * 13 % N) * D + (uint32_t)j];
        hnsw_extend(h, q, wide);
        hnsw_scan(h, wide, all);
        assert_ok(hnsw_search(h, s, wide, K, 0, items, scores, &found));
        assert_int_equal(found, K);
        for (size_t i = 0; i < K; i++) assert_true(scores[i] == all[items[i]] && (!i || scores[i] <= scores[i - 1]));
        hits += common(items, K, exact, topk_select(all, h->n, K, exact, best));
    }
    hnsw_scratch_free(s);
    return (double)hits / (ASKED * K);
}

static void it_finds_what_looking_at_all_finds(void **state)
{
    (void)state;
    hnsw h, opened;
    char one[512], two[512];
    make();
    par_set_workers(1);
    assert_ok(hnsw_build(&h, rows, N, D, &(hnsw_settings){0}));
    snprintf(one, sizeof one, "%s", test_path("one.hnsw"));
    assert_ok(hnsw_save(&h, one));
    double built = recall(&h);
    assert_true(built >= .95);
    hnsw_close(&h);
    par_set_workers(4);
    assert_ok(hnsw_build(&h, rows, N, D, &(hnsw_settings){0}));
    par_set_workers(1);
    snprintf(two, sizeof two, "%s", test_path("two.hnsw"));
    assert_ok(hnsw_save(&h, two));
    hnsw_close(&h);
    buf a = {0}, b = {0};
    assert_ok(file_read(&a, one, 1 << 30));
    assert_ok(file_read(&b, two, 1 << 30));
    assert_true(a.n == b.n && !memcmp(a.p, b.p, a.n));
    assert_ok(hnsw_open(&opened, two));
    assert_true(hnsw_holds(&opened, rows, N, D));
    assert_true(recall(&opened) == built);
    rows[3] += 1;
    assert_false(hnsw_holds(&opened, rows, N, D));
    assert_false(hnsw_holds(&opened, rows, N - 1, D));
    hnsw_close(&opened);
    buf_free(&a);
    buf_free(&b);
}

static void write_file(const char *path, const char *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

static void spoiled_files_are_refused(void **state)
{
    (void)state;
    hnsw h;
    buf good = {0};
    char path[512];
    make();
    assert_ok(hnsw_build(&h, rows, 300, D, &(hnsw_settings){.m = 5, .build = 20}));
    snprintf(path, sizeof path, "%s", test_path("good.hnsw"));
    assert_ok(hnsw_save(&h, path));
    hnsw_close(&h);
    assert_ok(file_read(&good, path, 1 << 30));
    snprintf(path, sizeof path, "%s", test_path("bad.hnsw"));
    for (size_t at = 0; at < good.n; at += at < 64 ? 1 : 997) { /* every byte of the head, some of the rest */
        good.p[at] ^= 4;
        write_file(path, good.p, good.n);
        assert_fails(hnsw_open(&h, path), LOREC_INPUT, "bad.hnsw");
        good.p[at] ^= 4;
    }
    for (size_t n = 0; n < good.n; n += n < 130 ? 1 : 1009) {
        write_file(path, good.p, n);
        assert_fails(hnsw_open(&h, path), LOREC_INPUT, "bad.hnsw");
    }
    write_file(path, good.p, good.n);
    assert_ok(hnsw_open(&h, path));
    hnsw_close(&h);
    buf_free(&good);
}

static void odd_sizes(void **state)
{
    (void)state;
    hnsw h;
    hnsw_scratch *s;
    uint32_t items[8];
    float scores[8], wide[16];
    size_t found;
    float twins[6 * 2] = {1, 2, 1, 2, 1, 2, 1, 2, 0, 0, 3, 0};
    for (uint32_t n = 0; n <= 6; n++) {
        assert_ok(hnsw_build(&h, twins, n, 2, &(hnsw_settings){.m = 4}));
        assert_ok(hnsw_scratch_new(&s, &h));
        assert_int_equal(h.stride, 16);
        hnsw_extend(&h, (float[]){1, 1}, wide);
        assert_ok(hnsw_search(&h, s, wide, 8, 0, items, scores, &found));
        assert_int_equal(found, n);
        for (size_t i = 0; i < found && i < 4; i++) assert_true(scores[i] == 3);
        hnsw_scratch_free(s);
        hnsw_close(&h);
    }
    twins[5] = NAN;
    assert_fails(hnsw_build(&h, twins, 6, 2, &(hnsw_settings){0}), LOREC_INPUT, "not finite");
    assert_fails(hnsw_build(&h, twins, 2, 2, &(hnsw_settings){.m = 1}), LOREC_USAGE, "neighbours");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_finds_what_looking_at_all_finds),
        cmocka_unit_test(spoiled_files_are_refused),
        cmocka_unit_test(odd_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
