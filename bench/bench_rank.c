/* Ranking of a data set of ML-1M's shape (6,040 users, 3,416 items, 1,000,000 rows) from user and item vectors of 64
 * numbers, leave-one-out and 8:1:1, full ranking, with all list and what-is-shown metrics. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"
#include "eval/rank.h"
#include "tensor/rng.h"

enum { USERS = 6040, ITEMS = 3416, ROWS = 1000000, D = 64, RUNS = 5 };
static const char *const every = "recall@10,hit@10,ndcg@10,mrr@10,map@10,precision@10,f1@10,recall@50,ndcg@50,mrr,"
                                 "coverage@10,gini@10,novelty@10,diversity@10,popularity@10";

static void must(lorec_err e)
{
    if (!e) return;
    fprintf(stderr, "%s\n", lorec_error_message());
    exit((int)e);
}

/* Items fall off in popularity as a power law. */
static void make(dataset *d)
{
    dataset_builder *b = dataset_builder_new("ml-1m-shape");
    ids users = {0}, items = {0};
    uint32_t *user, *item, number;
    int64_t *when;
    char id[16];
    for (uint32_t u = 0; u < USERS; u++) snprintf(id, sizeof id, "%u", u), must(ids_add(&users, slice_of(id), &number));
    for (uint32_t i = 0; i < ITEMS; i++) snprintf(id, sizeof id, "%u", i), must(ids_add(&items, slice_of(id), &number));
    must(mem_new(&user, ROWS));
    must(mem_new(&item, ROWS));
    must(mem_new(&when, ROWS));
    rng r = rng_make(1, RNG_USER);
    for (uint32_t i = 0; i < ROWS; i++) {
        user[i] = i % USERS;
        item[i] = i < ITEMS ? i : (uint32_t)(ITEMS * pow(rng_uniform(&r), 2));
        when[i] = i;
    }
    must(dataset_builder_bulk(b, &users, &items, user, item, NULL, when, ROWS));
    must(dataset_builder_finish(b, false, d));
}

static void measure(const dataset *d, const char *split_words, const float *user, const float *item)
{
    split s;
    protocol p;
    split_options o = {.seed = 1};
    must(split_parse(&o, split_words));
    must(split_make(&s, d, &o));
    must(protocol_make(&p, &s, "full", every, false, 1));
    double fastest = 1e9, cpu = 0;
    for (int run = 0; run < RUNS; run++) {
        report r;
        clock_t begun = clock();
        must(rank_vectors(
            &r, &(rank_vectors_request){.protocol = &p, .part = PART_TEST, .user = user, .item = item, .d = D}));
        cpu += (double)(clock() - begun) / CLOCKS_PER_SEC / RUNS;
        if (r.seconds < fastest) fastest = r.seconds;
        if (run == 0) printf("%-22s %u users, ndcg@10 %.4f, ", split_words, r.n_users, r.mean[2]);
        report_close(&r);
    }
    printf("%d workers: best of %d %.3f s, mean CPU %.3f s\n", par_workers(), (int)RUNS, fastest, cpu);
    protocol_close(&p);
    split_close(&s);
}

int main(void)
{
    dataset d;
    float *user, *item;
    make(&d);
    must(mem_new(&user, USERS * D));
    must(mem_new(&item, ITEMS * D));
    rng r = rng_make(2, RNG_USER);
    for (size_t i = 0; i < USERS * D; i++) user[i] = (float)rng_normal(&r);
    for (size_t i = 0; i < ITEMS * D; i++) item[i] = (float)rng_normal(&r);
    measure(&d, "loo", user, item);
    measure(&d, "ratio-random:8:1:1", user, item);
    mem_free(user);
    mem_free(item);
    dataset_close(&d);
    return 0;
}
