/* words.h: a text's words as people see them: runs of letters and digits, case and accents folded. For indexes of words
 * (BM25, overlap measures), not for language models.
 *
 *     ids vocabulary = {0};
 *     word_list w = {0};
 *     TRY(words_read(slice_of("Amélie (2001)"), &vocabulary, true, &w));    // numbers of "amelie", "2001", appended
 *     word_list_free(&w);
 *
 * Ownership: the list and the vocabulary are the caller's. */
#ifndef LOREC_TEXT_WORDS_H
#define LOREC_TEXT_WORDS_H

#include "base/ids.h"

typedef struct word_list {
    uint32_t *word;
    size_t n, cap;
} word_list;

enum { WORD_UNKNOWN = UINT32_MAX };
/* add: new words get numbers; otherwise they are WORD_UNKNOWN. Characters without spaces between words (Chinese,
 * Japanese, Thai ...) are words one by one. */
lorec_err words_read(slice text, ids *vocabulary, bool add, word_list *out);
/* Pieces between blanks, marks on their own ("Zelda: A Link" is Zelda, :, A, Link), case and accents as they are: near to
 * what NLTK makes of titles. */
lorec_err words_read_tokens(slice text, ids *vocabulary, bool add, word_list *out);
/* Every character but blanks, as it is. */
lorec_err words_read_characters(slice text, ids *vocabulary, bool add, word_list *out);
void word_list_free(word_list *w);

/* The words themselves, appended to `out` with a blank between each two: "Amélie (2001)" is "amelie 2001". */
lorec_err words_fold(slice text, buf *out);

#endif
