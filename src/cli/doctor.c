/* lorec doctor: what this machine can do, what lorec found on it, and what is missing. */
#include <archive.h>
#include <cblas.h>
#include <curl/curl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <xxhash.h>
#include <yaml.h>
#include <zlib.h>
#include <zstd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"
#include "cli/args.h"
#include "cli/print.h"
#include "cli/term.h"
#include "runs/machine.h"
#include "tensor/cpu/kernels.h"

enum { SIDE = 768, STREAM = 32 << 20 };

typedef struct speed {
    double gflops, gbytes; /* 0: could not be measured */
} speed;

/* The best of a few runs: the figure is what the machine can do, not what its neighbours let it. */
static double measure_gflops(void)
{
    float *x = NULL;
    size_t n = (size_t)SIDE * SIDE;
    double best = 0;
    if (mem_new(&x, 3 * n)) return 0;
    for (size_t i = 0; i < 2 * n; i++) x[i] = (float)(i % 13) - 6;
    for (int run = 0; run < 4; run++) {
        double start = clock_seconds();
        if (gemm_f32(false, false, SIDE, SIDE, SIDE, 1, x, SIDE, x + n, SIDE, 0, x + 2 * n, SIDE)) break;
        double s = clock_seconds() - start;
        double g = s > 0 ? 2e-9 * SIDE * SIDE * SIDE / s : 0;
        if (g > best) best = g;
    }
    mem_free(x);
    return best;
}

static lorec_err sum_piece(void *ctx, size_t begin, size_t end, int worker)
{
    (void)worker;
    float **xy = ctx;
    const float *x = xy[0];
    float *y = xy[1];
    for (size_t i = begin; i < end; i++) y[i] = x[i] + 0.5f * y[i];
    return LOREC_OK;
}

static double measure_gbytes(void)
{
    float *xy[2] = {NULL, NULL};
    size_t n = STREAM / sizeof(float);
    double best = 0;
    if (mem_new(&xy[0], n) == LOREC_OK && mem_new(&xy[1], n) == LOREC_OK) {
        for (int run = 0; run < 4; run++) {
            double start = clock_seconds();
            if (par_for(n, 4096, sum_piece, xy)) break;
            double s = clock_seconds() - start;
            double g = s > 0 ? 3e-9 * STREAM / s : 0; /* two reads and a write */
            if (run && g > best) best = g;
        }
    }
    mem_free(xy[0]);
    mem_free(xy[1]);
    return best;
}

static json_t *libraries_json(void)
{
    char zst[16], xxh[24];
    snprintf(zst, sizeof zst, "%s", ZSTD_versionString());
    unsigned x = XXH_versionNumber();
    snprintf(xxh, sizeof xxh, "%u.%u.%u", x / 10000, x / 100 % 100, x % 100);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "OpenBLAS", openblas_get_config(), "jansson",
                     jansson_version_str(), "libyaml", yaml_get_version_string(), "zlib", zlibVersion(), "zstd", zst,
                     "libarchive", archive_version_string(), "xxHash", xxh, "OpenSSL", OpenSSL_version(OPENSSL_VERSION),
                     "libcurl", curl_version());
}

/* What would make this machine better at the work, in words. */
static json_t *advice_json(const machine *m)
{
    json_t *list = json_array();
    if (m->memory_available && m->memory_available < (1ull << 30))
        json_array_append_new(list, json_string("under 1 GiB of memory is free: EASE and language models need more"));
    if (m->load1 > m->cores)
        json_array_append_new(
            list, json_sprintf("the load is %.1f on %d cores: timings will be pessimistic", m->load1, m->cores));
    if (m->threads > m->cores)
        json_array_append_new(
            list, json_sprintf("%d threads on %d cores: set --threads or LOREC_THREADS", m->threads, m->cores));
    if (access("/etc/ssl/certs", R_OK) != 0)
        json_array_append_new(list, json_string("no TLS certificates in /etc/ssl/certs: `lorec data get` can not "
                                                "check who it talks to (apt install ca-certificates)"));
    return list;
}

static void print_text(const machine *m, const speed *s, const json_t *libraries, const json_t *advice)
{
    const char *name;
    json_t *v;
    size_t i;
    printf("lorec      %s\n", lorec_version());
    printf("system     %s\n", m->system);
    printf("cpu        %s\n", m->cpu);
    const char *asked = getenv("LOREC_ISA");
    printf("kernels    %s%s\n", m->isa, asked && strcmp(asked, m->isa) == 0 ? " (LOREC_ISA)" : "");
    printf("threads    %d on %d cores, load %.2f\n", m->threads, m->cores, m->load1);
    printf("memory     %.1f GiB, %.1f GiB available\n", (double)m->memory_total / (1 << 30),
           (double)m->memory_available / (1 << 30));
    printf("speed      %.0f GFLOP/s in a %d x %d f32 product, %.1f GB/s from memory\n", s->gflops, SIDE, SIDE,
           s->gbytes);
    json_object_foreach((json_t *)(uintptr_t)libraries, name, v)
        printf("library    %-10s %s\n", name, json_string_value(v));
    json_array_foreach(advice, i, v) printf("advice     %s\n", json_string_value(v));
    if (json_array_size(advice) == 0) puts("advice     nothing is missing");
}

static lorec_err run(int argc, char **argv);
const command command_doctor = {
    .name = "doctor",
    .summary = "what this machine can do, and what is missing",
    .usage = "lorec doctor [--json]",
    .examples = "  lorec doctor\n  LOREC_ISA=avx2 lorec doctor\n",
    .run = run,
};

static lorec_err run(int argc, char **argv)
{
    bool json = false;
    const arg rows[] = {{"json", 0, ARG_FLAG, &json, NULL, "one JSON object on stdout"}};
    args a = {.command = &command_doctor, .rows = rows, .n = 1};
    machine m;
    lorec_err e = args_parse(&a, argc, argv);
    if (e || a.done) goto done;
    TRY_GO(e, args_need_words(&a, 0, 0, ""), done);
    machine_look(&m);
    speed s = {measure_gflops(), measure_gbytes()};
    json_t *libraries = libraries_json(), *advice = advice_json(&m);
    if (json) {
        json_t *root = machine_json(&m);
        if (root) {
            json_object_set(root, "libraries", libraries);
            json_object_set(root, "advice", advice);
            json_object_set_new(root, "gflops", json_real(s.gflops));
            json_object_set_new(root, "gbytes_per_s", json_real(s.gbytes));
        }
        e = print_json_object(root);
    } else {
        print_text(&m, &s, libraries, advice);
    }
    json_decref(libraries);
    json_decref(advice);
done:
    args_free(&a);
    return e;
}
