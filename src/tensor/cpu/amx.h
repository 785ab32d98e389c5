/* amx.h: products on AMX tiles (Intel, "Advanced Matrix Extensions"): 16 x 16 sums in f32 of bf16 products, 32 inputs an
 * instruction. What is multiplied is first laid out in tiles of 1 KiB:
 *
 *     A   [row tiles][blocks][16 rows][32 inputs]
 *     B   [column tiles][blocks][16 pairs of inputs][16 columns][2]
 *
 *     amx_begin();                                   // in each thread that multiplies ...
 *     amx_multiply(&(amx_product){...});
 *     amx_end();                                     // ... so that nothing has to be saved when it is switched
 *
 * Ownership: nothing is kept. */
#ifndef LOREC_TENSOR_CPU_AMX_H
#define LOREC_TENSOR_CPU_AMX_H

#include "tensor/cpu/packed.h"

enum { AMX_SIDE = 16, AMX_TILE = 512 /* values of a tile */ };

typedef struct amx_product {
    int64_t row_tiles, col_tiles, blocks;
    const uint16_t *a, *b;
    int64_t a_step, b_step; /* values from one row (column) tile to the next */
    float *c;               /* [16 row_tiles, 16 col_tiles] */
    int64_t ldc;
    bool add; /* to what C holds */
} amx_product;

void amx_begin(void);
void amx_end(void);
void amx_multiply(const amx_product *p);

/* Rows [row, row + 16) of x [m, in] (f32 or bf16) as `blocks` tiles, zeros where there are none. rest: of f32, what bf16 left. */
void amx_left(const void *x, bool bf16, bool rest, int64_t ldx, int64_t m, int64_t in, int64_t row, int64_t blocks,
              uint16_t *tiles);
/* Blocks of a group of packed weights as tiles. rest: of f16, what bf16 left. */
void amx_right(const packed *w, bool rest, int64_t group, int64_t block, int64_t blocks, uint16_t *tiles);

#endif
