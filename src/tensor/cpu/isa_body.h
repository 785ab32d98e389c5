/* isa_body.h: the kernels of isa_kernels, written once; each isa_*.c includes it with its own register width and is
 * compiled with its own flags. Loops are shaped so that the compiler vectorises them; sums keep one partial sum a lane, so
 * their order is fixed by the width alone. (No include guard: one inclusion a translation unit.)
 *
 * Ownership: nothing is kept. */
#include <math.h>
#include <string.h>

#include "tensor/cpu/isa_table.h"
#include "tensor/ops.h"

#define PASTE_(a, b) a##_##b
#define PASTE(a, b)  PASTE_(a, b)
#define TEXT_(a)     #a
#define TEXT(a)      TEXT_(a)

typedef float vec __attribute__((vector_size(ISA_FLOATS * 4), aligned(4), may_alias));

static inline vec vec_load(const float *p)
{
    return *(const vec *)(const void *)p;
}

static inline void vec_store(float *p, vec v)
{
    *(vec *)(void *)p = v;
}

static inline vec vec_all(float x)
{
    return x - (vec){0};
}

static float vec_sum(vec v)
{
    for (int half = ISA_FLOATS / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) v[i] += v[i + half];
    return v[0];
}

static float dot_f32(size_t n, const float *a, const float *b)
{
    vec s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
    size_t i = 0;
    for (; i + 4 * ISA_FLOATS <= n; i += 4 * ISA_FLOATS) {
        s0 += vec_load(a + i) * vec_load(b + i);
        s1 += vec_load(a + i + ISA_FLOATS) * vec_load(b + i + ISA_FLOATS);
        s2 += vec_load(a + i + 2 * ISA_FLOATS) * vec_load(b + i + 2 * ISA_FLOATS);
        s3 += vec_load(a + i + 3 * ISA_FLOATS) * vec_load(b + i + 3 * ISA_FLOATS);
    }
    for (; i + ISA_FLOATS <= n; i += ISA_FLOATS) s0 += vec_load(a + i) * vec_load(b + i);
    float sum = vec_sum((s0 + s1) + (s2 + s3));
    for (; i < n; i++) sum += a[i] * b[i];
    return sum;
}

static void axpy_f32(size_t n, float alpha, const float *x, float *y)
{
    for (size_t i = 0; i < n; i++) y[i] += alpha * x[i];
}

/* e^x to about 1 ulp: x = n ln 2 + r, a polynomial for e^r on |r| <= ln 2 / 2, and n put into the exponent. */
static inline float exp_one(float x)
{
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to a whole number in the low bits */
    float c = x < -87.33654f ? -87.33654f : x > 88.72283f ? 88.72283f : x;
    float t = c * 1.44269504f + magic, n = t - magic;
    float r = c - n * 0.693359375f + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    /* n can be 128 where e^x still fits: scale in two halves. */
    uint32_t bits;
    memcpy(&bits, &t, 4);
    int32_t e = (int32_t)(bits - 0x4B400000u), half = e >> 1;
    uint32_t a = (uint32_t)(half + 127) << 23, b = (uint32_t)(e - half + 127) << 23;
    float fa, fb;
    memcpy(&fa, &a, 4);
    memcpy(&fb, &b, 4);
    float y = p * fa * fb;
    y = x < -87.33654f ? 0.0f : y;
    y = x > 88.72283f ? INFINITY : y;
    return x == x ? y : x;
}

static void exp_f32(size_t n, const float *x, float *y)
{
    for (size_t i = 0; i < n; i++) y[i] = exp_one(x[i]);
}

