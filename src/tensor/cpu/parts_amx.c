#include <string.h>

#include "tensor/cpu/parts.h"
#include "tensor/cpu/vector.h"

/* ---- values into parts ---------------------------------------------------------------------------------------------------- */

#define HIGH_HALF 0xffff0000u
enum { AHEAD = PARTS_BLOCK }; /* inputs: what lies across k is no stream that the CPU would foresee */

/* The nearest value of 8 bits (ties away from 0), as f32. A NaN may lose itself here, but not in what is left of it. */
INLINE vf near_bf16(vf x)
{
    return (vf)(((vu)x + 0x8000u) & HIGH_HALF);
}

/* bf16 of inputs q and q + 16 side by side in each lane. */
INLINE void put_pairs(uint16_t *to, vf low, vf high)
{
    _mm512_storeu_si512(to, (__m512i)(((vu)low >> 16) | ((vu)high & HIGH_HALF)));
}

/* A tile's row: 32 values of it, as pairs, in three parts. */
INLINE void put_parts(uint16_t *to, vf low, vf high)
{
    for (int part = 0; part < PARTS - 1; part++, to += AMX_TILE) {
        vf l = near_bf16(low), h = near_bf16(high);
        put_pairs(to, l, h);
        low -= l;
        high -= h;
    }
    put_pairs(to, low, high); /* 8 bits are left, or a NaN */
}

/* 16 vectors `ld` apart, of `lanes` values each; zeros behind the first `count`. */
INLINE void read_square(const float *x, int64_t ld, int64_t count, int64_t lanes, float scale, vf to[LANES])
{
    __mmask16 there = lanes >= LANES ? 0xffff : lanes <= 0 ? 0 : (__mmask16)((1u << lanes) - 1);
    for (int64_t i = 0; i < LANES; i++)
        to[i] = i < count ? (vf)_mm512_maskz_loadu_ps(there, x + i * ld) * scale : (vf){0};
}

/* The lines that hold the square's vectors. */
INLINE void fetch_square(const float *x, int64_t ld)
{
    for (int64_t i = 0; i < LANES; i++) _mm_prefetch((const char *)(x + i * ld), _MM_HINT_T0);
}

static void split_block(const parts_operand *o, int64_t i, int64_t p, uint16_t *to)
{
    int64_t count = o->count - i < LANES ? o->count - i : LANES;
    vf half[2][LANES];
    for (int h = 0; h < 2; h++) {
        int64_t from = p + h * LANES, left = o->k - from;
        if (left <= 0) {
            memset(half[h], 0, sizeof half[h]);
        } else if (o->across) {
            const float *x = o->x + from * o->ld + i;
            read_square(x, o->ld, left, count, o->scale, half[h]);
            if (left >= AHEAD + LANES) fetch_square(x + AHEAD * o->ld, o->ld);
        } else {
            const float *x = o->x + i * o->ld + from;
            read_square(x, o->ld, count, left, o->scale, half[h]);
            if (o->count - i >= 2 * LANES) fetch_square(x + LANES * o->ld, o->ld);
        }
        if (o->across != o->right) v_transpose(half[h]);
    }
    for (int r = 0; r < LANES; r++) put_parts(to + r * 2 * LANES, half[0][r], half[1][r]);
}

/* In the order in which the operand lies, as far as it may be. */
void parts_split(const parts_operand *o, int64_t i, int64_t tiles, int64_t p, int64_t blocks, int64_t step,
                 uint16_t *to)
{
    int64_t outer = o->across ? blocks : tiles, inner = o->across ? tiles : blocks;
    for (int64_t x = 0; x < outer; x++)
        for (int64_t y = 0; y < inner; y++) {
            int64_t tile = o->across ? y : x, block = o->across ? x : y;
            split_block(o, i + tile * AMX_SIDE, p + block * PARTS_BLOCK, to + tile * step + block * PARTS_VALUES);
        }
}

/* ---- products ---------------------------------------------------------------------------------------------------------------- */

#define LOAD_A(part)                                                                                                   \
    _tile_loadd(4, a + (part)*AMX_TILE, 64);                                                                           \
    if (two_rows) _tile_loadd(5, a + p->a_step + (part)*AMX_TILE, 64)
