/* fresh.h: items that a model does not know yet, recommended by their texts: how alike they are to what the person had.
 *
 *     TRY(fresh_follow(&f, r, live));                                 // the items that r does not know
 *     TRY(fresh_rank(&f, r, live, items, n, 10, found, &n_found));    // for a history of r's item numbers, best first
 *
 * Each item is a unit vector of its words' weights (inverse document frequency in the model's catalogue); the
 * score is the mean cosine with the last FRESH_HISTORY items of the history. Nothing below FRESH_LEAST is found.
 *
 * Ownership: a fresh owns its lists; it is the executor's. The live is read-locked by the caller. */
#ifndef LOREC_SERVE_ENGINE_FRESH_H
#define LOREC_SERVE_ENGINE_FRESH_H

#include "serve/train/variant.h"

enum { FRESH_HISTORY = 20, FRESH_MOST = 20000 };
#define FRESH_LEAST .05f

typedef struct fresh_found {
    uint32_t item; /* live number */
    float score;
} fresh_found;
typedef struct fresh { /* a variant's */
    bool followed;
    int64_t change_seq;
    size_t n_live;
    uint32_t *item; /* [n] live numbers, at most the FRESH_MOST newest */
    size_t n, cap;
    float *profile; /* [ITEM_WORDS] zero between calls */
    fresh_found *found;
    size_t found_cap;
} fresh;

lorec_err fresh_follow(fresh *f, const variant *r, const live *v);
/* All that are alike, best first, equal ones by number: *found [*n] lives until the next call. */
lorec_err fresh_rank(fresh *f, const variant *r, const live *v, const uint32_t *history, size_t n_history,
                     const fresh_found **found, size_t *n);
/* The score of one item; 0: not alike. */
lorec_err fresh_score(fresh *f, const variant *r, const live *v, const uint32_t *history, size_t n_history,
                      uint32_t item, float *score);
void fresh_free(fresh *f);

#endif