static float softmax_exp_f32(size_t n, const float *x, float *y)
{
    float max[ISA_FLOATS], sum[ISA_FLOATS] = {0}, top = -INFINITY, total = 0;
    for (int j = 0; j < ISA_FLOATS; j++) max[j] = -INFINITY;
    size_t whole = n / ISA_FLOATS * ISA_FLOATS;
    for (size_t i = 0; i < whole; i += ISA_FLOATS)
        for (int j = 0; j < ISA_FLOATS; j++) max[j] = x[i + (size_t)j] > max[j] ? x[i + (size_t)j] : max[j];
    for (int j = 0; j < ISA_FLOATS; j++) top = max[j] > top ? max[j] : top;
    for (size_t i = whole; i < n; i++) top = x[i] > top ? x[i] : top;
    if (top == -INFINITY) { /* nothing to choose from; NaNs alone stay NaN */
        for (size_t i = 0; i < n; i++) total += y[i] = x[i] == x[i] ? 0 : x[i];
        return total;
    }
    for (size_t i = 0; i < whole; i += ISA_FLOATS)
        for (int j = 0; j < ISA_FLOATS; j++) {
            float e = exp_one(x[i + (size_t)j] - top);
            y[i + (size_t)j] = e;
            sum[j] += e;
        }
    for (int half = ISA_FLOATS / 2; half > 0; half /= 2)
        for (int j = 0; j < half; j++) sum[j] += sum[j + half];
    total = sum[0];
    for (size_t i = whole; i < n; i++) total += y[i] = exp_one(x[i] - top);
    return total;
}

static void to_bf16(size_t n, const float *x, uint16_t *y)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t b;
        memcpy(&b, x + i, 4);
        uint32_t rounded = (b + 0x7FFF + (b >> 16 & 1)) >> 16;
        y[i] = (uint16_t)((b & 0x7FFFFFFF) > 0x7F800000 ? b >> 16 | 0x40 : rounded); /* a NaN stays one */
    }
}

static void from_bf16(size_t n, const uint16_t *x, float *y)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t b = (uint32_t)x[i] << 16;
        memcpy(y + i, &b, 4);
    }
}

/* ---- activations ------------------------------------------------------------------------------------------------------- */

static inline float sigmoid_one(float x)
{
    return 1.0f / (1.0f + exp_one(-x));
}

static inline float tanh_one(float x)
{
    float a = x < 0 ? -x : x, e = exp_one(-2 * a), y = (1 - e) / (1 + e);
    y = a < 0.04f ? a - a * a * a * (1.0f / 3) + a * a * a * a * a * (2.0f / 15) : y; /* where 1 - e loses digits */
    return x < 0 ? -y : y;
}

/* erf to 1.5e-7 (Abramowitz & Stegun 7.1.26). */
static inline float erf_one(float x)
{
    float a = x < 0 ? -x : x, t = 1.0f / (1.0f + 0.3275911f * a);
    float p = ((((1.061405429f * t - 1.453152027f) * t + 1.421413741f) * t - 0.284496736f) * t + 0.254829592f) * t;
    float y = 1.0f - p * exp_one(-a * a);
    return x < 0 ? -y : y;
}

#define GELU_C 0.7978845608f /* sqrt(2 / pi) */
#define GELU_A 0.044715f

#define EACH(y_)                                                                                                       \
    for (size_t i = 0; i < n; i++) {                                                                                   \
        float v = x[i];                                                                                                \
        y[i] = (y_);                                                                                                   \
    }                                                                                                                  \
    return

static void act_f32(int kind, size_t n, const float *x, float *y)
{
    switch (kind) {
    case ACT_RELU:
        EACH(v < 0 ? 0 : v);
    case ACT_GELU:
        EACH(0.5f * v * (1 + erf_one(v * 0.70710678f)));
    case ACT_GELU_TANH:
        EACH(0.5f * v * (1 + tanh_one(GELU_C * (v + GELU_A * v * v * v))));
    case ACT_SILU:
        EACH(v * sigmoid_one(v));
    case ACT_SIGMOID:
        EACH(sigmoid_one(v));
    case ACT_TANH:
        EACH(tanh_one(v));
    case ACT_QUICK_GELU:
        EACH(v * sigmoid_one(1.702f * v));
    case ACT_LEAKY_RELU:
        EACH(v < 0 ? 0.01f * v : v);
    default:
        memmove(y, x, n * sizeof *y);
    }
}

