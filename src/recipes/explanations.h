/* explanations.h: explanations out of reviews: sentences that speak of a feature of the item ("the scent is light and fresh"), found
 * by a rule that is plain enough to be said here.
 *
 *     feature_words f;
 *     TRY(feature_words_learn(&f, data, train, NULL));     // which words are features
 *     explanations x;
 *     TRY(explanations_make(&x, &f, data, rows, seed));                           // of train, valid or test rows
 *     x.row[i], x.user[i], x.item[i], x.feature[i], explanations_text(&x, i, &text)
 *     explanations_free(&x);
 *     feature_words_free(&f);
 *
 * Words are runs of letters, digits and apostrophes, in small letters; sentences end at . ! ? ; and line breaks. A word heads a
 * noun phrase where it follows a determiner ("the", "my" ...), at once or with one word between, and a function word ("is", "and"
 * ...) or the end of the sentence follows it. Features are the words of three letters and more that head one in at least `share`
 * of the places where they stand, in at least `least` reviews; of these the `most` that are in the most reviews. A row's
 * explanation is one of its sentences of 3 to 20 words with a feature, drawn by the seed, and its first feature.
 *
 * The systems of the field use Sentires' (feature, opinion, sentence) triples, which this does not reproduce.
 *
 * Ownership: each owns its arrays until its _free. */
#ifndef LOREC_RECIPES_EXPLANATIONS_H
#define LOREC_RECIPES_EXPLANATIONS_H

#include "data/dataset.h"
#include "eval/text/texts.h"

typedef struct feature_words {
    ids words;
} feature_words;
typedef struct feature_words_options { /* 0 is the default everywhere; NULL: all of them */
    uint32_t least;                    /* 0: 5 */
    uint32_t most;                     /* 0: 500 */
    double share;                      /* 0: .2 */
} feature_words_options;

/* From the reviews of `rows`. LOREC_INPUT where the data has none: how to keep them (--review-text). */
lorec_err feature_words_learn(feature_words *out, const dataset *d, const interactions *rows,
                              const feature_words_options *o);
void feature_words_free(feature_words *f);
lorec_err feature_words_save(const feature_words *f, const char *folder); /* features.json */
lorec_err feature_words_load(feature_words *out, const char *folder);

typedef struct explanations {
    uint32_t n;
    uint32_t *user, *item; /* [n] */
    uint32_t *feature;     /* [n] a number of `words` */
    uint64_t *row;         /* [n] of the data set */
    ids words;
    texts said; /* [n] sentences, in numbers of `words` */
    size_t cap[4];
} explanations;

/* LOREC_INPUT: no row has one. */
lorec_err explanations_make(explanations *out, const feature_words *f, const dataset *d, const interactions *rows,
                            uint64_t seed);
void explanations_free(explanations *x);
lorec_err explanations_text(const explanations *x, uint32_t i, buf *out); /* words with blanks between; replaces *out */

bool has_reviews(const dataset *d);
slice review_of(const dataset *d, uint64_t row); /* empty where there is none; row of the data set */
slice summary_of(const dataset *d, uint64_t row);
static inline uint64_t row_of(const interactions *x, uint64_t r) /* the data set's row of a part's */
{
    return x->row ? x->row[r] : r;
}

#endif
