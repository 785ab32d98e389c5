/* lm_train_lesson.h: what `lorec lm train` learns from, and what for: the corpus as the objective needs it, and the tasks of
 * training and validation.
 *
 *     lm_lesson l = {.words = &w, .model = model, .tokenizer = tokenizer, .adapters = &set};
 *     TRY(lm_lesson_open(&l, context));
 *     use(l.task, l.valid);                 // valid NULL: nothing to validate on
 *     lm_lesson_free(&l);
 *
 * Ownership: a lesson borrows words, model, tokenizer, chat and adapters, and owns the rest; its tasks point into it. */
#ifndef LOREC_CLI_LM_TRAIN_LESSON_H
#define LOREC_CLI_LM_TRAIN_LESSON_H

#include "cli/lm/train_parts.h"
#include "lm/train/train.h"

typedef struct lm_lesson {
    const lm_train_words *words;
    lm_model *model;
    const tokenizer *tokenizer;
    const chat_template *chat;   /* or NULL */
    const adapter_set *adapters; /* or NULL */

    const lm_task *task, *valid;
    int64_t context; /* tokens of a text at most */
    int64_t sequences, longest,
        learned;      /* of training: examples, tokens of the longest, tokens to be said (0: a class or
                                          * a likeness is learned) */
    bool says_tokens; /* the loss is -log p of tokens, so it has a perplexity */

    corpus texts, valid_texts;
    corpus_pairs pairs, valid_pairs;
    lm_corpus_task of_texts, of_valid_texts;
    lm_pairs_task of_pairs, of_valid_pairs;
    lm_model *teacher;
    tensor *log_scale;
} lm_lesson;

lorec_err lm_lesson_open(lm_lesson *l, int64_t context);
lorec_err lm_lesson_identity(const lm_lesson *l, buf *out);       /* appended: a hash of what is learned from */
lorec_err lm_lesson_save(const lm_lesson *l, const char *folder); /* what goes beside the model, of the objective */
void lm_lesson_free(lm_lesson *l);

#endif
