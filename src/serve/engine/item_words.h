/* item_words.h: what an item is about, as a set of hashed words: for items that no model knows yet.
 *
 *     uint32_t *word, n;
 *     TRY(item_words(slices, 2, &word, &n));            // of title and description; ascending, each once
 *     mem_free(word);
 *
 *     word_sets s = {0};
 *     TRY(word_sets_of_data(&s, &dataset));             // of every item of a data set, and what a word is worth
 *     float w = s.weight[word[0]];
 *     word_sets_free(&s);
 *
 * Ownership: lists are the caller's; a word_sets owns its arrays. */
#ifndef LOREC_SERVE_ENGINE_ITEM_WORDS_H
#define LOREC_SERVE_ENGINE_ITEM_WORDS_H

#include "data/dataset.h"

enum { ITEM_WORDS = 1 << 16, ITEM_WORDS_MOST = 256 };

typedef struct word_sets {
    uint32_t n;      /* items */
    uint64_t *start; /* [n + 1] into word */
    uint32_t *word;  /* ascending within an item */
    float *weight;   /* [ITEM_WORDS] log((1 + items) / (1 + items with the word)) + 1 */
    size_t word_cap;
} word_sets;

/* Words beyond ITEM_WORDS_MOST of one item are left out. */
lorec_err item_words(const slice *texts, size_t n_texts, uint32_t **out, uint32_t *n);
/* Title and categories (the column "categories" or "genres"). Without either: no item has a word. */
lorec_err word_sets_of_data(word_sets *s, const dataset *d);
void word_sets_free(word_sets *s);

#endif
