#include "runs/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/threads.h"
#include "tensor/cpu/kernels.h"

static void read_cpu(machine *m)
{
    snprintf(m->cpu, sizeof m->cpu, "unknown");
    FILE *f = fopen("/proc/cpuinfo", "re");
    char line[512];
    while (f && fgets(line, sizeof line, f)) {
        char *colon = strchr(line, ':');
        if (!colon || strncmp(line, "model name", 10) != 0) continue;
        slice name = slice_trim(slice_of(colon + 1));
        snprintf(m->cpu, sizeof m->cpu, "%.*s", (int)name.n, name.p);
        break;
    }
    if (f) fclose(f);
}

static void read_memory(machine *m)
{
    FILE *f = fopen("/proc/meminfo", "re");
    char line[256];
    unsigned long long kib;
    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, "MemTotal: %llu", &kib) == 1) m->memory_total = kib << 10;
        if (sscanf(line, "MemAvailable: %llu", &kib) == 1) m->memory_available = kib << 10;
    }
    if (f) fclose(f);
}

void machine_look(machine *m)
{
    *m = (machine){.isa = isa()->name, .cores = (int)sysconf(_SC_NPROCESSORS_ONLN), .threads = par_workers()};
    struct utsname u;
    if (uname(&u) == 0) snprintf(m->system, sizeof m->system, "%.60s %.80s %.60s", u.sysname, u.release, u.machine);
    read_cpu(m);
    read_memory(m);
    if (getloadavg(&m->load1, 1) != 1) m->load1 = 0;
}

json_t *machine_json(const machine *m)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:I, s:I, s:f}", "lorec", lorec_version(), "system", m->system,
                     "cpu", m->cpu, "isa", m->isa, "cores", m->cores, "threads", m->threads, "memory_total",
                     (json_int_t)m->memory_total, "memory_available", (json_int_t)m->memory_available, "load",
                     m->load1);
}
