/* Blocks of 256 values ("K") to f32. */
#include "tensor/elem_parts.h"

/* The j-th scale and minimum of eight, 6 bits each in 12 bytes: four of each lie whole in the low bits of the first eight
 * bytes; the low nibbles of the other four share the last four bytes, their upper two bits are the first bytes' top. */
static void six_bits(const unsigned char *p, int j, int *scale, int *minimum)
{
    if (j < 4) {
        *scale = p[j] & 63;
        *minimum = p[j + 4] & 63;
    } else {
        *scale = (p[j + 4] & 15) | p[j - 4] >> 6 << 4;
        *minimum = p[j + 4] >> 4 | p[j] >> 6 << 4;
    }
}

/* 64 values a round: 32 low nibbles, then 32 high ones. fifth NULL: there are four bits. */
static void read_nibbles(const unsigned char *p, const unsigned char *fifth, const unsigned char *q, float *y)
{
    float d = elem_get_half(p), dmin = elem_get_half(p + 2);
    for (int j = 0; j < 8; j++, y += 32) {
        int scale, minimum;
        six_bits(p + 4, j, &scale, &minimum);
        float a = d * (float)scale, b = dmin * (float)minimum;
        for (int i = 0; i < 32; i++) {
            int v = j % 2 ? q[j / 2 * 32 + i] >> 4 : q[j / 2 * 32 + i] & 15;
            if (fifth) v += (fifth[i] >> j & 1) << 4;
            y[i] = a * (float)v - b;
        }
    }
}

void elem_read_q4_k(const unsigned char *p, float *y, int64_t blocks)
{
    for (; blocks > 0; blocks--, p += 144, y += 256) read_nibbles(p, NULL, p + 16, y);
}

void elem_read_q5_k(const unsigned char *p, float *y, int64_t blocks)
{
    for (; blocks > 0; blocks--, p += 176, y += 256) read_nibbles(p, p + 16, p + 48, y);
}

/* Two halves of 128: value 32 k + i takes nibble k / 2 of byte 32 (k % 2) + i, and the k-th pair of bits of byte i. */
void elem_read_q6_k(const unsigned char *p, float *y, int64_t blocks)
{
    for (; blocks > 0; blocks--, p += 210, y += 256) {
        float d = elem_get_half(p + 208);
        for (int v = 0; v < 256; v++) {
            int half = v / 128, k = v / 32 % 4, i = v % 32;
            int low = p[64 * half + 32 * (k % 2) + i] >> 4 * (k / 2) & 15;
            int high = p[128 + 32 * half + i] >> 2 * k & 3;
            y[v] = d * (float)(int8_t)p[192 + v / 16] * (float)((low | high << 4) - 32);
        }
    }
}
