/* gemm_tiles.h: the bf16 product of gemm_body.h on AMX tiles (see amx.h), for the instruction set that has them: A is read
 * as it lies, B from the same panels; what is not a whole tile goes through small copies. Part of isa_body.h.
 *
 * Ownership: nothing is kept. */
#if defined(__AMX_BF16__)
#include "tensor/cpu/amx.h"

enum { SIDE = AMX_SIDE, PAIRS = 16 /* of a tile */, DEEPEST = 256 /* pairs of a call, at most */ };

/* A's and B's blocks of 16 pairs, and what is left of them, filled up with zeros. */
typedef struct tiles_part {
    const uint16_t *a, *b, *a_last, *b_last; /* last NULL: nothing is left */
    int64_t a_row, blocks;
} tiles_part;

#define TILES_STEP(A, a_bytes, a_next, B)                                                                              \
    _tile_loadd(6, B, 4 * TILE);                                                                                       \
    _tile_loadd(4, A, a_bytes);                                                                                        \
    _tile_dpbf16ps(0, 4, 6);                                                                                           \
    if (cols > SIDE) {                                                                                                 \
        _tile_loadd(7, (B) + 2 * SIDE, 4 * TILE);                                                                      \
        _tile_dpbf16ps(1, 4, 7);                                                                                       \
    }                                                                                                                  \
    if (rows > SIDE) {                                                                                                 \
        _tile_loadd(5, (A) + (a_next), a_bytes);                                                                       \
        _tile_dpbf16ps(2, 5, 6);                                                                                       \
        if (cols > SIDE) _tile_dpbf16ps(3, 5, 7);                                                                      \
    }

