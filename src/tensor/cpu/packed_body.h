/* packed_body.h: packed weights on any instruction set: unpacked block by block to f32. Included once a file that is compiled
 * with its own flags; the loops are written for the compiler's vectors (16 outputs side by side).
 *
 * Ownership: nothing is kept. */
#include <string.h>

#include "tensor/cpu/packed.h"

enum { WIDE = PACKED_GROUP, DEEP = PACKED_BLOCK };

static inline float half_value(uint16_t half)
{
    uint32_t bits = (uint32_t)(half & 0x7fff) << 13;
    float v;
    memcpy(&v, &bits, 4);
    v *= 0x1p112f;
    memcpy(&bits, &v, 4);
    bits |= (v >= 65536.f ? 0x7f800000u : 0) | (uint32_t)(half & 0x8000) << 16;
    memcpy(&v, &bits, 4);
    return v;
}

static inline void unpack_integers(const packed *w, const uint8_t *q, size_t part, float *to, int64_t ld)
{
    int parts = DEEP / w->part;
    for (int p = 0; p < parts; p++) {
        float d[WIDE], m[WIDE];
        for (int r = 0; r < WIDE; r++) {
            d[r] = half_value(w->scale[part + (size_t)(p * WIDE + r)]) * w->unit;
            m[r] = w->least ? half_value(w->least[part + (size_t)(p * WIDE + r)]) * w->unit : 0;
        }
        float zero = w->least ? 0 : (float)w->zero;
        for (int i = p * w->part; i < (p + 1) * w->part; i++) {
            float *y = to + i * ld;
            if (w->form == PACKED_BYTES) {
                const uint8_t *from = q + i / 4 * WIDE * 4 + i % 4;
                for (int r = 0; r < WIDE; r++) y[r] = d[r] * ((float)from[4 * r] - zero) + m[r];
            } else {
                const uint8_t *from = q + i / 8 * WIDE * 4 + i % 4;
                int shift = i % 8 < 4 ? 0 : 4;
                for (int r = 0; r < WIDE; r++) y[r] = d[r] * ((float)(from[4 * r] >> shift & 15) - zero) + m[r];
            }
        }
    }
}

static void unpack(const packed *w, int64_t group, int64_t block, int64_t blocks, float *to, int64_t ld)
{
    for (int64_t b = block; b < block + blocks; b++, to += DEEP * ld) {
        const uint8_t *q = w->q + (size_t)(group * w->blocks + b) * w->block_bytes;
        const uint16_t *half = (const uint16_t *)(const void *)q;
        if (w->form == PACKED_F16)
            for (int i = 0; i < DEEP; i++)
                for (int r = 0; r < WIDE; r++) to[i * ld + r] = half_value(half[i * WIDE + r]);
        else if (w->form == PACKED_BF16)
            for (int i = 0; i < DEEP; i++)
                for (int r = 0; r < WIDE; r++) {
                    uint32_t u = (uint32_t)half[i / 2 * WIDE * 2 + r * 2 + i % 2] << 16;
                    memcpy(&to[i * ld + r], &u, 4);
                }
        else
            unpack_integers(w, q, (size_t)((group * w->blocks + b) * (DEEP / w->part) * WIDE), to, ld);
    }
}

/* Few rows: they are copied, with zeros behind, and take each block while it is in the first cache. */
static size_t few_bytes(const packed *w, int64_t m)
{
    return (size_t)(m * w->blocks * DEEP) * sizeof(float);
}

static void few_ready(const packed *w, int64_t m, const float *x, int64_t ldx, void *rows)
{
    float *to = rows;
    size_t in = (size_t)w->in, all = (size_t)w->blocks * DEEP;
    for (int64_t i = 0; i < m; i++, to += all) {
        memcpy(to, x + i * ldx, in * sizeof *to);
        memset(to + in, 0, (all - in) * sizeof *to);
    }
}

static void few_dots(const packed *w, int64_t group, int64_t m, const void *rows, float *y, int64_t ldy)
{
    float sum[PACKED_FEW][WIDE] = {{0}}, values[DEEP * WIDE];
    for (int64_t b = 0; b < w->blocks; b++) {
        const float *x = (const float *)rows + b * DEEP;
        unpack(w, group, b, 1, values, WIDE);
        for (int64_t i = 0; i < m; i++, x += w->blocks * DEEP)
            for (int k = 0; k < DEEP; k++)
                for (int r = 0; r < WIDE; r++) sum[i][r] += x[k] * values[k * WIDE + r];
    }
    for (int64_t i = 0; i < m; i++) memcpy(y + i * ldy, sum[i], sizeof sum[i]);
}

const packed_kernels PACKED_KERNELS = {.name = PACKED_NAME,
                                       .unpack = unpack,
                                       .few = PACKED_FEW,
                                       .few_bytes = few_bytes,
                                       .few_ready = few_ready,
                                       .few_dots = few_dots};
