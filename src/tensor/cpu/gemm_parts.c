/* One side of the product is laid out once, for all workers: the shorter one, as much of it as the caches hold. Of the other
 * side workers take some columns (or rows) at a time as they come free, lay them out in their own cache and go over the shared
 * side. Sums meet in C in the order of k, whoever makes them. */
#include "tensor/cpu/parts.h"

#if defined(__x86_64__)
#include <string.h>

#include "base/threads.h"
#include "tensor/cpu/scratch.h"

enum {
    SHARED_BYTES = 8 << 20,
    OWN = 128,        /* columns (rows) a worker takes at a time, at most */
    DEPTH = 24,       /* blocks of inputs at a time: 576 KiB of its own side */
    LEAST_DEPTH = 64, /* inputs */
    GAIN = 28,        /* multiplications for each value that is laid out */
    LEAST = 1 << 21   /* multiplications in all */
};

typedef struct plan {
    const gemm *g;
    parts_operand shared, own;
    int64_t from, count; /* of the shared side, at hand */
    int64_t first, deep; /* inputs at hand; first is a whole number of blocks */
    int64_t blocks;      /* of `deep` */
    int64_t wide;        /* of the own side, for a worker */
    uint16_t *panel;     /* the shared side, laid out */
} plan;

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t tiles_of(int64_t n)
{
    return (n + AMX_SIDE - 1) / AMX_SIDE;
}

static int64_t blocks_of(int64_t k)
{
    return (k + PARTS_BLOCK - 1) / PARTS_BLOCK;
}

/* Of the shared side at a time, for so many inputs. */
static int64_t fitting(int64_t k)
{
    return SHARED_BYTES / (2 * PARTS_VALUES * blocks_of(k)) * AMX_SIDE;
}

bool parts_take(const gemm *g)
{
    double rows = (double)g->m, cols = (double)g->n, k = (double)g->k;
    if (g->bf16 || g->k < LEAST_DEPTH || rows * cols < GAIN * (rows + cols) || rows * cols * k < LEAST) return false;
    if (!g->c && fitting(g->k) < 2 * AMX_SIDE) return false; /* sums have to wait for all inputs somewhere */
    return strcmp(isa()->name, "amx") == 0;
}

static lorec_err split_shared(void *ctx, size_t begin, size_t end, int worker)
{
    const plan *p = ctx;
    (void)worker;
    parts_split(&p->shared, p->from + (int64_t)begin * AMX_SIDE, (int64_t)(end - begin), p->first, p->blocks,
                p->blocks * PARTS_VALUES, p->panel + (int64_t)begin * p->blocks * PARTS_VALUES);
    return LOREC_OK;
}

/* C at (row, col) or, where only pieces of it live, the piece. */
typedef struct piece {
    int64_t row, rows, col, cols, ldc;
    float *c;
} piece;

static void multiply(const plan *p, const piece *at, const uint16_t *own, int64_t block, int64_t blocks, bool add)
{
    const uint16_t *shared = p->panel + block * PARTS_VALUES;
    int64_t shared_step = p->blocks * PARTS_VALUES, own_step = blocks * PARTS_VALUES;
    bool own_right = p->own.right;
    parts_multiply(&(parts_product){.rows = at->rows,
                                    .cols = at->cols,
                                    .blocks = blocks,
                                    .a = own_right ? shared : own,
                                    .b = own_right ? own : shared,
                                    .a_step = own_right ? shared_step : own_step,
                                    .b_step = own_right ? own_step : shared_step,
                                    .c = at->c,
                                    .ldc = at->ldc,
                                    .add = add});
}

