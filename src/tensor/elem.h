/* elem.h: how numbers lie in model files: plain ones, and blocks of quantised ones.
 *
 *     size_t bytes;
 *     if (!elem_size(ELEM_Q4_0, 4096, &bytes)) ...              // 4096 is no whole number of blocks, or too many
 *     TRY(elem_to_f32(ELEM_Q4_0, blocks, values, 4096));
 *     TRY(elem_from_f32(ELEM_Q4_0, values, blocks, 4096));      // the reference quantiser: least squares in each block
 *
 * Blocks, little-endian, as llama.cpp's GGUF files hold them (d, m: half-precision scale and minimum; q: unsigned):
 *   Q8_0  32 values  {d, i8[32]}                              d * i
 *   Q4_0  32 values  {d, nibbles[16]}                         d * (q - 8)     low nibbles are values 0-15, high 16-31
 *   Q4_1  32 values  {d, m, nibbles[16]}                      d * q + m
 *   Q5_0  32 values  {d, u32 fifth bits, nibbles[16]}         d * (q - 16)
 *   Q5_1  32 values  {d, m, u32 fifth bits, nibbles[16]}      d * q + m
 *   Q4_K 256 values  {d, dmin, 8 x (6-bit s, 6-bit t) in 12 bytes, nibbles[128]}        d * s * q - dmin * t, by 32
 *   Q5_K 256 values  the same with fifth bits[32] before the nibbles
 *   Q6_K 256 values  {low nibbles[128], high pairs of bits[64], i8 s[16], d}            d * s * (q - 32), by 16
 *
 * Ownership: nothing is kept. */
#ifndef LOREC_TENSOR_ELEM_H
#define LOREC_TENSOR_ELEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"

typedef enum elem {
    ELEM_F32,
    ELEM_F16,
    ELEM_BF16,
    ELEM_F64,
    ELEM_I64,
    ELEM_I32,
    ELEM_I16,
    ELEM_I8,
    ELEM_U8,
    ELEM_BOOL,
    ELEM_Q8_0,
    ELEM_Q4_0,
    ELEM_Q4_1,
    ELEM_Q5_0,
    ELEM_Q5_1,
    ELEM_Q4_K,
    ELEM_Q5_K,
    ELEM_Q6_K,
    ELEMS
} elem;

const char *elem_name(elem t);             /* "F32", "Q4_K" */
bool elem_find(const char *name, elem *t); /* in either case of letters */
int elem_block(elem t);                    /* values of a block; 1: plain */
size_t elem_bytes(elem t);                 /* of a block */
bool elem_quantised(elem t);
/* Bytes of n >= 0 values; false: n is no whole number of blocks, or it does not fit. */
bool elem_size(elem t, int64_t n, size_t *bytes);

/* n values, a whole number of blocks (otherwise LOREC_USAGE). From any type; whole numbers beyond 2^24 are rounded. */
lorec_err elem_to_f32(elem t, const void *from, float *to, int64_t n);
lorec_err elem_read_f32(const blob *from, uint64_t at, elem t, float *to, int64_t n); /* the same from a file */
/* To F32, F16, BF16 (nearest, ties to even) and the quantised types (LOREC_USAGE: another). NaN and infinities are kept
 * by the plain ones; a quantised block that holds one is LOREC_INPUT. */
lorec_err elem_from_f32(elem t, const float *from, void *to, int64_t n);

float elem_f16(uint16_t half);
uint16_t elem_half(float value);

#endif
