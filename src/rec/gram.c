#include "rec/gram.h"

#include "base/threads.h"

typedef struct job {
    const sparse *x, *xt;
    float *g;
    size_t n;
} job;

/* Row i of G is the sum of the rows of X of those who have i; one row of G stays in the first-level cache. Counts up to
 * 2^24 are exact in f32. */
static lorec_err rows(void *ctx, size_t begin, size_t end, int worker)
{
    (void)worker;
    const job *w = ctx;
    for (size_t i = begin; i < end; i++) {
        float *row = w->g + i * w->n;
        for (uint64_t k = w->xt->start[i]; k < w->xt->start[i + 1]; k++) {
            uint32_t u = w->xt->col[k];
            for (uint64_t at = w->x->start[u + 1]; at > w->x->start[u] && w->x->col[at - 1] >= i; at--)
                row[w->x->col[at - 1]] += 1;
        }
    }
    return LOREC_OK;
}

lorec_err gram_upper(const sparse *x, const sparse *xt, float *g)
{
    return par_each(x->cols, 8, rows, &(job){x, xt, g, x->cols});
}

enum { TILE = 64 };

/* Tile by tile, so that neither side strides through memory. */
static lorec_err mirror_rows(void *ctx, size_t begin, size_t end, int worker)
{
    (void)worker;
    const job *w = ctx;
    for (size_t tile = begin; tile < end; tile++) {
        size_t top = tile * TILE, bottom = top + TILE < w->n ? top + TILE : w->n;
        for (size_t left = 0; left <= top; left += TILE)
            for (size_t i = top; i < bottom; i++)
                for (size_t j = left; j < left + TILE && j < i; j++) w->g[i * w->n + j] = w->g[j * w->n + i];
    }
    return LOREC_OK;
}

lorec_err gram_mirror(float *g, uint32_t n)
{
    return par_each(((size_t)n + TILE - 1) / TILE, 1, mirror_rows, &(job){.g = g, .n = n});
}
