/* grounding.h: free text to items: a text that a language model wrote and every title become vectors, and the distance
 * between them orders the whole catalogue. What was written need not be a title; what comes out is always an item.
 *
 *     grounding *g;
 *     TRY(grounding_make(&g, &catalogue, "models/minilm"));     // NULL or "": hashed n-grams, without a model
 *     TRY(grounding_distances(g, texts, n, d));                 // d [n, items], L2
 *     grounding_weigh(d, items, signal, gamma);                 // one row: D' = (D - min)/(max - min) (1 + signal)^-gamma
 *     grounding_free(g);
 *
 * Source: Bao et al., A Bi-Step Grounding Paradigm for LLMs in Recommendation Systems, arXiv 2308.08434, section 3.
 *
 * Ownership: a grounding owns its vectors and its encoder and is immutable: threads may share it. */
#ifndef LOREC_RECIPES_GROUNDING_H
#define LOREC_RECIPES_GROUNDING_H

#include "recipes/catalogue.h"

typedef struct grounding grounding;

/* `encoder`: a folder of a model for lm/embed/embed.h. Without one a title is the counts of its character trigrams and words,
 * letters small, hashed to 1,024 places and of length 1: near are titles that are spelt alike, not ones that mean alike. */
lorec_err grounding_make(grounding **out, const catalogue *c, const char *encoder);
void grounding_free(grounding *g);
lorec_err grounding_describe(const grounding *g, buf *out); /* what made the vectors, in words */

/* L2 from each text to each title, d [n, items]; 0: the very title. */
lorec_err grounding_distances(const grounding *g, const slice *text, size_t n, float *d);

/* One row, in place: to [0, 1] by its least and greatest (0 where all are equal), then times (1 + signal)^-gamma; signal
 * [n] in [0, 1], or NULL: none. */
void grounding_weigh(float *d, size_t n, const float *signal, double gamma);
/* [n] counts to [0, 1] by the least and greatest. */
void grounding_signal(const uint32_t *count, size_t n, float *signal);

/* The title in a reply: what follows a </think>, its first line that is not blank, without quotes round it. */
slice grounding_title(slice reply);

#endif
