/* likes.h: what a user liked and what not, for prompts that tell the two apart: ratings turned into yes and no, kept after the
 * data set is gone.
 *
 *     likes l = {0};
 *     TRY(likes_make(&l, c->split, c->train, 3));      // liked: rated above 3; data without ratings: all of it
 *     bool yes = likes_item(&l, user, item);
 *     TRY(likes_save(&l, folder));                      // and likes_load
 *     likes_free(&l);
 *
 * Rows of the training and the validation part are kept (a test question's history has both), never those of the test part.
 *
 * Ownership: it owns its arrays. */
#ifndef LOREC_RECIPES_LIKES_H
#define LOREC_RECIPES_LIKES_H

#include "data/split.h"
#include "rec/recommender.h"

typedef struct likes {
    uint32_t n_users; /* 0: the data has no ratings */
    uint64_t *start;  /* [n_users + 1] */
    uint32_t *item;
    uint8_t *liked;
} likes;

static inline bool likes_rating(float rating, double above) /* no rating (NaN): what was had is liked */
{
    return !((double)rating <= above);
}

/* LOREC_USAGE where no rating is above it. `s` may be NULL: then only `train` is kept. */
lorec_err likes_make(likes *l, const split *s, const interactions *train, double above);
bool likes_item(const likes *l, uint32_t user, uint32_t item); /* the latest; what is not known is liked */
void likes_free(likes *l);
lorec_err likes_save(const likes *l, const char *folder);
lorec_err likes_load(likes *l, const char *folder);

#endif
