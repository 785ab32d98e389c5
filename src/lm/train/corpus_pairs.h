/* corpus_pairs.h: corpora whose examples are more than one sequence, or one and a class, from *.jsonl with one object a line:
 *
 *     PAIRS_ANSWERS    {"prompt": TEXT, "answer": TEXT}                     a: the prompt, b: the answer (an encoder-decoder's)
 *     PAIRS_CLASSES    {"text": TEXT, "label": NAME or number}              a: the text
 *     PAIRS_ALIKE      {"anchor": TEXT, "positive": TEXT}                   a, b: two texts that belong together
 *     PAIRS_PREFERRED  {"prompt": TEXT, "chosen": TEXT, "rejected": TEXT}   a, b: the prompt with each; learned: the answers
 *
 *     corpus_pairs p = {0};
 *     TRY(corpus_pairs_read(&p, PAIRS_CLASSES, tokenizer, 256, "reviews.jsonl"));
 *     corpus_pairs_free(&p);
 *
 * Texts are framed as the tokenizer does ([CLS] .. [SEP]; .. </s>), but of PAIRS_PREFERRED, which are as in corpus.h. What is too
 * long loses its end (answers: LOREC_INPUT; prompts before them: their beginning). Other files than *.jsonl are LOREC_INPUT.
 *
 * Ownership: a corpus_pairs owns its arrays until corpus_pairs_free. */
#ifndef LOREC_LM_TRAIN_CORPUS_PAIRS_H
#define LOREC_LM_TRAIN_CORPUS_PAIRS_H

#include "lm/train/corpus.h"

typedef enum pairs_form { PAIRS_ANSWERS, PAIRS_CLASSES, PAIRS_ALIKE, PAIRS_PREFERRED } pairs_form;

typedef struct corpus_pairs {
    pairs_form form;
    corpus a, b;    /* of as many sequences; PAIRS_CLASSES: a alone */
    int32_t *label; /* [a.n] */
    char **name;    /* [classes] as the files call them, numbered as they come; numbers are their own */
    int64_t classes;
    size_t label_cap, name_cap;
} corpus_pairs;

/* Appended; classes that are there keep their numbers. */
lorec_err corpus_pairs_read(corpus_pairs *p, pairs_form form, const tokenizer *t, int64_t context, const char *path);
lorec_err corpus_pairs_split(corpus_pairs *p, corpus_pairs *other, double share); /* as corpus_split */
void corpus_pairs_free(corpus_pairs *p);

#endif
