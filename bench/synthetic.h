/* synthetic.h: interactions of a known shape for measurements: users' activity is skewed as people's is, items' popularity
 * falls off as (rank + 200 / 26744 of the catalogue)^-1.6, which puts ML-20M's most popular item at its real 65,000.
 *
 *     interactions x = synthetic_interactions(138493, 26744, 20000263, 7);      // seeded; each pair once; aborts on no memory
 *
 * Ownership: the arrays are the program's, for good. */
#ifndef LOREC_BENCH_SYNTHETIC_H
#define LOREC_BENCH_SYNTHETIC_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "data/dataset.h"
#include "tensor/rng.h"

static inline void *synthetic_alloc(size_t bytes)
{
    void *p = calloc(1, bytes);
    if (!p) {
        fprintf(stderr, "out of memory: %zu bytes\n", bytes);
        exit(4);
    }
    return p;
}

static inline interactions synthetic_interactions(uint32_t users, uint32_t items, uint64_t n, uint64_t seed)
{
    rng r = rng_make(seed, RNG_USER);
    double *wish = synthetic_alloc(users * sizeof *wish), sum = 0;
    for (uint32_t u = 0; u < users; u++) sum += wish[u] = 0.2 + exp(1.1 * rng_normal(&r));
    uint64_t *start = synthetic_alloc((users + 1) * sizeof *start);
    uint32_t *item = synthetic_alloc(n * sizeof *item), *mark = synthetic_alloc(items * sizeof *mark);
    double shift = 200.0 * items / 26744, low = pow(shift, -0.6), high = pow(shift + items, -0.6), reached = 0;
    for (uint32_t u = 0; u < users; u++) {
        reached += wish[u];
        uint64_t end = u + 1 == users ? n : (uint64_t)(reached / sum * (double)n);
        if (end - start[u] > items / 2) end = start[u] + items / 2;
        uint64_t at = start[u];
        while (at < end) {
            uint32_t j = (uint32_t)(pow(low - rng_uniform(&r) * (low - high), -1 / 0.6) - shift);
            if (j >= items || mark[j] == u + 1) continue;
            mark[j] = u + 1;
            item[at++] = j;
        }
        start[u + 1] = at;
    }
    free(wish), free(mark);
    return (interactions){.n_users = users, .n_items = items, .n = start[users], .start = start, .item = item};
}

#endif
