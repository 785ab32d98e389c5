/* json_only.h: a constraint that lets nothing out but one JSON object (RFC 8259), whatever its fields: a pushdown automaton over
 * bytes that reads each token's text.
 *
 *     json_only j = {0};
 *     TRY(json_only_of(&j, tokenizer, vocab));                 // the text of each token
 *     constraint only = constraint_of_json(&j);                // for a batch_request; ends with the object's last brace
 *     json_only_free(&j);
 *
 * At most JSON_DEPTH objects and lists within each other, and JSON_BLANKS blanks in a row, so that a model can not go on with
 * blanks for ever. Where max_tokens comes first the text is the beginning of such an object.
 *
 * Ownership: a json_only owns its texts and has to outlive its constraint; any number of threads may use it. */
#ifndef LOREC_LM_DECODE_JSON_ONLY_H
#define LOREC_LM_DECODE_JSON_ONLY_H

#include "base/str.h"
#include "lm/decode/constraint.h"
#include "text/tokenizer.h"

enum { JSON_DEPTH = 64, JSON_BLANKS = 24 };

typedef struct json_only {
    buf text;        /* of all tokens, one after the other */
    uint32_t *begin; /* [n + 1] */
    bool *plain;     /* [n] nothing in it ends or bends a string */
    size_t n, begin_cap, plain_cap;
} json_only;

/* The first `vocab` tokens. Those without a text (special ones) never come. */
lorec_err json_only_of(json_only *j, const tokenizer *t, int64_t vocab);
lorec_err json_only_add(json_only *j, slice text); /* the next token's */
void json_only_free(json_only *j);
constraint constraint_of_json(const json_only *j);

#endif
