/* mentions.h: titles of the catalogue as people write them in a conversation: without the year, with the article in front, in
 * any case.
 *
 *     mentions *t = NULL;
 *     TRY(mentions_update(&t, &live));                         // items that are new; under the live's read lock
 *     title_hits hits = {0};
 *     TRY(mentions_scan(t, &live, text, &hits));                // hits.hit[i].item, and where it stands
 *     uint32_t item = mentions_find(t, &live, slice_of("The Matrix"));      // the whole text is a title; NO_NUMBER
 *
 * A title of one word counts only where it is set off: in quotation marks or in bold; with a capital letter within a
 * sentence (or before a comma); or where it has letters and digits. Of several items with one title the more popular is meant.
 *
 * Ownership: mentions own their table until mentions_free; any thread may look while one updates. Hits are the caller's. */
#ifndef LOREC_SERVE_OPENAI_MENTIONS_H
#define LOREC_SERVE_OPENAI_MENTIONS_H

#include "serve/engine/live.h"

typedef struct mentions mentions;

lorec_err mentions_update(mentions **t, const live *v);
void mentions_free(mentions *t);

typedef struct title_hit {
    uint32_t item;
    size_t begin, n; /* bytes of the text */
} title_hit;
typedef struct title_hits {
    title_hit *hit;
    size_t n, cap;
} title_hits;
lorec_err mentions_scan(mentions *t, const live *v, slice text,
                        title_hits *out); /* appended, in order, not overlapping */
uint32_t mentions_find(mentions *t, const live *v, slice title);

#endif
