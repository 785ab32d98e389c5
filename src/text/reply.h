/* reply.h: what a language model wrote, read as what it was asked for. Total: any bytes give an answer, if only an empty
 * one, and every repair is counted, so that a report can say how much of a result is the parser's.
 *
 *     reply_titles *titles;
 *     TRY(reply_titles_make(&titles, candidates, n));            // once for a candidate list or a whole catalogue
 *     reply_list ranked = {0};
 *     reply_counts counts = {0};                                 // summed over many replies
 *     TRY(reply_ranking(titles, text, n_bytes, &(reply_form){.wanted = 10, .labels = REPLY_NUMBERS}, &ranked, &counts));
 *     ranked.item[0 .. ranked.n - 1]                             // candidates, best first, each once
 *     reply_list_free(&ranked);
 *     reply_titles_free(titles);
 *
 * A title is looked for as it stands; then without case, accents, punctuation and the year; then inside what stands around
 * it; then within a bounded edit distance. What fits no candidate is counted as invented and left out.
 *
 * Ownership: titles copy what they are made from and are immutable; lists are the caller's; counts are added to. */
#ifndef LOREC_TEXT_REPLY_H
#define LOREC_TEXT_REPLY_H

#include "base/json.h"

typedef struct reply_counts {
    int64_t replies;
    int64_t clean;                           /* nothing had to be repaired */
    int64_t empty;                           /* nothing could be taken from it */
    int64_t refusals;                        /* of those, replies that say they will not */
    int64_t fences, thoughts;                /* replies with a markdown fence; with a <think> part before the answer */
    int64_t json_repairs, bad_utf8;          /* places mended */
    int64_t broken_off;                      /* replies that end in the middle of a title or a value */
    int64_t renumbered, off_by_one;          /* replies whose numbers do not count up from 1; whose labels begin at 0 */
    int64_t normalised, nearest;             /* titles found without case, accents, year ...; by edit distance */
    int64_t invented, duplicates, ambiguous; /* entries: no candidate's; named again; of several candidates */
    int64_t fewer, more;                     /* replies with fewer entries than were asked for; with more */
} reply_counts;

void reply_counts_add(reply_counts *into, const reply_counts *more);
json_t *reply_counts_json(const reply_counts *c); /* {"replies": ..., ...}; NULL: out of memory */

typedef struct reply_titles reply_titles;
lorec_err reply_titles_make(reply_titles **out, const char *const *title, size_t n);
void reply_titles_free(reply_titles *t);

/* How the prompt named the candidates, beside their titles. */
typedef enum reply_labels { REPLY_NO_LABELS, REPLY_NUMBERS /* 1, 2 ... */, REPLY_LETTERS /* A, B ... */ } reply_labels;

typedef struct reply_form {
    size_t wanted; /* entries; 0: any number */
    reply_labels labels;
    bool broken_off; /* the server said that the reply ended for length */
    bool exact_only; /* no edit distance */
} reply_form;

typedef struct reply_list {
    uint32_t *item;
    size_t n, cap;
} reply_list;
void reply_list_free(reply_list *l);

/* A ranked list: lines, numbered or not, bullets, one line with commas or ">", JSON of many shapes, prose. */
lorec_err reply_ranking(const reply_titles *t, const char *text, size_t n, const reply_form *form, reply_list *out,
                        reply_counts *counts);

enum { REPLY_NOTHING = -1 };
/* The one candidate that was chosen, or REPLY_NOTHING. */
lorec_err reply_choice(const reply_titles *t, const char *text, size_t n, const reply_form *form, int64_t *out,
                       reply_counts *counts);

/* 1 yes, 0 no, REPLY_NOTHING: also in Chinese, German, French, Spanish, and as true/false, like/dislike. */
lorec_err reply_yes_no(const char *text, size_t n, int *out, reply_counts *counts);

/* The number that answers ("4.5", "I'd say 4 out of 5", "Rating: 4/5"), within [min, max]; *found false: there is none. */
lorec_err reply_number(const char *text, size_t n, double min, double max, double *out, bool *found,
                       reply_counts *counts);

/* The first JSON object or list, mended; NULL where there is none. */
lorec_err reply_json(const char *text, size_t n, json_t **out, reply_counts *counts);

bool reply_refuses(const char *text, size_t n);

#endif
