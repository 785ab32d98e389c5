#define SPARSE_KERNELS sparse_avx2
#define SPARSE_NAME    "avx2"
#define SPARSE_LANES   8
#include "tensor/cpu/sparse_loops.h"
