/* Element types: halves are exact, every quantised type keeps values as well as its bits allow, and reads them as its
 * published layout says. */
#include "support/support.h"

#include <math.h>

#include "tensor/elem.h"
#include "tensor/rng.h"

enum { N = 4096 };
static float x[N], y[N];
static unsigned char blocks[4 * N];

static void draw(uint64_t seed, float scale, float shift)
{
    rng r = rng_make(seed, RNG_USER);
    for (int i = 0; i < N; i++) x[i] = scale * (float)rng_normal(&r) + shift;
}

static void halves(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        float v = elem_f16((uint16_t)h);
        uint32_t exponent = h >> 10 & 31, fraction = h & 1023;
        double want = exponent ? ldexp(1024 + fraction, (int)exponent - 25) : ldexp(fraction, -24);
        if (exponent == 31) {
            assert_true(fraction ? isnan(v) : isinf(v));
        } else {
            assert_true((double)fabsf(v) == want);
            assert_int_equal(signbit(v) != 0, h >> 15);
        }
        if (exponent != 31 || !fraction) assert_int_equal(elem_half(v), h);
    }
    /* between two halves: the nearer, and of equally near ones the even */
    for (uint32_t h = 0; h < 0x7bff; h++) {
        float low = elem_f16((uint16_t)h), high = elem_f16((uint16_t)(h + 1)), mid = (low + high) / 2;
        assert_int_equal(elem_half(nextafterf(mid, low)), h);
        assert_int_equal(elem_half(nextafterf(mid, high)), h + 1);
        assert_int_equal(elem_half(mid), h + (h & 1));
    }
    assert_int_equal(elem_half(65519.996f), 0x7bff);
    assert_int_equal(elem_half(65520.f), 0x7c00);
    assert_int_equal(elem_half(-1e30f), 0xfc00);
    assert_int_equal(elem_half(1e-30f), 0);
    assert_true(isnan(elem_f16(elem_half(NAN))));
}

/* Root of the mean squared error over that of the values. */
static double relative_error(elem t)
{
    double error = 0, all = 0;
    assert_ok(elem_from_f32(t, x, blocks, N));
    assert_ok(elem_to_f32(t, blocks, y, N));
    for (int i = 0; i < N; i++) {
        error += ((double)x[i] - y[i]) * ((double)x[i] - y[i]);
        all += (double)x[i] * x[i];
    }
    return sqrt(error / all);
}

static void errors_are_as_small_as_the_bits_allow(void **state)
{
    (void)state;
    /* of normal values; a b-bit grid over 4 standard deviations either way has about 8 / 2^b / sqrt(12) */
    static const struct {
        elem t;
        double most;
    } rows[] = {{ELEM_F32, 0},     {ELEM_F16, 3e-4},  {ELEM_BF16, 2.5e-3}, {ELEM_Q8_0, 6e-3},
                {ELEM_Q4_0, .088}, {ELEM_Q4_1, .074}, {ELEM_Q5_0, .044},   {ELEM_Q5_1, .036},
                {ELEM_Q4_K, .075}, {ELEM_Q5_K, .038}, {ELEM_Q6_K, .018}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        draw(i, .02f, 0);
        double e = relative_error(rows[i].t);
        if (!(e <= rows[i].most)) fail_msg("%s: %g, more than %g", elem_name(rows[i].t), e, rows[i].most);
    }
    /* types with a minimum do not care where zero is */
    draw(3, .01f, 1);
    assert_true(relative_error(ELEM_Q4_1) < .0012);
    assert_true(relative_error(ELEM_Q5_1) < .0008);
}

static void q8_0_is_within_half_a_step(void **state)
{
    (void)state;
    draw(7, 3, 0);
    (void)relative_error(ELEM_Q8_0);
    for (int b = 0; b < N; b += 32) {
        float most = 0;
        for (int i = b; i < b + 32; i++) most = fmaxf(most, fabsf(x[i]));
        for (int i = b; i < b + 32; i++) assert_true(fabsf(x[i] - y[i]) <= most / 127 * .5f * 1.07f);
    }
}

