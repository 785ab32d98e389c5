/* Packed weights against the values they were made from, in every type, on every instruction set. */
#include "support/support.h"

#include <math.h>

#include "base/threads.h"
#include "tensor/cpu/packed.h"
#include "tensor/cpu/quants.h"
#include "tensor/ops.h"
#include "tensor/rng.h"

static const elem kinds[] = {ELEM_F16,  ELEM_BF16, ELEM_Q8_0, ELEM_Q4_0, ELEM_Q4_1,
                             ELEM_Q5_0, ELEM_Q5_1, ELEM_Q4_K, ELEM_Q5_K, ELEM_Q6_K};
static const char *const sets[] = {"amx", "avx512", "avx2", "portable"};
enum { KINDS = sizeof kinds / sizeof *kinds, SETS = sizeof sets / sizeof *sets };

/* Bytes that are valid blocks: integers at random, scales small. */
static void *random_blocks(rng *r, elem type, int64_t values, size_t *bytes)
{
    assert_true(elem_size(type, values, bytes));
    unsigned char *b = malloc(*bytes + 1);
    size_t block = elem_bytes(type);
    for (size_t i = 0; i < *bytes; i++) b[i] = (unsigned char)rng_below(r, 256);
    for (size_t at = 0; at < *bytes; at += block) {
        uint16_t d = elem_half((float)(rng_uniform(r) * 0.02 + 0.001)),
                 m = elem_half((float)(rng_uniform(r) * 0.1 - 0.05));
        size_t where = type == ELEM_Q6_K ? 208 : 0;
        if (type == ELEM_F16 || type == ELEM_BF16) {
            float v = (float)(rng_uniform(r) * 2 - 1);
            assert_ok(elem_from_f32(type, &v, b + at, 1));
            continue;
        }
        memcpy(b + at + where, &d, 2);
        if (type == ELEM_Q4_1 || type == ELEM_Q5_1 || type == ELEM_Q4_K || type == ELEM_Q5_K) memcpy(b + at + 2, &m, 2);
    }
    return b;
}

static float *random_floats(rng *r, int64_t n)
{
    float *x = malloc((size_t)n * sizeof *x + 4);
    for (int64_t i = 0; i < n; i++) x[i] = (float)(rng_uniform(r) * 2 - 1);
    return x;
}

typedef struct weights {
    params *ps;
    tensor *w;
    float *value; /* [out, in], by elem_to_f32 */
    int64_t out, in;
} weights;

static weights make(elem type, int64_t out, int64_t in, bool in_out)
{
    rng r = rng_make(11, (uint64_t)(out * 1000 + in) + RNG_USER);
    size_t bytes;
    void *data = random_blocks(&r, type, out * in, &bytes);
    weights w = {params_new(1), NULL, malloc((size_t)(out * in) * 4), out, in};
    packed_source s = {.type = type,
                       .as = type,
                       .out = out,
                       .in = in,
                       .in_out = in_out,
                       .data_in_out = in_out,
                       .data = data,
                       .bytes = bytes};
    w.w = params_add_packed(w.ps, "w", &s);
    assert_ok(params_error(w.ps));
    assert_ok(elem_to_f32(type, data, w.value, out * in));
    if (in_out) { /* what was read is [in, out] */
        float *turned = malloc((size_t)(out * in) * 4);
        for (int64_t i = 0; i < in; i++)
            for (int64_t o = 0; o < out; o++) turned[o * in + i] = w.value[i * out + o];
        free(w.value);
        w.value = turned;
    }
    free(data);
    return w;
}

static void drop(weights *w)
{
    params_free(w->ps);
    free(w->value);
}

static double size_of(const float *x, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++) most = fmax(most, fabs(x[i]));
    return most;
}

/* The product is right to within the rounding that each path declares: activations as bf16 where weights are, or 15-bit
 * integers; never worse than a hundredth of the typical sum. */
