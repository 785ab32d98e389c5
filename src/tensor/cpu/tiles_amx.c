#include <string.h>

#include "tensor/cpu/amx.h"
#include "tensor/cpu/packed_x86.h"

/* Tiles 0 - 3 are sums, 4 and 5 rows, 6 and 7 columns; all are 16 rows of 64 bytes. */
void amx_begin(void)
{
    struct {
        uint8_t palette, start, reserved[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } config = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        config.bytes[i] = 64;
        config.rows[i] = AMX_SIDE;
    }
    __asm__ volatile("" : : "r"(&config) : "memory"); /* GCC 12 tells its optimiser of the first bytes only */
    _tile_loadconfig(&config);
}

void amx_end(void)
{
    _tile_release();
}

#define SUM(t, i, j)                                                                                                   \
    if (p->add)                                                                                                        \
        _tile_loadd(t, c + (i)*AMX_SIDE * p->ldc + (j)*AMX_SIDE, stride);                                              \
    else                                                                                                               \
        _tile_zero(t)
#define KEEP(t, i, j) _tile_stored(t, c + (i)*AMX_SIDE * p->ldc + (j)*AMX_SIDE, stride)

static void two_by_two(const amx_product *p, const uint16_t *a, const uint16_t *b, float *c)
{
    const size_t stride = (size_t)p->ldc * sizeof *c;
    const uint16_t *a1 = a + p->a_step, *b1 = b + p->b_step;
    SUM(0, 0, 0);
    SUM(1, 0, 1);
    SUM(2, 1, 0);
    SUM(3, 1, 1);
    for (int64_t k = 0; k < p->blocks * AMX_TILE; k += AMX_TILE) {
        _tile_loadd(6, b + k, 64);
        _tile_loadd(4, a + k, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, b1 + k, 64);
        _tile_dpbf16ps(1, 4, 7);
        _tile_loadd(5, a1 + k, 64);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    KEEP(0, 0, 0);
    KEEP(1, 0, 1);
    KEEP(2, 1, 0);
    KEEP(3, 1, 1);
}

static void two_by_one(const amx_product *p, const uint16_t *a, const uint16_t *b, float *c)
{
    const size_t stride = (size_t)p->ldc * sizeof *c;
    const uint16_t *a1 = a + p->a_step;
    SUM(0, 0, 0);
    SUM(2, 1, 0);
    for (int64_t k = 0; k < p->blocks * AMX_TILE; k += AMX_TILE) {
        _tile_loadd(6, b + k, 64);
        _tile_loadd(4, a + k, 64);
        _tile_loadd(5, a1 + k, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(2, 5, 6);
    }
    KEEP(0, 0, 0);
    KEEP(2, 1, 0);
}

static void one_by_two(const amx_product *p, const uint16_t *a, const uint16_t *b, float *c)
{
    const size_t stride = (size_t)p->ldc * sizeof *c;
    const uint16_t *b1 = b + p->b_step;
    SUM(0, 0, 0);
    SUM(1, 0, 1);
    for (int64_t k = 0; k < p->blocks * AMX_TILE; k += AMX_TILE) {
        _tile_loadd(4, a + k, 64);
        _tile_loadd(6, b + k, 64);
        _tile_loadd(7, b1 + k, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
    }
    KEEP(0, 0, 0);
    KEEP(1, 0, 1);
}

static void one_by_one(const amx_product *p, const uint16_t *a, const uint16_t *b, float *c)
{
    const size_t stride = (size_t)p->ldc * sizeof *c;
    SUM(0, 0, 0);
    for (int64_t k = 0; k < p->blocks * AMX_TILE; k += AMX_TILE) {
        _tile_loadd(4, a + k, 64);
        _tile_loadd(6, b + k, 64);
        _tile_dpbf16ps(0, 4, 6);
    }
    KEEP(0, 0, 0);
}

/* Two rows of tiles stay near while the columns go by. */
void amx_multiply(const amx_product *p)
{
    for (int64_t i = 0; i < p->row_tiles; i += 2) {
        const uint16_t *a = p->a + i * p->a_step;
        bool high = i + 1 < p->row_tiles;
        for (int64_t j = 0; j < p->col_tiles; j += 2) {
            const uint16_t *b = p->b + j * p->b_step;
            float *c = p->c + i * AMX_SIDE * p->ldc + j * AMX_SIDE;
            if (j + 1 < p->col_tiles)
                (high ? two_by_two : one_by_two)(p, a, b, c);
            else
                (high ? two_by_one : one_by_one)(p, a, b, c);
        }
    }
}

/* ---- rows ------------------------------------------------------------------------------------------------------------------ */

static __m512 load_wide(const void *x, bool bf16, int64_t at, __mmask16 there)
{
    if (!bf16) return _mm512_maskz_loadu_ps(there, (const float *)x + at);
    __m256i half = _mm256_maskz_loadu_epi16(there, (const uint16_t *)x + at);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

void amx_left(const void *x, bool bf16, bool rest, int64_t ldx, int64_t m, int64_t in, int64_t row, int64_t blocks,
              uint16_t *tiles)
{
    for (int r = 0; r < AMX_SIDE; r++) {
        uint16_t *to = tiles + r * PACKED_BLOCK;
        int64_t at = (row + r) * ldx;
        if (row + r >= m) {
            for (int64_t b = 0; b < blocks; b++) _mm512_storeu_si512(to + b * AMX_TILE, _mm512_setzero_si512());
            continue;
        }
        for (int64_t k = 0; k < blocks * PACKED_BLOCK; k += 16) {
            int64_t left = in - k;
            __mmask16 there = left >= 16 ? 0xffff : left <= 0 ? 0 : (__mmask16)((1u << left) - 1);
            __m512 v = load_wide(x, bf16, at + k, there);
            if (rest) v = _mm512_sub_ps(v, x86_bf16_near(v));
            x86_store_bf16(to + k / PACKED_BLOCK * AMX_TILE + k % PACKED_BLOCK, v);
        }
    }
}

/* ---- weights ------------------------------------------------------------------------------------------------------------------ */

static inline __m512 byte_value(__m512i four, int i)
{
    __m512i v = i ? _mm512_srli_epi32(four, (unsigned)(8 * i)) : four;
    return _mm512_cvtepi32_ps(i < 3 ? _mm512_and_si512(v, _mm512_set1_epi32(255)) : v);
}

/* Four inputs in a lane: two rows of a tile. */
static inline void put_four(__m512i four, __m512 d, __m512 m, uint16_t *to)
{
    __m512 v[4];
    for (int i = 0; i < 4; i++) v[i] = _mm512_fmadd_ps(byte_value(four, i), d, m);
    _mm512_storeu_si512(to, x86_pairs_bf16(v[0], v[1]));
    _mm512_storeu_si512(to + 32, x86_pairs_bf16(v[2], v[3]));
}

static void right_integers(const packed *w, int64_t group, int64_t block, int64_t blocks, uint16_t *to)
{
    const int parts = PACKED_BLOCK / w->part;
    const uint8_t *q = w->q + (size_t)(group * w->blocks + block) * w->block_bytes;
    size_t part = (size_t)((group * w->blocks + block) * parts) * AMX_SIDE;
    const __m512 unit = _mm512_set1_ps(w->unit), zero = _mm512_set1_ps(-(float)w->zero);
    const __m512i nibble = _mm512_set1_epi8(15);
    for (int64_t b = 0; b < blocks * parts; b++, part += AMX_SIDE) {
        __m512 d = _mm512_mul_ps(x86_load_f16(w->scale + part), unit);
        __m512 m = w->least ? _mm512_mul_ps(x86_load_f16(w->least + part), unit) : _mm512_mul_ps(d, zero);
        for (int v = 0; v < 8 / parts; v++, q += 64, to += 64) {
            __m512i four = _mm512_loadu_si512(q);
            if (w->form == PACKED_NIBBLES) {
                put_four(_mm512_and_si512(four, nibble), d, m, to);
                four = _mm512_and_si512(_mm512_srli_epi16(four, 4), nibble);
                to += 64;
                v++;
            }
            put_four(four, d, m, to);
        }
    }
}

void amx_right(const packed *w, bool rest, int64_t group, int64_t block, int64_t blocks, uint16_t *to)
{
    const uint8_t *from = w->q + (size_t)(group * w->blocks + block) * w->block_bytes;
    if (w->form == PACKED_BF16) {
        memcpy(to, from, (size_t)blocks * w->block_bytes);
    } else if (w->form == PACKED_F16) {
        const uint16_t *half = (const uint16_t *)(const void *)from;
        for (int64_t i = 0; i < blocks * PACKED_BLOCK / 2; i++, half += 2 * AMX_SIDE, to += 2 * AMX_SIDE) {
            __m512 even = x86_load_f16(half), odd = x86_load_f16(half + AMX_SIDE);
            __m512 even_part = x86_bf16_part(even), odd_part = x86_bf16_part(odd);
            if (rest) {
                even_part = _mm512_sub_ps(even, even_part);
                odd_part = _mm512_sub_ps(odd, odd_part);
            }
            _mm512_storeu_si512(to, x86_pairs_bf16(even_part, odd_part));
        }
    } else {
        right_integers(w, group, block, blocks, to);
    }
}
