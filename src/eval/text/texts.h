/* texts.h: texts as runs of numbered words, the form in which measures of generated text (text_metrics.h) read them.
 *
 *     texts said = {0}, meant = {0};
 *     ids words = {0};                                           // one vocabulary for texts that are compared
 *     TRY(texts_add(&said, &words, slice_of("a great film"), TEXT_SPACES));
 *     TRY(texts_add(&meant, &words, slice_of("a good film"), TEXT_SPACES));
 *     text_run run = texts_at(&said, 0);                         // run.word[0 .. run.n - 1]
 *     texts_free(&said);
 *
 * Ownership: texts own their arrays until texts_free; the vocabulary is the caller's. */
#ifndef LOREC_EVAL_TEXT_TEXTS_H
#define LOREC_EVAL_TEXT_TEXTS_H

#include "base/ids.h"

/* How a text is cut into words; a measure's value means nothing without it. */
typedef enum text_cut {
    TEXT_SPACES, /* what stands between blanks, as it is: texts that were cut into words before */
    TEXT_13A,    /* BLEU's own: mteval-v13a's, sacrebleu's default */
    TEXT_ALNUM   /* ROUGE's own: small letters, runs of a-z and 0-9 (rouge-score's, without stemming) */
} text_cut;

typedef struct texts {
    size_t n;
    uint32_t *word;
    uint64_t *start; /* [n + 1] */
    size_t word_cap, start_cap;
} texts;

typedef struct text_run {
    const uint32_t *word;
    size_t n;
} text_run;

lorec_err texts_add(texts *t, ids *words, slice text, text_cut how); /* one more; it may have no words */
lorec_err texts_add_words(texts *t, const uint32_t *word, size_t n); /* the same of numbers that are known */
void texts_free(texts *t);
static inline text_run texts_at(const texts *t, size_t i)
{
    return (text_run){t->word + t->start[i], (size_t)(t->start[i + 1] - t->start[i])};
}

/* How many n-grams two texts share, each as often as the text that has it less often. */
lorec_err text_shared(text_run a, text_run b, size_t n, size_t *shared);

#endif