static void check_product(elem type, int64_t m, int64_t out, int64_t in, bool bf16, bool bias)
{
    weights w = make(type, out, in, false);
    rng r = rng_make(5, RNG_USER);
    float *x = random_floats(&r, m * in), *b = random_floats(&r, out), *y = malloc((size_t)(m * out) * 4);
    tape *t = tape_new(&(tape_options){.compute = bf16 ? DTYPE_BF16 : DTYPE_F32});
    tape_begin(t, 0);
    tensor *tb = params_add(w.ps, "b", INIT_ZERO, 1, &out);
    assert_ok(tensor_write(tb, b, out));
    tensor *ty = op_linear(t, tape_f32(t, x, 2, (int64_t[]){m, in}), w.w, bias ? tb : NULL, LINEAR_OUT_IN, ACT_NONE);
    assert_ok(tape_read(t, ty, y, m * out));
    double typical = size_of(w.value, out * in) * sqrt((double)in / 3) / 2 + 0.1, worst = 0;
    for (int64_t i = 0; i < m; i++)
        for (int64_t o = 0; o < out; o++) {
            double sum = bias ? b[o] : 0;
            for (int64_t k = 0; k < in; k++) sum += (double)x[i * in + k] * w.value[o * in + k];
            worst = fmax(worst, fabs(sum - y[i * out + o]));
        }
    if (!(worst <= 0.02 * typical))
        fail_msg("%s %s %lld x %lld x %lld: off by %g where sums are about %g", isa()->name, elem_name(type),
                 (long long)m, (long long)out, (long long)in, worst, typical);
    tape_free(t);
    free(x);
    free(b);
    free(y);
    drop(&w);
}

static void test_products(void **state)
{
    (void)state;
    static const int64_t rows[] = {1, 2, 3, 7, 8, 9, 17, 65}, outs[] = {1, 15, 16, 17, 65, 130};
    for (size_t s = 0; s < SETS; s++) {
        if (!isa_choose(sets[s])) continue;
        for (size_t k = 0; k < KINDS; k++)
            for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                for (size_t o = 0; o < sizeof outs / sizeof *outs; o++) {
                    int64_t block = elem_block(kinds[k]), in = block == 1 ? 67 : block * (1 + (int64_t)(i + o) % 3);
                    check_product(kinds[k], rows[i], outs[o], in, (i + o) % 3 == 1, o % 2);
                }
        check_product(ELEM_Q8_0, 70, 300, 1056, false, true);
        check_product(ELEM_Q4_0, 33, 64, 2048, false, false);
        check_product(ELEM_BF16, 130, 96, 700, true, true);
        check_product(ELEM_F16, 130, 96, 700, false, true);
    }
    isa_choose(NULL);
}

/* What tensor_read and op_embed give is what the file holds: exactly, but for the K types' rounded scales. */
static void test_values(void **state)
{
    (void)state;
    for (size_t k = 0; k < KINDS; k++)
        for (int turned = 0; turned < 2; turned++) {
            int64_t in = 512, out = turned ? 256 : 33;
            weights w = make(kinds[k], out, in, turned);
            float *got = malloc((size_t)(in * out) * 4);
            assert_ok(tensor_read(w.w, got, in * out));
            double size = size_of(w.value, in * out);
            bool rounds = elem_block(kinds[k]) == 256;
            elem as = tensor_packed_as(w.w);
            assert_int_equal(as, kinds[k]);
            for (int64_t o = 0; o < out; o++)
                for (int64_t i = 0; i < in; i++) {
                    float v = got[turned ? i * out + o : o * in + i], want = w.value[o * in + i];
                    /* quantised weights that lie the other way are quantised again */
                    double room = turned && elem_quantised(kinds[k]) ? 0.2 * size
                                  : rounds                           ? 2e-3 * (fabs(want) + 0.5)
                                                                     : 1e-7;
                    if (!(fabs((double)v - want) <= room))
                        fail_msg("%s: %g, not %g", elem_name(as), (double)v, (double)want);
                }
            free(got);
            drop(&w);
        }
}

