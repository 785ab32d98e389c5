/* sentencepiece.h: from pieces with scores and types to a tokenizer that does as SentencePiece.
 *
 *     sentencepiece s = {.bpe = true, .dummy_prefix = true, .escape = true};
 *     TRY(vocabulary_add(&t->vocabulary, id, piece, score, type)); ...     // all of them
 *     TRY(sentencepiece_finish(t, &s));                                    // before tokenizer_finish
 *
 * Ownership: `charsmap` is copied. */
#ifndef LOREC_TEXT_TOKENIZER_SENTENCEPIECE_H
#define LOREC_TEXT_TOKENIZER_SENTENCEPIECE_H

#include "text/tokenizer/parts.h"

typedef struct sentencepiece {
    bool bpe;          /* else Unigram */
    bool dummy_prefix; /* a space before every text (after it, with `suffix`) */
    bool suffix;       /* spaces end words instead of beginning them */
    bool remove_extra; /* spaces at the ends go, several become one */
    bool escape;       /* spaces are written "▁" */
    slice charsmap;
} sentencepiece;

/* ChatGLM-6B's (icetk.c): before the steps that every vocabulary has. */
bool icetk_is(const tokenizer *t);
lorec_err icetk_begin(tokenizer *t);

lorec_err sentencepiece_finish(tokenizer *t, const sentencepiece *s);

#endif
