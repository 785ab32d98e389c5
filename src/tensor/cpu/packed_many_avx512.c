/* Products of many rows with packed weights on AVX-512 without tiles. Integers meet the rows as 8-bit integers with a scale of
 * each 32 (VPDPBUSD; what llama.cpp's Q8_0 products do too), bf16 weights meet the rows rounded to bf16 (VDPBF16PS). Some
 * outputs' weights stay in the second cache while all rows go by, six at a time. */
#include <math.h>
#include <string.h>

#include "base/threads.h"
#include "tensor/cpu/packed_tiles.h"
#include "tensor/cpu/packed_x86.h"
#include "tensor/cpu/scratch.h"

#define ALWAYS static inline __attribute__((always_inline))
enum { WIDE = PACKED_GROUP, DEEP = PACKED_BLOCK, ROWS = 6, GROUPS = 2 };

typedef struct block_scale { /* of a row's 32 inputs */
    float scale, sums[2];    /* sums: of the values, by half block */
    int32_t zero[2];         /* the weights' zero times the integers' sums */
} block_scale;

typedef struct many_job {
    const packed_product *p;
    char *rows;
    size_t row; /* bytes of one */
} many_job;

/* ---- rows ------------------------------------------------------------------------------------------------------------------ */

static __m512 half_block(const packed_product *p, int64_t row, int64_t k)
{
    int64_t left = p->w->in - k;
    __mmask16 there = left >= 16 ? 0xffff : left <= 0 ? 0 : (__mmask16)((1u << left) - 1);
    if (!p->bf16) return _mm512_maskz_loadu_ps(there, (const float *)p->x + row * p->ldx + k);
    __m256i half = _mm256_maskz_loadu_epi16(there, (const uint16_t *)p->x + row * p->ldx + k);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

static void ready_integers(const packed *w, const __m512 v[2], int8_t *q, block_scale *s)
{
    float most = _mm512_reduce_max_ps(_mm512_max_ps(_mm512_abs_ps(v[0]), _mm512_abs_ps(v[1])));
    float by = most > 0 ? 127 / most : 0;
    if (!isfinite(by)) by = 0;
    s->scale = most / 127 * w->unit;
    int32_t sum[2];
    for (int i = 0; i < 2; i++) {
        __m512i n = _mm512_cvtps_epi32(_mm512_mul_ps(v[i], _mm512_set1_ps(by)));
        _mm_storeu_si128((__m128i *)(void *)(q + 16 * i), _mm512_cvtsepi32_epi8(n));
        sum[i] = _mm512_reduce_add_epi32(n);
    }
    if (w->part == DEEP) {
        sum[0] += sum[1];
        sum[1] = 0;
    }
    for (int i = 0; i < 2; i++) {
        s->zero[i] = w->least ? 0 : w->zero * sum[i];
        s->sums[i] = s->scale * (float)sum[i];
    }
}

static lorec_err ready_rows(void *ctx, size_t begin, size_t end, int worker)
{
    const many_job *j = ctx;
    const packed *w = j->p->w;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        char *to = j->rows + i * j->row;
        block_scale *s = (block_scale *)(void *)(to + w->blocks * DEEP);
        for (int64_t b = 0; b < w->blocks; b++) {
            __m512 v[2] = {half_block(j->p, (int64_t)i, b * DEEP), half_block(j->p, (int64_t)i, b * DEEP + 16)};
            if (w->form != PACKED_BF16) {
                ready_integers(w, v, (int8_t *)to + b * DEEP, s + b);
                continue;
            }
            for (int h = 0; h < 2; h++) x86_store_bf16((uint16_t *)(void *)to + b * DEEP + 16 * h, v[h]);
        }
    }
    return LOREC_OK;
}

/* ---- some rows by some groups ----------------------------------------------------------------------------------------------- */

ALWAYS __m512i four(const char *x) /* the same four bytes in every lane */
{
    int32_t v;
    memcpy(&v, x, 4);
    return _mm512_set1_epi32(v);
}

