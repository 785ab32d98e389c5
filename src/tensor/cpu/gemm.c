/* Products by pieces: B is packed into panels once (shared), C is cut into pieces of some rows by some panels, and workers
 * take pieces as they come free. A piece is made by one worker in one order, so that bits do not depend on who made it. */
#include "tensor/cpu/gemm.h"

#include <string.h>

#include "base/threads.h"
#include "tensor/cpu/parts.h"
#include "tensor/cpu/scratch.h"

enum {
    K_BLOCK = 256,          /* so much of k at a time: 64 KiB of a panel stay in the second cache */
    PIECE_VALUES = 24576,   /* of C in one piece */
    GROUP_COLS = 256,       /* columns of a piece at most */
    PANELS_BYTES = 8 << 20, /* of B at a time */
    FEW_ROWS = 8,           /* of A: B is not packed */
    DIRECT_ROWS = 64,       /* B that lies well is read as it lies below so many rows */
    OWN_ROWS = 1024,        /* up to here packing B is a large part: each worker packs what it multiplies by */
    SPLIT_SIDE = 128,       /* C no larger than this squared has its k split */
    SPLIT_DEPTH = 1024,
    ALONE = 1 << 17 /* multiplications not worth a second worker */
};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void scale_c(int64_t m, int64_t n, float beta, float *c, int64_t ldc)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) c[i * ldc + j] = beta == 0 ? 0 : beta * c[i * ldc + j];
}

