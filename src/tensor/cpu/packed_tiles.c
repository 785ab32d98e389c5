/* Products of many rows with packed weights on AMX tiles: the rows are laid out once, weights some columns at a time by the
 * worker that multiplies them. Quantised weights become bf16 on the way (their own rounding is larger: 8 bits to the value
 * instead of 8 to a block's largest); f16 ones become a sum of two bf16, as do the rows they meet, and what is left out is
 * the product of the two rests, 2^-16 of it. */
#if defined(__x86_64__)
#include <string.h>

#include "base/threads.h"
#include "tensor/cpu/amx.h"
#include "tensor/cpu/packed_tiles.h"
#include "tensor/cpu/scratch.h"

enum {
    COLS = 8,  /* tiles of columns of a piece */
    DEPTH = 64 /* blocks at a time: a piece's weights are 512 KiB of bf16 */
};

typedef struct tiles_job {
    const packed_product *p;
    int64_t row_tiles, cols; /* cols: tiles of a piece */
    uint16_t *left, *rest;   /* rest NULL: not f16 */
} tiles_job;

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static lorec_err left_tiles(void *ctx, size_t begin, size_t end, int worker)
{
    const tiles_job *j = ctx;
    const packed_product *p = j->p;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        int64_t row = (int64_t)i * AMX_SIDE, at = (int64_t)i * p->w->blocks * AMX_TILE;
        amx_left(p->x, p->bf16, false, p->ldx, p->m, p->w->in, row, p->w->blocks, j->left + at);
        if (j->rest) amx_left(p->x, p->bf16, true, p->ldx, p->m, p->w->in, row, p->w->blocks, j->rest + at);
    }
    return LOREC_OK;
}

/* Column tiles col .. col + cols - 1 of all rows into c. */
static void piece(const tiles_job *j, int64_t col, int64_t cols, uint16_t *panel, float *c, int64_t ldc)
{
    const packed *w = j->p->w;
    for (int64_t b = 0; b < w->blocks; b += DEPTH) {
        int64_t deep = least(w->blocks - b, DEPTH);
        amx_product m = {.row_tiles = j->row_tiles,
                         .col_tiles = cols,
                         .blocks = deep,
                         .a_step = w->blocks * AMX_TILE,
                         .c = c,
                         .ldc = ldc};
        for (int rest = 0; rest < (j->rest ? 2 : 1); rest++) {
            if (w->form == PACKED_BF16) { /* they are tiles already */
                m.b = (const uint16_t *)(const void *)w->q + (col * w->blocks + b) * AMX_TILE;
                m.b_step = w->blocks * AMX_TILE;
            } else {
                for (int64_t g = 0; g < cols; g++) amx_right(w, rest, col + g, b, deep, panel + g * deep * AMX_TILE);
                m.b = panel;
                m.b_step = deep * AMX_TILE;
            }
            m.a = j->left + b * AMX_TILE;
            m.add = b > 0 || rest;
            amx_multiply(&m);
            if (!j->rest || rest) continue;
            m.a = j->rest + b * AMX_TILE;
            m.add = true;
            amx_multiply(&m);
        }
    }
}

static lorec_err pieces(void *ctx, size_t begin, size_t end, int worker)
{
    const tiles_job *j = ctx;
    const packed_product *p = j->p;
    const packed *w = p->w;
    (void)worker;
    int64_t wide = j->cols * AMX_SIDE, rows = j->row_tiles * AMX_SIDE;
    uint16_t *panel = scratch_get(SCRATCH_PANELS, (size_t)(j->cols * DEPTH * AMX_TILE) * sizeof *panel);
    float *c = scratch_get(SCRATCH_TILE, (size_t)(rows * wide) * sizeof *c);
    if (!panel || !c) return LOREC_RESOURCE;
    amx_begin();
    for (size_t at = begin; at < end; at++) {
        int64_t tile = (int64_t)at * j->cols, tiles = least(w->groups - tile, j->cols);
        int64_t col = tile * AMX_SIDE, cols = least(w->out - col, tiles * AMX_SIDE);
        piece(j, tile, tiles, panel, c, wide);
        float *to = c;
        int64_t ld = wide;
        if (p->c) {
            for (int64_t i = 0; i < p->m; i++) memcpy(p->c + i * p->ldc + col, c + i * wide, (size_t)cols * sizeof *c);
            to = p->c + col;
            ld = p->ldc;
        }
        if (p->after) p->after(p->ctx, 0, p->m, col, cols, to, ld);
    }
    amx_end();
    return LOREC_OK;
}

lorec_err packed_run_tiles(const packed_product *p)
{
    const packed *w = p->w;
    tiles_job j = {.p = p, .row_tiles = (p->m + AMX_SIDE - 1) / AMX_SIDE, .cols = COLS};
    while (j.cols > 1 && (w->groups - 1) / j.cols + 1 < 4 * par_workers()) j.cols /= 2;
    bool twice = w->form == PACKED_F16;
    size_t values = (size_t)(j.row_tiles * w->blocks * AMX_TILE);
    j.left = scratch_get(SCRATCH_LEFT, values * (twice ? 2 : 1) * sizeof *j.left);
    if (!j.left) return LOREC_RESOURCE;
    if (twice) j.rest = j.left + values;
    TRY(par_for((size_t)j.row_tiles, 1, left_tiles, &j));
    return par_each((size_t)((w->groups - 1) / j.cols + 1), 1, pieces, &j);
}
#endif
