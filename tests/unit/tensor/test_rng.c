/* Philox 4x32-10 against the known answers that come with Random123 (kat_vectors), and the draws made from it. */
#include "tensor/rng.h"

#include <math.h>

#include "support/support.h"
#include "tensor/cpu/kernels.h"

static void known_answers(void **state)
{
    (void)state;
    static const struct {
        uint64_t seed, stream, block;
        uint32_t out[4];
    } rows[] = {
        {0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {UINT64_MAX, UINT64_MAX, UINT64_MAX, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88, {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t out[4];
        rng_block(rows[i].seed, rows[i].stream, rows[i].block, out);
        assert_memory_equal(out, rows[i].out, sizeof out);
    }
}

static void kernels_draw_the_same(void **state)
{
    (void)state;
    const char *names[] = {"portable", "avx2", "avx512", "amx"};
    uint64_t starts[] = {0, 5, UINT32_MAX - 10ull, UINT64_MAX - 10}; /* the counter carries into its high word */
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        if (!isa_choose(names[k])) continue;
        for (size_t s = 0; s < 4; s++)
            for (size_t n = 0; n < 40; n++) {
                uint32_t many[160], one[4];
                isa()->philox(12345678901234, 98765432109876, starts[s], n, many);
                for (size_t i = 0; i < n; i++) {
                    rng_block(12345678901234, 98765432109876, starts[s] + i, one);
                    assert_memory_equal(many + 4 * i, one, sizeof one);
                }
            }
    }
    isa_choose(NULL);
}

static void position_is_the_state(void **state)
{
    (void)state;
    rng a = rng_make(1, RNG_SHUFFLE), b = a;
    for (int i = 0; i < 7; i++) rng_u32(&a);
    b.at = a.at; /* as a checkpoint would */
    for (int i = 0; i < 9; i++) assert_int_equal(rng_u32(&a), rng_u32(&b));
    rng c = rng_make(1, RNG_SPLIT), d = rng_make(2, RNG_SHUFFLE), e = rng_make(1, RNG_SHUFFLE);
    uint32_t first = rng_u32(&e);
    assert_true(rng_u32(&c) != first && rng_u32(&d) != first);
}

static void below_is_even(void **state)
{
    (void)state;
    rng r = rng_make(3, RNG_USER);
    enum { SIDES = 7, DRAWS = 70000 };
    int seen[SIDES] = {0};
    for (int i = 0; i < DRAWS; i++) {
        uint32_t x = rng_below(&r, SIDES);
        assert_true(x < SIDES);
        seen[x]++;
    }
    double chi = 0;
    for (int i = 0; i < SIDES; i++) chi += pow(seen[i] - DRAWS / SIDES, 2) / (DRAWS / SIDES);
    assert_true(chi < 22.5); /* 6 degrees of freedom, p = 0.001 */
    assert_int_equal(rng_below(&r, 1), 0);
    for (int i = 0; i < 100; i++) assert_true(rng_below(&r, 0x80000001u) <= 0x80000000u);
}

static void uniform_and_normal(void **state)
{
    (void)state;
    rng r = rng_make(4, RNG_USER);
    enum { DRAWS = 40000 };
    double sum = 0, normal = 0, squares = 0;
    for (int i = 0; i < DRAWS; i++) {
        double u = rng_uniform(&r), z;
        assert_true(u >= 0 && u < 1);
        sum += u;
        uint64_t before = r.at;
        z = rng_normal(&r);
        assert_int_equal(r.at - before, 4); /* two uniforms of two draws: the position does not depend on the values */
        normal += z;
        squares += z * z;
    }
    assert_near(sum / DRAWS, 0.5, 0.006);
    assert_near(normal / DRAWS, 0, 0.02);
    assert_near(squares / DRAWS, 1, 0.03);
}

static void shuffle_permutes(void **state)
{
    (void)state;
    enum { N = 5, ROUNDS = 20000 };
    int at_first[N] = {0};
    rng r = rng_make(9, RNG_SHUFFLE);
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t x[N] = {0, 1, 2, 3, 4}, seen = 0;
        rng_shuffle(&r, x, N);
        for (int i = 0; i < N; i++) seen |= 1u << x[i];
        assert_int_equal(seen, 31);
        at_first[x[0]]++;
    }
    for (int i = 0; i < N; i++) assert_near(at_first[i], ROUNDS / N, 200);
    rng_shuffle(&r, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),         cmocka_unit_test(kernels_draw_the_same),
        cmocka_unit_test(position_is_the_state), cmocka_unit_test(below_is_even),
        cmocka_unit_test(uniform_and_normal),    cmocka_unit_test(shuffle_permutes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