void gemm_f32_serial(bool ta, bool tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
                     const float *b, int64_t ldb, float beta, float *c, int64_t ldc)
{
    enum { PANEL = 64 * 128 };
    if (m <= 0 || n <= 0) return;
    if (k <= 0) {
        scale_c(m, n, beta, c, ldc);
        return;
    }
    const isa_kernels *cpu = isa();
    int64_t a_row = ta ? 1 : lda, a_col = ta ? lda : 1;
    if (!tb) {
        for (int64_t p = 0; p < k; p += K_BLOCK, a += K_BLOCK * a_col, b += K_BLOCK * ldb)
            cpu->product_f32(m, n, least(k - p, K_BLOCK), alpha, a, a_row, a_col, b, ldb, p ? 1 : beta, c, ldc);
        return;
    }
    if (!ta && m <= FEW_ROWS) {
        cpu->dots_f32(m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
        return;
    }
    float panel[PANEL] __attribute__((aligned(64)));
    int64_t tile = cpu->tile, depth = PANEL / tile;
    for (int64_t j = 0; j < n; j += tile) {
        int64_t width = least(n - j, tile);
        for (int64_t p = 0; p < k; p += depth) {
            int64_t deep = least(k - p, depth);
            cpu->pack_f32(deep, width, b + j * ldb + p, 1, ldb, panel);
            cpu->product_f32(m, width, deep, alpha, a + p * a_col, a_row, a_col, panel, tile, p ? 1 : beta, c + j, ldc);
        }
    }
}

/* ---- the plan of one product ------------------------------------------------------------------------------------------ */

typedef struct plan {
    const gemm *g;
    const isa_kernels *cpu;
    const void *a;
    int64_t a_row, a_col; /* in values; bf16: a_col is the step between pairs */
    int64_t pairs;        /* bf16: (k + 1) / 2 */
    int64_t from, cols;   /* the columns of B at hand */
    char *panels;         /* packed B; NULL: read as it lies */
    size_t panel_bytes;
    int64_t rows, group; /* of a piece */
    int64_t row_pieces;
    int64_t pieces; /* k split */
    float *sums;    /* k split: [pieces][m, n] */
} plan;

static lorec_err pack_panels(void *ctx, size_t begin, size_t end, int worker)
{
    const plan *p = ctx;
    const gemm *g = p->g;
    (void)worker;
    int64_t tile = p->cpu->tile, b_row = g->tb ? 1 : g->ldb, b_col = g->tb ? g->ldb : 1;
    for (size_t i = begin; i < end; i++) {
        int64_t j = p->from + (int64_t)i * tile, width = least(p->from + p->cols - j, tile);
        void *panel = p->panels + i * p->panel_bytes;
        if (g->bf16)
            p->cpu->pack_bf16(g->k, width, (const uint16_t *)g->b + j * b_col, b_row, b_col, tile, panel);
        else
            p->cpu->pack_f32(g->k, width, (const float *)g->b + j * b_col, b_row, b_col, panel);
    }
    return LOREC_OK;
}

/* Rows i.. and columns j.. (within the columns at hand) of C into `c`. */
static void piece_f32(const plan *p, int64_t i, int64_t rows, int64_t j, int64_t cols, float beta, float *c,
                      int64_t ldc)
{
    const gemm *g = p->g;
    int64_t tile = p->cpu->tile;
    const float *a = (const float *)p->a + i * p->a_row;
    for (int64_t q = 0; q < g->k; q += K_BLOCK) {
        int64_t deep = least(g->k - q, K_BLOCK);
        float keep = q ? 1 : beta;
        const float *left = a + q * p->a_col;
        if (!p->panels) {
            const float *right = (const float *)g->b + q * g->ldb + p->from + j;
            p->cpu->product_f32(rows, cols, deep, g->alpha, left, p->a_row, p->a_col, right, g->ldb, keep, c, ldc);
            continue;
        }
        for (int64_t at = 0; at < cols; at += tile) {
            const float *panel = (const float *)(const void *)(p->panels + (size_t)((j + at) / tile) * p->panel_bytes);
            p->cpu->product_f32(rows, least(cols - at, tile), deep, g->alpha, left, p->a_row, p->a_col,
                                panel + q * tile, tile, keep, c + at, ldc);
        }
    }
}

static void piece_bf16(const plan *p, int64_t i, int64_t rows, int64_t j, int64_t cols, float beta, float *c,
                       int64_t ldc)
{
    int64_t tile = p->cpu->tile;
    const uint16_t *a = (const uint16_t *)p->a + i * p->a_row;
    for (int64_t q = 0; q < p->pairs; q += K_BLOCK)
        for (int64_t at = 0; at < cols; at += tile) {
            const uint16_t *panel = (const uint16_t *)(const void *)(p->panels +
                                                                     (size_t)((j + at) / tile) * p->panel_bytes);
            p->cpu->product_bf16(rows, least(cols - at, tile), least(p->pairs - q, K_BLOCK), p->g->alpha,
                                 a + q * p->a_col, p->a_row, p->a_col, panel + q * tile * 2, q ? 1 : beta, c + at, ldc);
        }
}

static lorec_err make_pieces(void *ctx, size_t begin, size_t end, int worker)
{
    const plan *p = ctx;
    const gemm *g = p->g;
    (void)worker;
    for (size_t at = begin; at < end; at++) {
        int64_t i = (int64_t)at % p->row_pieces * p->rows, j = (int64_t)at / p->row_pieces * p->group;
        int64_t rows = least(g->m - i, p->rows), cols = least(p->cols - j, p->group);
        float *c = g->c ? g->c + i * g->ldc + p->from + j : scratch_get(SCRATCH_TILE, (size_t)(p->rows * p->group) * 4);
        if (!c) return LOREC_RESOURCE;
        int64_t ldc = g->c ? g->ldc : p->group;
        if (g->k <= 0)
            scale_c(rows, cols, g->beta, c, ldc);
        else if (g->bf16)
            piece_bf16(p, i, rows, j, cols, g->beta, c, ldc);
        else if (!p->panels && g->tb)
            p->cpu->dots_f32(rows, cols, g->k, g->alpha, (const float *)p->a + i * p->a_row, p->a_row,
                             (const float *)g->b + (p->from + j) * g->ldb, g->ldb, g->beta, c, ldc);
        else
            piece_f32(p, i, rows, j, cols, g->beta, c, ldc);
        if (g->after) g->after(g->ctx, i, rows, p->from + j, cols, c, ldc);
    }
    return LOREC_OK;
}

/* Columns of C by one worker, from packing on: it packs into its own cache, and while one waits for memory another
 * multiplies. */
static lorec_err make_columns(void *ctx, size_t begin, size_t end, int worker)
{
    const plan *p = ctx;
    for (size_t at = begin; at < end; at++) {
        plan own = *p;
        own.from = (int64_t)at * p->group;
        own.cols = least(p->cols - own.from, p->group);
        size_t panels = (size_t)((own.cols + p->cpu->tile - 1) / p->cpu->tile);
        if (!(own.panels = scratch_get(SCRATCH_PANELS, panels * p->panel_bytes))) return LOREC_RESOURCE;
        TRY(pack_panels(&own, 0, panels, worker));
        TRY(make_pieces(&own, 0, (size_t)p->row_pieces, worker));
    }
    return LOREC_OK;
}

/* ---- k split over the workers: C is small and k long (the gradient of a narrow layer's weights) ------------------------ */

static lorec_err depth_pieces(void *ctx, size_t begin, size_t end, int worker)
{
    const plan *p = ctx;
    const gemm *g = p->g;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        int64_t from = g->k * (int64_t)i / p->pieces, to = g->k * ((int64_t)i + 1) / p->pieces;
        gemm_f32_serial(g->ta, g->tb, g->m, g->n, to - from, g->alpha, (const float *)g->a + from * p->a_col, g->lda,
                        (const float *)g->b + (g->tb ? from : from * g->ldb), g->ldb, 0,
                        p->sums + (int64_t)i * g->m * g->n, g->n);
    }
    return LOREC_OK;
}

