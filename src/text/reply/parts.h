/* parts.h: what the readers of replies share.
 *
 *     TRY(reply_strip(text, n, &clean, counts));                // UTF-8, without thoughts and fences
 *     TRY(reply_find(titles, entry, form, &found));             // which candidate an entry means
 *
 * Ownership: buffers are the caller's. */
#ifndef LOREC_TEXT_REPLY_PARTS_H
#define LOREC_TEXT_REPLY_PARTS_H

#include "text/reply.h"

lorec_err reply_strip(const char *text, size_t n, buf *out, reply_counts *counts);

typedef enum reply_how { REPLY_AS_IS, REPLY_NORMALISED, REPLY_NEAREST } reply_how;
typedef struct reply_found {
    int64_t item; /* or REPLY_NOTHING */
    reply_how how;
    bool ambiguous, cut; /* fits several; the beginning of a title only */
} reply_found;

/* The candidate that `entry` names, alone or with words around it. `taken` (or NULL): of several that fit, one that is not
 * taken yet. `last`: the text ends here, so that a title may be cut. */
lorec_err reply_find(const reply_titles *t, slice entry, const reply_form *form, const unsigned char *taken, bool last,
                     reply_found *out);
/* The title that the entry begins with: *bytes is how much of its normal form that takes. */
lorec_err reply_find_prefix(const reply_titles *t, slice entry, const unsigned char *taken, reply_found *out,
                            size_t *bytes);
/* The same where the entry is a title and nothing else. */
lorec_err reply_find_whole(const reply_titles *t, slice entry, const unsigned char *taken, reply_found *out);
size_t reply_titles_count(const reply_titles *t);
/* Case folded, without accents, punctuation turned into single blanks; appended. */
lorec_err reply_normal(slice text, buf *out);

/* An entry of a list, as text and label: "3. **Alien** (1979)" is 3 and "**Alien** (1979)". */
typedef struct reply_entry {
    slice text, whole; /* without and with its label */
    int64_t label;     /* the number before it, letters as 1, 2 ...; or REPLY_NOTHING */
    bool letter;
} reply_entry;
typedef struct reply_entries {
    reply_entry *entry;
    size_t n, cap;
    bool numbered; /* lines begin with numbers */
    bool commas;   /* cut at commas, which titles may hold too */
} reply_entries;
lorec_err reply_split(slice text, const reply_form *form, reply_entries *out);
reply_entry reply_label(slice line, bool letters);

/* The entries of a JSON value; their texts live in `keep`. */
lorec_err reply_json_entries(const json_t *j, reply_entries *out);

#endif
