#include <math.h>

#include "eval/text/text_metrics.h"

lorec_err bleu_add(bleu *b, text_run said, text_run meant)
{
    for (size_t n = 1; n <= BLEU_ORDERS; n++) {
        size_t shared;
        TRY(text_shared(said, meant, n, &shared));
        b->shared[n - 1] += shared;
        b->said[n - 1] += said.n >= n ? said.n - n + 1 : 0;
    }
    b->said_words += said.n;
    b->meant_words += meant.n;
    return LOREC_OK;
}

double bleu_value(const bleu *b, size_t n)
{
    double logs = 0;
    for (size_t k = 0; k < n; k++) {
        if (!b->shared[k]) return 0;
        logs += log((double)b->shared[k] / (double)b->said[k]);
    }
    double brevity = b->said_words < b->meant_words ? 1 - (double)b->meant_words / (double)b->said_words : 0;
    return exp(brevity + logs / (double)n);
}