static lorec_err split_depth(plan *p)
{
    const gemm *g = p->g;
    p->pieces = par_workers();
    p->sums = scratch_get(SCRATCH_SUMS, (size_t)(p->pieces * g->m * g->n) * sizeof(float));
    if (!p->sums) return LOREC_RESOURCE;
    TRY(par_for((size_t)p->pieces, 1, depth_pieces, p));
    for (int64_t piece = 1; piece < p->pieces; piece++)
        p->cpu->axpy_f32((size_t)(g->m * g->n), 1, p->sums + piece * g->m * g->n, p->sums);
    for (int64_t i = 0; i < g->m && g->c; i++) {
        float *to = g->c + i * g->ldc, *from = p->sums + i * g->n;
        if (g->beta != 0) p->cpu->axpy_f32((size_t)g->n, g->beta, to, from);
        memcpy(to, from, (size_t)g->n * sizeof *to);
    }
    if (g->after) g->after(g->ctx, 0, g->m, 0, g->n, g->c ? g->c : p->sums, g->c ? g->ldc : g->n);
    return LOREC_OK;
}

/* ---- operands ----------------------------------------------------------------------------------------------------------- */

typedef struct widening {
    const uint16_t *x;
    float *y;
    int64_t ld, cols;
} widening;

static lorec_err widen_rows(void *ctx, size_t begin, size_t end, int worker)
{
    const widening *w = ctx;
    (void)worker;
    for (size_t i = begin; i < end; i++)
        isa()->from_bf16((size_t)w->cols, w->x + (int64_t)i * w->ld, w->y + (int64_t)i * w->cols);
    return LOREC_OK;
}

/* A CPU without bf16 arithmetic: the same product of the values as f32. */
static lorec_err run_widened(const gemm *g)
{
    gemm f = *g;
    int64_t a_rows = g->ta ? g->k : g->m, b_rows = g->tb ? g->n : g->k;
    widening a = {g->a, NULL, g->lda, g->ta ? g->m : g->k}, b = {g->b, NULL, g->ldb, g->tb ? g->k : g->n};
    a.y = scratch_get(SCRATCH_LEFT, (size_t)(a_rows * a.cols + b_rows * b.cols) * sizeof(float));
    if (!a.y) return LOREC_RESOURCE;
    b.y = a.y + a_rows * a.cols;
    TRY(par_for((size_t)a_rows, 64, widen_rows, &a));
    TRY(par_for((size_t)b_rows, 64, widen_rows, &b));
    f.bf16 = false;
    f.a = a.y;
    f.lda = a.cols;
    f.b = b.y;
    f.ldb = b.cols;
    return gemm_run(&f);
}

