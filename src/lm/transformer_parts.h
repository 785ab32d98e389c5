/* transformer_parts.h: a transformer from inside, shared by transformer_build.c and transformer.c.
 *
 * Ownership: tensors belong to the params; `block` to the transformer. */
#ifndef LOREC_LM_TRANSFORMER_PARTS_H
#define LOREC_LM_TRANSFORMER_PARTS_H

#include "lm/transformer.h"

typedef struct transformer_layer {
    tensor *part[TRANSFORMER_PARTS - PART_FIRST_OF_BLOCK];
} transformer_layer;

struct transformer {
    transformer_config c; /* complete: no 0 that stands for a default */
    tensor *part[PART_FIRST_OF_BLOCK];
    transformer_layer *block; /* [layers] */
};

#endif
