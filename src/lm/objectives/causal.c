/* Causal language models, and what every objective shares: packed sequences through the model. */
#include "base/mem.h"
#include "lm/objectives/parts.h"

int64_t lm_batch_rows(const lm_batch *b)
{
    int64_t rows = 0;
    for (int64_t i = 0; i < b->n; i++) rows += b->length[i];
    return rows;
}

int64_t lm_batch_learned(const lm_batch *b)
{
    int64_t sum = 0;
    for (int64_t i = 0, row = 0; i < b->n; row += b->length[i++])
        for (int64_t r = row + 1; r < row + b->length[i]; r++) sum += b->learn ? b->learn[r] != 0 : 1;
    return sum;
}

tensor *lm_batch_hidden(tape *t, const lm_forward *f, const lm_batch *b)
{
    token_rows in = {.ids = tape_ids(t, b->token, lm_batch_rows(b)),
                     .vectors = b->vectors,
                     .sequences = tape_segments(t, b->length, b->n),
                     .adapters = f->adapters,
                     .recompute = f->recompute};
    return transformer_hidden(t, f->net, &in);
}

/* What each row is to say, or -1. */
tensor *next_tokens(tape *t, const lm_batch *b)
{
    int64_t rows = lm_batch_rows(b);
    int32_t *next;
    if (mem_new(&next, (size_t)rows)) return tape_fail(t, LOREC_RESOURCE);
    for (int64_t i = 0, row = 0; i < b->n; row += b->length[i++])
        for (int64_t r = row; r < row + b->length[i]; r++)
            next[r] = r + 1 < row + b->length[i] && (!b->learn || b->learn[r + 1]) ? b->token[r + 1] : -1;
    tensor *x = tape_ids(t, next, rows);
    mem_free(next);
    return x;
}

tensor *objective_causal(tape *t, const lm_forward *f, const lm_batch *b)
{
    tensor *h = lm_batch_hidden(t, f, b);
    return transformer_loss(t, f->net, h, next_tokens(t, b));
}

/* [n] */
tensor *sequence_log_probability(tape *t, const lm_forward *f, const lm_batch *b)
{
    tensor *each = objective_causal(t, f, b);
    int64_t rows = lm_batch_rows(b);
    tensor *column = op_reshape(t, each, 2, (int64_t[]){rows, 1});
    tensor *sum = op_segment_reduce(t, column, tape_segments(t, b->length, b->n), SEGMENT_SUM);
    return op_scale(t, op_reshape(t, sum, 1, (int64_t[]){b->n}), -1, 0);
}

lorec_err objective_log_probability(const lm_forward *f, const lm_batch *b, bool bf16, float *logp)
{
    tape *t = tape_new(&(tape_options){.compute = bf16 ? DTYPE_BF16 : DTYPE_F32});
    if (!t) return LOREC_RESOURCE;
    tape_begin(t, 0);
    lorec_err e = tape_read(t, sequence_log_probability(t, f, b), logp, b->n);
    tape_free(t);
    return e;
}
