#include "eval/stats.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/threads.h"
#include "tensor/rng.h"

/* Draw i of a resampling has a stretch of its stream, so that threads share nothing: 2^34 numbers each. Signs come
 * from the upper half of the stretches. */
enum { DRAW_BITS = 32, SIGNS = 1 << 24 };

typedef struct resampling {
    const double *value;
    size_t n;
    uint64_t seed;
    double *mean; /* [draws] */
} resampling;

static lorec_err bootstrap_draws(void *ctx, size_t begin, size_t end, int worker)
{
    (void)worker;
    resampling *job = ctx;
    for (size_t d = begin; d < end; d++) {
        double sum = 0;
        uint32_t word[4];
        for (size_t i = 0; i < job->n; i++) {
            if (i % 4 == 0) rng_block(job->seed, RNG_BOOTSTRAP, ((uint64_t)d << DRAW_BITS) + i / 4, word);
            sum += job->value[(uint64_t)word[i % 4] * job->n >> 32];
        }
        job->mean[d] = sum / (double)job->n;
    }
    return LOREC_OK;
}

/* Under "no difference" each user's difference is as likely to be its negative. */
static lorec_err sign_draws(void *ctx, size_t begin, size_t end, int worker)
{
    (void)worker;
    resampling *job = ctx;
    for (size_t d = begin; d < end; d++) {
        double sum = 0;
        uint32_t word[4];
        for (size_t i = 0; i < job->n; i++) {
            if (i % 128 == 0) rng_block(job->seed, RNG_BOOTSTRAP, ((uint64_t)(SIGNS + d) << DRAW_BITS) + i / 128, word);
            sum += word[i / 32 % 4] >> (i % 32) & 1 ? job->value[i] : -job->value[i];
        }
        job->mean[d] = sum / (double)job->n;
    }
    return LOREC_OK;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Quantile by linear interpolation between order statistics. */
static double quantile(const double *sorted, size_t n, double q)
{
    double at = q * (double)(n - 1);
    size_t low = (size_t)at, high = low + 1 < n ? low + 1 : low;
    return sorted[low] + (at - (double)low) * (sorted[high] - sorted[low]);
}

typedef struct moments {
    double mean, standard_error;
} moments;

static moments moments_of(const double *value, size_t n)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) sum += value[i];
    double mean = sum / (double)n;
    for (size_t i = 0; i < n; i++) squares += (value[i] - mean) * (value[i] - mean);
    return (moments){mean, sqrt(squares) / (double)n};
}

static bool too_much(size_t n, size_t draws)
{
    return n > STATS_EXACT_WORK / draws;
}

static lorec_err interval_of(interval *out, const double *value, size_t n, size_t draws, uint64_t seed)
{
    if (too_much(n, draws)) {
        moments m = moments_of(value, n);
        *out = (interval){m.mean - 1.959963984540054 * m.standard_error, m.mean + 1.959963984540054 * m.standard_error};
        return LOREC_OK;
    }
    resampling job = {.value = value, .n = n, .seed = seed};
    TRY(mem_new(&job.mean, draws));
    lorec_err e = par_for(draws, 16, bootstrap_draws, &job);
    if (!e) {
        qsort(job.mean, draws, sizeof *job.mean, by_value);
        *out = (interval){quantile(job.mean, draws, 0.025), quantile(job.mean, draws, 0.975)};
    }
    mem_free(job.mean);
    return e;
}

static lorec_err sign_flip_p(double *out, const double *value, size_t n, size_t draws, uint64_t seed)
{
    double mean = moments_of(value, n).mean, squares = 0;
    for (size_t i = 0; i < n; i++) squares += value[i] * value[i];
    if (squares == 0) {
        *out = 1;
        return LOREC_OK;
    }
    if (too_much(n, draws)) { /* the flipped sum's law tends to the normal one with variance sum of squares */
        *out = erfc(fabs(mean) * (double)n / sqrt(2 * squares));
        return LOREC_OK;
    }
    resampling job = {.value = value, .n = n, .seed = seed};
    TRY(mem_new(&job.mean, draws));
    lorec_err e = par_for(draws, 16, sign_draws, &job);
    size_t extreme = 0;
    double limit = fabs(mean) * (1 - 1e-12); /* sums in another order may differ in their last bits */
    for (size_t d = 0; d < draws && !e; d++) extreme += fabs(job.mean[d]) >= limit;
    *out = (1.0 + (double)extreme) / (1.0 + (double)draws);
    mem_free(job.mean);
    return e;
}

/* The column a, or a - b, without NaN. */
static lorec_err column_take(double **out, size_t *kept, const float *a, const float *b, size_t n, size_t stride)
{
    TRY(mem_new(out, n));
    *kept = 0;
    for (size_t i = 0; i < n; i++) {
        double value = (double)a[i * stride] - (b ? (double)b[i * stride] : 0);
        if (!isnan(value)) (*out)[(*kept)++] = value;
    }
    return LOREC_OK;
}

static lorec_err draws_check(int draws)
{
    if (draws >= 1 && draws < SIGNS) return LOREC_OK;
    return err_set(LOREC_USAGE, "%d draws; from 1 to %d can be made", draws, SIGNS - 1);
}

lorec_err bootstrap_mean(interval *out, const float *value, size_t n, size_t stride, int draws, uint64_t seed)
{
    *out = (interval){NAN, NAN};
    TRY(draws_check(draws));
    double *column;
    TRY(column_take(&column, &n, value, NULL, n, stride));
    lorec_err e = n ? interval_of(out, column, n, (size_t)draws, seed) : LOREC_OK;
    mem_free(column);
    return e;
}

lorec_err paired_compare(paired *out, const float *a, const float *b, size_t n, size_t stride, int draws, uint64_t seed)
{
    *out = (paired){NAN, {NAN, NAN}, 1, 0};
    TRY(draws_check(draws));
    double *column;
    TRY(column_take(&column, &n, a, b, n, stride));
    lorec_err e = LOREC_OK;
    out->n = n;
    if (n) {
        out->delta = moments_of(column, n).mean;
        e = interval_of(&out->ci95, column, n, (size_t)draws, seed);
        if (!e) e = sign_flip_p(&out->p, column, n, (size_t)draws, seed);
    }
    mem_free(column);
    return e;
}

/* The smallest p times the number of tests, the next times one less, ...; never below the one before, at most 1. */
void holm(const double *p, double *adjusted, size_t m)
{
    size_t tests = 0;
    for (size_t i = 0; i < m; i++) {
        tests += !isnan(p[i]);
        adjusted[i] = NAN;
    }
    double last = 0;
    for (size_t done = 0; done < tests; done++) {
        size_t next = m;
        for (size_t i = 0; i < m; i++)
            if (!isnan(p[i]) && isnan(adjusted[i]) && (next == m || p[i] < p[next])) next = i;
        double value = p[next] * (double)(tests - done);
        last = value > last ? value : last;
        adjusted[next] = last < 1 ? last : 1;
    }
}
