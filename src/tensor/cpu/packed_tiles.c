/* Products of many rows with packed weights on AMX tiles: the rows are laid out once, weights some columns at a time by the
 * worker that multiplies them. Quantised weights become bf16 on the way (their own rounding is larger: 8 bits to a block's
 * largest value instead of 8 to each); f16 ones become a sum of two bf16, as do the rows they meet, and what is left out is
 * the product of the two rests, 2^-16 of it. */
#if defined(__x86_64__)
#include <string.h>

#include "base/threads.h"
#include "tensor/cpu/amx.h"
#include "tensor/cpu/packed_tiles.h"
#include "tensor/cpu/scratch.h"

/* A piece is some columns of all rows. The second cache (2 MiB a core) holds a panel of its weights, and of A the two row
 * tiles at hand, which all of the panel's columns go by; sums stay in tiles over the whole depth. */
enum {
    PIECE = 16,   /* column tiles of a piece */
    DEPTH = 96,   /* blocks of inputs at a time, at most */
    PANEL = 1024, /* tiles of a panel: 1 MiB */
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

/* Where a piece's sums are: whole row tiles in C itself or in memory of the worker's own; the last, part of a tile, always
 * there. */
typedef struct sums {
    float *c, *tail;
    int64_t ldc, ldt, whole; /* whole: row tiles in c */
} sums;

/* All row tiles of `left` with a panel. */
static void multiply(const tiles_job *j, const uint16_t *left, int64_t block, amx_product m, int64_t col, const sums *s)
{
    m.a_step = j->p->w->blocks * AMX_TILE;
    m.a = left + block * AMX_TILE;
    m.row_tiles = s->whole;
    m.c = s->c + col * AMX_SIDE;
    m.ldc = s->ldc;
    amx_multiply(&m);
    if (s->whole == j->row_tiles) return;
    m.a += s->whole * m.a_step;
    m.row_tiles = 1;
    m.c = s->tail + col * AMX_SIDE;
    m.ldc = s->ldt;
    amx_multiply(&m);
}

/* Column tiles col .. col + cols - 1 of all rows. */
static void piece(const tiles_job *j, int64_t col, int64_t cols, uint16_t *panel, const sums *s)
{
    const packed *w = j->p->w;
    int64_t deep = (w->blocks - 1) / ((w->blocks - 1) / DEPTH + 1) + 1, wide = least(cols, PANEL / deep / 2 * 2);
    for (int64_t b = 0; b < w->blocks; b += deep)
        for (int64_t at = 0; at < cols; at += wide) {
            amx_product m = {.col_tiles = least(cols - at, wide), .blocks = least(w->blocks - b, deep), .b = panel};
            for (int rest = 0; rest < (j->rest ? 2 : 1); rest++) {
                m.b_step = m.blocks * AMX_TILE;
                m.add = b > 0 || rest;
                if (w->form == PACKED_BF16) { /* they are tiles already */
                    m.b = (const uint16_t *)(const void *)w->q + ((col + at) * w->blocks + b) * AMX_TILE;
                    m.b_step = w->blocks * AMX_TILE;
                } else {
                    for (int64_t g = 0; g < m.col_tiles; g++)
                        amx_right(w, rest, col + at + g, b, m.blocks, panel + g * m.b_step);
                }
                multiply(j, j->left, b, m, at, s);
                m.add = true;
                if (j->rest && !rest) multiply(j, j->rest, b, m, at, s);
            }
        }
}

static lorec_err pieces(void *ctx, size_t begin, size_t end, int worker)
{
    const tiles_job *j = ctx;
    const packed_product *p = j->p;
    const packed *w = p->w;
    (void)worker;
    int64_t wide = j->cols * AMX_SIDE;
    uint16_t *panel = scratch_get(SCRATCH_PANELS, (size_t)(PANEL * AMX_TILE) * sizeof *panel);
    float *own = scratch_get(SCRATCH_TILE, (size_t)(j->row_tiles * AMX_SIDE * wide) * sizeof *own);
    if (!panel || !own) return LOREC_RESOURCE;
    amx_begin();
    for (size_t at = begin; at < end; at++) {
        int64_t tile = (int64_t)at * j->cols, tiles = least(w->groups - tile, j->cols);
        int64_t col = tile * AMX_SIDE, cols = least(w->out - col, tiles * AMX_SIDE), whole = p->m / AMX_SIDE;
        bool direct = p->c && cols == tiles * AMX_SIDE;
        sums s = {own, own, wide, wide, j->row_tiles};
        if (direct) s = (sums){p->c + col, own, p->ldc, wide, whole};
        piece(j, tile, tiles, panel, &s);
        float *to = own;
        int64_t ld = wide;
        if (p->c) {
            int64_t from = direct ? whole * AMX_SIDE : 0;
            to = p->c + col;
            ld = p->ldc;
            for (int64_t i = from; i < p->m; i++)
                memcpy(to + i * ld, own + (i - from) * wide, (size_t)cols * sizeof *own);
        }
        if (p->after) p->after(p->ctx, 0, p->m, col, cols, to, ld);
    }
    amx_end();
    return LOREC_OK;
}

lorec_err packed_run_tiles(const packed_product *p)
{
    const packed *w = p->w;
    tiles_job j = {.p = p, .row_tiles = (p->m + AMX_SIDE - 1) / AMX_SIDE, .cols = PIECE};
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