static inline float gelu_slope(float v)
{
    return 0.5f * (1 + erf_one(v * 0.70710678f)) + v * 0.3989422804f * exp_one(-0.5f * v * v);
}

static inline float gelu_tanh_slope(float v)
{
    float t = tanh_one(GELU_C * (v + GELU_A * v * v * v));
    return 0.5f * (1 + t) + 0.5f * v * (1 - t * t) * GELU_C * (1 + 3 * GELU_A * v * v);
}

static inline float gated_slope(float v, float c)
{
    float s = sigmoid_one(c * v);
    return s + c * v * s * (1 - s);
}

static inline float sigmoid_slope(float v)
{
    float s = sigmoid_one(v);
    return s * (1 - s);
}

static inline float tanh_slope(float v)
{
    float t = tanh_one(v);
    return 1 - t * t;
}

#define EACH_GRAD(slope_)                                                                                              \
    for (size_t i = 0; i < n; i++) {                                                                                   \
        float v = x[i];                                                                                                \
        dx[i] = dy[i] * (slope_);                                                                                      \
    }                                                                                                                  \
    return

static void act_grad_f32(int kind, size_t n, const float *x, const float *dy, float *dx)
{
    switch (kind) {
    case ACT_RELU:
        EACH_GRAD(v > 0 ? 1.0f : 0.0f);
    case ACT_GELU:
        EACH_GRAD(gelu_slope(v));
    case ACT_GELU_TANH:
        EACH_GRAD(gelu_tanh_slope(v));
    case ACT_SILU:
        EACH_GRAD(gated_slope(v, 1));
    case ACT_SIGMOID:
        EACH_GRAD(sigmoid_slope(v));
    case ACT_TANH:
        EACH_GRAD(tanh_slope(v));
    case ACT_QUICK_GELU:
        EACH_GRAD(gated_slope(v, 1.702f));
    case ACT_LEAKY_RELU:
        EACH_GRAD(v > 0 ? 1.0f : 0.01f);
    default:
        memmove(dx, dy, n * sizeof *dx);
    }
}

/* ---- Philox 4x32-10, one block a lane ------------------------------------------------------------------------------------ */

static void philox(uint64_t seed, uint64_t stream, uint64_t block, size_t n_blocks, uint32_t *out)
{
    enum { LANES = 16 };
    for (size_t at = 0; at < n_blocks; at += LANES) {
        uint32_t c0[LANES], c1[LANES], c2[LANES], c3[LANES];
        for (int i = 0; i < LANES; i++) {
            uint64_t b = block + at + (uint64_t)i;
            c0[i] = (uint32_t)b;
            c1[i] = (uint32_t)(b >> 32);
            c2[i] = (uint32_t)stream;
            c3[i] = (uint32_t)(stream >> 32);
        }
        uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
        for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
            for (int i = 0; i < LANES; i++) {
                uint64_t a = (uint64_t)c0[i] * 0xD2511F53u, b = (uint64_t)c2[i] * 0xCD9E8D57u;
                uint32_t n0 = (uint32_t)(b >> 32) ^ c1[i] ^ k0, n2 = (uint32_t)(a >> 32) ^ c3[i] ^ k1;
                c0[i] = n0;
                c1[i] = (uint32_t)b;
                c2[i] = n2;
                c3[i] = (uint32_t)a;
            }
        }
        size_t kept = n_blocks - at < LANES ? n_blocks - at : LANES;
        for (size_t i = 0; i < kept; i++) {
            uint32_t *o = out + 4 * (at + i);
            o[0] = c0[i];
            o[1] = c1[i];
            o[2] = c2[i];
            o[3] = c3[i];
        }
    }
}

#include "tensor/cpu/gemm_body.h"

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
    .gemm_f32 = gemm_tiles,
};
