#include "eval/text/text_metrics.h"

/* The bytes of a run of words, as the name of what it is. */
static lorec_err see(ids *seen, const uint32_t *word, size_t n)
{
    uint32_t number;
    return ids_add(seen, n ? (slice){(const char *)word, n * sizeof *word} : (slice){"", 0}, &number);
}

lorec_err text_distinct(const texts *t, size_t n, double *out)
{
    ids seen = {0};
    size_t all = 0;
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < t->n && !e; i++) {
        text_run run = texts_at(t, i);
        for (size_t k = 0; k + n <= run.n && !e; k++, all++) e = see(&seen, run.word + k, n);
    }
    *out = all ? (double)seen.n / (double)all : 0;
    ids_free(&seen);
    return e;
}

lorec_err text_unique(const texts *t, double *out)
{
    ids seen = {0};
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < t->n && !e; i++) {
        text_run run = texts_at(t, i);
        e = see(&seen, run.word, run.n);
    }
    *out = t->n ? (double)seen.n / (double)t->n : 0;
    ids_free(&seen);
    return e;
}
