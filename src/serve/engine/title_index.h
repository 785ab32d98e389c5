/* title_index.h: items by the words of their titles, as somebody types them: case, accents and punctuation do not matter,
 * words may be begun only ("amel" finds "Amélie"). Best first: the whole title, its beginning, beginnings of words, parts of
 * words; then what was described (/api/item) by all of the words, in its comment or categories; among equals what is popular.
 *
 *     title_index t;
 *     TRY(title_index_open(&t));
 *     live_read_lock(v);
 *     TRY(title_index_find(&t, v, slice_of("toy sto"), 0, 20, items, &found, &total));   // "": the most popular ones
 *     live_unlock(v);
 *     title_index_close(&t);
 *
 * Titles are folded when they are first looked through, and again when they were changed. Any thread may ask.
 *
 * Ownership: an index owns its texts; it keeps no pointer into the live. */
#ifndef LOREC_SERVE_ENGINE_TITLE_INDEX_H
#define LOREC_SERVE_ENGINE_TITLE_INDEX_H

#include "serve/engine/live.h"

typedef struct folded_title {
    char *text;
    uint32_t version; /* of the live's title */
} folded_title;
typedef struct title_index {
    pthread_mutex_t lock;
    folded_title *title; /* [n] by live number */
    size_t n, cap;
} title_index;

lorec_err title_index_open(title_index *t);
void title_index_close(title_index *t);
/* Up to n items from the offset on, of `total` that fit; hidden ones never. The live is read-locked by the caller. */
lorec_err title_index_find(title_index *t, const live *v, slice words, size_t offset, size_t n, uint32_t *items,
                           size_t *found, size_t *total);

#endif
