#include "base/mem.h"
#include "eval/text/text_metrics.h"

/* in[w]: how many texts name the feature w; a text counts once, whatever it repeats. */
static void count(const texts *said, const uint32_t *own, const bool *is_feature, size_t words, uint64_t *in,
                  size_t *seen, size_t *asked, size_t *named)
{
    for (size_t i = 0; i < said->n; i++) {
        text_run run = texts_at(said, i);
        bool hit = false;
        for (size_t k = 0; k < run.n; k++) {
            uint32_t w = run.word[k];
            hit = hit || w == own[i];
            if (w >= words || !is_feature[w] || seen[w] == i + 1) continue;
            seen[w] = i + 1;
            in[w]++;
        }
        *asked += own[i] != UINT32_MAX;
        *named += own[i] != UINT32_MAX && hit;
    }
}

lorec_err text_features_measure(const texts *said, const uint32_t *own, const bool *is_feature, size_t words,
                                text_features *out)
{
    uint64_t *in;
    size_t *seen, asked = 0, named = 0, features = 0, covered = 0;
    double shared = 0, n = (double)said->n;
    *out = (text_features){0};
    for (size_t w = 0; w < words; w++) features += is_feature[w];
    if (!features) return err_set(LOREC_USAGE, "there is no feature that a text could name");
    TRY(mem_new(&in, words));
    lorec_err e = mem_new(&seen, words);
    if (!e) count(said, own, is_feature, words, in, seen, &asked, &named);
    for (size_t w = 0; w < words && !e; w++) {
        covered += in[w] > 0;
        shared += (double)in[w] * ((double)in[w] - 1) / 2; /* pairs of texts that both name it */
    }
    *out = (text_features){asked ? (double)named / (double)asked : 0, (double)covered / (double)features,
                           said->n > 1 ? shared / (n * (n - 1) / 2) : 0};
    mem_free(in);
    mem_free(seen);
    return e;
}
