#include "data/sampler.h"

#include <math.h>

#include "base/mem.h"

enum { REJECTIONS = 64 };

/* Walker's alias table by Vose's method (1991): column i keeps probability[i] of its own mass and gives the rest of a
 * draw to alias[i]. `share` sums to 1. */
static lorec_err alias_make(sampler *s, const double *share)
{
    uint32_t n = s->n_items, *small = NULL, *large = NULL, n_small = 0, n_large = 0;
    double *mass = NULL;
    lorec_err e;
    TRY_GO(e, mem_new(&s->probability, n), done);
    TRY_GO(e, mem_new(&s->alias, n), done);
    TRY_GO(e, mem_new(&mass, n), done);
    TRY_GO(e, mem_new(&small, n), done);
    TRY_GO(e, mem_new(&large, n), done);
    for (uint32_t i = 0; i < n; i++) {
        mass[i] = share[i] * n;
        if (mass[i] < 1)
            small[n_small++] = i;
        else
            large[n_large++] = i;
    }
    while (n_small && n_large) {
        uint32_t i = small[--n_small], j = large[n_large - 1];
        s->probability[i] = (float)mass[i];
        s->alias[i] = j;
        mass[j] -= 1 - mass[i];
        if (mass[j] < 1) {
            n_large--;
            small[n_small++] = j;
        }
    }
    /* What is left differs from 1 by rounding only, unless it is an item that must never be drawn. */
    uint32_t heaviest = 0;
    for (uint32_t i = 1; i < n; i++)
        if (share[i] > share[heaviest]) heaviest = i;
    while (n_large) s->probability[large[--n_large]] = 1;
    while (n_small) {
        uint32_t i = small[--n_small];
        s->probability[i] = share[i] > 0 ? 1 : 0;
        s->alias[i] = heaviest;
    }
done:
    mem_free(mass);
    mem_free(small);
    mem_free(large);
    return e;
}

lorec_err sampler_make(sampler *s, const interactions *train, sampler_kind kind, double exponent)
{
    *s = (sampler){.n_items = train->n_items};
    if (train->n_items == 0) return err_set(LOREC_INPUT, "there are no items to draw from");
    if (kind == SAMPLER_UNIFORM) return LOREC_OK;
    if (train->n == 0) return err_set(LOREC_INPUT, "no training interactions: popularity can not be drawn from");
    if (!isfinite(exponent)) return err_set(LOREC_USAGE, "the exponent of popularity has to be a finite number");
    double *share, sum = 0;
    TRY(mem_new(&share, s->n_items));
    for (uint64_t r = 0; r < train->n; r++) share[train->item[r]]++;
    double most = 0;
    for (uint32_t i = 0; i < s->n_items; i++) most = share[i] > most ? share[i] : most;
    for (uint32_t i = 0; i < s->n_items; i++) {
        share[i] = share[i] > 0 ? pow(share[i] / most, exponent) : 0;
        sum += share[i];
    }
    lorec_err e = mem_new(&s->log_q, s->n_items);
    if (!e && !isfinite(sum)) e = err_set(LOREC_USAGE, "popularity to the power of %g is not finite", exponent);
    for (uint32_t i = 0; i < s->n_items && !e; i++) {
        share[i] /= sum;
        s->log_q[i] = share[i] > 0 ? (float)log(share[i]) : -INFINITY;
    }
    if (!e) e = alias_make(s, share);
    mem_free(share);
    if (e) sampler_free(s);
    return e;
}

void sampler_free(sampler *s)
{
    mem_free(s->probability);
    mem_free(s->alias);
    mem_free(s->log_q);
    *s = (sampler){0};
}

uint32_t sampler_draw(const sampler *s, rng *r)
{
    uint32_t i = rng_below(r, s->n_items);
    if (!s->probability) return i;
    float u = (float)(rng_u32(r) >> 8) * 0x1p-24f;
    return u < s->probability[i] ? i : s->alias[i];
}

static bool listed(const uint32_t *sorted, size_t n, uint32_t item)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sorted[middle] < item)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && sorted[low] == item;
}

/* One pass over what is not listed: the same distribution as rejection, for lists that leave little. */
static uint32_t draw_from_rest(const sampler *s, rng *r, const uint32_t *sorted, size_t n)
{
    double sum = 0;
    uint32_t count = 0, kept = UINT32_MAX;
    size_t at = 0;
    for (uint32_t i = 0; i < s->n_items; i++) {
        while (at < n && sorted[at] < i) at++;
        if (at < n && sorted[at] == i) continue;
        count++;
        sum += s->log_q ? exp((double)s->log_q[i]) : 1;
    }
    if (!count) return UINT32_MAX;
    bool even = sum <= 0; /* only items without popularity are left: all the same then */
    double target = rng_uniform(r) * (even ? count : sum);
    at = 0;
    for (uint32_t i = 0; i < s->n_items; i++) {
        while (at < n && sorted[at] < i) at++;
        if (at < n && sorted[at] == i) continue;
        double mass = even || !s->log_q ? 1 : exp((double)s->log_q[i]);
        if (mass > 0) kept = i;
        target -= mass;
        if (target < 0 && mass > 0) break;
    }
    return kept;
}

uint32_t sampler_draw_not(const sampler *s, rng *r, const uint32_t *sorted, size_t n)
{
    for (int tries = 0; tries < REJECTIONS; tries++) {
        uint32_t i = sampler_draw(s, r);
        if (!listed(sorted, n, i)) return i;
    }
    return draw_from_rest(s, r, sorted, n);
}
