/* Packed weights with AVX-512: few rows go over the integers with VPDPBUSD, the rows as 15-bit integers in two bytes with a
 * scale a block (their rounding is 2^-16 of the block's largest value, far below the weights' own), so that a row costs no
 * more than reading the weights; bf16 weights take the rows as a sum of two bf16 for the same reason. */
#define PACKED_KERNELS packed_plain_avx512
#define PACKED_NAME    "avx512"
#include "tensor/cpu/packed_body.h"
#include "tensor/cpu/packed_tiles.h"
#include "tensor/cpu/packed_x86.h"

#include <math.h>

enum { AHEAD = 1024 }; /* bytes: single rows go as fast as the weights come from memory */

/* ---- rows made ready --------------------------------------------------------------------------------------------------- */

typedef struct row_block { /* of 32 inputs: 256 high + low are the integers */
    int8_t high[DEEP], low[DEEP];
} row_block;
typedef struct row_scale {
    float scale, sums[2]; /* sums: of the values, by half block */
    int32_t zero[2];      /* the weights' zero times the integers' sums */
} row_scale;

static bool has_integers(const packed *w)
{
    return w->part > 0;
}

static size_t padded_row(const packed *w)
{
    return (size_t)w->blocks * (has_integers(w) ? sizeof(row_block) + sizeof(row_scale) : DEEP * sizeof(float));
}

static size_t row_bytes(const packed *w, int64_t m)
{
    return (size_t)m * padded_row(w) + 64;
}

static void ready_block(const packed *w, const float *x, row_block *b, row_scale *s)
{
    __m512 v0 = _mm512_loadu_ps(x), v1 = _mm512_loadu_ps(x + 16);
    float most = _mm512_reduce_max_ps(_mm512_max_ps(_mm512_abs_ps(v0), _mm512_abs_ps(v1)));
    float by = most > 0 ? 32639 / most : 0;
    if (!isfinite(by)) by = 0; /* subnormal, or no number: nothing to multiply with */
    __m512i q[2] = {_mm512_cvtps_epi32(_mm512_mul_ps(v0, _mm512_set1_ps(by))),
                    _mm512_cvtps_epi32(_mm512_mul_ps(v1, _mm512_set1_ps(by)))};
    s->scale = most / 32639 * w->unit;
    int zero = w->least ? 0 : w->zero;
    int32_t sum[2];
    for (int i = 0; i < 2; i++) {
        __m512i high = _mm512_srai_epi32(_mm512_add_epi32(q[i], _mm512_set1_epi32(128)), 8);
        __m512i low = _mm512_sub_epi32(q[i], _mm512_slli_epi32(high, 8));
        _mm_storeu_si128((__m128i *)(void *)(b->high + 16 * i), _mm512_cvtepi32_epi8(high));
        _mm_storeu_si128((__m128i *)(void *)(b->low + 16 * i), _mm512_cvtepi32_epi8(low));
        sum[i] = _mm512_reduce_add_epi32(q[i]);
    }
    if (w->part == DEEP) {
        sum[0] += sum[1];
        sum[1] = 0;
    }
    for (int i = 0; i < 2; i++) {
        s->zero[i] = zero * sum[i];
        s->sums[i] = s->scale * (float)sum[i];
    }
}

static void ready(const packed *w, int64_t m, const float *x, int64_t ldx, void *rows)
{
    for (int64_t i = 0; i < m; i++, x += ldx) {
        char *to = (char *)rows + (size_t)i * padded_row(w);
        row_block *b = (row_block *)(void *)to;
        row_scale *s = (row_scale *)(void *)(to + (size_t)w->blocks * sizeof *b);
        for (int64_t at = 0; at < w->blocks; at++) {
            float tail[DEEP];
            int64_t n = w->in - at * DEEP;
            const float *from = x + at * DEEP;
            if (n < DEEP) {
                memset(tail, 0, sizeof tail);
                memcpy(tail, from, (size_t)n * sizeof *tail);
                from = tail;
            }
            if (has_integers(w)) {
                ready_block(w, from, b + at, s + at);
            } else if (w->form == PACKED_F16) {
                memcpy((float *)(void *)to + at * DEEP, from, sizeof tail);
            } else { /* [32] bf16, then [32] of what is left */
                uint16_t *half = (uint16_t *)(void *)to + at * 2 * DEEP;
                for (int j = 0; j < DEEP; j += 16) {
                    __m512 v = _mm512_loadu_ps(from + j);
                    __m512 upper = x86_bf16_part(v);
                    x86_store_bf16(half + j, upper);
                    x86_store_bf16(half + DEEP + j, _mm512_sub_ps(v, upper));
                }
            }
        }
    }
}

