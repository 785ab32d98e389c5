/* pair.h: models of texts and images in one space (CLIP): each becomes a unit vector, and their cosines compare.
 *
 *     tensor *a = pair_images(t, model, tape_f32(t, pixels, 4, shape));      // [images, d]
 *     tensor *b = pair_texts(t, model, ids, lengths, n);                     // [n, d]
 *     tensor *s = heads_similarity(t, model->heads, a, b);                   // [images, n]: logits_per_image
 *
 * Ownership: as with all that a tape makes. */
#ifndef LOREC_LM_TRAIN_PAIR_H
#define LOREC_LM_TRAIN_PAIR_H

#include "lm/model_folder.h"

/* Packed texts of at least one token; the vector is read at the end-of-text token. */
tensor *pair_texts(tape *t, const lm_model *m, const int32_t *ids, const int32_t *lengths, int64_t n);
tensor *pair_images(tape *t, const lm_model *m, tensor *pixels); /* [n, channels, size, size] -> [n, d] */

#endif
