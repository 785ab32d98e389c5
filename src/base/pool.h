/* pool.h: inside base: the threads that par_for and par_each hand work to. One pool a process, started by its first use.
 *
 *     if (!pool_run(team, task, ctx)) ... another thread has the pool: do the team's work here ...
 *
 * Between two tasks a worker spins for a moment, since in training and decoding the next one comes within microseconds; where
 * tasks have lately been further apart (or its core was wanted by others) it sleeps at once. After fork() the child starts
 * workers of its own.
 *
 * Ownership: `ctx` is borrowed until pool_run returns; the threads live as long as the process. */
#ifndef LOREC_BASE_POOL_H
#define LOREC_BASE_POOL_H

#include <stdbool.h>

typedef void pool_task(void *ctx, int worker);

/* task(ctx, w) for every w of 0 .. team - 1, each in a thread of its own, 0 in the caller's. false, and nothing done: the pool is
 * in use, or the system gives no thread. */
bool pool_run(int team, pool_task *task, void *ctx);

#endif
