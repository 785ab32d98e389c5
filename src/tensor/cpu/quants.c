#include "tensor/cpu/quants.h"

#include "tensor/elem_parts.h"

bool quants_of(elem type, quant_form *out)
{
    static const quant_form forms[ELEMS] = {
        [ELEM_Q8_0] = {32, 8, 128}, [ELEM_Q4_0] = {32, 4, 8},  [ELEM_Q4_1] = {32, 4, -1}, [ELEM_Q5_0] = {32, 8, 16},
        [ELEM_Q5_1] = {32, 8, -1},  [ELEM_Q4_K] = {32, 4, -1}, [ELEM_Q5_K] = {32, 8, -1}, [ELEM_Q6_K] = {16, 8, 32},
    };
    *out = forms[type];
    return out->part > 0;
}

static void nibbles(const uint8_t *from, int n, uint8_t *q) /* n bytes: the low halves, then the high ones */
{
    for (int i = 0; i < n; i++) {
        q[i] = from[i] & 15;
        q[i + n] = from[i] >> 4;
    }
}

static void fifth_bits(const uint8_t *from, uint8_t *q)
{
    uint32_t bits;
    memcpy(&bits, from, 4);
    for (int i = 0; i < 32; i++) q[i] |= (uint8_t)((bits >> i & 1) << 4);
}

/* The 6-bit scales and minima of the eight parts of a K block. */
static void k_scales(const uint8_t *b, float *scale, float *least)
{
    float d = elem_get_half(b), dmin = elem_get_half(b + 2);
    const uint8_t *s = b + 4;
    for (int j = 0; j < 8; j++) {
        int sc = j < 4 ? s[j] & 63 : (s[j + 4] & 15) | (s[j - 4] >> 6) << 4;
        int m = j < 4 ? s[j + 4] & 63 : (s[j + 4] >> 4) | (s[j] >> 6) << 4;
        scale[j] = d * (float)sc;
        least[j] = -dmin * (float)m;
    }
}

static void parts_q6_k(const uint8_t *b, uint8_t *q, float *scale)
{
    float d = elem_get_half(b + 208);
    const int8_t *sc = (const int8_t *)(b + 192);
    for (int i = 0; i < 16; i++) scale[i] = d * (float)sc[i];
    for (int half = 0; half < 2; half++, q += 128) {
        const uint8_t *low = b + half * 64, *high = b + 128 + half * 32;
        for (int l = 0; l < 32; l++) {
            q[l] = (uint8_t)((low[l] & 15) | (high[l] & 3) << 4);
            q[l + 32] = (uint8_t)((low[l + 32] & 15) | (high[l] >> 2 & 3) << 4);
            q[l + 64] = (uint8_t)(low[l] >> 4 | (high[l] >> 4 & 3) << 4);
            q[l + 96] = (uint8_t)(low[l + 32] >> 4 | (high[l] >> 6) << 4);
        }
    }
}

static void one_block(elem type, const uint8_t *b, uint8_t *q, float *scale, float *least)
{
    switch (type) {
    case ELEM_Q8_0:
        scale[0] = elem_get_half(b);
        for (int i = 0; i < 32; i++) q[i] = b[2 + i] ^ 0x80;
        break;
    case ELEM_Q4_0:
        scale[0] = elem_get_half(b);
        nibbles(b + 2, 16, q);
        break;
    case ELEM_Q4_1:
        scale[0] = elem_get_half(b);
        least[0] = elem_get_half(b + 2);
        nibbles(b + 4, 16, q);
        break;
    case ELEM_Q5_0:
        scale[0] = elem_get_half(b);
        nibbles(b + 6, 16, q);
        fifth_bits(b + 2, q);
        break;
    case ELEM_Q5_1:
        scale[0] = elem_get_half(b);
        least[0] = elem_get_half(b + 2);
        nibbles(b + 8, 16, q);
        fifth_bits(b + 4, q);
        break;
    case ELEM_Q4_K:
        k_scales(b, scale, least);
        for (int i = 0; i < 4; i++) nibbles(b + 16 + 32 * i, 32, q + 64 * i);
        break;
    case ELEM_Q5_K:
        k_scales(b, scale, least);
        for (int i = 0; i < 4; i++) nibbles(b + 48 + 32 * i, 32, q + 64 * i);
        for (int i = 0; i < 256; i++) q[i] |= (uint8_t)((b[16 + i % 32] >> (i / 32) & 1) << 4);
        break;
    case ELEM_Q6_K:
        parts_q6_k(b, q, scale);
        break;
    default:
        break;
    }
}

void quants_read(elem type, const void *blocks, int64_t values, uint8_t *q, float *scale, float *least)
{
    quant_form f = {0};
    if (!quants_of(type, &f)) return;
    int parts = elem_block(type) / f.part;
    const uint8_t *b = blocks;
    for (int64_t at = 0; at < values; at += elem_block(type), b += elem_bytes(type)) {
        one_block(type, b, q, scale, least);
        q += elem_block(type);
        scale += parts;
        least += parts;
    }
}
