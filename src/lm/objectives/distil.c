/* Distillation from a teacher's logits: T^2 sum of p (log p - log q), p and q the softmaxes at temperature T. */
#include "base/mem.h"
#include "lm/objectives/parts.h"

lorec_err objective_logits(const lm_forward *f, const lm_batch *b, bool bf16, float *logits)
{
    tape *t = tape_new(&(tape_options){.compute = bf16 ? DTYPE_BF16 : DTYPE_F32});
    if (!t) return LOREC_RESOURCE;
    tape_begin(t, 0);
    tensor *y = transformer_logits(t, f->net, lm_batch_hidden(t, f, b));
    lorec_err e = tape_read(t, y, logits, lm_batch_rows(b) * transformer_settings(f->net)->vocab_size);
    tape_free(t);
    return e;
}

/* 1 for rows whose next token is learned, else 0: [rows, 1] */
static tensor *counted(tape *t, const lm_batch *b)
{
    int64_t rows = lm_batch_rows(b);
    float *one;
    if (mem_new(&one, (size_t)rows)) return tape_fail(t, LOREC_RESOURCE);
    for (int64_t i = 0, row = 0; i < b->n; row += b->length[i++])
        for (int64_t r = row; r + 1 < row + b->length[i]; r++) one[r] = !b->learn || b->learn[r + 1];
    tensor *x = tape_f32(t, one, 2, (int64_t[]){rows, 1});
    mem_free(one);
    return x;
}

tensor *objective_distil(tape *t, const lm_forward *f, const lm_batch *b, const float *teacher, float temperature)
{
    int64_t rows = lm_batch_rows(b), vocab = transformer_settings(f->net)->vocab_size;
    float soft = 1 / temperature;
    tensor *logits = transformer_logits(t, f->net, lm_batch_hidden(t, f, b));
    if (logits && tensor_dtype(logits) == DTYPE_BF16) logits = op_cast(t, logits, DTYPE_F32);
    tensor *q = op_log_softmax(t, op_scale(t, logits, soft, 0));
    tensor *p = op_log_softmax(t, op_scale(t, tape_f32(t, teacher, 2, (int64_t[]){rows, vocab}), soft, 0));
    tensor *kl = op_sum_dim(t, op_mul(t, op_exp(t, p), op_sub(t, p, q)), 1); /* [rows, 1] */
    kl = op_scale(t, op_mul(t, kl, counted(t, b)), temperature * temperature, 0);
    return op_reshape(t, kl, 1, (int64_t[]){rows});
}
