/* classify.h: texts, or pairs of texts, to the classes of a model that has a classifier: what `lorec lm train --objective classes`
 * makes, and Hugging Face's ...ForSequenceClassification.
 *
 *     classifier *c;
 *     TRY(classifier_open(&c, "models/reviews", &(classifier_options){0}));
 *     float *y;                                            // [n, classifier_classes(c)]
 *     TRY(classifier_logits(c, text, NULL, n, y));
 *     classifier_probabilities(c, y);                      // in place, of each row
 *     puts(classifier_name(c, 0));
 *     classifier_free(c);
 *
 * Ownership: a classifier owns its model, tokenizer and names until classifier_free; it is immutable, and threads may share it. */
#ifndef LOREC_LM_CLASSIFY_H
#define LOREC_LM_CLASSIFY_H

#include "lm/model_folder.h"
#include "text/tokenizer.h"

typedef struct classifier classifier;

typedef struct classifier_options {
    const char *tokenizer; /* NULL: the one in the model's folder */
    const char *adapter;   /* a folder with one that acts on the model, or NULL */
    lm_form form;
    bool bf16;          /* activations too */
    int64_t max_tokens; /* longer texts lose their end; 0: as many as the model has positions */
} classifier_options;

typedef enum classifier_kind {
    CLASSES_ONE_OF, /* probabilities add up to one */
    CLASSES_EACH,   /* "multi_label_classification": each by itself */
    CLASSES_VALUE   /* one output: a number as it is */
} classifier_kind;

/* LOREC_INPUT: the model has no classifier, or its names are not as many as its classes. */
lorec_err classifier_open(classifier **out, const char *path, const classifier_options *options);
void classifier_free(classifier *c);

int64_t classifier_classes(const classifier *c);
const char *classifier_name(const classifier *c, int64_t i); /* config.json's id2label, or "LABEL_0" ... */
classifier_kind classifier_kind_of(const classifier *c);

/* second NULL: single texts; otherwise pairs, framed as the tokenizer does (the second loses its end where both do not fit:
 * LOREC_INPUT if it has none left). A text without any token has NaNs. */
lorec_err classifier_logits(const classifier *c, const slice *text, const slice *second, size_t n, float *logits);
void classifier_probabilities(const classifier *c, float *row); /* of one text's logits, by the classifier's kind */

#endif
