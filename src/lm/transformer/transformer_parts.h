/* transformer_parts.h: a transformer from inside, shared by transformer_build.c and transformer.c.
 *
 * Ownership: tensors belong to the params; `block` to the transformer. */
#ifndef LOREC_LM_TRANSFORMER_TRANSFORMER_PARTS_H
#define LOREC_LM_TRANSFORMER_TRANSFORMER_PARTS_H

#include "lm/transformer/transformer.h"

typedef struct transformer_layer {
    tensor *part[TRANSFORMER_PARTS - PART_FIRST_OF_BLOCK];
} transformer_layer;

struct transformer {
    transformer_config c; /* complete: no 0 that stands for a default */
    tensor *part[PART_FIRST_OF_BLOCK];
    transformer_layer *block; /* [layers] */
};

/* Where the rows of one call stand: made once, read by every block. */
typedef struct places {
    tensor *position; /* what op_rope turns by; NULL: nothing is turned */
    tensor *stretch;  /* [rows, 1] what queries are multiplied by (config.log_length), or NULL */
    int32_t *length;  /* [rows] of each row's sequence; NULL where nobody asks */
    int32_t *prefix;  /* [sequences], or NULL */
} places;

bool places_make(tape *t, const transformer *m, const token_rows *in, places *p); /* false: the tape has failed */
void places_free(places *p);

tensor *rows_last(tape *t, const token_rows *in); /* each sequence's last row, or those picked */

/* Shared by in and out. */
tensor *transformer_vectors(tape *t, const transformer *m, const token_rows *in); /* of ids, vectors or both */
tensor *transformer_norm(tape *t, const transformer *m, tensor *x, tensor *gain, tensor *bias);
tensor *transformer_dense(tape *t, const transformer *m, tensor *x, transformer_part w, activation act);

#endif
