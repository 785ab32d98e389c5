/* encdec.h: an encoder-decoder as two transformers joined: the encoder reads the source once, the decoder's blocks look at
 * what it gave (Vaswani et al. 2017; T5, BART).
 *
 *     encdec m;
 *     TRY(encdec_of(&m, model));
 *     cross_rows over;
 *     tensor *memory = encdec_encode(t, &m, &source, &over);      // [source rows, width]
 *     target.cross = &over;
 *     tensor *h = transformer_hidden(t, m.decoder, &target);
 *
 *     TRY(encdec_score(&m, false, &batch, logp));                 // of whole targets, given their sources
 *
 * Ownership: an encdec borrows the model's transformers. */
#ifndef LOREC_LM_ENCDEC_H
#define LOREC_LM_ENCDEC_H

#include "lm/model_folder.h"

typedef struct encdec {
    const transformer *encoder, *decoder;
    int32_t start, pad, end; /* the token that a decoder begins with; padding; the end of a text */
} encdec;

lorec_err encdec_of(encdec *out, const lm_model *m); /* LOREC_INPUT: it is something else */

/* The encoder's output, and `over` filled in for the decoder's token_rows.cross. source->mask counts for both. */
tensor *encdec_encode(tape *t, const encdec *m, const token_rows *source, cross_rows *over);

/* What the decoder reads when it is to say `target` [n][length]: the start token, then all of the target but its last;
 * targets below 0 (not counted) are read as padding. */
void encdec_shift(const encdec *m, const int32_t *target, int64_t n, int64_t length, int32_t *out);
/* The same for targets of any lengths, packed; lengths of at least 1. */
void encdec_shift_packed(const encdec *m, const int32_t *target, const int32_t *lengths, int64_t n, int32_t *out);

/* Packed sources and targets: source i goes with targets first[i] .. first[i + 1] - 1 (first NULL: one each). */
typedef struct encdec_batch {
    int64_t sources, targets;
    const int32_t *source, *source_lengths, *target, *target_lengths;
    const int64_t *first;
    const struct adapter_set *adapters; /* made for both transformers, encoder first; or NULL */
    tensor *source_vectors;             /* [source tokens, width] added to the sources' vectors, or NULL */
} encdec_batch;

/* Unreduced cross-entropy, [target tokens]; each source is encoded once. With first given, targets of a source share it. */
tensor *encdec_loss(tape *t, const encdec *m, const encdec_batch *batch);
/* The log probability of each target: the sum over its tokens. Includes no end token unless the target has it. */
lorec_err encdec_score(const encdec *m, bool bf16, const encdec_batch *batch, float *logp);

#endif
