/* child.h: another program beside the server, held to limits: started, watched, stopped.
 *
 *     child c;
 *     TRY(child_start(&c, argv, "work/7/out.txt", &(child_limits){.memory = 4e9, .threads = 1, .cpu_seconds = 3600}));
 *     child_state at;
 *     while ((at = child_look(&c, &code)) == CHILD_RUNS) sleep(1);
 *     child_stop(&c, 5);                                   // asks, then kills
 *
 * A child is known by its process id and the moment of its start, so that a server that was killed finds the one that its
 * predecessor left behind, and never takes another process for it.
 *
 * Ownership: a child is a value; the process outlives it unless child_stop. */
#ifndef LOREC_SERVE_TRAIN_CHILD_H
#define LOREC_SERVE_TRAIN_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

typedef struct child {
    pid_t pid;        /* 0: none */
    uint64_t started; /* as /proc tells it; 0: unknown */
} child;
typedef struct child_limits {
    double memory;      /* bytes of private memory; 0: none */
    double cpu_seconds; /* 0: none */
    int threads;        /* LOREC_THREADS of the child; 0: as the server */
    int niceness;
} child_limits;
typedef enum child_state { CHILD_RUNS, CHILD_ENDED, CHILD_GONE } child_state;

/* argv[0]: the program. Both outputs go to the file, which is begun anew. */
lorec_err child_start(child *c, const char *const *argv, const char *output, const child_limits *limits);
/* CHILD_ENDED: *code is the exit code, or 128 + the signal; CHILD_GONE: it ended and its code cannot be had (another
 * process's child). */
child_state child_look(child *c, int *code);
void child_stop(child *c, double seconds);
double child_resident(const child *c); /* bytes; 0: unknown */

#endif
