/* packed.h: inside this floor: weights as the kernels read them. Sixteen outputs lie side by side (a group), and along the
 * inputs they go on in blocks of 32, the last padded with zeros:
 *
 *     PACKED_BYTES     [groups][blocks][8][16][4]   u8     the integers of inputs 4 j .. 4 j + 3: an operand of VPDPBUSD
 *     PACKED_NIBBLES   [groups][blocks][4][16][4]   u8     inputs 8 j + b in the low halves, 8 j + 4 + b in the high ones
 *     PACKED_BF16      [groups][blocks][16][16][2]  bf16   inputs 2 j, 2 j + 1: a tile of TDPBF16PS, an operand of VDPBF16PS
 *     PACKED_F16       [groups][blocks][32][16]     f16
 *
 *     packed_product p = {.w = w, .m = rows, .x = x, .ldx = in, .c = y, .ldc = out};
 *     TRY(packed_run(&p));                                          // y [rows, out] = x W^T
 *
 * With integers go scale (and, where zero is -1, least), both f16 times `unit`: [groups][blocks * 32 / part][16]. A value is
 * unit * scale * (q - zero), or unit * (scale * q + least).
 *
 * Ownership: a packed lies in the arena that it was made in; products borrow everything. */
#ifndef LOREC_TENSOR_CPU_PACKED_H
#define LOREC_TENSOR_CPU_PACKED_H

#include "base/mem.h"
#include "tensor/cpu/gemm.h"
#include "tensor/packed.h"

enum { PACKED_GROUP = 16, PACKED_BLOCK = 32, PACKED_FEW = 8 };
typedef enum packed_form { PACKED_BYTES, PACKED_NIBBLES, PACKED_BF16, PACKED_F16 } packed_form;

typedef struct packed {
    elem type;
    packed_form form;
    bool in_out; /* how the tensor looks from outside */
    int64_t out, in, groups, blocks;
    int part, zero;
    float unit;
    uint8_t *q;
    uint16_t *scale, *least;
    size_t block_bytes, bytes; /* of one block of a group; of everything */
} packed;

lorec_err packed_new(packed **out, const packed_source *source, arena *memory);
/* Outputs row .. row + rows - 1 as f32 [rows, in]. */
void packed_read_rows(const packed *w, int64_t row, int64_t rows, float *to);

typedef struct packed_product {
    const packed *w;
    int64_t m;
    const void *x; /* [m, in], f32 or bf16 */
    bool bf16;
    int64_t ldx;
    float *c; /* [m, out]; NULL: pieces live only during `after` */
    int64_t ldc;
    gemm_after after; /* as in gemm.h */
    void *ctx;
} packed_product;

lorec_err packed_run(const packed_product *p);
/* dx [m, in] = dy [m, out] W + beta dx, all f32 or all bf16. */
lorec_err packed_back(const packed *w, int64_t m, const void *dy, bool bf16, float beta, void *dx);

/* ---- what an instruction set has for it -------------------------------------------------------------------------------- */

typedef struct packed_kernels {
    const char *name;
    /* A group's inputs of `blocks` blocks as f32: to [32 blocks][16] with row stride ld. */
    void (*unpack)(const packed *w, int64_t group, int64_t block, int64_t blocks, float *to, int64_t ld);
    /* Few rows: rows made ready once (few_bytes of memory), then 16 outputs at a time. */
    int few;
    size_t (*few_bytes)(const packed *w, int64_t m);
    void (*few_ready)(const packed *w, int64_t m, const float *x, int64_t ldx, void *rows);
    void (*few_dots)(const packed *w, int64_t group, int64_t m, const void *rows, float *y, int64_t ldy);
    lorec_err (*many)(const packed_product *p); /* NULL: by unpack and the f32 product */
    bool many_f16;                              /* it takes f16 weights as well */
} packed_kernels;

const packed_kernels *packed_isa(void);
extern const packed_kernels packed_portable;
#if defined(__x86_64__)
extern const packed_kernels packed_avx2, packed_avx512, packed_amx;
#endif

#endif
