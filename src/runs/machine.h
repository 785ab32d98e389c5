/* machine.h: on what this runs: for `lorec doctor`, and for every run's env.json.
 *
 *     machine m;
 *     machine_look(&m);
 *     json_t *env = machine_json(&m);       // NULL: out of memory
 *
 * Ownership: a machine is a value; the tree is the caller's. */
#ifndef LOREC_RUNS_MACHINE_H
#define LOREC_RUNS_MACHINE_H

#include "base/json.h"

typedef struct machine {
    char system[256], cpu[256];
    const char *isa; /* the kernels in force */
    int cores, threads;
    uint64_t memory_total, memory_available; /* bytes; 0: unknown */
    double load1;
} machine;

void machine_look(machine *m);
json_t *machine_json(const machine *m);

#endif
