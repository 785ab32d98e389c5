#define SPARSE_KERNELS sparse_portable
#define SPARSE_NAME    "portable"
#define SPARSE_LANES   4
#include "tensor/cpu/sparse_loops.h"
