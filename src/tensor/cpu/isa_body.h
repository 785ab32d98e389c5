/* isa_body.h: the kernels of isa_kernels, written once; each isa_*.c includes it after naming itself and is compiled with
 * its own flags, from which vector.h takes the width. Sums keep one partial sum a lane, so their order is fixed by the width
 * alone. (No include guard: one inclusion a translation unit.)
 *
 * Ownership: nothing is kept. */
#include "tensor/cpu/isa_table.h"
#include "tensor/cpu/vector.h"
#include "tensor/ops.h"

#define PASTE_(a, b) a##_##b
#define PASTE(a, b)  PASTE_(a, b)
#define TEXT_(a)     #a
#define TEXT(a)      TEXT_(a)

static float dot_f32(size_t n, const float *a, const float *b)
{
    vf s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
    size_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES) {
        s0 += v_read(a + i) * v_read(b + i);
        s1 += v_read(a + i + LANES) * v_read(b + i + LANES);
        s2 += v_read(a + i + 2 * LANES) * v_read(b + i + 2 * LANES);
        s3 += v_read(a + i + 3 * LANES) * v_read(b + i + 3 * LANES);
    }
    for (size_t m; (m = LANES_LEFT(n, i)) > 0; i += m) s0 += v_load(a + i, m) * v_load(b + i, m);
    return v_sum((s0 + s1) + (s2 + s3));
}

static void axpy_f32(size_t n, float alpha, const float *x, float *y)
{
    for (size_t i = 0, m; (m = LANES_LEFT(n, i)) > 0; i += m)
        v_store(y + i, m, v_load(y + i, m) + alpha * v_load(x + i, m));
}

static void exp_f32(size_t n, const float *x, float *y)
{
    for (size_t i = 0, m; (m = LANES_LEFT(n, i)) > 0; i += m) v_store(y + i, m, v_exp(v_load(x + i, m)));
}

static float max_f32(size_t n, const float *x)
{
    vf most = v_set(-INFINITY);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) most = v_max(v_read(x + i), most);
    float best = v_most(most);
    for (; i < n; i++) best = x[i] > best ? x[i] : best;
    return best;
}

static float softmax_exp_f32(size_t n, const float *x, float *y)
{
    float most = max_f32(n, x);
    if (most == -INFINITY) {
        for (size_t i = 0; i < n; i++) y[i] = x[i] != x[i] ? x[i] : 0;
        return n && x[0] != x[0] ? x[0] : 0;
    }
    vf sum = {0};
    float tail = 0;
    for (size_t i = 0, m; (m = LANES_LEFT(n, i)) > 0; i += m) {
        vf e = v_exp(v_load(x + i, m) - most);
        v_store(y + i, m, e);
        if (m == LANES)
            sum += e;
        else
            for (size_t j = 0; j < m; j++) tail += y[i + j];
    }
    return v_sum(sum) + tail;
}

static void to_bf16(size_t n, const float *x, uint16_t *y)
{
    size_t i = 0;
#if defined(__AVX512BF16__)
    for (; i + LANES <= n; i += LANES) {
        __m512 v = _mm512_loadu_ps(x + i);
        if (__builtin_expect(_mm512_fpclass_ps_mask(v, 0x20) != 0, 0)) break; /* the instruction flushes subnormals */
        _mm256_storeu_si256((__m256i *)(void *)(y + i), (__m256i)_mm512_cvtneps_pbh(v));
    }
#endif
    for (; i < n; i++) {
        uint32_t u;
        memcpy(&u, x + i, 4);
        uint32_t r = (u + 0x7fffu + (u >> 16 & 1u)) >> 16;
        y[i] = (uint16_t)((u & 0x7fffffffu) > 0x7f800000u ? u >> 16 | 0x40u : r);
    }
}

static void from_bf16(size_t n, const uint16_t *x, float *y)
{
    size_t i = 0;
#if defined(__AVX512F__)
    for (; i + LANES <= n; i += LANES) {
        __m512i u = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)(x + i)));
        _mm512_storeu_si512(y + i, _mm512_slli_epi32(u, 16));
    }
#endif
    for (; i < n; i++) {
        uint32_t u = (uint32_t)x[i] << 16;
        memcpy(y + i, &u, 4);
    }
}

/* ---- activations --------------------------------------------------------------------------------------------------- */

