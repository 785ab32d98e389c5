/* Sequence classification: cross-entropy of the model's own head (lm/heads.h). */
#include "lm/objectives/parts.h"

tensor *objective_classes(tape *t, const lm_forward *f, const lm_heads *heads, const lm_batch *b, const int32_t *label)
{
    tensor *logits = heads_classes(t, heads, lm_batch_hidden(t, f, b), tape_segments(t, b->length, b->n));
    return op_cross_entropy(t, logits, tape_ids(t, label, b->n));
}
