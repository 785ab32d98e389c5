/* train.h: what the two ways to make a vocabulary share: the corpus as words with their counts.
 *
 *     TRY(train_bpe(tr->word, tr->n, settings, &file));
 *
 * Ownership: words are the trainer's; what a way makes is the caller's. */
#ifndef LOREC_TEXT_TOKENIZER_TRAIN_PARTS_H
#define LOREC_TEXT_TOKENIZER_TRAIN_PARTS_H

#include "base/mem.h"
#include "text/tokenizer_train.h"

typedef struct counted_word {
    slice text; /* bytes; of Unigram: UTF-8 with "▁" for spaces */
    uint64_t count;
} counted_word;

/* Words come sorted by their bytes. */
lorec_err train_bpe(const counted_word *word, size_t n, const tokenizer_training *s, json_t **file);
lorec_err train_unigram(const counted_word *word, size_t n, const tokenizer_training *s, json_t **file);

typedef struct train_steps { /* as rows of a tokenizer.json; normalizer NULL: none */
    const char *normalizer, *pre_tokenizer, *decoder;
} train_steps;

/* "version", "added_tokens" and the steps around a model, which is taken over. */
lorec_err train_file(json_t *model, const tokenizer_training *s, const train_steps *around, json_t **file);
lorec_err train_out_of_memory(void);

#endif
