/* lorec/watch.h: who is told of long work, and who may stop it; threads and log lines of the process.
 *
 *     static int enough(void *ctx) { return *(volatile int *)ctx; }
 *     lorec_watch w = {.size = sizeof w, .ctx = &flag, .stop = enough};
 *     lorec_watch_thread(&w);             // from here on, for this thread's calls
 *     e = lorec_fit(...);                 // LOREC_CANCELLED soon after flag was set
 *     lorec_watch_thread(NULL);
 *
 * Ownership: the struct is copied; ctx is the caller's and has to live until the next lorec_watch_thread of the thread. */
#ifndef LOREC_WATCH_H
#define LOREC_WATCH_H

#include <stddef.h>

#include "lorec/err.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lorec_watch {
    size_t size;
    void *ctx;
    /* Asked between steps of long work, possibly thousands of times a second; nonzero ends the call with LOREC_CANCELLED. */
    int (*stop)(void *ctx);
    /* `done` of `total` units ("batch", "user"); at most ten times a second. note: "loss 0.1234", or "". */
    void (*progress)(void *ctx, const char *what, double done, double total, const char *unit, const char *note);
    /* A line that would go to stderr: 1 warning, 2 information, 3 debugging. Workers' lines still go there. */
    void (*log)(void *ctx, int level, const char *line);
} lorec_watch;

/* For this thread's calls from now on; NULL: nobody. Any callback may be NULL. They are called on this thread, between the
 * beginning and the end of its call. LOREC_USAGE: the size. */
LOREC_API lorec_err lorec_watch_thread(const lorec_watch *w);

/* What goes to stderr: 0 nothing, 1 warnings, 2 information and progress (the default), 3 everything. */
LOREC_API void lorec_set_log_level(int level);
/* Threads used from now on (all cores by default; LOREC_THREADS and OMP_NUM_THREADS are heeded). */
LOREC_API void lorec_set_threads(int threads);
LOREC_API int lorec_threads(void);

#ifdef __cplusplus
}
#endif
#endif
