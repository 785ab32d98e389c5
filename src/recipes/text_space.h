/* text_space.h: items' texts (title and categories) as vectors. Two ways: an embedding model from this disk, or, without
 * one, latent semantic indexing (Deerwester et al., JASIS 41, 1990) of hashed words, whose axes can be taken to another
 * catalogue.
 *
 *     text_space s = {0};
 *     TRY(text_space_learn(&s, &items, 128, seed));            // axes from these texts
 *     TRY(text_space_vectors(&s, &items, x));                  // x [items.n][s.dims], unit length or zero
 *     TRY(text_space_save(&s, folder));                        // and text_space_load
 *
 *     float *x; int64_t dims;
 *     TRY(text_model_vectors("models/minilm", "cache", &items, &x, &dims));     // to mem_free
 *
 * Ownership: a space owns its arrays until text_space_free. */
#ifndef LOREC_RECIPES_TEXT_SPACE_H
#define LOREC_RECIPES_TEXT_SPACE_H

#include "recipes/catalogue.h"

enum { TEXT_SPACE_WORDS = 1 << 13 }; /* buckets that words are hashed to */

typedef struct text_space {
    uint32_t dims;
    float *idf;  /* [TEXT_SPACE_WORDS] log((1 + items) / (1 + items with the word)) + 1 */
    float *axes; /* [TEXT_SPACE_WORDS][dims] right singular vectors of the item-word matrix */
} text_space;

/* At most `dims` axes. LOREC_INPUT where no item has a word. */
lorec_err text_space_learn(text_space *s, const catalogue *c, uint32_t dims, uint64_t seed);
lorec_err text_space_vectors(const text_space *s, const catalogue *c, float *x);
void text_space_free(text_space *s);
lorec_err text_space_save(const text_space *s, const char *folder); /* words_idf.npy, words_axes.npy */
lorec_err text_space_load(text_space *s, const char *folder);

/* x [c->n][dims] by the model in folder or file `model` (lm/embed/embed.h), kept in folder `cache` (NULL or "": not kept). */
lorec_err text_model_vectors(const char *model, const char *cache, const catalogue *c, float **x, int64_t *dims);

#endif
