#define ISA_NAME amx
#include "tensor/cpu/isa_body.h"
