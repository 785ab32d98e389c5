/* regex.h: regular expressions over UTF-8 (PCRE2), with the words that tokenizer files use and a bound on the work.
 *
 *     regex *words;
 *     TRY(regex_new(&words, slice_of("\\p{L}+| ?\\p{N}{1,3}"), REGEX_PLAIN));
 *     regex_scratch *s;
 *     TRY(regex_scratch_new(&s));
 *     regex_match m = {0};
 *     do TRY(regex_next(words, s, text, &m));        // m.begin, m.end
 *     while (m.found);
 *     regex_scratch_free(s);
 *     regex_free(words);
 *
 * Patterns are those of Oniguruma and of Rust's regex, which Hugging Face's files are written for: \s, \d and \w are
 * Unicode's, ^ and $ are ends of lines, [A&&[^B]] is an intersection. A pattern that needs too many steps on a text
 * is an error (LOREC_INPUT), not a hang.
 *
 * Ownership: a regex is immutable and may be shared; a scratch belongs to one thread at a time. */
#ifndef LOREC_TEXT_REGEX_H
#define LOREC_TEXT_REGEX_H

#include "base/str.h"

typedef struct regex regex;
typedef struct regex_scratch regex_scratch;
typedef enum regex_kind { REGEX_PLAIN, REGEX_LITERAL } regex_kind;
typedef struct regex_match {
    bool found;
    size_t begin, end;
} regex_match;

lorec_err regex_new(regex **out, slice pattern, regex_kind kind);
void regex_free(regex *r);
lorec_err regex_scratch_new(regex_scratch **out);
void regex_scratch_free(regex_scratch *s);
void regex_scratch_start(regex_scratch *s, size_t text_bytes); /* a new text: its time budget starts now */

/* The first match at or after byte `from`, which stands between characters of the valid UTF-8 `text`. */
lorec_err regex_find(const regex *r, regex_scratch *s, slice text, size_t from, regex_match *out);
/* From one match to the next; *m is {0} before the first. An empty match where the one before ended is none. */
lorec_err regex_next(const regex *r, regex_scratch *s, slice text, regex_match *m);

#endif
