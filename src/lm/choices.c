#include "lm/choices.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

void choices_free(choices *c)
{
    mem_free(c->token);
    mem_free(c->logp);
    mem_free(c->sum);
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

static lorec_err log_sum(const float *logits, int64_t vocab, double *out)
{
    float top = -INFINITY;
    for (int64_t i = 0; i < vocab; i++) {
        if (isnan(logits[i]) || logits[i] == INFINITY)
            return err_set(LOREC_FAILED, "the model's logit of token %lld is %g", (long long)i, (double)logits[i]);
        if (logits[i] > top) top = logits[i];
    }
    double sum = 0;
    for (int64_t i = 0; i < vocab; i++) sum += (double)expf(logits[i] - top);
    *out = top + log(sum);
    return LOREC_OK;
}

/* Running weights, cut at top_p; and logits become log probabilities. */
static void weigh(choices *c, const sampling *how, double log_total)
{
    double temperature = how->temperature > 0 ? how->temperature : 1, sum = 0, total = 0;
    double top = c->n ? c->logp[0] : 0;
    for (size_t i = 0; i < c->n; i++) c->sum[i] = total += exp((c->logp[i] - top) / temperature);
    if (how->top_p > 0 && how->top_p < 1) {
        size_t keep = 0;
        while (keep < c->n && (keep == 0 || sum < how->top_p * total)) sum = c->sum[keep++];
        c->n = keep;
    }
    for (size_t i = 0; i < c->n; i++) c->logp[i] = (float)(c->logp[i] - log_total);
}

lorec_err choices_make(choices *c, const float *logits, int64_t vocab, const token_list *only, const sampling *how)
{
    double log_total = 0;
    c->n = 0;
    TRY(log_sum(logits, vocab, &log_total));
    size_t all = only ? only->n : (size_t)vocab, k = all;
    if (how->top_k > 0 && (size_t)how->top_k < k) k = (size_t)how->top_k;
    if (how->temperature <= 0 && k > 1) k = 1;
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
    weigh(c, how, log_total);
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
