#include "base/threads.h"

#include <omp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

enum { WORKERS_MAX = 256 };

static atomic_int workers; /* 0: not chosen yet */
static _Thread_local bool inside;

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
    int n = omp_get_num_procs();
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
    pthread_mutex_t lock; /* not an OpenMP critical section: that exports a symbol of its own from the library */
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

lorec_err par_for(size_t n, size_t grain, par_fn fn, void *ctx)
{
    if (n == 0) return LOREC_OK;
    if (grain == 0) grain = 1;
    size_t pieces = (n - 1) / grain + 1;
    size_t team = (size_t)par_workers();
    if (pieces < team) team = pieces;
    if (team <= 1 || inside) return fn(ctx, 0, n, 0);
    failure failed = {.lock = PTHREAD_MUTEX_INITIALIZER};
#pragma omp parallel num_threads((int)team)
    {
        size_t w = (size_t)omp_get_thread_num();
        size_t size = n / team, extra = n % team;
        size_t begin = w * size + (w < extra ? w : extra);
        size_t end = begin + size + (w < extra ? 1 : 0);
        inside = true;
        lorec_err e = fn(ctx, begin, end, (int)w);
        inside = false;
        if (e) failure_keep(&failed, begin, e);
    }
    return failure_raise(&failed);
}

lorec_err par_each(size_t n, size_t grain, par_fn fn, void *ctx)
{
    if (n == 0) return LOREC_OK;
    if (grain == 0) grain = 1;
    size_t pieces = (n - 1) / grain + 1;
    size_t team = (size_t)par_workers();
    if (pieces < team) team = pieces;
    if (team <= 1 || inside) return fn(ctx, 0, n, 0);
    failure failed = {.lock = PTHREAD_MUTEX_INITIALIZER};
    atomic_size_t taken = 0;
#pragma omp parallel num_threads((int)team)
    {
        inside = true;
        for (size_t piece; (piece = atomic_fetch_add(&taken, 1)) < pieces;) {
            size_t begin = piece * grain;
            size_t end = n - begin < grain ? n : begin + grain;
            lorec_err e = fn(ctx, begin, end, omp_get_thread_num());
            if (e) {
                failure_keep(&failed, begin, e);
                atomic_store(&taken, pieces);
            }
        }
        inside = false;
    }
    return failure_raise(&failed);
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
