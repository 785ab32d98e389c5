/* quants.h: quantised blocks of files (tensor/elem.h) as what they are made of: unsigned integers of at most 8 bits and, for
 * each part of 16 or 32 values, a scale and a least value. A value is  scale * q + least.
 *
 *     quant_form f;
 *     if (quants_of(ELEM_Q4_K, &f)) quants_read(ELEM_Q4_K, row, width, q, scale, least);   // width / f.part parts
 *
 * Ownership: everything is borrowed. */
#ifndef LOREC_TENSOR_CPU_QUANTS_H
#define LOREC_TENSOR_CPU_QUANTS_H

#include "tensor/elem.h"

typedef struct quant_form {
    int part; /* values that share a scale: 16 or 32 */
    int bits; /* q fits in so many: 4 or 8 */
    int zero; /* least is -zero * scale, and is not written; -1: every part has one of its own */
} quant_form;

bool quants_of(elem type, quant_form *out); /* false: not quantised */
/* A whole number of blocks -> q [values], scale and (where zero is -1) least [values / part]. */
void quants_read(elem type, const void *blocks, int64_t values, uint8_t *q, float *scale, float *least);

#endif