ALWAYS void integers(int rows, int groups, bool nibbles, int parts, bool lowest, const many_job *j, int64_t group,
                     const char *x, float *y, int64_t ldy)
{
    const packed *w = j->p->w;
    const size_t q_step = (size_t)w->blocks * w->block_bytes, part_step = (size_t)(w->blocks * parts) * WIDE;
    const uint8_t *q = w->q + (size_t)group * q_step;
    size_t part = (size_t)group * part_step;
    __m512 sum[ROWS][GROUPS];
    for (int r = 0; r < rows; r++)
        for (int g = 0; g < groups; g++) sum[r][g] = _mm512_setzero_ps();
    for (int64_t b = 0; b < w->blocks; b++)
        for (int p = 0; p < parts; p++, part += WIDE) {
            __m512i all[ROWS][GROUPS];
            for (int r = 0; r < rows; r++)
                for (int g = 0; g < groups; g++) all[r][g] = _mm512_setzero_si512();
            int words = 8 / parts;
            for (int v = 0; v < words; v += nibbles ? 2 : 1, q += 64)
                for (int half = 0; half < (nibbles ? 2 : 1); half++) {
                    __m512i u[GROUPS];
                    for (int g = 0; g < groups; g++) {
                        u[g] = _mm512_loadu_si512(q + (size_t)g * q_step);
                        if (nibbles)
                            u[g] = _mm512_and_si512(half ? _mm512_srli_epi16(u[g], 4) : u[g], _mm512_set1_epi8(15));
                    }
                    for (int r = 0; r < rows; r++) {
                        __m512i xv = four(x + (size_t)r * j->row + b * DEEP + 4 * (p * words + v + half));
                        for (int g = 0; g < groups; g++) all[r][g] = _mm512_dpbusd_epi32(all[r][g], u[g], xv);
                    }
                }
            for (int g = 0; g < groups; g++) {
                size_t at = part + (size_t)g * part_step;
                __m512 d = x86_load_f16(w->scale + at), m = lowest ? x86_load_f16(w->least + at) : d;
                for (int r = 0; r < rows; r++) {
                    const block_scale *s =
                        (const block_scale *)(const void *)(x + (size_t)r * j->row + w->blocks * DEEP) + b;
                    __m512i n = lowest ? all[r][g] : _mm512_sub_epi32(all[r][g], _mm512_set1_epi32(s->zero[p]));
                    sum[r][g] = _mm512_fmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(n), d), _mm512_set1_ps(s->scale),
                                                sum[r][g]);
                    if (lowest) sum[r][g] = _mm512_fmadd_ps(m, _mm512_set1_ps(s->sums[p]), sum[r][g]);
                }
            }
        }
    for (int r = 0; r < rows; r++)
        for (int g = 0; g < groups; g++) _mm512_storeu_ps(y + r * ldy + g * WIDE, sum[r][g]);
}

ALWAYS void halves(int rows, int groups, const many_job *j, int64_t group, const char *x, float *y, int64_t ldy)
{
    const packed *w = j->p->w;
    const size_t step = (size_t)w->blocks * w->block_bytes;
    const uint8_t *q = w->q + (size_t)group * step;
    __m512 sum[ROWS][GROUPS];
    for (int r = 0; r < rows; r++)
        for (int g = 0; g < groups; g++) sum[r][g] = _mm512_setzero_ps();
    for (int64_t k = 0; k < w->blocks * DEEP / 2; k++, q += 64) {
        __m512bh u[GROUPS];
        for (int g = 0; g < groups; g++) u[g] = (__m512bh)_mm512_loadu_si512(q + (size_t)g * step);
        for (int r = 0; r < rows; r++) {
            __m512bh xv = (__m512bh)four(x + (size_t)r * j->row + 4 * k);
            for (int g = 0; g < groups; g++) sum[r][g] = _mm512_dpbf16_ps(sum[r][g], u[g], xv);
        }
    }
    for (int r = 0; r < rows; r++)
        for (int g = 0; g < groups; g++) _mm512_storeu_ps(y + r * ldy + g * WIDE, sum[r][g]);
}