/* Up to 2 x 2 tiles of sums into c [32, 32]: rows and cols (16 or 32) are constants at every call. */
INLINE void tiles_sums(int rows, int cols, const tiles_part *p, bool add, float *c, int64_t ldc)
{
    const size_t stride = (size_t)ldc * sizeof *c, a_bytes = (size_t)p->a_row * 2;
    const uint16_t *a = p->a, *b = p->b;
    if (add) {
        _tile_loadd(0, c, stride);
        if (cols > SIDE) _tile_loadd(1, c + SIDE, stride);
        if (rows > SIDE) _tile_loadd(2, c + SIDE * ldc, stride);
        if (rows > SIDE && cols > SIDE) _tile_loadd(3, c + SIDE * ldc + SIDE, stride);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    for (int64_t k = 0; k < p->blocks; k++, a += 2 * PAIRS, b += 2 * PAIRS * TILE) {
        TILES_STEP(a, a_bytes, SIDE * p->a_row, b)
    }
    if (p->a_last) {
        TILES_STEP(p->a_last, 64, SIDE * 2 * PAIRS, p->b_last)
    }
    _tile_stored(0, c, stride);
    if (cols > SIDE) _tile_stored(1, c + SIDE, stride);
    if (rows > SIDE) _tile_stored(2, c + SIDE * ldc, stride);
    if (rows > SIDE && cols > SIDE) _tile_stored(3, c + SIDE * ldc + SIDE, stride);
}

static void tiles_any(int rows, int cols, const tiles_part *p, bool add, float *c, int64_t ldc)
{
    if (rows > SIDE && cols > SIDE)
        tiles_sums(2 * SIDE, 2 * SIDE, p, add, c, ldc);
    else if (rows > SIDE)
        tiles_sums(2 * SIDE, SIDE, p, add, c, ldc);
    else if (cols > SIDE)
        tiles_sums(SIDE, 2 * SIDE, p, add, c, ldc);
    else
        tiles_sums(SIDE, SIDE, p, add, c, ldc);
}

static void tiles_product_bf16(int64_t m, int64_t n, int64_t pairs, float alpha, const uint16_t *a, int64_t a_row,
                               int64_t a_pair, const uint16_t *panel, float beta, float *c, int64_t ldc)
{
    uint16_t few[2 * SIDE * 2 * DEEPEST] __attribute__((aligned(64))); /* rows that are no whole tiles */
    uint16_t a_last[2 * SIDE * 2 * PAIRS] __attribute__((aligned(64))),
        b_last[PAIRS * 2 * TILE] __attribute__((aligned(64)));
    float sums[2 * SIDE * 2 * SIDE] __attribute__((aligned(64)));
    int64_t left = pairs % PAIRS;
    (void)a_pair;
    if (left) {
        memset(b_last, 0, sizeof b_last);
        memcpy(b_last, panel + (pairs - left) * 2 * TILE, (size_t)(left * 2 * TILE) * sizeof *panel);
    }
    amx_begin();
    for (int64_t i = 0; i < m; i += 2 * SIDE) {
        int64_t rows = m - i < 2 * SIDE ? m - i : 2 * SIDE;
        tiles_part p = {.a = a + i * a_row, .a_row = a_row, .blocks = pairs / PAIRS, .b_last = b_last};
        if (rows % SIDE && p.blocks) {
            memset(few, 0, sizeof few);
            for (int64_t r = 0; r < rows; r++)
                memcpy(few + r * 2 * DEEPEST, p.a + r * a_row, (size_t)p.blocks * PAIRS * 2 * sizeof *few);
            p.a = few;
            p.a_row = 2 * DEEPEST;
        }
        if (left) {
            memset(a_last, 0, sizeof a_last);
            for (int64_t r = 0; r < rows; r++)
                memcpy(a_last + r * 2 * PAIRS, a + (i + r) * a_row + 2 * (pairs - left), (size_t)left * 2 * sizeof *a);
            p.a_last = a_last;
        }
        for (int64_t j = 0; j < n; j += 2 * SIDE) {
            int64_t cols = n - j < 2 * SIDE ? n - j : 2 * SIDE;
            float *to = c + i * ldc + j;
            __asm__ volatile("" : : "r"(few), "r"(a_last), "r"(b_last) : "memory"); /* tiles read what was copied */
            p.b = panel + 2 * j;
            p.b_last = b_last + 2 * j;
            if (rows % SIDE == 0 && cols % SIDE == 0 && alpha == 1 && (beta == 0 || beta == 1)) {
                tiles_any((int)rows, (int)cols, &p, beta != 0, to, ldc);
                continue;
            }
            tiles_any((int)rows, (int)cols, &p, false, sums, 2 * SIDE);
            for (int64_t r = 0; r < rows; r++)
                for (int64_t x = 0; x < cols; x++)
                    to[r * ldc + x] = alpha * sums[r * 2 * SIDE + x] + (beta == 0 ? 0 : beta * to[r * ldc + x]);
        }
    }
    amx_end();
}

/* 16 rows of 32 values at a time, as 16 x 16 pairs. */
static void tiles_turn_bf16(int64_t k, int64_t m, const uint16_t *a, int64_t lda, uint16_t *to, int64_t ldt)
{
    for (int64_t i = 0; i < m; i += LANES) {
        int64_t rows = m - i < LANES ? m - i : LANES;
        __mmask16 there = (__mmask16)((1u << rows) - 1);
        for (int64_t p = 0; p < k; p += 2 * LANES) {
            vf x[LANES];
            for (int64_t q = 0; q < LANES; q++) {
                int64_t at = p + 2 * q;
                __m512i even = _mm512_setzero_si512(), odd = even;
                if (at < k) even = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(there, a + at * lda + i));
                if (at + 1 < k) odd = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(there, a + (at + 1) * lda + i));
                x[q] = (vf)_mm512_or_si512(even, _mm512_slli_epi32(odd, 16));
            }
            v_transpose(x);
            int64_t deep = ldt - p < 2 * LANES ? ldt - p : 2 * LANES;
            __mmask32 whole = deep == 2 * LANES ? 0xffffffffu : (1u << deep) - 1;
            for (int64_t r = 0; r < rows; r++) _mm512_mask_storeu_epi16(to + (i + r) * ldt + p, whole, (__m512i)x[r]);
        }
    }
}
#endif
