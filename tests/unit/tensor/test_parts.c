/* f32 products on bf16 tiles: as near as f32's own arithmetic, NaN is never lost, whatever way the product is cut. */
#include "support/support.h"

#include <math.h>

#include "base/threads.h"
#include "tensor/cpu/parts.h"
#include "tensor/rng.h"

/* Values of either sign with all 24 bits in use, `decades` of size. */
static float *drawn(size_t n, uint64_t seed, double decades)
{
    rng r = rng_make(seed, RNG_USER);
    float *x = malloc(n * sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)((rng_uniform(&r) * 2 - 1) * pow(10, decades * (rng_uniform(&r) - 0.5)));
    return x;
}

static double at(const float *x, bool across, int64_t ld, int64_t i, int64_t p)
{
    return x[across ? p * ld + i : i * ld + p];
}

/* The largest error of every `skip`th element, in units of 2^-24 of the sum of its products' sizes. */
static double worst(const gemm *g, int64_t skip)
{
    double most = 0;
    for (int64_t e = 0; e < g->m * g->n; e += skip) {
        int64_t i = e / g->n, j = e % g->n;
        double sum = 0, size = 0;
        for (int64_t p = 0; p < g->k; p++) {
            double product = at(g->a, g->ta, g->lda, i, p) * at(g->b, !g->tb, g->ldb, j, p);
            sum += product;
            size += fabs(product);
        }
        most = fmax(most, fabs(g->c[i * g->ldc + j] - sum) / size * 0x1p24);
    }
    return most;
}

static gemm product(bool ta, bool tb, int64_t m, int64_t n, int64_t k, double decades)
{
    return (gemm){.ta = ta,
                  .tb = tb,
                  .m = m,
                  .n = n,
                  .k = k,
                  .alpha = 1,
                  .a = drawn((size_t)(m * k), 1, decades),
                  .b = drawn((size_t)(n * k), 2, decades),
                  .lda = ta ? m : k,
                  .ldb = tb ? k : n,
                  .c = malloc((size_t)(m * n) * sizeof(float)),
                  .ldc = n};
}

static void release(gemm *g)
{
    free((void *)(uintptr_t)g->a);
    free((void *)(uintptr_t)g->b);
    free(g->c);
}

static bool tiles_here(void)
{
    if (isa_choose("amx")) return true;
    print_message("no AMX here: the f32 product by parts has not run\n");
    return false;
}

static void as_near_as_f32(void **state)
{
    (void)state;
    if (!tiles_here()) return;
    for (int kind = 0; kind < 8; kind++) { /* like sizes, and sizes over twelve decades */
        gemm g = product(kind & 1, kind & 2, 97, 131, 517, kind & 4 ? 12 : 0);
        assert_true(parts_take(&g));
        assert_ok(parts_run(&g));
        double parts = worst(&g, 7);
        isa_choose("avx512");
        assert_ok(gemm_run(&g));
        double chain = worst(&g, 7);
        isa_choose("amx");
        if (!(parts <= 2 * chain + 1))
            fail_msg("kind %d: parts are off by %.2f, multiply-adds by %.2f", kind, parts, chain);
        release(&g);
    }
    isa_choose(NULL);
}

/* More of either side and of k than is laid out at a time. */
static void every_way_to_cut(void **state)
{
    (void)state;
    static const int64_t sizes[][3] = {
        {700, 720, 2100}, {520, 540, 3000}, {48, 2000, 64}, {2000, 48, 65}, {530, 600, 6000}};
    if (!tiles_here()) return;
    int workers = par_workers();
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        gemm g = product(s & 1, s & 2, sizes[s][0], sizes[s][1], sizes[s][2], 0);
        size_t n = (size_t)(g.m * g.n);
        float *first = malloc(n * sizeof *first);
        assert_true(parts_take(&g));
        for (int w = 1; w <= 3; w++) {
            par_set_workers(w);
            for (size_t i = 0; i < n; i++) g.c[i] = NAN;
            assert_ok(parts_run(&g));
            if (w > 1) assert_memory_equal(g.c, first, n * sizeof *first);
            memcpy(first, g.c, n * sizeof *first);
        }
        assert_true(worst(&g, 1 + g.m * g.n / 500) < 20);
        free(first);
        release(&g);
    }
    par_set_workers(workers);
    isa_choose(NULL);
}

static void sum_pieces(void *ctx, int64_t row, int64_t rows, int64_t col, int64_t cols, float *c, int64_t ldc)
{
    float *to = ctx;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++) to[(row + i) * 300 + col + j] += c[i * ldc + j];
}

/* C lives only in pieces: each element is handed over once. */
static void pieces_alone(void **state)
{
    (void)state;
    if (!tiles_here()) return;
    for (int tall = 0; tall < 2; tall++) {
        gemm g = product(false, true, tall ? 500 : 120, 300, 800, 0);
        float *sums = calloc((size_t)(g.m * g.n), sizeof *sums), *c = g.c;
        g.c = NULL;
        g.after = sum_pieces;
        g.ctx = sums;
        assert_true(parts_take(&g));
        assert_ok(parts_run(&g));
        g.c = c;
        g.after = NULL;
        assert_ok(parts_run(&g));
        assert_memory_equal(c, sums, (size_t)(g.m * g.n) * sizeof *c);
        free(sums);
        release(&g);
    }
    isa_choose(NULL);
}

/* Any NaN, whatever its bits, makes its row NaN; infinity does not pass as a number. */
static void not_numbers_stay(void **state)
{
    (void)state;
    static const uint32_t bits[] = {0x7fc00000, 0xffc00000, 0x7f800001, 0xffffffff, 0x7fffffff, 0x7f800000, 0xff800000};
    if (!tiles_here()) return;
    for (size_t b = 0; b < sizeof bits / sizeof *bits; b++) {
        gemm g = product(false, true, 64, 96, 512, 0);
        float *a = malloc((size_t)(g.m * g.k) * sizeof *a);
        memcpy(a, g.a, (size_t)(g.m * g.k) * sizeof *a);
        memcpy(&a[17 * g.k + 33], &bits[b], sizeof *bits);
        free((void *)(uintptr_t)g.a);
        g.a = a;
        assert_ok(parts_run(&g));
        for (int64_t i = 0; i < g.m; i++)
            for (int64_t j = 0; j < g.n; j++) assert_int_equal(isfinite(g.c[i * g.n + j]) != 0, i != 17);
        release(&g);
    }
    isa_choose(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_near_as_f32),
        cmocka_unit_test(every_way_to_cut),
        cmocka_unit_test(pieces_alone),
        cmocka_unit_test(not_numbers_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
