/* charsmap.h: SentencePiece's precompiled normalisation rules: a double-array trie of byte strings and what replaces them.
 *
 * The format: u32 size of the trie in bytes, little-endian; the trie as u32 units (Darts' layout: bits 0-7 and 31
 * label, bit 8 has a leaf, bits 9 and 10-30 offset; a leaf's low 31 bits are its value); then the replacements, each
 * ended by a NUL, which values index.
 *
 *     charsmap m;
 *     TRY(charsmap_open(&m, bytes));
 *     slice with;
 *     size_t n = charsmap_longest(&m, text, &with);     // the first n bytes of text become `with`; 0: no rule
 *     charsmap_free(&m);
 *
 * Ownership: a charsmap owns a copy of the bytes until charsmap_free. */
#ifndef LOREC_TEXT_TOKENIZER_CHARSMAP_H
#define LOREC_TEXT_TOKENIZER_CHARSMAP_H

#include "base/str.h"

typedef struct charsmap {
    uint32_t *unit;
    size_t units;
    char *text;
    size_t n;
} charsmap;

lorec_err charsmap_open(charsmap *m, slice bytes);     /* an empty slice: no rules */
lorec_err charsmap_bytes(const charsmap *m, buf *out); /* what it was opened from, appended */
void charsmap_free(charsmap *m);
size_t charsmap_longest(const charsmap *m, slice text, slice *with);  /* as SentencePiece looks rules up */
size_t charsmap_shortest(const charsmap *m, slice text, slice *with); /* as Hugging Face's tokenizers does */

#endif