static lorec_err own_pieces(void *ctx, size_t begin, size_t end, int worker)
{
    const plan *p = ctx;
    const gemm *g = p->g;
    bool last = p->first + p->deep >= g->k;
    (void)worker;
    uint16_t *own = scratch_get(SCRATCH_PANELS, (size_t)(tiles_of(p->wide) * DEPTH * PARTS_VALUES) * sizeof *own);
    if (!own) return LOREC_RESOURCE;
    for (size_t i = begin; i < end; i++) {
        int64_t from = (int64_t)i * p->wide, count = least(p->own.count - from, p->wide);
        piece at = {p->from, p->count, from, count, g->ldc, NULL};
        if (!p->own.right) at = (piece){from, count, p->from, p->count, g->ldc, NULL};
        if (!g->c) {
            at.ldc = at.cols;
            if (!(at.c = scratch_get(SCRATCH_TILE, (size_t)(at.rows * at.cols) * sizeof *at.c))) return LOREC_RESOURCE;
        } else {
            at.c = g->c + at.row * g->ldc + at.col;
        }
        bool add = p->first > 0 || g->beta != 0;
        if (p->first == 0 && g->beta != 0 && g->beta != 1)
            for (int64_t r = 0; r < at.rows; r++)
                for (int64_t j = 0; j < at.cols; j++) at.c[r * at.ldc + j] *= g->beta;
        amx_begin();
        for (int64_t block = 0; block < p->blocks; block += DEPTH, add = true) {
            int64_t blocks = least(p->blocks - block, DEPTH);
            parts_split(&p->own, from, tiles_of(count), p->first + block * PARTS_BLOCK, blocks, blocks * PARTS_VALUES,
                        own);
            multiply(p, &at, own, block, blocks, add);
        }
        amx_end();
        if (last && g->after) g->after(g->ctx, at.row, at.rows, at.col, at.cols, at.c, at.ldc);
    }
    return LOREC_OK;
}

lorec_err parts_run(const gemm *g)
{
    plan p = {.g = g};
    parts_operand a = {.x = g->a, .ld = g->lda, .count = g->m, .k = g->k, .across = g->ta, .scale = g->alpha};
    parts_operand b = {.x = g->b, .ld = g->ldb, .count = g->n, .k = g->k, .across = !g->tb, .right = true, .scale = 1};
    p.shared = g->m <= g->n ? a : b;
    p.own = g->m <= g->n ? b : a;
    /* all inputs of as much as fits; where that is little, or all of it has room for fewer inputs only, some inputs at a time */
    int64_t step = fitting(g->k), deep = blocks_of(g->k) * PARTS_BLOCK;
    if (g->c && step < least(p.shared.count, 512)) {
        step = least(tiles_of(p.shared.count) * AMX_SIDE, 512);
        deep = SHARED_BYTES / (2 * PARTS * step) / (DEPTH * PARTS_BLOCK) * (DEPTH * PARTS_BLOCK);
    }
    p.wide = OWN;
    while (p.wide > 2 * AMX_SIDE && (p.own.count - 1) / p.wide + 1 < 3 * par_workers()) p.wide /= 2;
    p.panel = scratch_get(
        SCRATCH_LEFT, (size_t)(tiles_of(least(step, p.shared.count)) * blocks_of(least(deep, g->k)) * PARTS_VALUES) *
                          sizeof *p.panel);
    if (!p.panel) return LOREC_RESOURCE;
    for (p.from = 0; p.from < p.shared.count; p.from += step)
        for (p.first = 0; p.first < g->k; p.first += deep) {
            p.count = least(p.shared.count - p.from, step);
            p.deep = least(g->k - p.first, deep);
            p.blocks = blocks_of(p.deep);
            TRY(par_for((size_t)tiles_of(p.count), 1, split_shared, &p));
            TRY(par_each((size_t)((p.own.count - 1) / p.wide + 1), 1, own_pieces, &p));
        }
    return LOREC_OK;
}
#else
bool parts_take(const gemm *g)
{
    (void)g;
    return false;
}

lorec_err parts_run(const gemm *g)
{
    return gemm_run(g); /* nobody asks */
}
#endif
