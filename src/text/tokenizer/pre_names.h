/* pre_names.h: how byte-level vocabularies of GGUF files cut texts into words: tokenizer.ggml.pre names it, and a table knows
 * the patterns that the model's own tokenizer uses.
 *
 *     const pre_name *p = pre_name_find("qwen2");     // NULL: not known
 *     for (size_t i = 0; p->pattern[i]; i++) ...      // each cuts what the one before left, matches and gaps alike
 *
 * Ownership: everything is static. */
#ifndef LOREC_TEXT_TOKENIZER_PRE_NAMES_H
#define LOREC_TEXT_TOKENIZER_PRE_NAMES_H

#include "base/err.h"

enum { PRE_PATTERNS = 8 };
typedef struct pre_name {
    const char *names; /* blanks between */
    const char *pattern[PRE_PATTERNS];
    int ignore_merges; /* a word that is a token is that token */
    int add_bos;       /* unless the file says otherwise */
    int add_sep;       /* framed as RoBERTa: <s> text </s> */
    int characters;    /* characters and <0xNN> instead of bytes; spaces as "▁" */
} pre_name;

const pre_name *pre_name_find(const char *name);
const pre_name *pre_name_at(size_t i); /* NULL: there are no more */

#endif
