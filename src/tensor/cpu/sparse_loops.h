/* sparse_loops.h: the loops of sparse.h in GCC's vector extensions (gcc and clang), included once for each instruction
 * set by sparse_portable.c, sparse_avx2.c and sparse_avx512.c, which say how many floats a register holds. */
#include <string.h>

#include "tensor/cpu/sparse.h"

enum { LANES = SPARSE_LANES };
typedef float vec __attribute__((vector_size(SPARSE_LANES * sizeof(float)), aligned(4), may_alias));

#define VEC(p)     (*(const vec *)(const void *)(p))
#define VEC_OUT(p) (*(vec *)(void *)(p))

/* Columns [0, d) in registers over all rows: d is small, `out` is touched once. */
static inline __attribute__((always_inline)) void gather_chunk(size_t n, const uint32_t *row, const float *value,
                                                               const float *x, size_t d, int vectors, float *out)
{
    vec sum[4] = {0};
    for (size_t k = 0; k < n; k++) {
        const float *from = x + row[k] * d;
        float by = value ? value[k] : 1;
        for (int v = 0; v < vectors; v++) sum[v] += by * VEC(from + v * LANES);
    }
    for (int v = 0; v < vectors; v++) VEC_OUT(out + v * LANES) = sum[v];
}

/* Long rows go by once each, four at a time: the sums stay in the first-level cache, the rows stream. */
static void gather_long(size_t n, const uint32_t *row, const float *value, const float *x, size_t d, float *out)
{
    memset(out, 0, d * sizeof *out);
    size_t k = 0;
    for (; k + 4 <= n; k += 4) {
        const float *a = x + row[k] * d, *b = x + row[k + 1] * d, *c = x + row[k + 2] * d, *e = x + row[k + 3] * d;
        float va = value ? value[k] : 1, vb = value ? value[k + 1] : 1, vc = value ? value[k + 2] : 1,
              ve = value ? value[k + 3] : 1;
        size_t j = 0;
        for (; j + LANES <= d; j += LANES)
            VEC_OUT(out + j) = VEC(out + j) + (va * VEC(a + j) + vb * VEC(b + j)) + (vc * VEC(c + j) + ve * VEC(e + j));
        for (; j < d; j++) out[j] = out[j] + (va * a[j] + vb * b[j]) + (vc * c[j] + ve * e[j]);
    }
    for (; k < n; k++) {
        const float *a = x + row[k] * d;
        float va = value ? value[k] : 1;
        size_t j = 0;
        for (; j + LANES <= d; j += LANES) VEC_OUT(out + j) = VEC(out + j) + va * VEC(a + j);
        for (; j < d; j++) out[j] += va * a[j];
    }
}

static void gather_sum(size_t n, const uint32_t *row, const float *value, const float *x, size_t d, float *out)
{
    if (d > 512) {
        gather_long(n, row, value, x, d, out);
        return;
    }
    size_t j = 0;
    for (; j + 4 * LANES <= d; j += 4 * LANES) gather_chunk(n, row, value, x + j, d, 4, out + j);
    for (; j + 2 * LANES <= d; j += 2 * LANES) gather_chunk(n, row, value, x + j, d, 2, out + j);
    for (; j + LANES <= d; j += LANES) gather_chunk(n, row, value, x + j, d, 1, out + j);
    for (; j < d; j++) {
        float sum = 0;
        for (size_t k = 0; k < n; k++) sum += (value ? value[k] : 1) * x[row[k] * d + j];
        out[j] = sum;
    }
}

/* Sums of LANES vectors into the lanes of one: in round g two vectors become one whose lanes hold, in groups of g, what
 * was in the first and what was in the second, so that after log2(LANES) rounds lane i is the sum of vector i. */