/* ---- sixteen outputs -------------------------------------------------------------------------------------------------------- */

static inline __m512i four(const int8_t *x) /* the same four bytes in every lane */
{
    int32_t v;
    memcpy(&v, x, 4);
    return _mm512_set1_epi32(v);
}

static inline __attribute__((always_inline)) void integers(int rows, bool nibbles, int parts, bool lowest,
                                                           const packed *w, int64_t group, const char *x, float *y,
                                                           int64_t ldy)
{
    const size_t row = padded_row(w), scales = (size_t)w->blocks * sizeof(row_block);
    const uint8_t *q = w->q + (size_t)(group * w->blocks) * w->block_bytes;
    size_t part = (size_t)(group * w->blocks) * (size_t)parts * WIDE;
    __m512 sum[PACKED_FEW];
    for (int r = 0; r < rows; r++) sum[r] = _mm512_setzero_ps();
    for (int64_t b = 0; b < w->blocks; b++)
        for (int p = 0; p < parts; p++, part += WIDE) {
            __m512i high[PACKED_FEW], low[PACKED_FEW];
            for (int r = 0; r < rows; r++) high[r] = low[r] = _mm512_setzero_si512();
            int words = 8 / parts; /* of four inputs */
            if (p == 0) _mm_prefetch((const char *)(w->scale + part) + AHEAD / 16, _MM_HINT_T0);
            for (int v = 0; v < words; v += nibbles ? 2 : 1, q += 64) {
                __m512i both = _mm512_loadu_si512(q), u[2] = {both, both};
                _mm_prefetch((const char *)q + AHEAD, _MM_HINT_T0);
                if (nibbles) {
                    u[0] = _mm512_and_si512(both, _mm512_set1_epi8(15));
                    u[1] = _mm512_and_si512(_mm512_srli_epi16(both, 4), _mm512_set1_epi8(15));
                }
                for (int half = 0; half < (nibbles ? 2 : 1); half++)
                    for (int r = 0; r < rows; r++) {
                        const row_block *xb = (const row_block *)(const void *)(x + (size_t)r * row) + b;
                        int at = 4 * (p * words + v + half);
                        high[r] = _mm512_dpbusd_epi32(high[r], u[half], four(xb->high + at));
                        low[r] = _mm512_dpbusd_epi32(low[r], u[half], four(xb->low + at));
                    }
            }
            __m512 d = x86_load_f16(w->scale + part), m = lowest ? x86_load_f16(w->least + part) : d;
            for (int r = 0; r < rows; r++) {
                const row_scale *s = (const row_scale *)(const void *)(x + (size_t)r * row + scales) + b;
                __m512i all = _mm512_add_epi32(_mm512_slli_epi32(high[r], 8), low[r]);
                if (!lowest) all = _mm512_sub_epi32(all, _mm512_set1_epi32(s->zero[p]));
                sum[r] = _mm512_fmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(all), d), _mm512_set1_ps(s->scale), sum[r]);
                if (lowest) sum[r] = _mm512_fmadd_ps(m, _mm512_set1_ps(s->sums[p]), sum[r]);
            }
        }
    for (int r = 0; r < rows; r++) _mm512_storeu_ps(y + r * ldy, sum[r]);
}

static inline __attribute__((always_inline)) void bf16_rows(int rows, const packed *w, int64_t group, const char *x,
                                                            float *y, int64_t ldy)
{
    const size_t row = padded_row(w);
    const uint8_t *q = w->q + (size_t)(group * w->blocks) * w->block_bytes;
    __m512 sum[PACKED_FEW][2];
    for (int r = 0; r < rows; r++) sum[r][0] = sum[r][1] = _mm512_setzero_ps();
    for (int64_t b = 0; b < w->blocks; b++)
        for (int v = 0; v < DEEP / 2; v++, q += 64) {
            _mm_prefetch((const char *)q + AHEAD, _MM_HINT_T0);
            __m512bh u = (__m512bh)_mm512_loadu_si512(q);
            for (int r = 0; r < rows; r++) {
                const int8_t *xb = (const int8_t *)(x + (size_t)r * row) + b * 4 * DEEP + 4 * v;
                sum[r][0] = _mm512_dpbf16_ps(sum[r][0], u, (__m512bh)four(xb));
                sum[r][1] = _mm512_dpbf16_ps(sum[r][1], u, (__m512bh)four(xb + 2 * DEEP));
            }
        }
    for (int r = 0; r < rows; r++) _mm512_storeu_ps(y + r * ldy, _mm512_add_ps(sum[r][0], sum[r][1]));
}

