/* vector.h: vectors of the width that the including file is compiled for, with the few operations that C's own vector
 * extensions lack. Included only by isa_*.c through isa_body.h; everything is static, so each file has its own copy.
 *
 *     for (size_t i = 0, m; (m = LANES_LEFT(n, i)) > 0; i += m) v_store(y + i, m, v_load(x + i, m) * v_set(2));
 *
 * Ownership: values only. */
#ifndef LOREC_TENSOR_CPU_VECTOR_H
#define LOREC_TENSOR_CPU_VECTOR_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#include <immintrin.h>
#define VECTOR_SIZE 64
#elif defined(__AVX2__)
#include <immintrin.h>
#define VECTOR_SIZE 32
#else
#define VECTOR_SIZE 16
#endif

enum { LANES = VECTOR_SIZE / 4 };
typedef float vf __attribute__((vector_size(VECTOR_SIZE)));
typedef int32_t vi __attribute__((vector_size(VECTOR_SIZE)));
typedef uint32_t vu __attribute__((vector_size(VECTOR_SIZE)));
typedef float vf_any __attribute__((vector_size(VECTOR_SIZE), aligned(4), may_alias));
typedef uint32_t vu_any __attribute__((vector_size(VECTOR_SIZE), aligned(4), may_alias));

#define LANES_LEFT(n, i) ((n) - (i) < (size_t)LANES ? (n) - (i) : (size_t)LANES)
#define INLINE           static inline __attribute__((always_inline, unused))

INLINE vf v_set(float x)
{
    return x - (vf){0};
}
INLINE vf v_read(const float *p)
{
    return *(const vf_any *)p;
}
INLINE void v_write(float *p, vf x)
{
    *(vf_any *)p = x;
}

/* The first m lanes of p, zeros behind; m <= LANES. */
INLINE vf v_load(const float *p, size_t m)
{
    if (__builtin_expect(m >= (size_t)LANES, 1)) return v_read(p);
#if defined(__AVX512F__)
    return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << m) - 1), p);
#else
    vf x = {0};
    for (size_t i = 0; i < m; i++) x[i] = p[i];
    return x;
#endif
}

/* x in the first m lanes, zeros behind. */
INLINE vf v_load_set(float x, size_t m)
{
    if (__builtin_expect(m >= (size_t)LANES, 1)) return v_set(x);
#if defined(__AVX512F__)
    return (vf)_mm512_maskz_mov_ps((__mmask16)((1u << m) - 1), (__m512)v_set(x));
#else
    vf y = {0};
    for (size_t i = 0; i < m; i++) y[i] = x;
    return y;
#endif
}

INLINE void v_store(float *p, size_t m, vf x)
{
    if (__builtin_expect(m >= (size_t)LANES, 1)) {
        v_write(p, x);
        return;
    }
#if defined(__AVX512F__)
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << m) - 1), (__m512)x);
#else
    for (size_t i = 0; i < m; i++) p[i] = x[i];
#endif
}

/* mask ? a : b; a mask's lanes are all ones or all zeros, as comparisons give them. */
INLINE vf v_select(vi mask, vf a, vf b)
{
#if defined(__AVX512F__)
    return (vf)_mm512_mask_blend_ps(_mm512_movepi32_mask((__m512i)mask), (__m512)b, (__m512)a);
#elif defined(__AVX2__)
    return (vf)_mm256_blendv_ps((__m256)b, (__m256)a, (__m256)mask);
#else
    return (vf)(((vi)a & mask) | ((vi)b & ~mask));
#endif
}
INLINE vf v_max(vf a, vf b) /* b where either is NaN */
{
#if defined(__AVX512F__)
    return (vf)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
    return (vf)_mm256_max_ps((__m256)a, (__m256)b);
#else
    return v_select(a > b, a, b);
#endif
}
INLINE vf v_min(vf a, vf b) /* b where either is NaN */
{
#if defined(__AVX512F__)
    return (vf)_mm512_min_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
    return (vf)_mm256_min_ps((__m256)a, (__m256)b);
#else
    return v_select(a < b, a, b);
#endif
}
INLINE vf v_abs(vf a)
{
    return (vf)((vi)a & 0x7fffffff);
}