typedef struct pairing {
    const plan *p;
    uint16_t *to;
} pairing;

static lorec_err pair_left(void *ctx, size_t begin, size_t end, int worker)
{
    const pairing *w = ctx;
    const gemm *g = w->p->g;
    (void)worker;
    if (g->ta && w->p->cpu->turn_bf16) { /* [k, m] -> [m, 2 pairs] */
        int64_t from = 16 * (int64_t)begin, to = least(16 * (int64_t)end, g->m);
        w->p->cpu->turn_bf16(g->k, to - from, (const uint16_t *)g->a + from, g->lda, w->to + from * 2 * w->p->pairs,
                             2 * w->p->pairs);
        return LOREC_OK;
    }
    if (g->ta) { /* [k, m] -> [pairs, m, 2] */
        int64_t from = 2 * (int64_t)begin, to = least(2 * (int64_t)end, g->k);
        w->p->cpu->pack_bf16(to - from, g->m, (const uint16_t *)g->a + from * g->lda, g->lda, 1, g->m,
                             w->to + from * g->m);
        return LOREC_OK;
    }
    for (size_t i = begin; i < end; i++) { /* a row of odd length gets a zero behind */
        uint16_t *row = w->to + (int64_t)i * 2 * w->p->pairs;
        memcpy(row, (const uint16_t *)g->a + (int64_t)i * g->lda, (size_t)g->k * 2);
        row[g->k] = 0;
    }
    return LOREC_OK;
}

/* A in pairs along k. */
static lorec_err left_bf16(plan *p)
{
    const gemm *g = p->g;
    p->pairs = (g->k + 1) / 2;
    p->a_row = g->lda;
    p->a_col = 2;
    if (!g->ta && g->k % 2 == 0) return LOREC_OK;
    pairing w = {p, scratch_get(SCRATCH_LEFT, (size_t)(p->pairs * 2 * g->m) * sizeof(uint16_t))};
    if (!w.to) return LOREC_RESOURCE;
    bool turned = g->ta && p->cpu->turn_bf16;
    p->a = w.to;
    p->a_row = g->ta && !turned ? 2 : 2 * p->pairs;
    p->a_col = g->ta && !turned ? 2 * g->m : 2;
    if (turned) return par_for((size_t)(g->m + 15) / 16, 4, pair_left, &w);
    return par_for((size_t)(g->ta ? p->pairs : g->m), 64, pair_left, &w);
}

/* ---- the product ---------------------------------------------------------------------------------------------------------- */

/* How C is cut: into pieces that fill the caches, but at least a few for every worker. */
static void cut(plan *p)
{
    const gemm *g = p->g;
    int64_t tile = p->cpu->tile, group = most(GROUP_COLS / tile, 1) * tile;
    p->group = least(group, (p->cols + tile - 1) / tile * tile);
    p->rows = least(most(PIECE_VALUES / p->group / 6 * 6, 6), most(g->m, 1));
    int64_t wanted = (double)g->m * (double)p->cols * (double)g->k < ALONE ? 1 : 2 * par_workers();
    while (p->rows > 48 && ((g->m - 1) / p->rows + 1) * ((p->cols - 1) / p->group + 1) < wanted)
        p->rows = (p->rows / 2 + 5) / 6 * 6;
    while (p->group > tile && ((g->m - 1) / p->rows + 1) * ((p->cols - 1) / p->group + 1) < wanted)
        p->group = (p->group / 2 + tile - 1) / tile * tile;
    p->row_pieces = (g->m - 1) / p->rows + 1;
}

