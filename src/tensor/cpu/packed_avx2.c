#define PACKED_KERNELS packed_avx2
#define PACKED_NAME    "avx2"
#include "tensor/cpu/packed_body.h"
