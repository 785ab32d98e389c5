#include "tensor/cpu/sparse.h"

#include <string.h>

#include "tensor/cpu/kernels.h"

const sparse_kernels *sparse_isa(void)
{
#if defined(__x86_64__)
    const char *name = isa()->name;
    if (strcmp(name, "avx512") == 0 || strcmp(name, "amx") == 0) return &sparse_avx512;
    if (strcmp(name, "avx2") == 0) return &sparse_avx2;
#endif
    return &sparse_portable;
}
