/* Kernels against plain loops in double, on every instruction set this CPU has. */
#include "support/support.h"

#include <math.h>

#include "base/mem.h"
#include "base/threads.h"
#include "tensor/cpu/gemm.h"
#include "tensor/ops.h"
#include "tensor/rng.h"

static const char *const sets[] = {"amx", "avx512", "avx2", "portable"};

/* Runs `body` once for each instruction set, with the best one back in force at the end. */
static void each_isa(void (*body)(void))
{
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        if (isa_choose(sets[i])) body();
    assert_non_null(isa_choose(NULL));
}

static void fill(rng *r, size_t n, float *x)
{
    for (size_t i = 0; i < n; i++) x[i] = (float)(rng_uniform(r) * 2 - 1);
}

static float widened(uint16_t x)
{
    float y;
    uint32_t u = (uint32_t)x << 16;
    memcpy(&y, &u, 4);
    return y;
}

typedef struct gemm_case {
    bool bf16, ta, tb, serial;
    int64_t m, n, k, pad; /* pad: extra columns of every matrix */
    float alpha, beta;
} gemm_case;

static void gemm_check(const gemm_case *g)
{
    rng r = rng_make(7, RNG_USER);
    int64_t lda = (g->ta ? g->m : g->k) + g->pad, ldb = (g->tb ? g->k : g->n) + g->pad, ldc = g->n + g->pad;
    size_t na = (size_t)((g->ta ? g->k : g->m) * lda), nb = (size_t)((g->tb ? g->n : g->k) * ldb),
           nc = (size_t)(g->m * ldc);
    float *a = malloc(na * 4 + 4), *b = malloc(nb * 4 + 4), *c = malloc(nc * 4 + 4), *before = malloc(nc * 4 + 4);
    uint16_t *ha = malloc(na * 2 + 2), *hb = malloc(nb * 2 + 2), *hc = malloc(nc * 2 + 2);
    fill(&r, na, a);
    fill(&r, nb, b);
    fill(&r, nc, c);
    isa()->to_bf16(na, a, ha);
    isa()->to_bf16(nb, b, hb);
    if (g->bf16) {
        isa()->to_bf16(nc, c, hc);
        isa()->from_bf16(na, ha, a);
        isa()->from_bf16(nb, hb, b);
        isa()->from_bf16(nc, hc, c);
    }
    if (g->beta == 0)
        for (size_t i = 0; i < nc; i++) c[i] = NAN; /* must not be read */
    memcpy(before, c, nc * 4);
    if (g->beta == 0)
        for (size_t i = 0; i < nc; i++) hc[i] = 0x7fc0;
    if (g->serial)
        gemm_f32_serial(g->ta, g->tb, g->m, g->n, g->k, g->alpha, a, lda, b, ldb, g->beta, c, ldc);
    else if (!g->bf16)
        assert_ok(gemm_f32(g->ta, g->tb, g->m, g->n, g->k, g->alpha, a, lda, b, ldb, g->beta, c, ldc));
    else {
        assert_ok(gemm_bf16(g->ta, g->tb, g->m, g->n, g->k, g->alpha, ha, lda, hb, ldb, g->beta, hc, ldc, true));
        assert_ok(gemm_bf16(g->ta, g->tb, g->m, g->n, g->k, g->alpha, ha, lda, hb, ldb, g->beta, c, ldc, false));
    }
    for (int64_t i = 0; i < g->m; i++)
        for (int64_t j = 0; j < ldc; j++) {
            double sum = 0, size = 1;
            if (j >= g->n) {
                assert_memory_equal(&c[i * ldc + j], &before[i * ldc + j], 4);
                continue;
            }
            for (int64_t p = 0; p < g->k; p++)
                sum += (double)a[g->ta ? p * lda + i : i * lda + p] * b[g->tb ? j * ldb + p : p * ldb + j];
            sum = g->alpha * sum + (g->beta == 0 ? 0 : g->beta * (double)before[i * ldc + j]);
            size += fabs(sum) + sqrt((double)g->k);
            double got = c[i * ldc + j];
            if (!(fabs(got - sum) <= 1e-6 * size))
                fail_msg("%s%s %s%s %lld x %lld x %lld: [%lld, %lld] is %.9g, not %.9g", isa()->name,
                         g->bf16 ? " bf16" : "", g->ta ? "T" : "N", g->tb ? "T" : "N", (long long)g->m, (long long)g->n,
                         (long long)g->k, (long long)i, (long long)j, got, sum);
            if (g->bf16) assert_near(widened(hc[i * ldc + j]), sum, 0.004 * size);
        }
    free(a);
    free(b);
    free(c);
    free(before);
    free(ha);
    free(hb);
    free(hc);
}

