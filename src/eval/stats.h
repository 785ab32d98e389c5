/* stats.h: how sure a number is: bootstrap intervals, paired differences, Holm's correction.
 *
 *     interval ci;
 *     TRY(bootstrap_mean(&ci, r.value + j, r.n_users, r.n_metrics, 2000, seed));
 *     paired d;
 *     TRY(paired_compare(&d, a.value + j, b.value + j, n, stride, 2000, seed));   // a - b: mean, its CI, a two-sided p
 *     holm(p, adjusted, m);
 *
 * Values are strided (column j of a report); users whose value is NaN (in either column) are left out. The same values
 * and seed give the same numbers, whatever the number of threads. Up to STATS_EXACT_WORK = n x draws, resampling is
 * done; beyond (from 20,000 users at 2000 draws on) the laws it tends to are used: the normal one with the sample's
 * standard error. With so many users the two differ by less than what 2000 draws leave open.
 *
 * Ownership: nothing is kept. */
#ifndef LOREC_EVAL_STATS_H
#define LOREC_EVAL_STATS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { STATS_DRAWS = 2000, STATS_EXACT_WORK = 40000000 };

typedef struct interval {
    double low, high;
} interval;
typedef struct paired {
    double delta;
    interval ci95;
    double p;
    size_t n; /* pairs compared */
} paired;

/* 95 % percentile interval of the mean (Efron 1979). No values: NaN, NaN. */
lorec_err bootstrap_mean(interval *out, const float *value, size_t n, size_t stride, int draws, uint64_t seed);
/* The mean of a - b, its bootstrap interval, and p of a sign-flip permutation test of "no difference" (two-sided,
 * (1 + as extreme) / (1 + draws)). No pairs: NaN and p = 1. */
lorec_err paired_compare(paired *out, const float *a, const float *b, size_t n, size_t stride, int draws,
                         uint64_t seed);
void holm(const double *p, double *adjusted, size_t m); /* Holm 1979, step-down; NaN stays NaN and is no test */

#endif
