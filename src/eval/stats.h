/* stats.h: how sure a number is: bootstrap intervals, paired differences, Holm's correction.
 *
 *     interval ci = bootstrap_mean(values, n, 2000, seed);
 *     paired d;
 *     TRY(paired_compare(&d, a, b, n, 2000, seed));     // mean of a - b, its CI, a two-sided p by sign-flip permutation
 *     holm(p, adjusted, m);
 *
 * Ownership: nothing is kept. */
#ifndef LOREC_EVAL_STATS_H
#define LOREC_EVAL_STATS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef struct interval {
    double low, high;
} interval;
typedef struct paired {
    double delta;
    interval ci95;
    double p;
} paired;

lorec_err bootstrap_mean(interval *out, const float *value, size_t n, size_t stride, int draws, uint64_t seed);
lorec_err paired_compare(paired *out, const float *a, const float *b, size_t n, size_t stride, int draws, uint64_t seed);
void holm(const double *p, double *adjusted, size_t m); /* Holm 1979, step-down */

#endif
