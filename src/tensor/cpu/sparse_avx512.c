#define SPARSE_KERNELS sparse_avx512
#define SPARSE_NAME    "avx512"
#define SPARSE_LANES   16
#include "tensor/cpu/sparse_loops.h"
