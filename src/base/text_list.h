/* text_list.h: a growing list of texts that lie elsewhere: words of a command line, "name=value" options.
 *
 *     text_list words = {0};
 *     TRY(text_list_add(&words, "ease"));
 *     use(words.item, words.n);
 *     text_list_free(&words);
 *
 * Ownership: the list's array is its own until text_list_free; the texts are borrowed. */
#ifndef LOREC_BASE_TEXT_LIST_H
#define LOREC_BASE_TEXT_LIST_H

#include <stddef.h>

#include "base/err.h"

typedef struct text_list {
    const char **item;
    size_t n, cap;
} text_list;

lorec_err text_list_add(text_list *l, const char *item);
void text_list_free(text_list *l);

#endif
