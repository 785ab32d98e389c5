#include "lm/train/targets.h"

#include <math.h>

#include "base/mem.h"
#include "base/threads.h"
#include "tensor/cpu/kernels.h"

enum { PIECE = 4096 };

lorec_err log_sum_exp(const float *logits, int64_t n, double *out)
{
    const isa_kernels *cpu = isa();
    float piece[PIECE], top = cpu->max_f32((size_t)n, logits);
    double sum = 0;
    for (int64_t i = 0; i < n; i += PIECE)
        sum += (double)cpu->exp_shift_f32((size_t)(n - i < PIECE ? n - i : PIECE), logits + i, top, piece);
    *out = (double)top + log(sum);
    if (isfinite(*out)) return LOREC_OK;
    for (int64_t i = 0; i < n; i++)
        if (isnan(logits[i]) || logits[i] == INFINITY)
            return err_set(LOREC_FAILED, "the model's logit of token %lld is %g", (long long)i, (double)logits[i]);
    return err_set(LOREC_FAILED, "the model gives no token any probability");
}

lorec_err targets_add(targets *t, int64_t want, int32_t token)
{
    TRY(mem_grow(&t->target, &t->cap, t->n + 1));
    TRY(mem_grow(&t->logp, &t->logp_cap, t->n + 1));
    t->target[t->n++] = (target){want, token};
    return LOREC_OK;
}

void targets_clear(targets *t)
{
    t->n = t->done = 0;
}

void targets_free(targets *t)
{
    mem_free(t->target);
    mem_free(t->logp);
    *t = (targets){0};
}

typedef struct taking {
    targets *t;
    int64_t first, vocab;
    const float *logits;
    size_t end; /* of the targets that are among them */
} taking;

static size_t first_of(const taking *k, int64_t want)
{
    size_t lo = k->t->done, hi = k->end;
    while (lo < hi) {
        size_t middle = lo + (hi - lo) / 2;
        if (k->t->target[middle].want < want)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}

static lorec_err take_rows(void *ctx, size_t begin, size_t end, int worker)
{
    const taking *k = ctx;
    (void)worker;
    for (size_t r = begin; r < end; r++) {
        const float *row = k->logits + r * (size_t)k->vocab;
        int64_t want = k->first + (int64_t)r;
        double total;
        TRY(log_sum_exp(row, k->vocab, &total));
        for (size_t i = first_of(k, want); i < k->end && k->t->target[i].want == want; i++)
            k->t->logp[i] = (double)row[k->t->target[i].token] - total;
    }
    return LOREC_OK;
}

lorec_err targets_take(void *ctx, int64_t first, int64_t n, const float *logits)
{
    targets *t = ctx;
    taking k = {.t = t, .first = first, .vocab = lm_session_vocab(t->session), .logits = logits, .end = t->n};
    k.end = first_of(&k, first + n);
    TRY(par_for((size_t)n, 1, take_rows, &k));
    t->done = k.end;
    return LOREC_OK;
}