/* The derivatives of GELU: d/dx [x F(x)] = F(x) + x f(x) with the normal law, and of its tanh form by the chain rule. */
INLINE vf act_value(int act, vf x)
{
    switch (act) {
    case ACT_RELU:
        return v_select(x < 0.0f, v_set(0), x);
    case ACT_GELU: {
        vf e = v_exp(-0.5f * x * x);
        return 0.5f * x * (1.0f + v_erf(x * 0.70710678f, e));
    }
    case ACT_GELU_TANH: {
        /* (1 + tanh u) / 2 is the sigmoid of 2u */
        return x * v_sigmoid(1.5957691216f * (x + 0.044715f * x * x * x));
    }
    case ACT_SILU:
        return x * v_sigmoid(x);
    case ACT_SIGMOID:
        return v_sigmoid(x);
    case ACT_TANH:
        return v_tanh(x);
    case ACT_QUICK_GELU:
        return x * v_sigmoid(1.702f * x);
    case ACT_LEAKY_RELU:
        return v_select(x < 0.0f, 0.01f * x, x);
    default:
        return x;
    }
}

INLINE vf act_slope(int act, vf x)
{
    switch (act) {
    case ACT_RELU:
        return v_select(x > 0.0f, v_set(1), v_set(0));
    case ACT_GELU: {
        vf e = v_exp(-0.5f * x * x);
        return 0.5f * (1.0f + v_erf(x * 0.70710678f, e)) + x * 0.39894228f * e;
    }
    case ACT_GELU_TANH: {
        vf s = v_sigmoid(1.5957691216f * (x + 0.044715f * x * x * x));
        return s + x * s * (1.0f - s) * (1.5957691216f + 0.2140644488f * x * x);
    }
    case ACT_SILU: {
        vf s = v_sigmoid(x);
        return s * (1.0f + x * (1.0f - s));
    }
    case ACT_SIGMOID: {
        vf s = v_sigmoid(x);
        return s * (1.0f - s);
    }
    case ACT_TANH: {
        vf y = v_tanh(x);
        return 1.0f - y * y;
    }
    case ACT_QUICK_GELU: {
        vf s = v_sigmoid(1.702f * x);
        return s * (1.0f + 1.702f * x * (1.0f - s));
    }
    case ACT_LEAKY_RELU:
        return v_select(x > 0.0f, v_set(1), v_set(0.01f));
    default:
        return v_set(1);
    }
}

/* One loop an activation: the switch is decided outside it. */
#define EACH_ACTIVATION(LOOP)                                                                                          \
    switch (act) {                                                                                                     \
    case ACT_RELU:                                                                                                     \
        LOOP(ACT_RELU);                                                                                                \
        break;                                                                                                         \
    case ACT_GELU:                                                                                                     \
        LOOP(ACT_GELU);                                                                                                \
        break;                                                                                                         \
    case ACT_GELU_TANH:                                                                                                \
        LOOP(ACT_GELU_TANH);                                                                                           \
        break;                                                                                                         \
    case ACT_SILU:                                                                                                     \
        LOOP(ACT_SILU);                                                                                                \
        break;                                                                                                         \
    case ACT_SIGMOID:                                                                                                  \
        LOOP(ACT_SIGMOID);                                                                                             \
        break;                                                                                                         \
    case ACT_TANH:                                                                                                     \
        LOOP(ACT_TANH);                                                                                                \
        break;                                                                                                         \
    case ACT_QUICK_GELU:                                                                                               \
        LOOP(ACT_QUICK_GELU);                                                                                          \
        break;                                                                                                         \
    case ACT_LEAKY_RELU:                                                                                               \
        LOOP(ACT_LEAKY_RELU);                                                                                          \
        break;                                                                                                         \
    default:                                                                                                           \
        LOOP(ACT_NONE);                                                                                                \
        break;                                                                                                         \
    }

static void act_f32(int act, size_t n, const float *x, float *y)
{
#define LOOP(A)                                                                                                        \
    for (size_t i = 0, m; (m = LANES_LEFT(n, i)) > 0; i += m) v_store(y + i, m, act_value(A, v_load(x + i, m)))
    EACH_ACTIVATION(LOOP)
#undef LOOP
}

static void act_grad_f32(int act, size_t n, const float *x, const float *dy, float *dx)
{
#define LOOP(A)                                                                                                        \
    for (size_t i = 0, m; (m = LANES_LEFT(n, i)) > 0; i += m)                                                          \
    v_store(dx + i, m, v_load(dy + i, m) * act_slope(A, v_load(x + i, m)))
    EACH_ACTIVATION(LOOP)
#undef LOOP
}

