/* threads.h: the one executor: one team of threads a process, whoever calls, so that nothing oversubscribes the cores. A caller
 * that finds the team at another's work does all of its own.
 *
 *     static lorec_err scale(void *ctx, size_t begin, size_t end, int worker) { ... x[i] *= 2 for i in [begin, end) ... }
 *     TRY(par_for(n, 4096, scale, &job));
 *
 * par_for cuts [0, n) into one contiguous piece a worker (fixed: same n, same workers, same pieces, so that sums made
 * per worker are the same bits every time). par_each hands out pieces of `grain` as workers come free: for work of
 * uneven size whose result does not depend on who did it. Both run in the caller when n <= grain, when one worker is
 * set, or when called from inside a worker. The error of the lowest failing piece is the caller's error, message
 * included.
 *
 * Ownership: `ctx` is the caller's and only borrowed. */
#ifndef LOREC_BASE_THREADS_H
#define LOREC_BASE_THREADS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

typedef lorec_err (*par_fn)(void *ctx, size_t begin, size_t end, int worker);

lorec_err par_for(size_t n, size_t grain, par_fn fn, void *ctx);
lorec_err par_each(size_t n, size_t grain, par_fn fn, void *ctx);

/* fn(ctx, 0, 1, 0) as if inside a worker: loops in it are not shared out, so that sums that are made per worker come out as
 * they do there. */
lorec_err par_alone(par_fn fn, void *ctx);

/* OpenBLAS has a team of its own, OpenMP's. A loop whose pieces call it goes between these two: each call is then its thread's
 * alone. For one thread of a process at a time. */
void par_blas_alone(void);
void par_blas_shared(void);

/* How many workers there are: LOREC_THREADS, else OMP_NUM_THREADS, else the cores that the process, or its container, may use. */
int par_workers(void);
void par_set_workers(int workers); /* for tests and `--threads`; at least 1, at most 256 */

/* Cancellation: set by the program's signal handler or by a caller's deadline; long loops ask between steps. */
void cancel_request(void);
void cancel_clear(void);
/* A question of the calling thread's own, asked by its cancel_check: true stops. NULL: none. */
void cancel_ask(bool (*stop)(void *ctx), void *ctx);
lorec_err
cancel_check(void); /* LOREC_CANCELLED once cancel_request was called, or where this thread's question says so */

#endif
