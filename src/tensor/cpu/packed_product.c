/* Products with packed weights: few rows take them as they stream by, many rows unpack some columns at a time. */
#include <string.h>

#include "base/threads.h"
#include "tensor/cpu/packed.h"
#include "tensor/cpu/scratch.h"

enum {
    COLS = 4 * PACKED_GROUP, /* of a piece */
    ROWS = 96,               /* of a piece of many rows */
    DEPTH = 8                /* blocks of inputs at a time: 64 KiB of f32 */
};

const packed_kernels *packed_isa(void)
{
#if defined(__x86_64__)
    const char *name = isa()->name;
    if (strcmp(name, "amx") == 0) return &packed_amx;
    if (strcmp(name, "avx512") == 0) return &packed_avx512;
    if (strcmp(name, "avx2") == 0) return &packed_avx2;
#endif
    return &packed_portable;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ---- rows as f32 ------------------------------------------------------------------------------------------------------- */

typedef struct widening {
    const packed_product *p;
    float *to;
} widening;

static lorec_err widen(void *ctx, size_t begin, size_t end, int worker)
{
    const widening *j = ctx;
    size_t in = (size_t)j->p->w->in;
    (void)worker;
    for (size_t i = begin; i < end; i++)
        isa()->from_bf16(in, (const uint16_t *)j->p->x + (int64_t)i * j->p->ldx, j->to + i * in);
    return LOREC_OK;
}

/* The rows of p as f32: as they lie, or widened. NULL: out of memory. */
static const float *rows_f32(const packed_product *p, int64_t *ld)
{
    *ld = p->ldx;
    if (!p->bf16) return p->x;
    widening j = {p, scratch_get(SCRATCH_LEFT, (size_t)(p->m * p->w->in) * sizeof(float))};
    *ld = p->w->in;
    return j.to && !par_for((size_t)p->m, 64, widen, &j) ? j.to : NULL;
}

/* ---- few rows ------------------------------------------------------------------------------------------------------------ */

typedef struct few_job {
    const packed_product *p;
    const packed_kernels *cpu;
    const void *rows;
} few_job;

static lorec_err few_groups(void *ctx, size_t begin, size_t end, int worker)
{
    const few_job *j = ctx;
    const packed_product *p = j->p;
    const packed *w = p->w;
    (void)worker;
    for (size_t g = begin; g < end; g++) {
        float piece[PACKED_FEW * PACKED_GROUP];
        int64_t col = (int64_t)g * PACKED_GROUP, cols = least(w->out - col, PACKED_GROUP);
        bool direct = p->c && cols == PACKED_GROUP;
        float *y = direct ? p->c + col : piece;
        int64_t ldy = direct ? p->ldc : PACKED_GROUP;
        j->cpu->few_dots(w, (int64_t)g, p->m, j->rows, y, ldy);
        for (int64_t i = 0; p->c && !direct && i < p->m; i++)
            memcpy(p->c + i * p->ldc + col, piece + i * PACKED_GROUP, (size_t)cols * sizeof *piece);
        if (p->c) {
            y = p->c + col;
            ldy = p->ldc;
        }
        if (p->after) p->after(p->ctx, 0, p->m, col, cols, y, ldy);
    }
    return LOREC_OK;
}

static lorec_err run_few(const packed_product *p, const packed_kernels *cpu)
{
    int64_t ldx;
    const float *x = rows_f32(p, &ldx);
    void *rows = x ? scratch_get(SCRATCH_PANELS, cpu->few_bytes(p->w, p->m)) : NULL;
    if (!rows) return LOREC_RESOURCE;
    cpu->few_ready(p->w, p->m, x, ldx, rows);
    few_job j = {p, cpu, rows};
    return par_for((size_t)p->w->groups, (size_t)(1 + (1 << 16) / (p->w->blocks * PACKED_BLOCK * PACKED_GROUP)),
                   few_groups, &j);
}

/* ---- many rows ------------------------------------------------------------------------------------------------------------ */

typedef struct many_job {
    const packed_product *p;
    const packed_kernels *cpu;
    const float *x;
    int64_t ldx, row_pieces;
} many_job;

/* Piece by piece of some rows by COLS outputs; weights are unpacked for each, DEPTH blocks at a time. */
static lorec_err many_pieces(void *ctx, size_t begin, size_t end, int worker)
{
    const many_job *j = ctx;
    const packed_product *p = j->p;
    const packed *w = p->w;
    (void)worker;
    float *panel = scratch_get(SCRATCH_PANELS, DEPTH * PACKED_BLOCK * COLS * sizeof(float));
    float *own = scratch_get(SCRATCH_TILE, (size_t)p->m * COLS * sizeof(float));
    if (!panel || !own) return LOREC_RESOURCE;
    for (size_t at = begin; at < end; at++) {
        int64_t col = (int64_t)at * COLS, cols = least(w->out - col, COLS);
        float *c = p->c ? p->c + col : own;
        int64_t ldc = p->c ? p->ldc : COLS;
        for (int64_t b = 0; b < w->blocks; b += DEPTH) {
            int64_t deep = least(w->blocks - b, DEPTH), k = least(w->in - b * PACKED_BLOCK, deep * PACKED_BLOCK);
            for (int64_t g = 0; g * PACKED_GROUP < cols; g++)
                j->cpu->unpack(w, col / PACKED_GROUP + g, b, deep, panel + g * PACKED_GROUP, COLS);
            for (int64_t i = 0; i < p->m; i += ROWS)
                isa()->product_f32(least(p->m - i, ROWS), cols, k, 1, j->x + i * j->ldx + b * PACKED_BLOCK, j->ldx, 1,
                                   panel, COLS, b ? 1 : 0, c + i * ldc, ldc);
        }
        for (int64_t i = 0; p->after && i < p->m; i += ROWS)
            p->after(p->ctx, i, least(p->m - i, ROWS), col, cols, c + i * ldc, ldc);
    }
    return LOREC_OK;
}

static lorec_err run_many(const packed_product *p, const packed_kernels *cpu)
{
    many_job j = {.p = p, .cpu = cpu};
    if (!(j.x = rows_f32(p, &j.ldx))) return LOREC_RESOURCE;
    return par_each((size_t)((p->w->out + COLS - 1) / COLS), 1, many_pieces, &j);
}

lorec_err packed_run(const packed_product *p)
{
    const packed_kernels *cpu = packed_isa();
    if (p->m <= 0) return LOREC_OK;
    return p->m <= cpu->few                                           ? run_few(p, cpu)
           : cpu->many && (cpu->many_f16 || p->w->form != PACKED_F16) ? cpu->many(p)
                                                                      : run_many(p, cpu);
}

/* ---- back to the inputs ------------------------------------------------------------------------------------------------- */

typedef struct unpack_job {
    const packed *w;
    int64_t row;
    bool bf16;
    void *to;
} unpack_job;

/* bf16 as bf16, groups of outputs begin .. end: the 16 x 16 pairs of each block turned over. */
static lorec_err unpack_groups(void *ctx, size_t begin, size_t end, int worker)
{
    const unpack_job *j = ctx;
    const packed *w = j->w;
    size_t pairs = (size_t)w->in / 2;
    (void)worker;
    for (size_t g = begin; g < end; g++) {
        int64_t first = j->row + (int64_t)g * PACKED_GROUP;
        size_t rows = (size_t)least(w->out - first, PACKED_GROUP);
        const uint32_t *from = (const uint32_t *)(const void *)(w->q + (size_t)(first / PACKED_GROUP * w->blocks) *
                                                                           w->block_bytes);
        uint32_t *to = (uint32_t *)j->to + g * PACKED_GROUP * pairs;
        for (size_t q = 0; q < pairs; q++)
            for (size_t r = 0; r < rows; r++) to[r * pairs + q] = from[q * PACKED_GROUP + r];
    }
    return LOREC_OK;
}

static lorec_err unpack_rows(void *ctx, size_t begin, size_t end, int worker)
{
    const unpack_job *j = ctx;
    size_t in = (size_t)j->w->in;
    (void)worker;
    float *row = scratch_get(SCRATCH_TILE, in * sizeof *row);
    if (!row) return LOREC_RESOURCE;
    for (size_t i = begin; i < end; i++) {
        float *to = j->bf16 ? row : (float *)j->to + i * in;
        packed_read_rows(j->w, j->row + (int64_t)i, 1, to);
        if (j->bf16) isa()->to_bf16(in, row, (uint16_t *)j->to + i * in);
    }
    return LOREC_OK;
}

lorec_err packed_back(const packed *w, int64_t m, const void *dy, bool bf16, float beta, void *dx)
{
    enum { AT_ONCE = 1 << 20 }; /* weights unpacked at a time */
    int64_t step = AT_ONCE / w->in < 16 ? 16 : AT_ONCE / w->in / 16 * 16;
    unpack_job j = {.w = w, .bf16 = bf16, .to = scratch_get(SCRATCH_OP, (size_t)(step * w->in) * (bf16 ? 2 : 4))};
    if (!j.to) return LOREC_RESOURCE;
    bool pairs = bf16 && w->form == PACKED_BF16 && w->in % 2 == 0, at_once = bf16 && w->out <= step;
    float *sum = dx;
    if (bf16 && !at_once) { /* f32 while outputs are taken some at a time */
        sum = scratch_get(SCRATCH_ROWS, (size_t)(m * w->in) * sizeof *sum);
        if (!sum) return LOREC_RESOURCE;
        if (beta != 0) isa()->from_bf16((size_t)(m * w->in), dx, sum);
    }
    for (j.row = 0; j.row < w->out; j.row += step) {
        int64_t rows = least(w->out - j.row, step);
        if (pairs)
            TRY(par_for((size_t)(rows + PACKED_GROUP - 1) / PACKED_GROUP, 1, unpack_groups, &j));
        else
            TRY(par_for((size_t)rows, 16, unpack_rows, &j));
        const char *left = (const char *)dy + (size_t)j.row * (bf16 ? 2 : 4);
        float keep = j.row ? 1 : beta;
        if (bf16)
            TRY(gemm_bf16(false, false, m, w->in, rows, 1, (const uint16_t *)(const void *)left, w->out, j.to, w->in,
                          keep, sum, w->in, at_once));
        else
            TRY(gemm_f32(false, false, m, w->in, rows, 1, (const float *)(const void *)left, w->out, j.to, w->in, keep,
                         sum, w->in));
    }
    if (bf16 && !at_once) isa()->to_bf16((size_t)(m * w->in), sum, dx);
    return LOREC_OK;
}
