#define ISA_NAME    avx512
#define ISA_FLOATS  16 /* lanes of a vector register */
#define ISA_ROWS    6  /* of a product's register tile */
#define ISA_VECTORS 4  /* and its width in vectors */
#include "tensor/cpu/isa_body.h"
