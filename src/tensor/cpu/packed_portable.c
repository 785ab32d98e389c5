#define PACKED_KERNELS packed_portable
#define PACKED_NAME    "portable"
#include "tensor/cpu/packed_body.h"
