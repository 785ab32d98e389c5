/* bench_import.c: how fast a large CSV becomes a prepared folder, in how much memory, and how fast that opens.
 *   bench_import generate FILE [ROWS] [SEED]     user,item,rating,timestamp in MovieLens-20M's shape
 *   bench_import run FILE FOLDER                 one line: seconds, peak MiB, milliseconds to open
 * bench/import.sh drives both; without words two million rows are made and read. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/log.h"
#include "data/dataset.h"
#include "tensor/rng.h"

enum { USERS = 138493, ITEMS = 26744, START = 789652009 };

/* Users one after the other as in ratings.csv, items drawn with a long tail, times in no order. */
static int generate(const char *path, uint64_t rows, uint64_t seed)
{
    writer w;
    if (writer_open(&w, path)) return fprintf(stderr, "%s\n", lorec_error_message()), 1;
    rng r = rng_make(seed, RNG_SAMPLE_DATA);
    writer_printf(&w, "userId,movieId,rating,timestamp\n");
    for (uint64_t i = 0; i < rows; i++) {
        double u = rng_uniform(&r);
        uint32_t user = (uint32_t)(i * USERS / rows) + 1, item = (uint32_t)(u * u * u * ITEMS) + 1;
        uint32_t half_stars = 1 + rng_below(&r, 10), time = START + rng_below(&r, 638000000);
        writer_printf(&w, "%u,%u,%u.%u,%u\n", user, item, half_stars / 2, half_stars % 2 * 5, time);
    }
    if (writer_commit(&w)) return fprintf(stderr, "%s\n", lorec_error_message()), 1;
    return 0;
}

static double peak_mib(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)u.ru_maxrss / 1024;
}

static double cpu_seconds(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + 1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static int run(const char *path, const char *folder)
{
    dataset d;
    double t0 = clock_seconds();
    if (dataset_import(&d, path, NULL)) return fprintf(stderr, "%s\n", lorec_error_message()), 1;
    double t1 = clock_seconds();
    if (dataset_save(&d, folder)) return fprintf(stderr, "%s\n", lorec_error_message()), 1;
    double t2 = clock_seconds(), cpu = cpu_seconds(), peak = peak_mib();
    unsigned long long rows = d.rows.n;
    dataset_close(&d);
    double t3 = clock_seconds();
    if (dataset_open(&d, folder)) return fprintf(stderr, "%s\n", lorec_error_message()), 1;
    double t4 = clock_seconds();
    printf("{\"rows\": %llu, \"import_s\": %.2f, \"save_s\": %.2f, \"total_s\": %.2f, \"cpu_s\": %.2f, \"peak_mib\": "
           "%.0f, \"open_ms\": %.1f}\n",
           rows, t1 - t0, t2 - t1, t2 - t0, cpu, peak, 1e3 * (t4 - t3));
    dataset_close(&d);
    return 0;
}

/* Without words: a tenth of the size, in a folder of its own. */
static int run_small(void)
{
    char folder[] = "/tmp/lorec-bench-XXXXXX", csv[64], prepared[64];
    if (!mkdtemp(folder)) return perror(folder), 1;
    snprintf(csv, sizeof csv, "%s/ratings.csv", folder);
    snprintf(prepared, sizeof prepared, "%s/prepared", folder);
    int rc = generate(csv, 2000000, 1);
    if (!rc) rc = run(csv, prepared);
    (void)folder_remove(folder);
    return rc;
}

int main(int argc, char **argv)
{
    if (argc == 1) return run_small();
    if (argc >= 3 && strcmp(argv[1], "generate") == 0)
        return generate(argv[2], argc > 3 ? strtoull(argv[3], NULL, 10) : 20000000,
                        argc > 4 ? strtoull(argv[4], NULL, 10) : 1);
    if (argc == 4 && strcmp(argv[1], "run") == 0) return run(argv[2], argv[3]);
    return fprintf(stderr, "usage: %s generate FILE [ROWS] [SEED] | run FILE FOLDER\n", argv[0]), 2;
}
