/* f32 to blocks of 256 values ("K"): the parts are fitted one by one, then their scales are quantised themselves, and the
 * values last, by what the scales became. */
#include <math.h>

#include "tensor/elem_fit.h"

enum { BLOCK = 256, PART = 32, PARTS = 8 };

static void put_six_bits(unsigned char *p, const int scale[PARTS], const int minimum[PARTS])
{
    memset(p, 0, 12);
    for (int j = 0; j < 4; j++) {
        p[j] = (unsigned char)(scale[j] | scale[j + 4] >> 4 << 6);
        p[j + 4] = (unsigned char)(minimum[j] | minimum[j + 4] >> 4 << 6);
        p[j + 8] = (unsigned char)((scale[j + 4] & 15) | (minimum[j + 4] & 15) << 4);
    }
}

/* Header (16 bytes) and the numbers 0 .. top of all values. */
static void fit_parts(const float *x, unsigned char *p, int top, int q[BLOCK])
{
    float a[PARTS], b[PARTS], most_a = 0, most_b = 0;
    for (int j = 0; j < PARTS; j++) {
        elem_fit_affine(x + PART * j, PART, top, true, &a[j], &b[j]);
        b[j] = -b[j];
        most_a = fmaxf(most_a, a[j]);
        most_b = fmaxf(most_b, b[j]);
    }
    float d = elem_put_half(p, most_a / 63), dmin = elem_put_half(p + 2, most_b / 63);
    int scale[PARTS], minimum[PARTS];
    for (int j = 0; j < PARTS; j++) {
        scale[j] = d > 0 ? elem_round(a[j] / d, 0, 63) : 0;
        minimum[j] = dmin > 0 ? elem_round(b[j] / dmin, 0, 63) : 0;
        float step = d * (float)scale[j], low = dmin * (float)minimum[j], inverse = step > 0 ? 1 / step : 0;
        for (int i = PART * j; i < PART * (j + 1); i++) q[i] = elem_round((x[i] + low) * inverse, 0, top);
    }
    put_six_bits(p + 4, scale, minimum);
}

static void put_nibbles(unsigned char *p, const int q[BLOCK])
{
    for (int j = 0; j < PARTS; j += 2)
        for (int i = 0; i < PART; i++)
            p[j / 2 * PART + i] = (unsigned char)((q[PART * j + i] & 15) | (q[PART * (j + 1) + i] & 15) << 4);
}

void elem_write_q4_k(const float *x, unsigned char *p, int64_t blocks)
{
    int q[BLOCK];
    for (; blocks > 0; blocks--, p += 144, x += BLOCK) {
        fit_parts(x, p, 15, q);
        put_nibbles(p + 16, q);
    }
}

void elem_write_q5_k(const float *x, unsigned char *p, int64_t blocks)
{
    int q[BLOCK];
    for (; blocks > 0; blocks--, p += 176, x += BLOCK) {
        fit_parts(x, p, 31, q);
        memset(p + 16, 0, PART);
        for (int v = 0; v < BLOCK; v++) p[16 + v % PART] |= (unsigned char)((q[v] >> 4) << v / PART);
        put_nibbles(p + 48, q);
    }
}

void elem_write_q6_k(const float *x, unsigned char *p, int64_t blocks)
{
    enum { SMALL = 16, ZERO = 32 };
    for (; blocks > 0; blocks--, p += 210, x += BLOCK) {
        float a[BLOCK / SMALL], most = 0;
        for (int j = 0; j < BLOCK / SMALL; j++) {
            a[j] = elem_fit_scale(x + SMALL * j, SMALL, ZERO);
            most = fmaxf(most, fabsf(a[j]));
        }
        memset(p, 0, 192);
        float d = elem_put_half(p + 208, most / 127);
        for (int v = 0; v < BLOCK; v++) {
            int s = d > 0 ? elem_round(a[v / SMALL] / d, -127, 127) : 0;
            float step = d * (float)s;
            int q = (step != 0 ? elem_round(x[v] / step, -ZERO, ZERO - 1) : 0) + ZERO;
            int half = v / 128, k = v / 32 % 4, i = v % 32;
            p[192 + v / SMALL] = (unsigned char)(int8_t)s;
            p[64 * half + 32 * (k % 2) + i] |= (unsigned char)((q & 15) << 4 * (k / 2));
            p[128 + 32 * half + i] |= (unsigned char)(q >> 4 << 2 * k);
        }
    }
}
