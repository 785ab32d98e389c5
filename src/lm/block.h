/* block.h: a transformer block over packed rows, as encoders of item sequences use it (SASRec, BERT4Rec):
 *     pre norm:  x += drop(attn(norm(x)));  x += drop(W2 act(W1 norm(x)))          (and the model norms after the last)
 *     post norm: x = norm(x + drop(attn(x)));  x = norm(x + drop(W2 act(W1 x)))
 *
 *     block b;
 *     block_add(&b, ps, &spec, "layers.0");                    // params_error(ps) tells
 *     x = block_apply(&b, t, x, seq, false);                   // [rows, width]
 *     y = block_apply(&b, t, x, seq, true);                    // only the last row of each sequence: [sequences, width]
 *
 * Ownership: tensors belong to the params given, which must outlive the block. */
#ifndef LOREC_LM_BLOCK_H
#define LOREC_LM_BLOCK_H

#include "tensor/ops.h"

typedef struct block_spec {
    int64_t width, inner;
    int heads; /* divides width */
    bool post_norm, causal;
    activation act;
    float dropout, attention_dropout; /* of both outputs and inside; of the attention's weights */
    float norm_eps;
    double init_sd; /* of the normal that weights begin with; biases are 0 */
} block_spec;

typedef struct block {
    block_spec spec;
    tensor *norm1, *norm1_bias, *norm2, *norm2_bias;
    tensor *wq, *bq, *wk, *bk, *wv, *bv, *wo, *bo, *w1, *b1, *w2, *b2;
} block;

void block_add(block *b, params *ps, const block_spec *spec, const char *prefix);
tensor *block_apply(const block *b, tape *t, tensor *x, const segments *s, bool last);

#endif
