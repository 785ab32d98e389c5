/* text_metrics.h: how good generated texts are: beside what was meant (BLEU, ROUGE), beside each other (distinct-n, unique
 * sentences), and by the features that explanations should name (FMR, FCR, DIV).
 *
 *     bleu b = {0};
 *     TRY(bleu_add(&b, texts_at(&said, i), texts_at(&meant, i)));     // each pair
 *     double b4 = bleu_value(&b, 4);                                  // in [0, 1]; papers print it times 100
 *     rouge r;
 *     TRY(rouge_n(texts_at(&said, i), texts_at(&meant, i), 2, &r));   // r.precision, r.recall, r.f1 of one pair
 *     double u;
 *     TRY(text_unique(&said, &u));
 *
 * What a word is, is said by how the texts were cut (texts.h). All values but DIV's lie in [0, 1].
 *
 * Ownership: everything is borrowed for the call. */
#ifndef LOREC_EVAL_TEXT_METRICS_H
#define LOREC_EVAL_TEXT_METRICS_H

#include "eval/text/texts.h"

/* ---- bleu.c: BLEU of a corpus (Papineni et al., ACL 2002), one reference a text, no smoothing ------------------------- */

enum { BLEU_ORDERS = 4 };
typedef struct bleu {
    uint64_t shared[BLEU_ORDERS], said[BLEU_ORDERS]; /* n-grams that match, of those that there are */
    uint64_t said_words, meant_words;
} bleu;
lorec_err bleu_add(bleu *b, text_run said, text_run meant);
/* BLEU-n: the brevity penalty times the geometric mean of the precisions of 1 .. n; 0 where one of them is 0. */
double bleu_value(const bleu *b, size_t n);

/* ---- rouge.c: ROUGE of one pair (Lin 2004) ------------------------------------------------------------------------------ */

typedef struct rouge {
    double precision, recall, f1; /* 0 where a side has no n-gram */
} rouge;
lorec_err rouge_n(text_run said, text_run meant, size_t n, rouge *out);
lorec_err rouge_l(text_run said, text_run meant, rouge *out); /* longest common subsequence of the whole text */

/* ---- variety.c ----------------------------------------------------------------------------------------------------------- */

/* Different n-grams of all texts over all n-grams (Li et al., NAACL 2016); 0 where there are none. */
lorec_err text_distinct(const texts *t, size_t n, double *out);
/* USR: different texts over texts (Li et al., CIKM 2020). */
lorec_err text_unique(const texts *t, double *out);

/* ---- features.c: of explanations (Li et al., CIKM 2020). A feature is one word. -------------------------------------------- */

typedef struct text_features {
    double fmr; /* share of the texts that name their own feature, among those that have one */
    double fcr; /* share of all features that some text names */
    double div; /* mean number of features that two texts share, over all pairs of texts; lower is better */
} text_features;
/* own [said->n]: the feature that the text should name, or UINT32_MAX: none. is_feature [words]. LOREC_USAGE: no feature. */
lorec_err text_features_measure(const texts *said, const uint32_t *own, const bool *is_feature, size_t words,
                                text_features *out);

#endif
