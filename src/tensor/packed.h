/* packed.h: weights of a model that is used, or tuned through adapters, but does not learn itself: kept in the form that the
 * kernels read, made once from what the file holds, instead of f32. A packed parameter is a tensor like others to op_linear,
 * op_embed, op_linear_gather and op_linear_cross_entropy (nothing else takes it); it is frozen for good: gradients flow
 * through it, never to it.
 *
 *     packed_source q = {.type = ELEM_Q4_0, .as = ELEM_Q4_0, .out = v, .in = d, .data = rows, .bytes = n};
 *     tensor *w = params_add_packed(ps, "lm_head.weight", &q);      // [out, in]; NULL: params_error tells
 *
 * What is kept of each type (bits a value):
 *     F16 16, BF16 16     the values themselves
 *     Q8_0 8.5, Q4_0 4.5, Q4_1 5, Q5_0 8.5, Q5_1 9      the file's integers and scales, Q5 widened to bytes
 *     Q4_K 5, Q5_K 9, Q6_K 9     the file's integers; the product of its two scales rounded to half precision's 11 bits
 *
 * Ownership: the data of a source is borrowed during the call; the parameter belongs to its params. */
#ifndef LOREC_TENSOR_PACKED_H
#define LOREC_TENSOR_PACKED_H

#include "tensor/elem.h"
#include "tensor/tensor.h"

typedef struct packed_source {
    elem type, as;    /* what data holds; what is kept: F16, BF16, or a quantised type */
    int64_t out, in;  /* outputs and inputs of the product */
    bool in_out;      /* the tensor is [in, out] (GPT-2's Conv1D) instead of [out, in] ... */
    bool data_in_out; /* ... and so does the data lie */
    const void *data; /* whole rows; or NULL: they are asked for, by several workers at once */
    size_t bytes;
    lorec_err (*read)(void *ctx, int64_t row, int64_t rows, void *into); /* rows as `data` would hold them */
    void *ctx;
} packed_source;

/* Can rows of so many inputs be kept as that type? Quantised ones need whole blocks. */
bool packed_fits(elem as, int64_t in);
tensor *params_add_packed(params *ps, const char *name, const packed_source *source);
/* While a model file is being loaded: params_add asks `supply` first. true: the parameter is packed from *out instead of
 * made as f32; false: it is f32 and zero, as its values come later. supply NULL: params_add draws again. */
typedef bool params_supply_fn(void *ctx, const char *name, int ndim, const int64_t *shape, packed_source *out);
void params_supply(params *ps, params_supply_fn *supply, void *ctx);
elem tensor_packed_as(const tensor *x); /* what a packed tensor is kept as; ELEM_F32 for all others */
size_t tensor_bytes(const tensor *x);   /* memory of its values */

#endif
