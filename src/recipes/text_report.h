/* text_report.h: texts that a method wrote beside those that were meant, and all that is measured of them, as numbers of a study.
 *
 *     text_report r = {0};
 *     TRY(text_report_add(&r, written, meant, feature));       // each pair; feature empty: none
 *     TRY(text_report_json(&r, &features, "explanation", numbers));    // "explanation bleu-4": .01, ...; features NULL: none
 *     text_report_free(&r);
 *
 * All values are fractions (papers print most of them times 100). Texts are cut at blanks, small letters, for BLEU, distinct-n, USR
 * and features; ROUGE cuts in its own way (eval/text/texts.h). Of ROUGE the means over the pairs are told.
 *
 * Ownership: a report owns its texts until text_report_free. */
#ifndef LOREC_RECIPES_TEXT_REPORT_H
#define LOREC_RECIPES_TEXT_REPORT_H

#include "base/json.h"
#include "eval/text/text_metrics.h"
#include "recipes/explanations.h"

typedef struct text_report {
    ids words, rouge_words;
    texts said, meant, rouge_said, rouge_meant;
    uint32_t *own; /* [said.n] the feature that each should name, a number of `words` */
    size_t own_cap;
} text_report;

lorec_err text_report_add(text_report *r, slice said, slice meant, slice feature);
lorec_err text_report_json(text_report *r, const feature_words *features, const char *what, json_t *into);
void text_report_free(text_report *r);

#endif
