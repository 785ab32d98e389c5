#include <string.h>

#include "tensor/cpu/kernels.h"
#include "tensor/cpu/packed.h"
#include "tensor/tape.h"

int tensor_dims(const tensor *x)
{
    return x->ndim;
}

int64_t tensor_size(const tensor *x, int dim)
{
    if (dim < 0) dim += x->ndim;
    return dim >= 0 && dim < x->ndim ? x->size[dim] : 1;
}

int64_t tensor_count(const tensor *x)
{
    return x->count;
}

dtype tensor_dtype(const tensor *x)
{
    return x->type;
}

const char *tensor_name(const tensor *x)
{
    return x->param ? x->param->name : "";
}

static lorec_err count_error(const tensor *x, int64_t count)
{
    return err_set(LOREC_USAGE, "the tensor %s has %lld values, not %lld", tensor_name(x), (long long)x->count,
                   (long long)count);
}

elem tensor_packed_as(const tensor *x)
{
    return packed_of(x) ? packed_of(x)->type : ELEM_F32;
}

size_t tensor_bytes(const tensor *x)
{
    return packed_of(x) ? packed_of(x)->bytes : (size_t)x->count * dtype_bytes(x->type);
}

static void read_as_f32(dtype type, const void *from, float *to, int64_t count)
{
    if (type == DTYPE_BF16) {
        isa()->from_bf16((size_t)count, from, to);
    } else if (type == DTYPE_I32) {
        const int32_t *v = from;
        for (int64_t i = 0; i < count; i++) to[i] = (float)v[i];
    } else if (count) {
        memcpy(to, from, (size_t)count * sizeof *to);
    }
}

lorec_err tensor_write(tensor *x, const float *values, int64_t count)
{
    if (count != x->count) return count_error(x, count);
    if (x->type == DTYPE_I32)
        return err_set(LOREC_USAGE, "ids are given when they are made (tape_ids), not written over");
    if (x->type == DTYPE_PACKED)
        return err_set(LOREC_USAGE, "the weights %s are packed; they are replaced, not written over", tensor_name(x));
    if (x->type == DTYPE_BF16)
        isa()->to_bf16((size_t)count, values, x->data);
    else if (count)
        memcpy(x->data, values, (size_t)count * sizeof *values);
    if (x->param) param_changed(x);
    return LOREC_OK;
}

static lorec_err read_packed(const struct packed *w, float *values)
{
    if (!w->in_out) {
        packed_read_rows(w, 0, w->out, values);
        return LOREC_OK;
    }
    float *row;
    TRY(mem_new(&row, (size_t)w->in));
    for (int64_t r = 0; r < w->out; r++) {
        packed_read_rows(w, r, 1, row);
        for (int64_t i = 0; i < w->in; i++) values[i * w->out + r] = row[i];
    }
    mem_free(row);
    return LOREC_OK;
}

lorec_err tensor_read(const tensor *x, float *values, int64_t count)
{
    if (!x) return err_set(LOREC_USAGE, "there is no tensor to read: the op that makes it failed");
    if (x->forgotten) return err_set(LOREC_USAGE, "the values of this tensor were forgotten");
    if (count != x->count) return count_error(x, count);
    if (packed_of(x)) return read_packed(packed_of(x), values);
    read_as_f32(x->type, x->data, values, count);
    return LOREC_OK;
}

lorec_err tensor_read_grad(const tensor *x, float *values, int64_t count)
{
    if (count != x->count) return count_error(x, count);
    if (!x->grad || !x->grad_written) {
        if (count) memset(values, 0, (size_t)count * sizeof *values);
        return LOREC_OK;
    }
    if (!x->param || !x->param->sparse) {
        read_as_f32(x->type, x->grad, values, count);
        return LOREC_OK;
    }
    size_t row = (size_t)(x->count / x->size[0]);
    for (int64_t i = 0; i < x->size[0]; i++) {
        if (x->param->touched[i])
            memcpy(values + (size_t)i * row, grad(x) + (size_t)i * row, row * sizeof *values);
        else
            memset(values + (size_t)i * row, 0, row * sizeof *values);
    }
    return LOREC_OK;
}

lorec_err tape_read(const tape *t, const tensor *x, float *values, int64_t count)
{
    TRY(tape_error(t));
    return tensor_read(x, values, count);
}