static void hard_blocks(void **state)
{
    (void)state;
    for (int t = ELEM_Q8_0; t < ELEMS; t++) {
        memset(x, 0, sizeof x);
        (void)relative_error((elem)t);
        for (int i = 0; i < N; i++) assert_true(y[i] == 0);
        for (int i = 0; i < N; i++)
            x[i] = i % 256 == 17 ? -1e-20f : i % 256 == 80 ? 1e-38f : 0; /* below a half's scale */
        (void)relative_error((elem)t);
        for (int i = 0; i < N; i++) assert_true(fabsf(y[i]) <= 1e-7f);
        for (int i = 0; i < N; i++) x[i] = 2.5f;
        assert_true(relative_error((elem)t) < .005);
        for (int i = 0; i < N; i++) x[i] = -2.5f;
        assert_true(relative_error((elem)t) < .005);
        for (int i = 0; i < N; i++) x[i] = i % 2 ? 3e38f : -3e38f; /* saturates, stays finite */
        (void)relative_error((elem)t);
        for (int i = 0; i < N; i++) assert_true(isfinite(y[i]));
        x[40] = NAN;
        assert_fails(elem_from_f32((elem)t, x, blocks, N), LOREC_INPUT, "value 40");
        assert_fails(elem_from_f32((elem)t, x, blocks, 31), LOREC_USAGE, "whole number");
        assert_fails(elem_to_f32((elem)t, blocks, y, 33), LOREC_USAGE, "whole number");
    }
}

/* One block of each layout with a value that only its place explains. */
static void layouts(void **state)
{
    (void)state;
    unsigned char b[256] = {0};
    elem_from_f32(ELEM_F16, &(float){.5f}, b, 1);
    b[2 + 3] = 0x9f; /* Q4_0: values 3 and 19 */
    assert_ok(elem_to_f32(ELEM_Q4_0, b, y, 32));
    assert_near(y[3], .5 * (15 - 8), 0);
    assert_near(y[19], .5 * (9 - 8), 0);
    assert_near(y[0], .5 * -8, 0);

    memset(b, 0, sizeof b);
    elem_from_f32(ELEM_F16, &(float){.5f}, b, 1);
    b[2 + 2] = 2; /* Q5_0: the fifth bit of value 17 */
    assert_ok(elem_to_f32(ELEM_Q5_0, b, y, 32));
    assert_near(y[17], 0, 0);
    assert_near(y[1], .5 * -16, 0);

    memset(b, 0, sizeof b);
    elem_from_f32(ELEM_F16, &(float){.5f}, b, 1);
    elem_from_f32(ELEM_F16, &(float){.25f}, b + 2, 1);
    b[4 + 8] = 5 | 3 << 4; /* Q4_K: part 4 has scale 5 + 16, minimum 3 + 32 */
    b[4] = 1 << 6;
    b[4 + 4] = 2 << 6;
    b[16 + 64 + 9] = 7; /* its value 9 */
    assert_ok(elem_to_f32(ELEM_Q4_K, b, y, 256));
    assert_near(y[4 * 32 + 9], .5 * 21 * 7 - .25 * 35, 0);
    assert_near(y[4 * 32], -.25 * 35, 0);
    assert_near(y[5 * 32], 0, 0);

    memset(b, 0, sizeof b);
    elem_from_f32(ELEM_F16, &(float){.5f}, b + 208, 1);
    b[192 + 14] = 3;          /* Q6_K: scale of values 224 .. 239 */
    b[64 + 32 + 5] = 9 << 4;  /* high nibble of value 128 + 96 + 5 */
    b[128 + 32 + 5] = 2 << 6; /* and its upper bits */
    assert_ok(elem_to_f32(ELEM_Q6_K, b, y, 256));
    assert_near(y[229], .5 * 3 * (9 + 32 - 32), 0);
    assert_near(y[230], .5 * 3 * -32, 0);
}

static void plain_types(void **state)
{
    (void)state;
    int64_t i64[] = {-5, 1 << 20};
    double f64[] = {.1, -2};
    uint8_t u8[] = {0, 255};
    elem t;
    size_t n;
    assert_ok(elem_to_f32(ELEM_I64, i64, y, 2));
    assert_true(y[0] == -5 && y[1] == 1 << 20);
    assert_ok(elem_to_f32(ELEM_F64, f64, y, 2));
    assert_true(y[0] == .1f && y[1] == -2);
    assert_ok(elem_to_f32(ELEM_U8, u8, y, 2));
    assert_true(y[0] == 0 && y[1] == 255);
    assert_ok(elem_to_f32(ELEM_BOOL, u8, y, 2));
    assert_true(y[1] == 1);
    assert_fails(elem_from_f32(ELEM_I8, y, u8, 2), LOREC_USAGE, "not as I8");
    assert_true(elem_find("q4_k", &t) && t == ELEM_Q4_K);
    assert_false(elem_find("q4", &t));
    assert_true(elem_size(ELEM_Q4_K, 512, &n) && n == 288);
    assert_false(elem_size(ELEM_Q4_K, 511, &n));
    assert_false(elem_size(ELEM_F32, INT64_MAX, &n));
    assert_false(elem_size(ELEM_F32, -1, &n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(halves),
                                       cmocka_unit_test(errors_are_as_small_as_the_bits_allow),
                                       cmocka_unit_test(q8_0_is_within_half_a_step),
                                       cmocka_unit_test(hard_blocks),
                                       cmocka_unit_test(layouts),
                                       cmocka_unit_test(plain_types)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