static void gemm_all_shapes(void)
{
    static const int64_t sizes[] = {0, 1, 2, 3, 7, 63, 64, 65};
    enum { N = sizeof sizes / sizeof *sizes };
    for (int i = 0; i < N * N * N; i++)
        for (int kind = 0; kind < 8; kind++) { /* every layout in two of the three ways to ask; strides vary with i */
            gemm_case g = {.ta = kind & 1,
                           .tb = kind & 2,
                           .m = sizes[i % N],
                           .n = sizes[i / N % N],
                           .k = sizes[i / N / N],
                           .pad = i % 3,
                           .alpha = i % 2 ? 1 : 0.5f,
                           .beta = i % 5 == 0   ? 0.25f
                                   : i % 5 == 1 ? 1
                                                : 0};
            if ((kind & 4) == 0)
                g.serial = i & 1;
            else
                g.bf16 = true;
            gemm_check(&g);
        }
}

static void gemm_shapes_odd(void **state)
{
    (void)state;
    each_isa(gemm_all_shapes);
}

static void gemm_large_shapes(void)
{
    for (int kind = 0; kind < 8; kind++) { /* several blocks of k, pieces of C, split k, few rows */
        gemm_check(&(gemm_case){kind & 4, kind & 1, kind & 2, false, 131, 333, 517, 1, 1, 0});
        gemm_check(&(gemm_case){kind & 4, kind & 1, kind & 2, false, 33, 65, 1501, 0, 1, 1});
        gemm_check(&(gemm_case){kind & 4, kind & 1, kind & 2, false, 5, 700, 300, 0, 1, 0});
        gemm_check(&(gemm_case){false, kind & 1, kind & 2, true, 61, 130, 517, 3, 1, 0});
    }
}

static void gemm_large(void **state)
{
    (void)state;
    each_isa(gemm_large_shapes);
}

static void gemm_bits_repeat(void **state)
{
    (void)state;
    enum { M = 70, N = 48, K = 3000 };
    rng r = rng_make(3, RNG_USER);
    float *a = malloc(M * K * 4), *b = malloc(N * K * 4), *c = malloc(M * N * 4), *d = malloc(M * N * 4);
    fill(&r, M * K, a);
    fill(&r, N * K, b);
    int workers = par_workers();
    for (int w = 1; w <= 3; w++) {
        par_set_workers(w);
        for (int deep = 100; deep <= K; deep += K - 100) {
            assert_ok(gemm_f32(true, false, M, N, deep, 1, a, M, b, N, 0, c, N));
            for (int again = 0; again < 3; again++) {
                assert_ok(gemm_f32(true, false, M, N, deep, 1, a, M, b, N, 0, d, N));
                assert_memory_equal(c, d, M * N * 4);
            }
        }
    }
    par_set_workers(workers);
    free(a);
    free(b);
    free(c);
    free(d);
}

/* ---- vector functions ---------------------------------------------------------------------------------------------------- */

enum { N_VALUES = 4099 };

static void functions_agree(void)
{
    float x[N_VALUES], y[N_VALUES];
    for (int i = 0; i < N_VALUES; i++) x[i] = -105 + 195.0f * (float)i / N_VALUES;
    isa()->exp_f32(N_VALUES, x, y);
    for (int i = 0; i < N_VALUES; i++) {
        double right = exp((double)x[i]);
        if (right > 3.4028235e38)
            assert_true(isinf(y[i]));
        else
            assert_near(y[i], right, 2.5e-7 * right + 3e-45);
    }
    float special[] = {0, -INFINITY, INFINITY, NAN, -1000, 1000, 1, -1};
    isa()->exp_f32(8, special, y);
    assert_true(y[0] == 1 && y[1] == 0 && isinf(y[2]) && isnan(y[3]) && y[4] == 0 && isinf(y[5]));
    assert_near(y[6], 2.718281828, 3e-7);
    for (int n = 0; n <= 70; n++) { /* softmax: any length; some -inf, then nothing but -inf */
        double most = -INFINITY, sum = 0;
        for (int i = 0; i < n; i++) {
            x[i] = i % 5 == 3 ? -INFINITY : sinf((float)i) * 30;
            if (x[i] > most) most = x[i];
        }
        float got = isa()->softmax_exp_f32((size_t)n, x, y);
        for (int i = 0; i < n; i++) {
            assert_near(y[i], exp(x[i] - most), 1e-6);
            sum += exp(x[i] - most);
        }
        assert_near(got, sum, 1e-5 * sum);
        for (int i = 0; i < n; i++) x[i] = -INFINITY;
        assert_true(isa()->softmax_exp_f32((size_t)n, x, y) == 0);
        for (int i = 0; i < n; i++) assert_true(y[i] == 0);
    }
    rng r = rng_make(5, RNG_USER);
    float z[130];
    for (size_t n = 0; n < 130; n++) {
        double sum = 0;
        fill(&r, n, x);
        fill(&r, n, y);
        for (size_t i = 0; i < n; i++) sum += (double)x[i] * y[i];
        assert_near(isa()->dot_f32(n, x, y), sum, 1e-5);
        memcpy(z, y, n * 4);
        isa()->axpy_f32(n, -0.5f, x, z);
        for (size_t i = 0; i < n; i++) assert_near(z[i], y[i] - 0.5 * x[i], 1e-6);
    }
}