static void test_embed_and_gather(void **state)
{
    (void)state;
    weights w = make(ELEM_Q4_0, 21, 64, false);
    tape *t = tape_new(&(tape_options){0});
    tape_begin(t, 0);
    float y[4 * 64], x[2 * 64], s[4];
    tensor *ids = tape_ids(t, (int32_t[]){20, 0, -1, 16}, 4);
    assert_ok(tape_read(t, op_embed(t, w.w, ids), y, 4 * 64));
    for (int i = 0; i < 64; i++) {
        assert_float_equal(y[i], w.value[20 * 64 + i], 1e-6);
        assert_float_equal(y[64 + i], w.value[i], 1e-6);
        assert_float_equal(y[128 + i], 0, 0);
        x[i] = x[64 + i] = 0.5f;
    }
    tensor *g = op_linear_gather(t, tape_f32(t, x, 2, (int64_t[]){2, 64}), w.w, NULL, ids, 2);
    assert_ok(tape_read(t, g, s, 4));
    double sum = 0;
    for (int i = 0; i < 64; i++) sum += 0.5 * w.value[16 * 64 + i];
    assert_float_equal(s[3], sum, 1e-5);
    assert_true(isinf(s[2]));
    tape_free(t);
    drop(&w);
}

/* Gradients flow through packed weights to what is in front of them, in linear layers and the loss of a head. */
static void test_backward(void **state)
{
    (void)state;
    enum { M = 19, IN = 64, OUT = 50 };
    for (size_t s = 0; s < SETS; s++) {
        if (!isa_choose(sets[s])) continue;
        weights w = make(ELEM_Q8_0, OUT, IN, false);
        tensor *plain = params_add(w.ps, "plain", INIT_ZERO, 2, (int64_t[]){OUT, IN});
        assert_ok(tensor_write(plain, w.value, OUT * IN));
        params_freeze(plain, true);
        rng r = rng_make(3, RNG_USER);
        float *x = random_floats(&r, M * IN), got[2][M * IN];
        int32_t target[M];
        for (int i = 0; i < M; i++) target[i] = i % 5 ? (i * 7) % OUT : -1;
        for (int loss = 0; loss < 2; loss++) {
            for (int kind = 0; kind < 2; kind++) {
                tape *t = tape_new(&(tape_options){.train = true});
                tape_begin(t, 1);
                tensor *leaf = tape_leaf(t, x, 2, (int64_t[]){M, IN}), *use = kind ? plain : w.w;
                tensor *y = loss ? op_linear_cross_entropy(t, leaf, use, NULL, tape_ids(t, target, M), NULL)
                                 : op_square(t, op_linear(t, leaf, use, NULL, LINEAR_OUT_IN, ACT_SILU));
                assert_ok(tape_backward(t, op_mean(t, y)));
                assert_ok(tensor_read_grad(leaf, got[kind], M * IN));
                tape_free(t);
            }
            double size = size_of(got[1], M * IN);
            for (int i = 0; i < M * IN; i++) assert_true(fabs((double)got[0][i] - got[1][i]) <= 0.02 * size);
        }
        free(x);
        drop(&w);
    }
    isa_choose(NULL);
}

/* The same bits again, and with another number of workers. */
static void test_same_bits(void **state)
{
    (void)state;
    enum { M = 40, IN = 512, OUT = 200 };
    static float y[2][M * OUT];
    for (size_t s = 0; s < SETS; s++) {
        if (!isa_choose(sets[s])) continue;
        for (size_t k = 0; k < KINDS; k++)
            for (int64_t m = 3; m <= M; m += M - 3) {
                weights w = make(kinds[k], OUT, IN, false);
                rng r = rng_make(3, RNG_USER);
                float *x = random_floats(&r, m * IN);
                for (int workers = 1; workers <= 2; workers++) {
                    par_set_workers(workers);
                    tape *t = tape_new(&(tape_options){0});
                    tape_begin(t, 0);
                    tensor *ty = op_linear(t, tape_f32(t, x, 2, (int64_t[]){m, IN}), w.w, NULL, LINEAR_OUT_IN,
                                           ACT_GELU);
                    assert_ok(tape_read(t, ty, y[workers - 1], m * OUT));
                    tape_free(t);
                }
                assert_memory_equal(y[0], y[1], (size_t)(m * OUT) * sizeof(float));
                free(x);
                drop(&w);
            }
    }
    isa_choose(NULL);
}

