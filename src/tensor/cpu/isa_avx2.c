#define ISA_NAME    avx2
#define ISA_FLOATS  8 /* lanes of a vector register */
#define ISA_ROWS    4 /* of a product's register tile */
#define ISA_VECTORS 2 /* and its width in vectors */
#include "tensor/cpu/isa_body.h"