static void functions(void **state)
{
    (void)state;
    each_isa(functions_agree);
}

static double act_naive(int act, double x)
{
    switch (act) {
    case ACT_RELU:
        return x > 0 ? x : 0;
    case ACT_GELU:
        return x * 0.5 * (1 + erf(x / sqrt(2)));
    case ACT_GELU_TANH:
        return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case ACT_SILU:
        return x / (1 + exp(-x));
    case ACT_SIGMOID:
        return 1 / (1 + exp(-x));
    case ACT_TANH:
        return tanh(x);
    case ACT_QUICK_GELU:
        return x / (1 + exp(-1.702 * x));
    case ACT_LEAKY_RELU:
        return x > 0 ? x : 0.01 * x;
    default:
        return x;
    }
}

static void activations_agree(void)
{
    for (int act = ACT_NONE; act <= ACT_LEAKY_RELU; act++) {
        float x[1001], y[1001], dy[1001], dx[1001];
        for (int i = 0; i < 1001; i++) {
            x[i] = (float)(i - 500) * 0.0307f + 0.0001f;
            dy[i] = 0.5f + (float)(i % 3);
        }
        isa()->act_f32(act, 1001, x, y);
        isa()->act_grad_f32(act, 1001, x, dy, dx);
        for (int i = 0; i < 1001; i++) {
            double step = 1e-5, slope = (act_naive(act, x[i] + step) - act_naive(act, x[i] - step)) / (2 * step);
            assert_near(y[i], act_naive(act, x[i]), 3e-6);
            assert_near(dx[i], dy[i] * slope, 1e-5);
        }
        float far[] = {-1e30f, 1e30f, -200, 200}, small[] = {1e-20f, -1e-3f, 0.3f, -0.7f};
        isa()->act_f32(act, 4, far, y);
        for (int i = 0; i < 4; i++) assert_true(isfinite(y[i]));
        isa()->act_f32(act, 4, small, y);
        for (int i = 0; i < 4; i++) assert_near(y[i], act_naive(act, small[i]), 3e-7);
    }
}

static void activations(void **state)
{
    (void)state;
    each_isa(activations_agree);
}

static void bf16_rounds_to_even(void)
{
    static const struct {
        uint32_t in;
        uint16_t out;
    } cases[] = {{0x3f800000, 0x3f80}, {0x3f808000, 0x3f80}, {0x3f818000, 0x3f82}, {0x3f808001, 0x3f81},
                 {0xbf808001, 0xbf81}, {0x7f7fffff, 0x7f80}, {0x7f800000, 0x7f80}, {0xff800000, 0xff80},
                 {0x00000001, 0x0000}, {0x00018000, 0x0002}, {0x80000000, 0x8000}, {0x00010000, 0x0001}};
    enum { N = sizeof cases / sizeof *cases };
    for (size_t shift = 0; shift < 33; shift++) { /* each value in whole vectors and in tails */
        float x[64];
        uint16_t y[64];
        for (size_t i = 0; i < 64; i++) memcpy(&x[i], &cases[(i + shift) % N].in, 4);
        isa()->to_bf16(64 - shift, x, y);
        for (size_t i = 0; i < 64 - shift; i++) assert_int_equal(y[i], cases[(i + shift) % N].out);
        float back[64];
        isa()->from_bf16(64 - shift, y, back);
        for (size_t i = 0; i < 64 - shift; i++) assert_true(back[i] == widened(y[i]));
    }
    float nan[20];
    uint16_t y[20];
    uint32_t quiet = 0x7f800001;
    for (int i = 0; i < 20; i++) memcpy(&nan[i], &quiet, 4);
    isa()->to_bf16(20, nan, y);
    for (int i = 0; i < 20; i++) assert_true(isnan(widened(y[i])));
}

static void bf16_rounding(void **state)
{
    (void)state;
    each_isa(bf16_rounds_to_even);
}

static void philox_is_rng(void)
{
    for (size_t n = 0; n < 40; n++) {
        uint32_t got[160], want[4];
        uint64_t first = n % 2 ? 0xfffffffbULL : 11; /* across the low word's end */
        isa()->philox(0x123456789abcdefULL, 0xfedcba987654321ULL, first, n, got);
        for (size_t i = 0; i < n; i++) {
            rng_block(0x123456789abcdefULL, 0xfedcba987654321ULL, first + i, want);
            assert_memory_equal(got + 4 * i, want, 16);
        }
    }
}

static void philox(void **state)
{
    (void)state;
    each_isa(philox_is_rng);
}

static void unknown_isa(void **state)
{
    (void)state;
    const char *now = isa()->name;
    assert_null(isa_choose("pdp11"));
    assert_string_equal(isa()->name, now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gemm_shapes_odd), cmocka_unit_test(gemm_large),  cmocka_unit_test(gemm_bits_repeat),
        cmocka_unit_test(functions),       cmocka_unit_test(activations), cmocka_unit_test(bf16_rounding),
        cmocka_unit_test(philox),          cmocka_unit_test(unknown_isa),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
