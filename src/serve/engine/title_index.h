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
 * Titles that are new or changed are folded by the next question, or by title_index_refresh. Each has a signature of the pairs
 * and triples of letters in it (superimposed coding: Roberts, Proc. IEEE 1979), so that a question reads 16 bytes of most
 * titles and the text of few: a millisecond or some for 200,000 titles (docs/results/page.md). Any thread may ask.
 *
 * Ownership: an index owns its texts; it keeps no pointer into the live. */
#ifndef LOREC_SERVE_ENGINE_TITLE_INDEX_H
#define LOREC_SERVE_ENGINE_TITLE_INDEX_H

#include "serve/engine/live.h"

typedef struct title_signature {
    uint64_t pairs, triples; /* a bit for each that is in one of the words */
} title_signature;
typedef struct folded_title {
    char *text;
    uint32_t n, version; /* bytes; of the live's title */
} folded_title;
typedef struct title_index {
    pthread_mutex_t lock;
    folded_title *title;        /* [n] by live number */
    title_signature *signature; /* [n] */
    size_t n, cap, signature_cap;
    uint64_t changes; /* of the live's titles, that are folded */
} title_index;

lorec_err title_index_open(title_index *t);
void title_index_close(title_index *t);
/* The live is read-locked by the caller, here as below. */
lorec_err title_index_refresh(title_index *t, const live *v);
/* Up to n items from the offset on, of `total` that fit; hidden ones never. */
lorec_err title_index_find(title_index *t, const live *v, slice words, size_t offset, size_t n, uint32_t *items,
                           size_t *found, size_t *total);
/* The one item that is meant: whose title it is, or that alone has the words; NO_NUMBER where there is none or more. */
lorec_err title_index_only(title_index *t, const live *v, slice words, uint32_t *item);

#endif