#if SPARSE_LANES == 16
#define LO1 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30
#define HI1 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31
#define LO2 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define HI2 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
#define LO4 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27
#define HI4 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31
#define LO8 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23
#define HI8 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31
#elif SPARSE_LANES == 8
#define LO1 0, 8, 2, 10, 4, 12, 6, 14
#define HI1 1, 9, 3, 11, 5, 13, 7, 15
#define LO2 0, 1, 8, 9, 4, 5, 12, 13
#define HI2 2, 3, 10, 11, 6, 7, 14, 15
#define LO4 0, 1, 2, 3, 8, 9, 10, 11
#define HI4 4, 5, 6, 7, 12, 13, 14, 15
#else
#define LO1 0, 4, 2, 6
#define HI1 1, 5, 3, 7
#define LO2 0, 1, 4, 5
#define HI2 2, 3, 6, 7
#endif
#define FOLD(g)                                                                                                        \
    static inline __attribute__((always_inline)) void fold##g(vec *out, const vec *two)                                \
    {                                                                                                                  \
        *out = __builtin_shufflevector(two[0], two[1], LO##g) + __builtin_shufflevector(two[0], two[1], HI##g);        \
    }
FOLD(1)
FOLD(2)
#if SPARSE_LANES >= 8
FOLD(4)
#endif
#if SPARSE_LANES == 16
FOLD(8)
#endif

static inline __attribute__((always_inline)) void fold(vec *out, vec *s)
{
    for (int r = 0; r < LANES / 2; r++) fold1(&s[r], &s[2 * r]);
    for (int r = 0; r < LANES / 4; r++) fold2(&s[r], &s[2 * r]);
#if SPARSE_LANES >= 8
    for (int r = 0; r < LANES / 8; r++) fold4(&s[r], &s[2 * r]);
#endif
#if SPARSE_LANES == 16
    fold8(&s[0], &s[0]);
#endif
    *out = s[0];
}

/* Vectors go through pointers: by value they have another calling convention on each instruction set. */
static inline __attribute__((always_inline)) void dots_of_lanes(size_t d, const float *y, const float *p, vec *out)
{
    vec s[LANES] = {0};
    for (size_t j = 0; j < d; j += LANES)
        for (int r = 0; r < LANES; r++) s[r] += VEC(y + (size_t)r * d + j) * VEC(p + j);
    fold(out, s);
}

/* out[0 .. LANES * vectors) += sum of rows of y, each times its factor */
static inline __attribute__((always_inline)) void add_rows(size_t n, size_t d, const float *y, const float *factor,
                                                           int vectors, float *out)
{
    vec s[4] = {0};
    for (int v = 0; v < vectors; v++) s[v] = VEC(out + v * LANES);
    for (size_t r = 0; r < n; r++)
        for (int v = 0; v < vectors; v++) s[v] += factor[r] * VEC(y + r * d + (size_t)v * LANES);
    for (int v = 0; v < vectors; v++) VEC_OUT(out + v * LANES) = s[v];
}

static inline float dot_of_1(size_t d, const float *y, const float *p)
{
    vec s = {0};
    for (size_t j = 0; j < d; j += LANES) s += VEC(y + j) * VEC(p + j);
    float sum = 0;
    for (int i = 0; i < LANES; i++) sum += s[i];
    return sum;
}

static void normal_apply(size_t n, size_t d, const float *y, const float *a, const float *c, const float *p, float *out)
{
    for (size_t k = 0; k < n; k += LANES, y += LANES * d) {
        size_t m = n - k < LANES ? n - k : LANES;
        float factor[LANES];
        if (m == LANES) {
            vec dot;
            dots_of_lanes(d, y, p, &dot);
            VEC_OUT(factor) = a ? VEC(a + k) + VEC(c + k) * dot : VEC(c + k) * dot;
        } else {
            for (size_t r = 0; r < m; r++) factor[r] = c[k + r] * dot_of_1(d, y + r * d, p) + (a ? a[k + r] : 0);
        }
        size_t j = 0;
        for (; j + 4 * LANES <= d; j += 4 * LANES) add_rows(m, d, y + j, factor, 4, out + j);
        for (; j < d; j += LANES) add_rows(m, d, y + j, factor, 1, out + j);
    }
}

const sparse_kernels SPARSE_KERNELS = {SPARSE_NAME, gather_sum, normal_apply};
