#include "lm/decode/choices.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "lm/train/targets.h"
#include "tensor/cpu/kernels.h"

enum { FIRST_FEW = 64 }; /* best tokens looked at first, where top_p or min_p decides how many are needed */

void choices_free(choices *c)
{
    mem_free(c->token);
    mem_free(c->logp);
    mem_free(c->sum);
    mem_free(c->changed);
    *c = (choices){0};
}

/* Is (logit a, token i) before (logit b, token j)? */
static bool before(float a, int32_t i, float b, int32_t j)
{
    return a > b || (a == b && i < j);
}

static void swap(choices *c, size_t i, size_t j)
{
    float a = c->logp[i];
    int32_t token = c->token[i];
    c->logp[i] = c->logp[j];
    c->token[i] = c->token[j];
    c->logp[j] = a;
    c->token[j] = token;
}

static void sink(choices *c, size_t n, size_t i)
{
    for (;;) {
        size_t worst = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < n; child++)
            if (before(c->logp[worst], c->token[worst], c->logp[child], c->token[child])) worst = child;
        if (worst == i) return;
        swap(c, i, worst);
        i = worst;
    }
}

/* A heap whose root is the worst of the best k. */
static void offer(choices *c, size_t k, float logit, int32_t token)
{
    if (c->n < k) {
        c->token[c->n] = token;
        c->logp[c->n++] = logit;
        if (c->n == k)
            for (size_t i = k / 2; i-- > 0;) sink(c, k, i);
    } else if (before(logit, token, c->logp[0], c->token[0])) {
        c->token[0] = token;
        c->logp[0] = logit;
        sink(c, k, 0);
    }
}

static void sort(choices *c)
{
    for (size_t i = c->n / 2; i-- > 0;) sink(c, c->n, i);
    for (size_t left = c->n; left > 1; left--) {
        swap(c, 0, left - 1);
        sink(c, left - 1, 0);
    }
}

/* The k best of all that may be taken; their logits in c->logp, best first. */
static lorec_err best(choices *c, const float *logits, int64_t vocab, const token_list *only, size_t k)
{
    size_t all = only ? only->n : (size_t)vocab;
    if (k > all) k = all;
    c->n = 0;
    TRY(mem_grow(&c->token, &c->token_cap, k));
    TRY(mem_grow(&c->logp, &c->logp_cap, k));
    TRY(mem_grow(&c->sum, &c->sum_cap, k));
    for (size_t i = 0; i < all && k; i++) {
        int32_t token = only ? only->token[i] : (int32_t)i;
        if (token < 0 || token >= vocab)
            return err_set(LOREC_USAGE, "a constraint allows token %d where there are %lld", token, (long long)vocab);
        if (logits[token] != -INFINITY) offer(c, k, logits[token], token);
    }
    sort(c);
    return LOREC_OK;
}

static double weight_of(float logit, float top, const sampling *how)
{
    return exp(((double)logit - (double)top) / (how->temperature > 0 ? how->temperature : 1));
}

/* Of all that may be taken. */
static double weight_of_all(const choices *c, const float *logits, int64_t vocab, const token_list *only,
                            const sampling *how)
{
    double total = 0;
    for (size_t i = 0; i < (only ? only->n : (size_t)vocab); i++)
        total += weight_of(logits[only ? only->token[i] : (int32_t)i], c->logp[0], how);
    return total;
}

/* Running weights, cut at top_p of `total` (0: of these) and min_p; false: more of them are needed to tell. */
static bool cut(choices *c, const sampling *how, double total)
{
    double sum = 0, part = how->top_p > 0 && how->top_p < 1 ? how->top_p : 0;
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++) {
        double w = weight_of(c->logp[i], c->logp[0], how);
        c->sum[i] = sum += w;
        if (w >= how->min_p) n = i + 1;
    }
    bool enough = total == 0 || n < c->n || (part > 0 && sum >= part * total);
    if (total == 0) total = sum;
    size_t keep = 0;
    while (part > 0 && keep < c->n && (keep == 0 || c->sum[keep - 1] < part * total)) keep++;
    c->n = part > 0 && keep < n ? keep : n;
    return enough;
}

lorec_err sampling_check(const sampling *how)
{
    const struct {
        const char *name;
        double value, most;
    } rows[] = {{"temperature", how->temperature, 1e6},
                {"top_k", (double)how->top_k, 1e18},
                {"top_p", how->top_p, 1},
                {"min_p", how->min_p, 1},
                {"repetition", how->repetition, 1e6}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!(rows[i].value >= 0 && rows[i].value <= rows[i].most))
            return err_set(LOREC_USAGE, "%s is %g; it has to be 0 to %g", rows[i].name, rows[i].value, rows[i].most);
    return LOREC_OK;
}

lorec_err choices_make(choices *c, const float *logits, int64_t vocab, const token_list *only, const sampling *how)
{
    double log_total = 0;
    size_t all = only ? only->n : (size_t)vocab, k = all;
    bool open = how->top_k <= 0 && how->temperature > 0 &&
                ((how->top_p > 0 && how->top_p < 1) || how->min_p > 0); /* how many are needed shows as they come */
    if (how->top_k > 0 && (size_t)how->top_k < k) k = (size_t)how->top_k;
    if (how->temperature <= 0 && k > 1) k = 1;
    c->n = 0;
    bool any = false; /* otherwise nothing can be taken */
    for (int64_t i = 0; i < vocab && !any; i++) any = logits[i] != -INFINITY;
    if (any) TRY(log_sum_exp(logits, vocab, &log_total));
    for (size_t some = open ? FIRST_FEW : k;; some *= 8) {
        TRY(best(c, logits, vocab, only, some < k ? some : k));
        if (c->n == 0) return LOREC_OK;
        if (cut(c, how, open ? weight_of_all(c, logits, vocab, only, how) : 0) || some >= k) break;
    }
    for (size_t i = 0; i < c->n; i++) c->logp[i] = (float)((double)c->logp[i] - log_total);
    return LOREC_OK;
}

lorec_err choices_repeat(choices *c, const float *logits, int64_t vocab, const int32_t *said, size_t n,
                         const sampling *how, const float **out)
{
    *out = logits;
    if (how->repetition == 0 || how->repetition == 1 || n == 0) return LOREC_OK;
    TRY(mem_grow(&c->changed, &c->changed_cap, (size_t)vocab));
    memcpy(c->changed, logits, (size_t)vocab * sizeof *logits);
    for (size_t i = 0; i < n; i++) {
        float x = logits[said[i]];
        c->changed[said[i]] = x > 0 ? x / how->repetition : x * how->repetition;
    }
    *out = c->changed;
    return LOREC_OK;
}

size_t choices_draw(const choices *c, rng *r)
{
    double at = rng_uniform(r) * c->sum[c->n - 1];
    size_t low = 0, high = c->n - 1;
    while (low < high) { /* the first running sum above it */
        size_t middle = low + (high - low) / 2;
        if (c->sum[middle] > at)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}
