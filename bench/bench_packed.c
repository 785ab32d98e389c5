/* Products with packed weights: rows x type x shape, in GFLOP/s, and GB/s of weights for single rows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/threads.h"
#include "tensor/cpu/packed.h"
#include "tensor/rng.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_time(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Several matrices of one shape, so that one row's weights come from memory, as they do in a model. */
static void measure(elem type, int64_t m, int64_t out, int64_t in, size_t memory)
{
    enum { TRIES = 7 };
    packed *w[64];
    arena kept = {0};
    size_t bytes, n = 0;
    elem_size(type, out * in, &bytes);
    float *values = malloc((size_t)(out * in) * sizeof *values);
    void *blocks = malloc(bytes);
    rng r = rng_make(1, RNG_USER);
    for (int64_t i = 0; i < out * in; i++) values[i] = (float)(rng_uniform(&r) - 0.5);
    if (elem_from_f32(type, values, blocks, out * in)) exit(1);
    while (n < 64 && (n == 0 || n * bytes < memory)) {
        packed_source s = {.type = type, .as = type, .out = out, .in = in, .data = blocks, .bytes = bytes};
        if (packed_new(&w[n++], &s, &kept)) exit(1);
    }
    free(values);
    free(blocks);
    float *x = malloc((size_t)(m * in) * sizeof *x), *y = malloc((size_t)(m * out) * sizeof *y);
    for (int64_t i = 0; i < m * in; i++) x[i] = (float)(rng_uniform(&r) - 0.5);
    double took[TRIES];
    for (int t = -1; t < TRIES; t++) {
        double from = now();
        for (size_t i = 0; i < n; i++) {
            packed_product p = {.w = w[i], .m = m, .x = x, .ldx = in, .c = y, .ldc = out};
            if (packed_run(&p)) exit(1);
        }
        if (t >= 0) took[t] = (now() - from) / (double)n;
    }
    qsort(took, TRIES, sizeof *took, by_time);
    double s = took[TRIES / 2];
    printf("%-5s %4lld x %5lld x %5lld  %8.3f ms  %7.1f GFLOP/s  %6.2f GB/s of weights\n", elem_name(type),
           (long long)m, (long long)out, (long long)in, s * 1e3, 2e-9 * (double)(m * out * in) / s,
           1e-9 * (double)w[0]->bytes / s);
    arena_free(&kept);
    free(x);
    free(y);
}

int main(int argc, char **argv)
{
    static const elem types[] = {ELEM_Q8_0, ELEM_Q4_0, ELEM_BF16, ELEM_F16, ELEM_Q4_K, ELEM_Q6_K};
    static const int64_t shapes[][2] = {{2048, 2048}, {5632, 2048}, {2048, 5632}};
    const char *only = argc > 1 ? argv[1] : NULL;
    int64_t rows = argc > 2 ? atoll(argv[2]) : 0;
    static const int64_t all[] = {1, 4, 8, 16, 64, 512};
    printf("%s, %d workers\n", isa()->name, par_workers());
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        if (only && strcmp(only, "all") && strcmp(only, elem_name(types[t]))) continue;
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
            for (size_t s = 0; s < 3 && (!rows || all[i] == rows); s++)
                measure(types[t], all[i], shapes[s][0], shapes[s][1], all[i] < 16 ? (size_t)1 << 29 : (size_t)1 << 26);
    }
    return 0;
}
