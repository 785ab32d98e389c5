/* lex.h: a template's source as tokens. What whitespace control removes ("-", "+", TEMPLATE_TRIM, the last newline) is
 * removed here, comments and raw blocks are resolved, so that the parser sees text, {{ }} and {% %} only.
 *
 *     lexed l;
 *     TRY(template_lex(&memory, source, n, trim, &l));
 *     for (size_t i = 0; i < l.n; i++) l.token[i].kind ...       // the last one is TOKEN_END
 *
 * Ownership: tokens and their texts are the memory's. */
#ifndef LOREC_TEXT_TEMPLATE_LEX_H
#define LOREC_TEXT_TEMPLATE_LEX_H

#include "text/template/value.h"

typedef enum token_kind {
    TOKEN_END,
    TOKEN_DATA,
    TOKEN_PRINT,     /* {{ */
    TOKEN_PRINT_END, /* }} */
    TOKEN_TAG,       /* {% */
    TOKEN_TAG_END,   /* %} */
    TOKEN_NAME,
    TOKEN_STRING, /* unescaped */
    TOKEN_INT,
    TOKEN_REAL,
    TOKEN_SIGN /* punctuation, one or two characters */
} token_kind;

typedef struct token {
    token_kind kind;
    unsigned line;
    const char *text; /* NUL-terminated; of n bytes, which may hold NUL */
    size_t n;
    int64_t i;
    double f;
} token;

typedef struct lexed {
    token *token;
    size_t n, cap;
    unsigned line; /* where it failed */
} lexed;

lorec_err template_lex(tp_memory *m, const char *source, size_t n, bool trim, lexed *out);

#endif