/* ---- random numbers -------------------------------------------------------------------------------------------------- */

/* The high and low halves of a * b, lane by lane. */
INLINE void v_mul_wide(vu a, uint32_t by, vu *high, vu *low)
{
#if defined(__AVX512F__)
    __m512i b = _mm512_set1_epi32((int)by);
    __m512i even = _mm512_mul_epu32((__m512i)a, b), odd = _mm512_mul_epu32(_mm512_srli_epi64((__m512i)a, 32), b);
    *high = (vu)_mm512_mask_mov_epi32(_mm512_srli_epi64(even, 32), 0xaaaa, odd);
    *low = (vu)_mm512_mask_mov_epi32(even, 0xaaaa, _mm512_slli_epi64(odd, 32));
#elif defined(__AVX2__)
    __m256i b = _mm256_set1_epi32((int)by);
    __m256i even = _mm256_mul_epu32((__m256i)a, b), odd = _mm256_mul_epu32(_mm256_srli_epi64((__m256i)a, 32), b);
    *high = (vu)_mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
    *low = (vu)_mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa);
#else
    for (int i = 0; i < LANES; i++) {
        uint64_t p = (uint64_t)a[i] * by;
        (*high)[i] = (uint32_t)(p >> 32);
        (*low)[i] = (uint32_t)p;
    }
#endif
}

/* Philox 4x32-10 (rng.h) of LANES counters at once. */
INLINE void v_philox(uint64_t seed, vu c[4])
{
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < 10; round++) {
        vu high0 = {0}, low0 = {0}, high1 = {0}, low1 = {0};
        v_mul_wide(c[0], 0xD2511F53u, &high0, &low0);
        v_mul_wide(c[2], 0xCD9E8D57u, &high1, &low1);
        c[0] = high1 ^ c[1] ^ k0;
        c[1] = low1;
        c[2] = high0 ^ c[3] ^ k1;
        c[3] = low0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

/* Counters of LANES blocks from `block` on. */
INLINE void v_counters(uint64_t stream, uint64_t block, vu c[4])
{
    vu lane;
    for (int i = 0; i < LANES; i++) lane[i] = (uint32_t)i;
    c[0] = lane + (uint32_t)block;
    c[1] = (vu)(c[0] < (uint32_t)block) & 1u; /* the carry */
    c[1] += (uint32_t)(block >> 32);
    c[2] = (vu){0} + (uint32_t)stream;
    c[3] = (vu){0} + (uint32_t)(stream >> 32);
}

static void philox(uint64_t seed, uint64_t stream, uint64_t block, size_t n_blocks, uint32_t *out)
{
    for (size_t i = 0, m; (m = LANES_LEFT(n_blocks, i)) > 0; i += m) {
        vu c[4] = {{0}};
        v_counters(stream, block + i, c);
        v_philox(seed, c);
        for (size_t j = 0; j < m; j++)
            for (int w = 0; w < 4; w++) out[(i + j) * 4 + (size_t)w] = c[w][j];
    }
}

#include "tensor/cpu/gemm_body.h"
#include "tensor/cpu/gemm_tiles.h"
#include "tensor/cpu/norm_body.h"
#include "tensor/cpu/softmax_body.h"

const isa_kernels PASTE(isa, ISA_NAME) = {
    .name = TEXT(ISA_NAME),
    .dot_f32 = dot_f32,
    .axpy_f32 = axpy_f32,
    .exp_f32 = exp_f32,
    .softmax_exp_f32 = softmax_exp_f32,
    .to_bf16 = to_bf16,
    .from_bf16 = from_bf16,
    .act_f32 = act_f32,
    .act_grad_f32 = act_grad_f32,
    .philox = philox,
    .norm_f32 = norm_f32,
    .norm_grad_f32 = norm_grad_f32,
    .dropout_mask = dropout_mask,
    .max_f32 = max_f32,
    .exp_shift_f32 = exp_shift_f32,
    .softmax_grad_f32 = softmax_grad_f32,
    .tile = TILE,
    .product_f32 = product_f32,
    .pack_f32 = pack_f32,
    .dots_f32 = dots_f32,
#if defined(__AMX_BF16__)
    .product_bf16 = tiles_product_bf16,
    .turn_bf16 = tiles_turn_bf16,
    .pack_bf16 = pack_bf16,
#elif defined(__AVX512BF16__)
    .product_bf16 = product_bf16,
    .pack_bf16 = pack_bf16,
#endif
};
