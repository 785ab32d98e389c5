/* gram.h: how often two items were had by the same user: G = X^T X of a binary matrix, dense.
 *
 *     TRY(gram_upper(&x, &xt, g));      // g [n, n] zeroed, row-major; the diagonal is popularity
 *     TRY(gram_mirror(g, n));           // the lower triangle from the upper
 *
 * Ownership: `g` is the caller's. */
#ifndef LOREC_REC_GRAM_H
#define LOREC_REC_GRAM_H

#include "rec/sparse.h"

lorec_err gram_upper(const sparse *x, const sparse *xt, float *g);
lorec_err gram_mirror(float *g, uint32_t n);

#endif
