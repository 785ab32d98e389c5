/* Hidden states to one vector a text: pooling, then what the recipe puts behind it. */
#include <math.h>

#include "base/mem.h"
#include "lm/embed/embed_parts.h"

/* Each segment's rows but for its prompt's; a segment that is nothing else keeps its last row. */
static tensor *without_prompt(tape *t, const embedder *e, tensor *x, const segments **s)
{
    const segments *all = *s;
    int32_t *row = NULL, *length = NULL;
    lorec_err err = mem_new(&row, (size_t)all->rows);
    if (!err) err = mem_new(&length, (size_t)all->n);
    int64_t n = 0;
    for (int64_t i = 0; i < all->n && !err; i++) {
        int32_t from = all->start[i] + (int32_t)e->prompt_tokens, to = all->start[i + 1];
        if (from >= to) from = to - 1;
        length[i] = to - from;
        for (int32_t r = from; r < to; r++) row[n++] = r;
    }
    tensor *y = err ? tape_fail(t, err) : op_gather_rows(t, x, tape_ids(t, row, n));
    *s = err ? NULL : tape_segments(t, length, all->n);
    mem_free(row);
    mem_free(length);
    return y;
}

/* Values by row or by segment: [n, 1]. */
static tensor *column(tape *t, const segments *s, bool by_row, double (*value)(int64_t))
{
    float *v;
    int64_t n = by_row ? s->rows : s->n;
    if (mem_new(&v, (size_t)n)) return tape_fail(t, LOREC_RESOURCE);
    for (int64_t i = 0; i < s->n; i++) {
        int64_t rows = s->start[i + 1] - s->start[i];
        if (!by_row) v[i] = (float)value(rows);
        for (int64_t r = 0; by_row && r < rows; r++) v[s->start[i] + r] = (float)value(r);
    }
    tensor *x = tape_f32(t, v, 2, (int64_t[]){n, 1});
    mem_free(v);
    return x;
}

static double one_over_root(int64_t rows)
{
    return 1 / sqrt((double)rows);
}

static double place(int64_t r)
{
    return (double)(r + 1);
}

static double one_over_places(int64_t rows)
{
    return 2 / ((double)rows * (double)(rows + 1));
}

static tensor *pool(tape *t, tensor *x, const segments *s, pooling how)
{
    switch (how) {
    case POOL_CLS:
        return op_segment_reduce(t, x, s, SEGMENT_FIRST);
    case POOL_LAST:
        return op_segment_reduce(t, x, s, SEGMENT_LAST);
    case POOL_MAX:
        return op_segment_reduce(t, x, s, SEGMENT_MAX);
    case POOL_MEAN:
        return op_segment_reduce(t, x, s, SEGMENT_MEAN);
    case POOL_MEAN_SQRT:
        return op_mul(t, op_segment_reduce(t, x, s, SEGMENT_SUM), column(t, s, false, one_over_root));
    case POOL_WEIGHTED:
        x = op_segment_reduce(t, op_mul(t, op_cast(t, x, DTYPE_F32), column(t, s, true, place)), s, SEGMENT_SUM);
        return op_mul(t, x, column(t, s, false, one_over_places));
    case POOLINGS:
        break;
    }
    return NULL;
}

tensor *embed_pool(tape *t, const embedder *e, tensor *hidden, const segments *s, const embed_batch *b)
{
    const embed_recipe *r = &e->recipe;
    tensor *each[POOLINGS];
    (void)b;
    if (!hidden || !s) return NULL;
    if (r->skip_prompt && e->prompt_tokens) hidden = without_prompt(t, e, hidden, &s);
    if (!s) return NULL;
    for (int i = 0; i < r->n_pool; i++) each[i] = pool(t, hidden, s, r->pool[i]);
    tensor *x = r->n_pool == 1 ? each[0] : op_concat(t, each, r->n_pool, 1);
    for (int i = 0; i < r->n_steps; i++) {
        if (r->step[i].kind == STEP_NORMALIZE)
            x = op_l2_normalize(t, x, 1e-12f);
        else
            x = op_linear(t, x, e->dense[i], e->dense_bias[i], LINEAR_OUT_IN, r->step[i].act);
    }
    return x;
}
