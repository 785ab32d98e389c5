/* vision.h: images as rows for a transformer (Dosovitskiy et al., ICLR 2021): square patches, each one product, behind a
 * class token, plus learned positions. ViT and CLIP's image tower.
 *
 *     TRY(vision_new(&v, ps, &config, ""));
 *     token_rows in;
 *     vision_rows(t, v, pixels, &in);                          // pixels [n, channels, size, size]; in.vectors is set
 *     tensor *h = transformer_hidden(t, vision_body(v), &in);  // [n * (patches + 1), width]; row 0 of each image: its class
 *
 * Ownership: a vision borrows the params and owns its body until vision_free. */
#ifndef LOREC_LM_VISION_H
#define LOREC_LM_VISION_H

#include "lm/transformer/transformer.h"

typedef struct vision_config {
    int64_t image_size, patch_size, channels; /* pixels a side; a patch's; 3 for colours */
    const char *patch, *patch_bias;           /* [width, channels, patch, patch]; [width], or NULL: none */
    const char *class_token, *positions;      /* [width], [patches + 1, width] */
    bool boxed;                               /* the files have [1, 1, width] and [1, patches + 1, width]: ViT */
    transformer_config body;                  /* without tokens and positions; max_positions is filled in */
} vision_config;

typedef struct vision_tower vision_tower;

lorec_err vision_new(vision_tower **out, params *ps, const vision_config *config, const char *prefix);
void vision_free(vision_tower *v);
const vision_config *vision_settings(const vision_tower *v);
const transformer *vision_body(const vision_tower *v);
int64_t vision_length(const vision_tower *v); /* rows an image: patches + 1 */

/* What transformer_embed and the blocks take; failures are in the tape. */
void vision_rows(tape *t, const vision_tower *v, tensor *pixels, token_rows *in);

#endif
