/* elem_parts.h: inside elem.h: one function a direction and kind of block, by whole blocks.
 *
 * Ownership: nothing is kept. */
#ifndef LOREC_TENSOR_ELEM_PARTS_H
#define LOREC_TENSOR_ELEM_PARTS_H

#include <string.h>

#include "tensor/elem.h"

typedef void elem_reader(const unsigned char *from, float *to, int64_t blocks);
typedef void elem_writer(const float *from, unsigned char *to, int64_t blocks);

elem_reader elem_read_q8_0, elem_read_q4_0, elem_read_q4_1, elem_read_q5_0, elem_read_q5_1;      /* elem_q32.c */
elem_reader elem_read_q4_k, elem_read_q5_k, elem_read_q6_k;                                      /* elem_q256.c */
elem_writer elem_write_q8_0, elem_write_q4_0, elem_write_q4_1, elem_write_q5_0, elem_write_q5_1; /* elem_q32_fit.c */
elem_writer elem_write_q4_k, elem_write_q5_k, elem_write_q6_k;                                   /* elem_q256_fit.c */

static inline uint16_t elem_get16(const unsigned char *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}
static inline void elem_put16(unsigned char *p, uint16_t v)
{
    p[0] = (unsigned char)v;
    p[1] = (unsigned char)(v >> 8);
}
static inline float elem_get_half(const unsigned char *p)
{
    return elem_f16(elem_get16(p));
}

#endif
