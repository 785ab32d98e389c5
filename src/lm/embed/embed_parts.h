/* embed_parts.h: inside embedding: embed.c (opening, tokens), embed_run.c (batches through the model), embed_pool.c (hidden
 * states to vectors).
 *
 * Ownership: as in embed.h. */
#ifndef LOREC_LM_EMBED_EMBED_PARTS_H
#define LOREC_LM_EMBED_EMBED_PARTS_H

#include "lm/embed/embed.h"

struct embedder {
    embed_options o;
    embed_recipe recipe; /* complete: pooling, steps and max_tokens are decided */
    lm_model *model;
    const transformer *body; /* whose hidden states are pooled */
    tokenizer *tokenizer;    /* NULL: ids only, for this reason: */
    char *no_tokenizer;
    params *extra; /* of dense steps */
    tensor *dense[EMBED_STEPS], *dense_bias[EMBED_STEPS];
    int64_t width;
    size_t frame_begin, frame_end; /* tokens that the tokenizer puts around a text */
    int64_t prompt_tokens;         /* the frame's beginning and the prompt: left out where recipe.skip_prompt */
    char *prompt;
};

/* Packed token sequences. */
typedef struct embed_batch {
    const int32_t *id; /* packed */
    int32_t *length;   /* [n], none of 0 */
    int64_t n, rows;
} embed_batch;

/* hidden [rows, body's width] -> [n, width]; s: the batch's sequences. */
tensor *embed_pool(tape *t, const embedder *e, tensor *hidden, const segments *s, const embed_batch *b);

#endif
