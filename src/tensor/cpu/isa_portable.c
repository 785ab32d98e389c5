#define ISA_NAME portable
#include "tensor/cpu/isa_body.h"