static inline __attribute__((always_inline)) void f16_rows(int rows, const packed *w, int64_t group, const char *x,
                                                           float *y, int64_t ldy)
{
    const size_t row = padded_row(w);
    const uint16_t *q = (const uint16_t *)(const void *)(w->q + (size_t)(group * w->blocks) * w->block_bytes);
    __m512 sum[PACKED_FEW][4];
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < 4; i++) sum[r][i] = _mm512_setzero_ps();
    int ways = rows > 4 ? 1 : rows > 2 ? 2 : 4;
    for (int64_t k = 0; k < w->blocks * DEEP; k += 4, q += 4 * WIDE)
        for (int i = 0; i < 4; i++) {
            if (i % 2 == 0) _mm_prefetch((const char *)(q + i * WIDE) + AHEAD, _MM_HINT_T0);
            __m512 u = x86_load_f16(q + i * WIDE);
            for (int r = 0; r < rows; r++) {
                const float *xr = (const float *)(const void *)(x + (size_t)r * row);
                sum[r][i % ways] = _mm512_fmadd_ps(u, _mm512_set1_ps(xr[k + i]), sum[r][i % ways]);
            }
        }
    for (int r = 0; r < rows; r++) {
        __m512 a = _mm512_add_ps(sum[r][0], sum[r][1]), c = _mm512_add_ps(sum[r][2], sum[r][3]);
        _mm512_storeu_ps(y + r * ldy, _mm512_add_ps(a, c));
    }
}

#define OF_ROWS(r)                                                                                                     \
    static void dots_##r(const packed *w, int64_t g, const char *x, float *y, int64_t ldy)                             \
    {                                                                                                                  \
        if (w->form == PACKED_F16)                                                                                     \
            f16_rows(r, w, g, x, y, ldy);                                                                              \
        else if (w->form == PACKED_BF16)                                                                               \
            bf16_rows(r, w, g, x, y, ldy);                                                                             \
        else if (w->form == PACKED_NIBBLES && w->least)                                                                \
            integers(r, true, 1, true, w, g, x, y, ldy);                                                               \
        else if (w->form == PACKED_NIBBLES)                                                                            \
            integers(r, true, 1, false, w, g, x, y, ldy);                                                              \
        else if (w->least)                                                                                             \
            integers(r, false, 1, true, w, g, x, y, ldy);                                                              \
        else if (w->part == 16)                                                                                        \
            integers(r, false, 2, false, w, g, x, y, ldy);                                                             \
        else                                                                                                           \
            integers(r, false, 1, false, w, g, x, y, ldy);                                                             \
    }
OF_ROWS(1)
OF_ROWS(2)
OF_ROWS(3)
OF_ROWS(4)
OF_ROWS(5)
OF_ROWS(6)
OF_ROWS(7) OF_ROWS(8)

    static void dots(const packed *w, int64_t group, int64_t m, const void *rows, float *y, int64_t ldy)
{
    static void (*const of[])(const packed *, int64_t, const char *, float *,
                              int64_t) = {dots_1, dots_2, dots_3, dots_4, dots_5, dots_6, dots_7, dots_8};
    of[m - 1](w, group, rows, y, ldy);
}

const packed_kernels packed_avx512 = {.name = "avx512",
                                      .unpack = unpack,
                                      .few = PACKED_FEW,
                                      .few_bytes = row_bytes,
                                      .few_ready = ready,
                                      .few_dots = dots,
                                      .many = packed_run_vectors};
const packed_kernels packed_amx = {.name = "amx",
                                   .unpack = unpack,
                                   .few = PACKED_FEW,
                                   .few_bytes = row_bytes,
                                   .few_ready = ready,
                                   .few_dots = dots,
                                   .many = packed_run_tiles,
                                   .many_f16 = true};