ALWAYS void of_form(int rows, int groups, const many_job *j, int64_t group, const char *x, float *y, int64_t ldy)
{
    const packed *w = j->p->w;
    if (w->form == PACKED_BF16)
        halves(rows, groups, j, group, x, y, ldy);
    else if (w->form == PACKED_NIBBLES && w->least)
        integers(rows, groups, true, 1, true, j, group, x, y, ldy);
    else if (w->form == PACKED_NIBBLES)
        integers(rows, groups, true, 1, false, j, group, x, y, ldy);
    else if (w->least)
        integers(rows, groups, false, 1, true, j, group, x, y, ldy);
    else if (w->part == 16)
        integers(rows, groups, false, 2, false, j, group, x, y, ldy);
    else
        integers(rows, groups, false, 1, false, j, group, x, y, ldy);
}

#define SOME(r, g)                                                                                                     \
    static void some_##r##_##g(const many_job *j, int64_t group, const char *x, float *y, int64_t ldy)                 \
    {                                                                                                                  \
        of_form(r, g, j, group, x, y, ldy);                                                                            \
    }
SOME(6, 2)
SOME(1, 2)
SOME(6, 1)
SOME(1, 1)

/* Rows in sixes, what is left one by one: a row's sums are the same bits either way. */
static void group_rows(const many_job *j, int64_t group, int groups, float *y, int64_t ldy)
{
    int64_t i = 0, m = j->p->m;
    for (; i + ROWS <= m; i += ROWS)
        (groups == 2 ? some_6_2 : some_6_1)(j, group, j->rows + (size_t)i * j->row, y + i * ldy, ldy);
    for (; i < m; i++) (groups == 2 ? some_1_2 : some_1_1)(j, group, j->rows + (size_t)i * j->row, y + i * ldy, ldy);
}

static lorec_err many_pieces(void *ctx, size_t begin, size_t end, int worker)
{
    const many_job *j = ctx;
    const packed_product *p = j->p;
    const packed *w = p->w;
    (void)worker;
    enum { COLS = GROUPS * WIDE };
    float *own = scratch_get(SCRATCH_TILE, (size_t)p->m * COLS * sizeof *own);
    if (!own) return LOREC_RESOURCE;
    for (size_t at = begin; at < end; at++) {
        int64_t group = (int64_t)at * GROUPS, col = group * WIDE, cols = w->out - col < COLS ? w->out - col : COLS;
        bool direct = p->c && cols == COLS;
        float *to = direct ? p->c + col : own;
        int64_t ld = direct ? p->ldc : COLS;
        group_rows(j, group, w->groups - group > 1 ? 2 : 1, to, ld);
        for (int64_t i = 0; p->c && !direct && i < p->m; i++)
            memcpy(p->c + i * p->ldc + col, own + i * COLS, (size_t)cols * sizeof *own);
        if (p->c) {
            to = p->c + col;
            ld = p->ldc;
        }
        if (p->after) p->after(p->ctx, 0, p->m, col, cols, to, ld);
    }
    return LOREC_OK;
}

lorec_err packed_run_vectors(const packed_product *p)
{
    const packed *w = p->w;
    many_job j = {.p = p};
    j.row = (size_t)w->blocks * (w->form == PACKED_BF16 ? DEEP * 2 : DEEP + sizeof(block_scale));
    j.rows = scratch_get(SCRATCH_LEFT, (size_t)p->m * j.row + 64);
    if (!j.rows) return LOREC_RESOURCE;
    TRY(par_for((size_t)p->m, 16, ready_rows, &j));
    return par_each((size_t)(w->groups + 1) / GROUPS, 1, many_pieces, &j);
}
