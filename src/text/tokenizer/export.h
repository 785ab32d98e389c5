/* export.h: inside export: a vocabulary that was made of a tokenizer is read again, and has to do as the tokenizer does.
 *
 *     TRY(export_check(t, "qwen2", &v));       // v.pre is the name in GGUF of how it cuts words
 *
 * Ownership: v.pre is `pre`, or v.owned_pre, which goes with v. */
#ifndef LOREC_TEXT_TOKENIZER_EXPORT_H
#define LOREC_TEXT_TOKENIZER_EXPORT_H

#include "text/tokenizer/parts.h"

/* pre: what to try first for a byte-level vocabulary, or NULL. LOREC_INPUT: GGUF can not say what it does; v is as it was. */
lorec_err export_check(const tokenizer *t, const char *pre, tokenizer_vocabulary *v);
/* Texts on which tokenizers differ: do both give the same ids? *text: the first on which they do not, or NULL. */
lorec_err export_same(const tokenizer *a, const tokenizer *b, const char **text);

#endif
