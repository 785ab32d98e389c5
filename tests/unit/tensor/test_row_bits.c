/* What a row of a product owes to the other rows: nothing but how many they are. Batches (continuous batching, many candidates at
 * once) rest on it. docs/models.md says what is promised; here is what holds. */
#include "support/support.h"

#include <math.h>

#include "base/threads.h"
#include "tensor/cpu/gemm.h"
#include "tensor/cpu/packed.h"
#include "tensor/cpu/parts.h"
#include "tensor/rng.h"

static const char *const sets[] = {"amx", "avx512", "avx2", "portable"};
static const elem kinds[] = {ELEM_F16,  ELEM_BF16, ELEM_Q8_0, ELEM_Q4_0, ELEM_Q4_1,
                             ELEM_Q5_0, ELEM_Q5_1, ELEM_Q4_K, ELEM_Q5_K, ELEM_Q6_K};
static const int64_t counts[] = {1, 2, 3, 8, 9, 16, 17, 33, 64, 65, 100};
enum { SETS = sizeof sets / sizeof *sets, KINDS = sizeof kinds / sizeof *kinds, MOST = 100 };
enum { COUNTS = sizeof counts / sizeof *counts, OUT = 48, IN = 512, CLASSES = 3 };

/* y [m, OUT] of x [m, IN], by weights that `ctx` has. */
typedef lorec_err product(const void *ctx, int64_t m, const float *x, float *y);

/* ctx: f32 [OUT, IN] */
static lorec_err by_rows(const void *ctx, int64_t m, const float *x, float *y)
{
    return gemm_f32(false, true, m, OUT, IN, 1, x, IN, ctx, IN, 0, y, OUT);
}

/* ctx: f32 [IN, OUT] */
static lorec_err by_columns(const void *ctx, int64_t m, const float *x, float *y)
{
    return gemm_f32(false, false, m, OUT, IN, 1, x, IN, ctx, OUT, 0, y, OUT);
}

/* ctx: bf16 [OUT, IN] */
static lorec_err in_bf16(const void *ctx, int64_t m, const float *x, float *y)
{
    static uint16_t rows[MOST * IN];
    isa()->to_bf16((size_t)(m * IN), x, rows);
    return gemm_bf16(false, true, m, OUT, IN, 1, rows, IN, ctx, IN, 0, y, OUT, false);
}

static lorec_err by_packed(const void *ctx, int64_t m, const float *x, float *y)
{
    return packed_run(&(packed_product){.w = ctx, .m = m, .x = x, .ldx = IN, .c = y, .ldc = OUT});
}

static double apart(const float *a, const float *b)
{
    double most = 0, size = 0;
    for (int i = 0; i < OUT; i++) {
        most = fmax(most, fabs((double)a[i] - b[i]));
        size = fmax(size, fabs((double)b[i]));
    }
    return most / size;
}

static void draw(float *x, size_t n, uint64_t seed)
{
    rng r = rng_make(seed, RNG_USER);
    for (size_t i = 0; i < n; i++) x[i] = (float)(rng_uniform(&r) - .5);
}

/* One row stands first, last and in the middle of batches whose other rows are drawn anew each time. `same(n)`: the class of
 * counts within which its result has the same bits; between classes it may be `room` apart, relative to its largest value. */
static void check(const char *what, product *f, const void *ctx, int (*same)(int64_t m), double room)
{
    static float x[MOST * IN], y[MOST * OUT], row[IN], due[CLASSES][OUT];
    bool have[CLASSES] = {false};
    draw(row, IN, 1);
    for (int c = 0; c < COUNTS; c++) {
        int64_t m = counts[c], places[] = {0, m / 2, m - 1};
        int class = same(m);
        for (int at = 0; at < 3; at++) {
            draw(x, (size_t)(m * IN), 100 + (uint64_t)(c * 3 + at));
            memcpy(x + places[at] * IN, row, sizeof row);
            assert_ok(f(ctx, m, x, y));
            const float *got = y + places[at] * OUT;
            if (!have[class]) memcpy(due[class], got, sizeof due[class]);
            have[class] = true;
            if (memcmp(due[class], got, sizeof due[class]) != 0)
                fail_msg("%s, %s: row %lld of %lld is %.3g off what it is among fewer", isa()->name, what,
                         (long long)places[at], (long long)m, apart(got, due[class]));
        }
    }
    for (int c = 1; c < CLASSES; c++)
        if (have[c] && apart(due[c], due[0]) > room)
            fail_msg("%s, %s: among many rows %.3g off what it is among few", isa()->name, what, apart(due[c], due[0]));
}

static int any(int64_t m)
{
    (void)m;
    return 0;
}

static int few_or_many(int64_t m)
{
    return m > 8;
}

/* Where rows are many enough, a product of f32 is one of its parts. */
static bool by_parts(int64_t m)
{
    return parts_take(&(gemm){.m = m, .n = OUT, .k = IN, .c = (float[]){0}});
}

static int few_many_or_parts(int64_t m)
{
    return by_parts(m) ? 2 : few_or_many(m);
}

static int any_or_parts(int64_t m)
{
    return by_parts(m) ? 2 : 0;
}

static void test_plain(void **state)
{
    (void)state;
    static float w[OUT * IN];
    static uint16_t half[OUT * IN];
    int before = par_workers();
    draw(w, OUT * IN, 2);
    for (int s = 0; s < SETS; s++) {
        if (!isa_choose(sets[s])) continue;
        par_set_workers(s ? 1 : before); /* small products: waiting for each other takes longer than they do */
        isa()->to_bf16(OUT * IN, w, half);
        check("f32 [out, in]", by_rows, w, few_many_or_parts, 1e-5);
        check("f32 [in, out]", by_columns, w, any_or_parts, 1e-5);
        check("bf16 [out, in]", in_bf16, half, isa()->product_bf16 ? any : few_or_many, 1e-5);
    }
    par_set_workers(before);
    isa_choose(NULL);
}

static void test_packed(void **state)
{
    (void)state;
    static float w[OUT * IN];
    draw(w, OUT * IN, 3);
    int before = par_workers();
    par_set_workers(1);
    for (int s = 0; s < SETS; s++)
        for (int k = 0; k < KINDS && isa_choose(sets[s]); k++) {
            bool exact = kinds[k] == ELEM_F16 || !isa()->product_bf16; /* else rows among many are rounded to 8 bits */
            size_t bytes;
            arena a = {0};
            packed *p;
            assert_true(elem_size(kinds[k], OUT * IN, &bytes));
            void *data = malloc(bytes);
            assert_ok(elem_from_f32(kinds[k], w, data, OUT * IN));
            packed_source from = {.type = kinds[k], .as = kinds[k], .out = OUT, .in = IN, .data = data, .bytes = bytes};
            assert_ok(packed_new(&p, &from, &a));
            if (kinds[k] != ELEM_F16 || !isa()->product_bf16) /* F16 sums in another order for each few */
                check(elem_name(kinds[k]), by_packed, p, few_or_many, exact ? 1e-5 : 1e-2);
            arena_free(&a);
            free(data);
        }
    par_set_workers(before);
    isa_choose(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_plain), cmocka_unit_test(test_packed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
