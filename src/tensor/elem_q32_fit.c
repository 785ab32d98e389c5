/* f32 to blocks of 32 values: each block's scale (and minimum) is fitted by least squares, see elem_fit.h. */
#include <math.h>

#include "tensor/elem_fit.h"

enum { BLOCK = 32, HALF = BLOCK / 2 };

void elem_write_q8_0(const float *x, unsigned char *p, int64_t blocks)
{
    for (; blocks > 0; blocks--, p += 2 + BLOCK, x += BLOCK) {
        float most = 0;
        for (int i = 0; i < BLOCK; i++) most = fmaxf(most, fabsf(x[i]));
        float d = elem_put_half(p, most / 127), inverse = d > 0 ? 1 / d : 0;
        for (int i = 0; i < BLOCK; i++) p[2 + i] = (unsigned char)(int8_t)elem_round(x[i] * inverse, -127, 127);
    }
}

static void put_nibbles(unsigned char *p, const int q[BLOCK])
{
    for (int i = 0; i < HALF; i++) p[i] = (unsigned char)((q[i] & 15) | (q[i + HALF] & 15) << 4);
}

static void put_fifth(unsigned char *p, const int q[BLOCK])
{
    uint32_t fifth = 0;
    for (int i = 0; i < BLOCK; i++) fifth |= (uint32_t)(q[i] >> 4 & 1) << i;
    memcpy(p, &fifth, sizeof fifth);
}

/* d * (q - zero), q from 0 to 2 zero - 1. */
static void fit_symmetric(const float *x, unsigned char *p, int zero, int q[BLOCK])
{
    float d = elem_put_half(p, elem_fit_scale(x, BLOCK, zero)), inverse = d != 0 ? 1 / d : 0;
    for (int i = 0; i < BLOCK; i++) q[i] = elem_round(x[i] * inverse, -zero, zero - 1) + zero;
}

/* d * q + m, q from 0 to top. */
static void fit_affine(const float *x, unsigned char *p, int top, int q[BLOCK])
{
    float d, m;
    elem_fit_affine(x, BLOCK, top, false, &d, &m);
    d = elem_put_half(p, d);
    m = elem_put_half(p + 2, m);
    float inverse = d > 0 ? 1 / d : 0;
    for (int i = 0; i < BLOCK; i++) q[i] = elem_round((x[i] - m) * inverse, 0, top);
}

void elem_write_q4_0(const float *x, unsigned char *p, int64_t blocks)
{
    int q[BLOCK];
    for (; blocks > 0; blocks--, p += 2 + HALF, x += BLOCK) {
        fit_symmetric(x, p, 8, q);
        put_nibbles(p + 2, q);
    }
}

void elem_write_q4_1(const float *x, unsigned char *p, int64_t blocks)
{
    int q[BLOCK];
    for (; blocks > 0; blocks--, p += 4 + HALF, x += BLOCK) {
        fit_affine(x, p, 15, q);
        put_nibbles(p + 4, q);
    }
}

void elem_write_q5_0(const float *x, unsigned char *p, int64_t blocks)
{
    int q[BLOCK];
    for (; blocks > 0; blocks--, p += 6 + HALF, x += BLOCK) {
        fit_symmetric(x, p, 16, q);
        put_fifth(p + 2, q);
        put_nibbles(p + 6, q);
    }
}

void elem_write_q5_1(const float *x, unsigned char *p, int64_t blocks)
{
    int q[BLOCK];
    for (; blocks > 0; blocks--, p += 8 + HALF, x += BLOCK) {
        fit_affine(x, p, 31, q);
        put_fifth(p + 4, q);
        put_nibbles(p + 8, q);
    }
}