lorec_err gemm_run(const gemm *g)
{
    if (g->m <= 0 || g->n <= 0) return LOREC_OK;
    plan p = {.g = g, .cpu = isa(), .a = g->a, .a_row = g->ta ? 1 : g->lda, .a_col = g->ta ? g->lda : 1};
    if (g->bf16 && !p.cpu->product_bf16) return run_widened(g);
    if (!g->bf16 && g->k >= SPLIT_DEPTH && g->m * g->n <= SPLIT_SIDE * SPLIT_SIDE && par_workers() > 1)
        return split_depth(&p);
    if (parts_take(g)) return parts_run(g);
    if (g->bf16) TRY(left_bf16(&p));
    bool direct = g->k <= 0 || (!g->bf16 && (g->tb ? g->m <= FEW_ROWS && !g->ta : g->m <= DIRECT_ROWS));
    int64_t tile = p.cpu->tile, block = g->n;
    p.panel_bytes = (size_t)(g->bf16 ? 4 * p.pairs : 4 * g->k) * (size_t)tile;
    if (!direct && g->m <= OWN_ROWS) {
        p.cols = g->n;
        cut(&p);
        size_t groups = (size_t)((g->n - 1) / p.group + 1);
        if (groups >= 2 * (size_t)par_workers()) return par_each(groups, 1, make_columns, &p);
    }
    if (!direct) block = most(least((g->n + tile - 1) / tile, (int64_t)(PANELS_BYTES / p.panel_bytes)), 1) * tile;
    for (p.from = 0; p.from < g->n; p.from += block) {
        p.cols = least(g->n - p.from, block);
        if (!direct) {
            size_t panels = (size_t)((p.cols + tile - 1) / tile);
            if (!(p.panels = scratch_get(SCRATCH_PANELS, panels * p.panel_bytes))) return LOREC_RESOURCE;
            TRY(par_for(panels, (size_t)most(1, (1 << 16) / (g->k * tile)), pack_panels, &p));
        }
        cut(&p);
        size_t pieces = (size_t)(p.row_pieces * ((p.cols - 1) / p.group + 1));
        size_t grain = (double)g->m * (double)p.cols * (double)g->k < ALONE ? pieces : 1;
        TRY(par_each(pieces, grain, make_pieces, &p));
    }
    return LOREC_OK;
}

lorec_err gemm_f32(bool ta, bool tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
                   const float *b, int64_t ldb, float beta, float *c, int64_t ldc)
{
    return gemm_run(&(gemm){.ta = ta,
                            .tb = tb,
                            .m = m,
                            .n = n,
                            .k = k,
                            .alpha = alpha,
                            .beta = beta,
                            .a = a,
                            .b = b,
                            .lda = lda,
                            .ldb = ldb,
                            .c = c,
                            .ldc = ldc});
}

typedef struct rounding {
    uint16_t *c;
    int64_t ldc;
    float beta;
} rounding;

static void round_piece(void *ctx, int64_t row, int64_t rows, int64_t col, int64_t cols, float *c, int64_t ldc)
{
    const rounding *r = ctx;
    for (int64_t i = 0; i < rows; i++) {
        uint16_t *to = r->c + (row + i) * r->ldc + col;
        float *from = c + i * ldc, old[GROUP_COLS];
        for (int64_t j = 0; r->beta != 0 && j < cols; j += GROUP_COLS) {
            int64_t n = least(cols - j, GROUP_COLS);
            isa()->from_bf16((size_t)n, to + j, old);
            isa()->axpy_f32((size_t)n, r->beta, old, from + j);
        }
        isa()->to_bf16((size_t)cols, from, to);
    }
}

lorec_err gemm_bf16(bool ta, bool tb, int64_t m, int64_t n, int64_t k, float alpha, const uint16_t *a, int64_t lda,
                    const uint16_t *b, int64_t ldb, float beta, void *c, int64_t ldc, bool c_is_bf16)
{
    gemm g = {.bf16 = true,
              .ta = ta,
              .tb = tb,
              .m = m,
              .n = n,
              .k = k,
              .alpha = alpha,
              .beta = beta,
              .a = a,
              .b = b,
              .lda = lda,
              .ldb = ldb,
              .c = c,
              .ldc = ldc};
    if (!c_is_bf16) return gemm_run(&g);
    rounding r = {c, ldc, beta};
    g.c = NULL;
    g.beta = 0;
    g.after = round_piece;
    g.ctx = &r;
    return gemm_run(&g);
}
