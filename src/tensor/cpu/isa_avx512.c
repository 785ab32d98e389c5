#define ISA_NAME avx512
#include "tensor/cpu/isa_body.h"
