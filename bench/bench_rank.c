/* Ranking of a data set of ML-1M's shape (6,040 users, 3,416 items, 1,000,000 rows) from user and item vectors of 64
 * numbers, leave-one-out and 8:1:1, full ranking, with all list and what-is-shown metrics. `bench_rank USERS ITEMS ROWS
 * D` for another shape. Memory is the peak of the whole program, data included. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"
#include "eval/rank.h"
#include "tensor/rng.h"

typedef struct shape {
    uint32_t users, items, rows, d;
    int runs;
} shape;
static const char *const every = "recall@10,hit@10,ndcg@10,mrr@10,map@10,precision@10,f1@10,recall@50,ndcg@50,mrr,"
                                 "coverage@10,gini@10,novelty@10,diversity@10,popularity@10";

static void must(lorec_err e)
{
    if (!e) return;
    fprintf(stderr, "%s\n", lorec_error_message());
    exit((int)e);
}

static double cpu_seconds(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec +
           1e-6 * ((double)u.ru_utime.tv_usec + (double)u.ru_stime.tv_usec);
}

static double peak_mib(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)u.ru_maxrss / 1024;
}

static void numbered(ids *v, uint32_t n)
{
    char id[16];
    uint32_t number;
    for (uint32_t i = 0; i < n; i++) {
        snprintf(id, sizeof id, "%u", i);
        must(ids_add(v, slice_of(id), &number));
    }
}

/* Items fall off in popularity as a power law. */
static void make(dataset *d, const shape *s)
{
    dataset_builder *b = dataset_builder_new("shape");
    ids users = {0}, items = {0};
    uint32_t *user, *item;
    int64_t *when;
    numbered(&users, s->users);
    numbered(&items, s->items);
    must(mem_new(&user, s->rows));
    must(mem_new(&item, s->rows));
    must(mem_new(&when, s->rows));
    rng r = rng_make(1, RNG_USER);
    for (uint32_t i = 0; i < s->rows; i++) {
        user[i] = i % s->users;
        item[i] = i < s->items ? i : (uint32_t)(s->items * pow(rng_uniform(&r), 2));
        when[i] = i;
    }
    must(dataset_builder_bulk(b, &users, &items, user, item, NULL, when, s->rows));
    must(dataset_builder_finish(b, false, d));
}

static void measure(const dataset *d, const shape *sh, const char *split_words, const float *user, const float *item)
{
    split s;
    protocol p;
    split_options o = {.seed = 1};
    must(split_parse(&o, split_words));
    must(split_make(&s, d, &o));
    must(protocol_make(&p, &s, "full", every, false, 1));
    double fastest = 1e9, cpu = 0;
    for (int run = 0; run < sh->runs; run++) {
        report r;
        double begun = cpu_seconds();
        must(rank_vectors(
            &r, &(rank_vectors_request){.protocol = &p, .part = PART_TEST, .user = user, .item = item, .d = sh->d}));
        cpu += (cpu_seconds() - begun) / sh->runs;
        if (r.seconds < fastest) fastest = r.seconds;
        if (run == 0) printf("%-20s %u users x %u items, d %u: ", split_words, r.n_users, sh->items, sh->d);
        report_close(&r);
    }
    printf("best of %d %.3f s, mean CPU %.3f s, %d workers, peak %.0f MiB\n", sh->runs, fastest, cpu, par_workers(),
           peak_mib());
    protocol_close(&p);
    split_close(&s);
}

int main(int argc, char **argv)
{
    shape sh = {6040, 3416, 1000000, 64, 5};
    if (argc == 5)
        sh = (shape){(uint32_t)atol(argv[1]), (uint32_t)atol(argv[2]), (uint32_t)atol(argv[3]), (uint32_t)atol(argv[4]),
                     1};
    else if (argc != 1)
        return fprintf(stderr, "usage: %s [USERS ITEMS ROWS D]\n", argv[0]), 2;
    dataset d;
    float *user, *item;
    make(&d, &sh);
    must(mem_new(&user, (size_t)sh.users * sh.d));
    must(mem_new(&item, (size_t)sh.items * sh.d));
    rng r = rng_make(2, RNG_USER);
    for (size_t i = 0; i < (size_t)sh.users * sh.d; i++) user[i] = (float)(rng_uniform(&r) - 0.5);
    for (size_t i = 0; i < (size_t)sh.items * sh.d; i++) item[i] = (float)(rng_uniform(&r) - 0.5);
    measure(&d, &sh, "loo", user, item);
    if (sh.runs > 1) measure(&d, &sh, "ratio-random:8:1:1", user, item);
    mem_free(user);
    mem_free(item);
    dataset_close(&d);
    return 0;
}
