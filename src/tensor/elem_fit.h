/* elem_fit.h: inside elem.h: the scale and minimum under which few whole numbers stand for many values best.
 *
 *     float d = elem_fit_scale(x, 32, 8);                   // x ~ d * q, q from -8 to 7
 *     elem_fit_affine(x, 32, 15, false, &d, &m);            // x ~ d * q + m, q from 0 to 15
 *
 * Both minimise the sum of squared differences: given the numbers the scale is a least-squares solution, given the scale
 * the numbers are roundings; some starting scales are tried and the best end kept.
 *
 * Ownership: nothing is kept. */
#ifndef LOREC_TENSOR_ELEM_FIT_H
#define LOREC_TENSOR_ELEM_FIT_H

#include "tensor/elem_parts.h"

/* n: 16 or 32. May be negative: the largest value may take -zero. */
float elem_fit_scale(const float *x, int n, int zero);
/* d >= 0; with `below` m <= 0. */
void elem_fit_affine(const float *x, int n, int top, bool below, float *d, float *m);

/* Stores a finite value as a half (saturated) and gives back what it became. */
float elem_put_half(unsigned char *p, float value);

/* The nearest whole number within [low, high], |low| and |high| below 2^22: adding 1.5 * 2^23 leaves no fraction. */
static inline int elem_round(float v, int low, int high)
{
    float in = v < (float)low ? (float)low : v > (float)high ? (float)high : v;
    float moved = in + 12582912.f;
    int32_t bits;
    memcpy(&bits, &moved, sizeof bits);
    return bits - 0x4b400000;
}

#endif
