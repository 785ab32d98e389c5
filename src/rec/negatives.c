#include "rec/negatives.h"

#include "base/threads.h"

typedef struct filling {
    const sparse *had;
    rng draw;
    const uint32_t *user;
    size_t k, stride;
    int32_t *out;
} filling;

static bool has(const uint32_t *sorted, size_t n, uint32_t x)
{
    while (n > 0) {
        size_t half = n / 2;
        if (sorted[half] == x) return true;
        if (sorted[half] < x)
            sorted += half + 1, n -= half + 1;
        else
            n = half;
    }
    return false;
}

/* One not in the list: try a few times, then the r-th of those that are not in it. */
static int32_t draw_one(uint32_t n_items, rng *r, const uint32_t *sorted, size_t n)
{
    for (int tries = 0; tries < 8; tries++) {
        uint32_t x = rng_below(r, n_items);
        if (!has(sorted, n, x)) return (int32_t)x;
    }
    uint32_t x = rng_below(r, n_items - (uint32_t)n);
    for (size_t i = 0; i < n && sorted[i] <= x; i++) x++;
    return (int32_t)x;
}

/* Every row has its own stretch of the stream, so that the pieces do not depend on each other. */
static lorec_err fill_rows(void *ctx, size_t begin, size_t end, int worker)
{
    (void)worker;
    const filling *f = ctx;
    for (size_t i = begin; i < end; i++) {
        uint32_t u = f->user[i];
        const uint32_t *sorted = f->had->col + f->had->start[u];
        size_t n = (size_t)(f->had->start[u + 1] - f->had->start[u]);
        rng r = f->draw;
        r.at += (uint64_t)i * f->k * 16;
        for (size_t j = 0; j < f->k; j++)
            f->out[i * f->stride + j] = n < f->had->cols ? draw_one(f->had->cols, &r, sorted, n) : -1;
    }
    return LOREC_OK;
}

lorec_err negatives_fill(const sparse *had, rng draw, const uint32_t *user, size_t rows, size_t k, size_t stride,
                         int32_t *out)
{
    filling f = {.had = had, .draw = draw, .user = user, .k = k, .stride = stride, .out = out};
    return par_for(rows, 256, fill_rows, &f);
}