#define LOAD_B(part)                                                                                                   \
    _tile_loadd(6, b + (part)*AMX_TILE, 64);                                                                           \
    if (two_cols) _tile_loadd(7, b + p->b_step + (part)*AMX_TILE, 64)
#define MULTIPLY()                                                                                                     \
    _tile_dpbf16ps(0, 4, 6);                                                                                           \
    if (two_cols) _tile_dpbf16ps(1, 4, 7);                                                                             \
    if (two_rows) _tile_dpbf16ps(2, 5, 6);                                                                             \
    if (two_rows && two_cols) _tile_dpbf16ps(3, 5, 7)

/* Up to 2 x 2 tiles of C; what is two is a constant at every call. The small products come first. */
INLINE void tiles(bool two_rows, bool two_cols, const parts_product *p, const uint16_t *a, const uint16_t *b, bool add,
                  float *c, int64_t ldc)
{
    const size_t stride = (size_t)ldc * sizeof *c;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    if (add) {
        _tile_loadd(0, c, stride);
        if (two_cols) _tile_loadd(1, c + AMX_SIDE, stride);
        if (two_rows) _tile_loadd(2, c + AMX_SIDE * ldc, stride);
        if (two_rows && two_cols) _tile_loadd(3, c + AMX_SIDE * ldc + AMX_SIDE, stride);
    }
    for (int64_t k = 0; k < p->blocks; k++, a += PARTS_VALUES, b += PARTS_VALUES) {
        LOAD_A(2);
        LOAD_B(0);
        MULTIPLY();
        LOAD_A(1);
        MULTIPLY();
        LOAD_B(1);
        MULTIPLY();
        LOAD_A(0);
        MULTIPLY();
        LOAD_B(2);
        MULTIPLY();
        LOAD_B(0);
        MULTIPLY();
    }
    _tile_stored(0, c, stride);
    if (two_cols) _tile_stored(1, c + AMX_SIDE, stride);
    if (two_rows) _tile_stored(2, c + AMX_SIDE * ldc, stride);
    if (two_rows && two_cols) _tile_stored(3, c + AMX_SIDE * ldc + AMX_SIDE, stride);
}

static void tiles_any(bool two_rows, bool two_cols, const parts_product *p, const uint16_t *a, const uint16_t *b,
                      bool add, float *c, int64_t ldc)
{
    if (two_rows && two_cols)
        tiles(true, true, p, a, b, add, c, ldc);
    else if (two_rows)
        tiles(true, false, p, a, b, add, c, ldc);
    else if (two_cols)
        tiles(false, true, p, a, b, add, c, ldc);
    else
        tiles(false, false, p, a, b, add, c, ldc);
}

void parts_multiply(const parts_product *p)
{
    enum { SIDE = 2 * AMX_SIDE };
    for (int64_t i = 0; i < p->rows; i += SIDE) {
        const uint16_t *a = p->a + i / AMX_SIDE * p->a_step;
        int64_t rows = p->rows - i < SIDE ? p->rows - i : SIDE;
        for (int64_t j = 0; j < p->cols; j += SIDE) {
            const uint16_t *b = p->b + j / AMX_SIDE * p->b_step;
            int64_t cols = p->cols - j < SIDE ? p->cols - j : SIDE;
            float *c = p->c + i * p->ldc + j;
            if (rows % AMX_SIDE == 0 && cols % AMX_SIDE == 0) {
                tiles_any(rows > AMX_SIDE, cols > AMX_SIDE, p, a, b, p->add, c, p->ldc);
                continue;
            }
            float whole[SIDE * SIDE] __attribute__((aligned(64))); /* what reaches over C's edge stays here */
            for (int64_t r = 0; r < rows && p->add; r++)
                memcpy(whole + r * SIDE, c + r * p->ldc, (size_t)cols * sizeof *c);
            __asm__ volatile("" : : "r"(whole) : "memory");
            tiles_any(rows > AMX_SIDE, cols > AMX_SIDE, p, a, b, p->add, whole, SIDE);
            __asm__ volatile("" : : "r"(whole) : "memory");
            for (int64_t r = 0; r < rows; r++) memcpy(c + r * p->ldc, whole + r * SIDE, (size_t)cols * sizeof *c);
        }
    }
}
