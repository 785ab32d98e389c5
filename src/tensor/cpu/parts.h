/* parts.h: inside tensor/cpu: f32 products on tiles that know bf16 only. A value is the sum of three bf16 parts of 8 bits each;
 * of the nine products of two values' parts the six that reach 2^-16 of the whole are added up in f32, so that the result is as
 * near as a chain of f32 multiply-adds (Henry, Tang and Heinecke 2019, "Leveraging the bfloat16 Artificial Intelligence Datatype
 * For Higher-Precision Computations").
 *
 *     if (parts_take(g)) return parts_run(g);     // from gemm_run
 *
 * An operand is laid out in tiles of 16 rows (of A) or columns (of B): [tiles][blocks of 32 along k][3 parts][512 values]; a
 * block's inputs q and q + 16 stand side by side. An infinite operand gives NaN; subnormal parts count as 0.
 *
 * Ownership: nothing is kept. */
#ifndef LOREC_TENSOR_CPU_PARTS_H
#define LOREC_TENSOR_CPU_PARTS_H

#include "tensor/cpu/amx.h"
#include "tensor/cpu/gemm.h"

enum { PARTS = 3, PARTS_BLOCK = 32 /* inputs */, PARTS_VALUES = PARTS * AMX_TILE /* bf16 values of a block */ };

bool parts_take(const gemm *g); /* whether this CPU has the tiles, and the product gains by them */
lorec_err parts_run(const gemm *g);

/* A or B as it lies: element (i, p), i a row of A or a column of B, is x[i * ld + p] or, across, x[p * ld + i]. */
typedef struct parts_operand {
    const float *x;
    int64_t ld, count, k;
    bool across, right; /* right: B */
    float scale;
} parts_operand;

/* `tiles` tiles from row (column) i on, of each `blocks` blocks from input p on, `step` values apart; zeros where there are none. */
void parts_split(const parts_operand *o, int64_t i, int64_t tiles, int64_t p, int64_t blocks, int64_t step,
                 uint16_t *to);

typedef struct parts_product {
    int64_t rows, cols, blocks; /* of C, any number; whole tiles of A and B */
    const uint16_t *a, *b;
    int64_t a_step, b_step; /* values from one tile to the next */
    float *c;
    int64_t ldc;
    bool add; /* to what C holds */
} parts_product;

void parts_multiply(const parts_product *p); /* between amx_begin and amx_end */

#endif
