/* Contrastive learning of text vectors: InfoNCE with the batch's other pairs as negatives. */
#include "lm/objectives/parts.h"

static tensor *vectors(tape *t, const lm_forward *f, const lm_batch *b, lm_pooling how)
{
    static const segment_kind kinds[] = {SEGMENT_MEAN, SEGMENT_FIRST, SEGMENT_LAST};
    tensor *h = lm_batch_hidden(t, f, b);
    return op_l2_normalize(t, op_segment_reduce(t, h, tape_segments(t, b->length, b->n), kinds[how]), 1e-12f);
}

tensor *objective_contrast(tape *t, const lm_forward *f, const lm_batch *a, const lm_batch *b, lm_pooling how,
                           float temperature, tensor *log_scale)
{
    tensor *x = vectors(t, f, a, how), *y = vectors(t, f, b, how);
    if (!log_scale) return op_info_nce(t, x, y, temperature);
    return op_info_nce(t, op_mul(t, x, op_exp(t, log_scale)), y, 1);
}
