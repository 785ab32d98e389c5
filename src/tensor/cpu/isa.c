#include <stdatomic.h>
#include <stdlib.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif
#include <string.h>

#include "base/log.h"
#include "tensor/cpu/isa_table.h"
#include "tensor/cpu/kernels.h"

static _Atomic(const isa_kernels *) chosen;

#if defined(__x86_64__)
static bool cpu_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bf16");
}

/* Tiles are a CPU feature that the kernel has to grant to the process as well (its state is 8 KiB a thread). */
static bool cpu_amx(void)
{
    enum { TILE = 1 << 24, INT8 = 1 << 25, BF16 = 1 << 22, ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    unsigned a, b, c, d;
    if (!cpu_avx512() || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
    if ((d & TILE) == 0 || (d & INT8) == 0 || (d & BF16) == 0) return false;
#if defined(__linux__)
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
#else
    return false;
#endif
}

static bool cpu_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#endif

/* The kernels of that name if this CPU can run them; NULL: the best there are. */
static const isa_kernels *find(const char *name)
{
#if defined(__x86_64__)
    if ((!name || !strcmp(name, "amx")) && cpu_amx()) return &isa_amx;
    if ((!name || !strcmp(name, "avx512")) && cpu_avx512()) return &isa_avx512;
    if ((!name || !strcmp(name, "avx2")) && cpu_avx2()) return &isa_avx2;
#endif
    if (!name || !strcmp(name, "portable")) return &isa_portable;
    return NULL;
}

const isa_kernels *isa(void)
{
    const isa_kernels *k = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (k) return k;
    const char *asked = getenv("LOREC_ISA");
    k = find(asked);
    if (!k) {
        k = find(NULL);
        log_warn("LOREC_ISA=%s: this machine has no such kernels (amx, avx512, avx2, portable); %s is taken", asked,
                 k->name);
    }
    atomic_store(&chosen, k);
    return k;
}

const char *isa_choose(const char *name)
{
    const isa_kernels *k = find(name);
    if (!k) return NULL;
    atomic_store(&chosen, k);
    return k->name;
}
