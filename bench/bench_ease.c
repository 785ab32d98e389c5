/* EASE: the closed-form fit, and scoring everybody.   bench_ease [users items rows]     ML-1M's shape by default */
#include "synthetic.h"

#include <time.h>

#include "base/log.h"
#include "base/threads.h"
#include "rec/recommender.h"

extern const recommender recommender_ease;

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int fail(void)
{
    fprintf(stderr, "%s\n", lorec_error_message());
    return 1;
}

int main(int argc, char **argv)
{
    enum { RUNS = 5, BATCH = 512 };
    uint32_t users = argc > 3 ? (uint32_t)atoi(argv[1]) : 6040, items = argc > 3 ? (uint32_t)atoi(argv[2]) : 3706;
    uint64_t rows = argc > 3 ? (uint64_t)atoll(argv[3]) : 1000209;
    interactions x = synthetic_interactions(users, items, rows, 7);
    double fit[RUNS], score[RUNS], cpu[RUNS];
    float *scores = synthetic_alloc((size_t)BATCH * items * sizeof *scores);
    query *q = synthetic_alloc(users * sizeof *q);
    for (uint32_t u = 0; u < users; u++)
        q[u] = (query){.user = u, .items = x.item + x.start[u], .n = x.start[u + 1] - x.start[u], .now = INT64_MIN};
    rec_session *s = rec_session_new(1);
    for (int run = 0; run < RUNS; run++) {
        void *m;
        if (recommender_new(&recommender_ease, &m)) return fail();
        double began = clock_seconds();
        clock_t used = clock();
        if (recommender_ease.fit(m, &(fit_context){.train = &x, .seed = 1})) return fail();
        fit[run] = clock_seconds() - began;
        cpu[run] = (double)(clock() - used) / CLOCKS_PER_SEC;
        began = clock_seconds();
        for (uint32_t u = 0; u < users; u += BATCH)
            if (recommender_ease.score(m, s, q + u, users - u < BATCH ? users - u : BATCH, scores)) return fail();
        score[run] = clock_seconds() - began;
        recommender_free(&recommender_ease, m);
    }
    qsort(fit, RUNS, sizeof *fit, by_value);
    qsort(cpu, RUNS, sizeof *cpu, by_value);
    qsort(score, RUNS, sizeof *score, by_value);
    printf("ease, %u users x %u items, %llu interactions, %d workers: fit %.3f s (median of %d; best %.3f; cpu %.3f), "
           "scores of "
           "all %.3f s\n",
           users, items, (unsigned long long)x.n, par_workers(), fit[RUNS / 2], RUNS, fit[0], cpu[RUNS / 2],
           score[RUNS / 2]);
    rec_session_free(s);
    return 0;
}
