/* SNSR and SNSV, and what they come to by chance. The largest of several noisy means is above the smallest even where no
 * value is treated otherwise; dealing each anchor's similarities anew among the values says by how much. */
#include <math.h>

#include "base/mem.h"
#include "methods/fairllm/fairllm.h"
#include "tensor/rng.h"

fair_spread fair_spread_of(const double *mean, size_t n)
{
    fair_spread r = {0};
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        sum += mean[i];
        if (mean[i] > mean[r.most]) r.most = i;
        if (mean[i] < mean[r.least]) r.least = i;
    }
    for (size_t i = 0; i < n; i++) squares += (mean[i] - sum / (double)n) * (mean[i] - sum / (double)n);
    if (!n) return r;
    r.snsr = mean[r.most] - mean[r.least];
    r.snsv = sqrt(squares / (double)n);
    return r;
}

static void means_of(double *mean, const double *similarity, size_t anchors, size_t stride, size_t n,
                     const uint32_t *order)
{
    for (size_t v = 0; v < n; v++) mean[v] = 0;
    for (size_t a = 0; a < anchors; a++)
        for (size_t v = 0; v < n; v++) mean[v] += similarity[a * stride + order[a * n + v]] / (double)anchors;
}

lorec_err fair_chance_of(fair_chance *out, const double *similarity, size_t anchors, size_t stride, size_t first,
                         size_t n, int64_t rounds, uint64_t seed)
{
    double *mean;
    uint32_t *order = NULL;
    lorec_err e;
    *out = (fair_chance){.p = 1};
    TRY(mem_new(&mean, n));
    TRY_GO(e, mem_new(&order, anchors * n), done);
    for (size_t i = 0; i < anchors * n; i++) order[i] = (uint32_t)(i % n);
    means_of(mean, similarity + first, anchors, stride, n, order);
    const double there = fair_spread_of(mean, n).snsr;
    int64_t as_large = 0;
    rng r = rng_make(seed, RNG_SHUFFLE);
    for (int64_t round = 0; round < rounds; round++) {
        for (size_t a = 0; a < anchors; a++) rng_shuffle(&r, order + a * n, n);
        means_of(mean, similarity + first, anchors, stride, n, order);
        fair_spread s = fair_spread_of(mean, n);
        out->snsr += s.snsr / (double)rounds;
        out->snsv += s.snsv / (double)rounds;
        as_large += s.snsr >= there - 1e-12; /* sums in another order */
    }
    out->p = (double)(as_large + 1) / (double)(rounds + 1);
done:
    mem_free(order);
    mem_free(mean);
    return e;
}
