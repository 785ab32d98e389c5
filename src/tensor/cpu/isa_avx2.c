#define ISA_NAME avx2
#include "tensor/cpu/isa_body.h"
