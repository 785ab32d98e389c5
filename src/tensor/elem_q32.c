/* Blocks of 32 values to f32. */
#include "tensor/elem_parts.h"

enum { BLOCK = 32, HALF = BLOCK / 2 };

void elem_read_q8_0(const unsigned char *p, float *y, int64_t blocks)
{
    for (; blocks > 0; blocks--, p += 2 + BLOCK, y += BLOCK) {
        float d = elem_get_half(p);
        for (int i = 0; i < BLOCK; i++) y[i] = (float)(int8_t)p[2 + i] * d;
    }
}

void elem_read_q4_0(const unsigned char *p, float *y, int64_t blocks)
{
    for (; blocks > 0; blocks--, p += 2 + HALF, y += BLOCK) {
        float d = elem_get_half(p);
        for (int i = 0; i < HALF; i++) {
            y[i] = (float)((p[2 + i] & 15) - 8) * d;
            y[i + HALF] = (float)((p[2 + i] >> 4) - 8) * d;
        }
    }
}

void elem_read_q4_1(const unsigned char *p, float *y, int64_t blocks)
{
    for (; blocks > 0; blocks--, p += 4 + HALF, y += BLOCK) {
        float d = elem_get_half(p), m = elem_get_half(p + 2);
        for (int i = 0; i < HALF; i++) {
            y[i] = (float)(p[4 + i] & 15) * d + m;
            y[i + HALF] = (float)(p[4 + i] >> 4) * d + m;
        }
    }
}

/* The 32 numbers 0 .. 31 of four bytes of fifth bits and 16 of nibbles. */
static void five_bits(const unsigned char *p, int q[BLOCK])
{
    uint32_t fifth;
    memcpy(&fifth, p, sizeof fifth);
    for (int i = 0; i < HALF; i++) {
        q[i] = (p[4 + i] & 15) | (int)(fifth >> i & 1) << 4;
        q[i + HALF] = p[4 + i] >> 4 | (int)(fifth >> (i + HALF) & 1) << 4;
    }
}

void elem_read_q5_0(const unsigned char *p, float *y, int64_t blocks)
{
    int q[BLOCK];
    for (; blocks > 0; blocks--, p += 6 + HALF, y += BLOCK) {
        float d = elem_get_half(p);
        five_bits(p + 2, q);
        for (int i = 0; i < BLOCK; i++) y[i] = (float)(q[i] - 16) * d;
    }
}

void elem_read_q5_1(const unsigned char *p, float *y, int64_t blocks)
{
    int q[BLOCK];
    for (; blocks > 0; blocks--, p += 8 + HALF, y += BLOCK) {
        float d = elem_get_half(p), m = elem_get_half(p + 2);
        five_bits(p + 4, q);
        for (int i = 0; i < BLOCK; i++) y[i] = (float)q[i] * d + m;
    }
}
