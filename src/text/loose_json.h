/* loose_json.h: JSON as other people's programs write it, made into what a strict parser takes.
 *
 *     json_t *j;
 *     size_t repairs;
 *     TRY(loose_json(&j, bytes, n, "reply", &repairs));         // LOREC_INPUT only where there is no value in it at all
 *
 * Repaired: bytes that are no UTF-8, and halves of surrogate pairs (both become U+FFFD); NaN and Infinity (null); control
 * characters inside strings; and, with loose_json_value, what language models do: a value inside other text or a markdown
 * fence, single quotes, words without quotes, Python's True, False, None, comments, commas too many or missing, a value
 * that breaks off in the middle.
 *
 * Ownership: the tree is the caller's, to json_decref. */
#ifndef LOREC_TEXT_LOOSE_JSON_H
#define LOREC_TEXT_LOOSE_JSON_H

#include "base/json.h"

/* A server's reply: all of it is one value. Duplicate keys: the last one counts. */
lorec_err loose_json(json_t **out, const char *text, size_t n, const char *where, size_t *repairs);

/* The first object or list in what a model wrote; where_it_stood (or NULL) gets its bytes. */
lorec_err loose_json_value(json_t **out, const char *text, size_t n, size_t *repairs, slice *where_it_stood);

/* The same text as valid UTF-8, appended; how many places were mended. */
lorec_err utf8_repair(buf *out, const char *text, size_t n, size_t *repairs);

#endif
