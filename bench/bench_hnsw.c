/* The index of item vectors beside looking at all of them: time to make, save and open it, recall@10, microseconds a search.
 *     bench_hnsw FOLDER            item.npy and user.npy of a factor model (RUN/models/ials-1)
 *     bench_hnsw N D               N drawn vectors of D values, lengths like a catalogue's
 * Recall is the mean share of the ten largest products of 1,000 users that a search finds, for growing numbers of candidates. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"
#include "rec/arrays.h"
#include "rec/topk.h"
#include "retrieve/hnsw.h"
#include "tensor/rng.h"

enum { K = 10, ASKED = 1000 };

static float *drawn(uint32_t n, uint32_t d, uint64_t seed)
{
    float *x;
    rng r = rng_make(seed, RNG_USER);
    if (mem_new(&x, (size_t)n * d)) exit(1);
    for (uint32_t i = 0; i < n; i++) {
        float length = (float)exp(.5 * rng_normal(&r));
        for (uint32_t k = 0; k < d; k++) x[(size_t)i * d + k] = length * (float)rng_normal(&r) / (float)(1 + k % 16);
    }
    return x;
}

static void measure(const hnsw *h, const float *users, uint32_t n_users)
{
    float *wide, *all, best[K], scores[K];
    uint32_t items[K], *exact;
    size_t found, looks[] = {16, 32, 64, 128, 256};
    hnsw_scratch *s;
    if (mem_new(&wide, h->stride) || mem_new(&all, h->n) || mem_new(&exact, ASKED * K) || hnsw_scratch_new(&s, h))
        exit(1);
    double began = clock_seconds();
    for (uint32_t a = 0; a < ASKED; a++) {
        hnsw_extend(h, users + (size_t)(a * 7919 % n_users) * h->d, wide);
        hnsw_scan(h, wide, all);
        (void)topk_select(all, h->n, K, exact + a * K, best);
    }
    printf("looking at all: %.0f us a list\n", (clock_seconds() - began) * 1e6 / ASKED);
    for (size_t l = 0; l < sizeof looks / sizeof *looks; l++) {
        size_t hits = 0;
        began = clock_seconds();
        for (uint32_t a = 0; a < ASKED; a++) {
            hnsw_extend(h, users + (size_t)(a * 7919 % n_users) * h->d, wide);
            if (hnsw_search(h, s, wide, K, looks[l], items, scores, &found)) exit(1);
            for (size_t i = 0; i < found; i++)
                for (size_t j = 0; j < K; j++) hits += items[i] == exact[a * K + j];
        }
        printf("%3zu candidates%s: recall@10 %.4f, %.0f us a list\n", looks[l], looks[l] == 128 ? " (default)" : "",
               (double)hits / (ASKED * K), (clock_seconds() - began) * 1e6 / ASKED);
    }
    hnsw_scratch_free(s);
    mem_free(wide);
    mem_free(all);
    mem_free(exact);
}

int main(int argc, char **argv)
{
    float *items = NULL, *users = NULL;
    int64_t item[2] = {0, 0}, user[2] = {0, 0};
    hnsw h;
    char path[64];
    if (argc == 2) {
        if (array_load((void **)&items, argv[1], "item", NPY_F32, 2, item) ||
            array_load((void **)&users, argv[1], "user", NPY_F32, 2, user))
            return fprintf(stderr, "%s\n", lorec_error_message()), 1;
    } else if (argc == 3) {
        item[0] = atoll(argv[1]), item[1] = user[1] = atoll(argv[2]), user[0] = ASKED;
        items = drawn((uint32_t)item[0], (uint32_t)item[1], 1);
        users = drawn(ASKED, (uint32_t)item[1], 2);
    } else
        return fprintf(stderr, "bench_hnsw FOLDER | N D\n"), 2;
    double began = clock_seconds();
    if (hnsw_build(&h, items, (uint32_t)item[0], (uint32_t)item[1], &(hnsw_settings){0})) return 1;
    printf("%lld vectors of %lld values, %d workers: made in %.1f s\n", (long long)item[0], (long long)item[1],
           par_workers(), clock_seconds() - began);
    snprintf(path, sizeof path, "/tmp/bench-%d.hnsw", (int)getpid());
    if (hnsw_save(&h, path)) return fprintf(stderr, "%s\n", lorec_error_message()), 1;
    hnsw_close(&h);
    began = clock_seconds();
    if (hnsw_open(&h, path)) return 1;
    printf("opened and checked in %.1f ms (%.0f MiB)\n", (clock_seconds() - began) * 1e3, (double)h.map.size / 1048576);
    measure(&h, users, (uint32_t)user[0]);
    hnsw_close(&h);
    remove(path);
    mem_free(items);
    mem_free(users);
    return 0;
}
