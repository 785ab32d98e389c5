/* What is copied into a tape: values, ids, segments. */
#include <string.h>

#include "tensor/tape.h"

static tensor *copied(tape *t, dtype type, const void *values, int ndim, const int64_t *shape)
{
    if (t->err) return NULL;
    tensor *x = tape_tensor(t, type, ndim, shape, NULL);
    if (x && x->count) {
        if (values)
            memcpy(x->data, values, (size_t)x->count * 4);
        else
            memset(x->data, 0, (size_t)x->count * 4);
    }
    return x;
}

tensor *tape_f32(tape *t, const float *values, int ndim, const int64_t *shape)
{
    return copied(t, DTYPE_F32, values, ndim, shape);
}

tensor *tape_ids(tape *t, const int32_t *values, int64_t n)
{
    return copied(t, DTYPE_I32, values, 1, &n);
}

tensor *tape_zeros(tape *t, int ndim, const int64_t *shape)
{
    return copied(t, DTYPE_F32, NULL, ndim, shape);
}

tensor *tape_leaf(tape *t, const float *values, int ndim, const int64_t *shape)
{
    tensor *x = copied(t, DTYPE_F32, values, ndim, shape);
    if (x) x->needs_grad = t->opt.train;
    return x;
}

const float *tape_keep(tape *t, const float *values, int64_t n)
{
    if (!values || n <= 0) return values;
    float *kept = tape_alloc(t, (size_t)n * sizeof *kept);
    return kept ? memcpy(kept, values, (size_t)n * sizeof *kept) : NULL;
}

const void *tape_copy(tape *t, const void *bytes, size_t n)
{
    if (t->err) return NULL;
    void *kept = tape_alloc(t, n);
    return kept && n ? memcpy(kept, bytes, n) : kept;
}

/* lengths NULL: all are `even`. */
static const segments *segments_new(tape *t, const int32_t *lengths, int32_t even, int64_t n)
{
    if (t->err) return NULL;
    if (n < 0 || n >= INT32_MAX) {
        tape_fail(t, err_set(LOREC_USAGE, "a batch can not have %lld segments", (long long)n));
        return NULL;
    }
    segments *s = tape_alloc(t, sizeof *s);
    int32_t *start = s ? tape_alloc(t, (size_t)(n + 1) * sizeof *start) : NULL;
    if (!start) return NULL;
    *s = (segments){.n = n, .start = start};
    start[0] = 0;
    for (int64_t i = 0; i < n; i++) {
        int32_t length = lengths ? lengths[i] : even;
        if (length < 0 || __builtin_add_overflow(start[i], length, &start[i + 1])) {
            tape_fail(t, err_set(LOREC_USAGE,
                                 "segment %lld has length %d; lengths are 0 or more and a batch has fewer "
                                 "than 2^31 rows",
                                 (long long)i, length));
            return NULL;
        }
        if (length > s->longest) s->longest = length;
    }
    s->rows = start[n];
    return s;
}

const segments *tape_segments(tape *t, const int32_t *lengths, int64_t n)
{
    static const int32_t none;
    return segments_new(t, lengths ? lengths : &none, 0, lengths ? n : 0);
}

const segments *tape_segments_even(tape *t, int64_t n, int64_t length)
{
    if (length < 0 || length > INT32_MAX) {
        tape_fail(t, err_set(LOREC_USAGE, "a segment can not have length %lld", (long long)length));
        return NULL;
    }
    return segments_new(t, NULL, (int32_t)length, n);
}

tensor *tape_examples(tape *t, tensor *x, const segments *s)
{
    if (t->err || !t->opt.example_norms) return x;
    if (!x || !s || x->size[0] != s->rows || x->param) {
        return tape_fail(t, err_set(LOREC_USAGE, "tape_examples: the segments do not have the tensor's rows"));
    }
    int32_t *example = tape_alloc(t, (size_t)s->rows * sizeof *example);
    if (!example) return NULL;
    for (int64_t i = 0; i < s->n; i++)
        for (int32_t r = s->start[i]; r < s->start[i + 1]; r++) example[r] = s->example ? s->example[i] : (int32_t)i;
    x->example = example;
    return x;
}