/* Interleaved halves: a0 b0 a1 b1 ... */
#if VECTOR_SIZE == 64
#define V_ZIP_LOW(a, b)  __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define V_ZIP_HIGH(a, b) __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#elif VECTOR_SIZE == 32
#define V_ZIP_LOW(a, b)  __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define V_ZIP_HIGH(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#else
#define V_ZIP_LOW(a, b)  __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define V_ZIP_HIGH(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#endif

/* Transposes LANES vectors: log2(LANES) perfect shuffles of the whole square. */
INLINE void v_transpose(vf x[LANES])
{
    for (int step = 1; step < LANES; step *= 2) {
        vf y[LANES];
        for (int i = 0; i < LANES / 2; i++) {
            y[2 * i] = V_ZIP_LOW(x[i], x[i + LANES / 2]);
            y[2 * i + 1] = V_ZIP_HIGH(x[i], x[i + LANES / 2]);
        }
        memcpy(x, y, sizeof y);
    }
}

INLINE float v_sum(vf a)
{
#if defined(__AVX512F__)
    return _mm512_reduce_add_ps((__m512)a);
#else
    float sum = 0;
    for (int i = 0; i < LANES; i++) sum += a[i];
    return sum;
#endif
}
INLINE float v_most(vf a)
{
#if defined(__AVX512F__)
    return _mm512_reduce_max_ps((__m512)a);
#else
    float most = a[0];
    for (int i = 1; i < LANES; i++) most = a[i] > most ? a[i] : most;
    return most;
#endif
}

/* e^x within 1 ulp or so over the whole range, subnormals and infinity included: x = n ln 2 + r, |r| <= ln 2 / 2, a
 * polynomial for e^r (Taylor's terms, enough of them for f32), then 2^n in two factors so that neither overflows. */
INLINE vf v_exp(vf x)
{
    const float shift = 12582912.0f;                   /* 1.5 * 2^23: adding it rounds to an integer */
    x = v_min(v_set(89.5f), v_max(v_set(-104.5f), x)); /* NaN passes: it is the second operand both times */
    vf t = x * 1.44269504f + shift;
    vf n = t - shift;
    vf r = x - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    vf p = r * (1.0f / 5040) + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
#if defined(__AVX512F__)
    return (vf)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
    vi whole = (vi)t - 0x4b400000; /* the integer sits in the low bits of t */
    vi half = whole >> 1;
    return p * (vf)((half + 127) << 23) * (vf)((whole - half + 127) << 23);
#endif
}

/* 1 / (1 + e^-x) */
INLINE vf v_sigmoid(vf x)
{
    return 1.0f / (1.0f + v_exp(-x));
}

/* Lanes from m on become zero. */
INLINE vf v_keep(vf x, size_t m)
{
#if defined(__AVX512F__)
    return (vf)_mm512_maskz_mov_ps((__mmask16)((1u << m) - 1), (__m512)x);
#else
    for (size_t i = m; i < (size_t)LANES; i++) x[i] = 0;
    return x;
#endif
}

/* Near zero Lambert's continued fraction, elsewhere 1 - 2 / (e^2x + 1). */
INLINE vf v_tanh(vf x)
{
    vf s = x * x;
    vf small = x * (135135.0f + s * (17325.0f + s * (378.0f + s))) /
               (135135.0f + s * (62370.0f + s * (3150.0f + s * 28.0f)));
    vf large = 1.0f - 2.0f / (v_exp(2.0f * x) + 1.0f);
    return v_select(v_abs(x) < 0.6f, small, large);
}

/* Abramowitz & Stegun 7.1.26: |error| <= 1.5e-7. e is e^(-x^2), which the normal density needs as well. */
INLINE vf v_erf(vf x, vf e)
{
    vf t = 1.0f / (1.0f + 0.3275911f * v_abs(x));
    vf p = t * (0.254829592f + t * (-0.284496736f + t * (1.421413741f + t * (-1.453152027f + t * 1.061405429f))));
    vf y = 1.0f - p * e;
    return (vf)((vi)y ^ ((vi)x & (vi)v_set(-0.0f)));
}

#endif