static void test_refused(void **state)
{
    (void)state;
    weights w = make(ELEM_Q8_0, 32, 32, false);
    float v[32 * 32] = {0};
    assert_true(tensor_write(w.w, v, 32 * 32) == LOREC_USAGE);
    tape *t = tape_new(&(tape_options){.train = true});
    tape_begin(t, 0);
    assert_null(op_add(t, w.w, w.w));
    assert_true(tape_error(t) == LOREC_USAGE);
    tape_begin(t, 0);
    assert_null(op_linear(t, w.w, w.w, NULL, LINEAR_OUT_IN, ACT_NONE));
    tape_begin(t, 0);
    assert_null(op_linear(t, tape_zeros(t, 2, (int64_t[]){1, 32}), w.w, NULL, LINEAR_IN_OUT, ACT_NONE));
    tape_free(t);
    params_freeze(w.w, false); /* stays frozen */
    params *other = params_new(1);
    uint16_t bad[64] = {[5] = 0x7c00};
    packed_source s = {.type = ELEM_F16, .as = ELEM_F16, .out = 2, .in = 32, .data = bad, .bytes = sizeof bad};
    assert_null(params_add_packed(other, "w", &s));
    assert_true(params_error(other) == LOREC_INPUT);
    params_free(other);
    other = params_new(1);
    s.bytes--;
    assert_null(params_add_packed(other, "w", &s));
    params_free(other);
    other = params_new(1);
    s = (packed_source){.type = ELEM_F16, .as = ELEM_Q8_0, .out = 2, .in = 31, .data = bad, .bytes = 124};
    assert_null(params_add_packed(other, "w", &s));
    params_free(other);
    drop(&w);
}

/* Every allocation of the packing fails in turn, from data at hand, from data that lies the other way, and from rows read. */
static lorec_err read_rows(void *ctx, int64_t row, int64_t rows, void *into)
{
    memcpy(into, (const uint8_t *)ctx + (size_t)row * 64 * 2, (size_t)rows * 64 * 2);
    return LOREC_OK;
}

static void test_lack_of_memory(void **state)
{
    (void)state;
    rng r = rng_make(5, RNG_USER);
    size_t bytes;
    void *data = random_blocks(&r, ELEM_F16, 64 * 64, &bytes);
    for (int kind = 0; kind < 3; kind++)
        for (size_t at = 1, failed = 1; failed; at++) {
            arena memory = {0};
            packed *w;
            packed_source s = {.type = ELEM_F16,
                               .as = kind ? ELEM_Q4_0 : ELEM_Q8_0,
                               .out = 64,
                               .in = 64,
                               .data_in_out = kind == 1,
                               .data = kind == 2 ? NULL : data,
                               .bytes = bytes,
                               .read = read_rows,
                               .ctx = data};
            mem_fail_at(at, false);
            lorec_err e = packed_new(&w, &s, &memory);
            mem_fail_at(0, false);
            failed = e != LOREC_OK;
            if (failed) {
                assert_int_equal(e, LOREC_RESOURCE);
                assert_null(w);
            } else {
                float row[64];
                packed_read_rows(w, 63, 1, row);
                for (int i = 0; i < 64; i++) assert_true(isfinite(row[i]));
            }
            arena_free(&memory);
        }
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_products),         cmocka_unit_test(test_values),
                                       cmocka_unit_test(test_embed_and_gather), cmocka_unit_test(test_backward),
                                       cmocka_unit_test(test_same_bits),        cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_lack_of_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
