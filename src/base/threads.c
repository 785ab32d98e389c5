#include "base/threads.h"

#include <cblas.h>
#include <omp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/pool.h"

enum { WORKERS_MAX = 256 };

static atomic_int workers; /* 0: not chosen yet */
static _Thread_local bool inside;

/* What a container may use of the cores that it sees (cgroup v2: "quota period" in microseconds, or "max ..."). */
static int within_quota(int cores)
{
    long quota, period;
    FILE *f = fopen("/sys/fs/cgroup/cpu.max", "re");
    if (!f) return cores;
    if (fscanf(f, "%ld %ld", &quota, &period) == 2 && quota > 0 && period > 0 && (quota - 1) / period + 1 < cores)
        cores = (int)((quota - 1) / period + 1);
    fclose(f);
    return cores;
}

static int workers_default(void)
{
    const char *names[] = {"LOREC_THREADS", "OMP_NUM_THREADS"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *text = getenv(names[i]);
        long n = text ? strtol(text, NULL, 10) : 0;
        if (n >= 1 && n <= WORKERS_MAX) return (int)n;
        if (text && i == 0)
            log_warn("LOREC_THREADS=%s: not a whole number from 1 to %d, and ignored", text, WORKERS_MAX);
    }
    int n = within_quota(omp_get_num_procs());
    return n < 1 ? 1 : n > WORKERS_MAX ? WORKERS_MAX : n;
}

int par_workers(void)
{
    int n = atomic_load_explicit(&workers, memory_order_relaxed);
    if (n == 0) {
        n = workers_default();
        int unset = 0;
        if (atomic_compare_exchange_strong(&workers, &unset, n))
            omp_set_num_threads(n);
        else
            n = unset;
    }
    return n;
}

void par_set_workers(int n)
{
    if (n < 1) n = 1;
    if (n > WORKERS_MAX) n = WORKERS_MAX;
    atomic_store(&workers, n);
    omp_set_num_threads(n); /* OpenBLAS, built on OpenMP, follows */
}

/* The failure of the lowest piece, carried from its worker's thread to the caller's. */
typedef struct failure {
    size_t at;
    lorec_err err;
    char message[1024];
    pthread_mutex_t lock;
} failure;

static void failure_keep(failure *f, size_t at, lorec_err e)
{
    pthread_mutex_lock(&f->lock);
    if (f->err == LOREC_OK || at < f->at) {
        f->at = at;
        f->err = e;
        snprintf(f->message, sizeof f->message, "%s", lorec_error_message());
    }
    pthread_mutex_unlock(&f->lock);
}

static lorec_err failure_raise(const failure *f)
{
    return f->err ? err_set(f->err, "%s", f->message) : LOREC_OK;
}

/* A region: the pieces are the same whoever works on them. */
typedef struct region {
    par_fn fn;
    void *ctx;
    size_t n, grain, pieces, team;
    bool each;
    atomic_size_t taken; /* each: pieces handed out */
    failure failed;
} region;

static void one_piece(region *r, size_t begin, size_t end, int worker)
{
    lorec_err e = r->fn(r->ctx, begin, end, worker);
    if (!e) return;
    failure_keep(&r->failed, begin, e);
    if (r->each) atomic_store(&r->taken, r->pieces);
}

static void share(void *ctx, int worker)
{
    region *r = ctx;
    bool before = inside;
    inside = true;
    static _Thread_local bool met;
    if (worker > 0 && !met) omp_set_num_threads(1); /* a worker's BLAS calls are its own (par_blas_alone) */
    met = true;
    if (r->each) {
        for (size_t piece; (piece = atomic_fetch_add(&r->taken, 1)) < r->pieces;) {
            size_t begin = piece * r->grain;
            one_piece(r, begin, r->n - begin < r->grain ? r->n : begin + r->grain, worker);
        }
    } else {
        size_t w = (size_t)worker, size = r->n / r->team, extra = r->n % r->team;
        size_t begin = w * size + (w < extra ? w : extra);
        one_piece(r, begin, begin + size + (w < extra ? 1 : 0), worker);
    }
    inside = before;
}

static lorec_err run(bool each, size_t n, size_t grain, par_fn fn, void *ctx)
{
    if (n == 0) return LOREC_OK;
    if (grain == 0) grain = 1;
    size_t pieces = (n - 1) / grain + 1, team = (size_t)par_workers();
    if (pieces < team) team = pieces;
    if (team <= 1 || inside) return fn(ctx, 0, n, 0);
    region r = {fn, ctx, n, grain, pieces, team, each, 0, {.lock = PTHREAD_MUTEX_INITIALIZER}};
    if (!pool_run((int)team, share, &r)) /* others have the workers: all shares are done here, with the same bits */
        for (int w = 0; w < (int)team; w++) share(&r, w);
    return failure_raise(&r.failed);
}

lorec_err par_for(size_t n, size_t grain, par_fn fn, void *ctx)
{
    return run(false, n, grain, fn, ctx);
}

lorec_err par_each(size_t n, size_t grain, par_fn fn, void *ctx)
{
    return run(true, n, grain, fn, ctx);
}

void par_blas_alone(void)
{
    openblas_set_num_threads(1);
}

void par_blas_shared(void)
{
    openblas_set_num_threads(par_workers());
}

lorec_err par_alone(par_fn fn, void *ctx)
{
    bool before = inside;
    inside = true;
    lorec_err e = fn(ctx, 0, 1, 0);
    inside = before;
    return e;
}

static atomic_bool cancelled;
static _Thread_local struct {
    bool (*stop)(void *ctx);
    void *ctx;
} asked;

void cancel_ask(bool (*stop)(void *ctx), void *ctx)
{
    asked.stop = stop;
    asked.ctx = ctx;
}

void cancel_request(void)
{
    atomic_store(&cancelled, true); /* lock-free: a signal handler may call this */
}

void cancel_clear(void)
{
    atomic_store(&cancelled, false);
}

lorec_err cancel_check(void)
{
    if (asked.stop && asked.stop(asked.ctx)) return err_set(LOREC_CANCELLED, "stopped by the caller");
    if (!atomic_load_explicit(&cancelled, memory_order_relaxed)) return LOREC_OK;
    return err_set(LOREC_CANCELLED, "stopped on request; what was finished is kept, --resume goes on from there");
}
