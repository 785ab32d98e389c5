#include "base/mem.h"
#include "eval/text/text_metrics.h"

static rouge of_counts(size_t shared, size_t said, size_t meant)
{
    rouge r = {said ? (double)shared / (double)said : 0, meant ? (double)shared / (double)meant : 0, 0};
    if (shared) r.f1 = 2 * r.precision * r.recall / (r.precision + r.recall);
    return r;
}

lorec_err rouge_n(text_run said, text_run meant, size_t n, rouge *out)
{
    size_t shared;
    TRY(text_shared(said, meant, n, &shared));
    *out = of_counts(shared, said.n >= n ? said.n - n + 1 : 0, meant.n >= n ? meant.n - n + 1 : 0);
    return LOREC_OK;
}

/* length[j]: of the longest common subsequence of the words of `said` so far and the first j of `meant`. */
lorec_err rouge_l(text_run said, text_run meant, rouge *out)
{
    size_t *length;
    TRY(mem_new(&length, meant.n + 1));
    for (size_t i = 0; i < said.n; i++) {
        size_t before = 0; /* length[j - 1] without this word */
        for (size_t j = 1; j <= meant.n; j++) {
            size_t old = length[j];
            if (said.word[i] == meant.word[j - 1])
                length[j] = before + 1;
            else if (length[j - 1] > old)
                length[j] = length[j - 1];
            before = old;
        }
    }
    *out = of_counts(length[meant.n], said.n, meant.n);
    mem_free(length);
    return LOREC_OK;
}
