/* Row by row: a . b and cos(a, b). [n, d] x [n, d] -> [n] */
#include "tensor/ops.h"
#include "tensor/ops/piece.h"

static lorec_err pairs_shape(tape *t, node *n)
{
    const tensor *a = n->in[0], *b = n->in[1];
    if (a->ndim != 2 || b->ndim != 2 || a->size[0] != b->size[0] || a->size[1] != b->size[1] || a->type != DTYPE_F32 ||
        b->type != DTYPE_F32)
        return node_shape_error(n, "needs two [n, d]");
    return node_output(t, n, DTYPE_F32, 1, a->size);
}

static lorec_err dot_rows(void *ctx, size_t begin, size_t end, int worker)
{
    const node *n = ctx;
    size_t d = (size_t)n->in[0]->size[1];
    (void)worker;
    for (size_t r = begin; r < end; r++)
        f32(n->out)[r] = isa()->dot_f32(d, f32(n->in[0]) + r * d, f32(n->in[1]) + r * d);
    return LOREC_OK;
}

static lorec_err dot_forward(tape *t, node *n)
{
    (void)t;
    return par_for((size_t)n->out->count, row_grain(n->in[0]->size[1]), dot_rows, n);
}

typedef struct pairs_back {
    const node *n;
    int side;
    float beta, *to;
} pairs_back;

static lorec_err dot_slopes(void *ctx, size_t begin, size_t end, int worker)
{
    const pairs_back *k = ctx;
    size_t d = (size_t)k->n->in[0]->size[1];
    const float *other = f32(k->n->in[1 - k->side]), *dy = grad(k->n->out);
    (void)worker;
    for (size_t r = begin; r < end; r++) {
        float *to = k->to + r * d;
        for (size_t i = 0; i < d; i++) to[i] = dy[r] * other[r * d + i] + (k->beta == 0 ? 0 : to[i]);
    }
    return LOREC_OK;
}

static lorec_err pairs_backward(tape *t, node *n, par_fn slopes)
{
    for (int side = 0; side < 2; side++) {
        pairs_back k = {.n = n, .side = side};
        k.to = node_grad(t, n->in[side], &k.beta);
        if (k.to) TRY(par_for((size_t)n->out->count, row_grain(n->in[0]->size[1]), slopes, &k));
    }
    return tape_error(t);
}

static lorec_err dot_backward(tape *t, node *n)
{
    return pairs_backward(t, n, dot_slopes);
}

static double pairs_flops(const node *n)
{
    return 2 * (double)n->in[0]->count;
}

const op_def op_dot_def = {
    .name = "dot", .shape = pairs_shape, .forward = dot_forward, .backward = dot_backward, .flops = pairs_flops};

tensor *op_dot(tape *t, tensor *a, tensor *b)
{
    return tape_apply(t, &op_dot_def, (tensor *[]){tape_as_f32(t, a), tape_as_f32(t, b)}, 2, NULL, 0);
}

/* ---- cosine: saved per row: 1 / max(|a|, tiny), 1 / max(|b|, tiny) -------------------------------------------------------- */

static float inverse_norm(size_t d, const float *x)
{
    float norm = sqrtf(isa()->dot_f32(d, x, x));
    return 1 / (norm > 1e-8f ? norm : 1e-8f);
}

static lorec_err cosine_rows(void *ctx, size_t begin, size_t end, int worker)
{
    const node *n = ctx;
    size_t d = (size_t)n->in[0]->size[1];
    float *saved = n->saved;
    (void)worker;
    for (size_t r = begin; r < end; r++) {
        const float *a = f32(n->in[0]) + r * d, *b = f32(n->in[1]) + r * d;
        saved[2 * r] = inverse_norm(d, a);
        saved[2 * r + 1] = inverse_norm(d, b);
        f32(n->out)[r] = isa()->dot_f32(d, a, b) * saved[2 * r] * saved[2 * r + 1];
    }
    return LOREC_OK;
}

static lorec_err cosine_forward(tape *t, node *n)
{
    if (!(n->saved = tape_alloc(t, (size_t)n->out->count * 2 * sizeof(float)))) return tape_error(t);
    return par_for((size_t)n->out->count, row_grain(n->in[0]->size[1]), cosine_rows, n);
}

/* d cos / da = (b / |b| - cos a / |a|) / |a| */
static lorec_err cosine_slopes(void *ctx, size_t begin, size_t end, int worker)
{
    const pairs_back *k = ctx;
    const node *n = k->n;
    size_t d = (size_t)n->in[0]->size[1];
    const float *saved = n->saved;
    (void)worker;
    for (size_t r = begin; r < end; r++) {
        const float *own = f32(n->in[k->side]) + r * d, *other = f32(n->in[1 - k->side]) + r * d;
        float inv_own = saved[2 * r + (size_t)k->side], inv_other = saved[2 * r + 1 - (size_t)k->side];
        float dy = grad(n->out)[r] * inv_own, along = f32(n->out)[r] * inv_own, *to = k->to + r * d;
        if (inv_own >= 1e8f) along = 0; /* below the smallest norm the length is held fixed */
        for (size_t i = 0; i < d; i++)
            to[i] = dy * (other[i] * inv_other - along * own[i]) + (k->beta == 0 ? 0 : to[i]);
    }
    return LOREC_OK;
}

static lorec_err cosine_backward(tape *t, node *n)
{
    return pairs_backward(t, n, cosine_slopes);
}

const op_def op_cosine_def = {.name = "cosine",
                              .shape = pairs_shape,
                              .forward = cosine_forward,
                              .backward = cosine_backward,
                              .flops = pairs_flops};

tensor *op_cosine(tape *t, tensor *a, tensor *b)
{
    return tape_apply(t, &op_cosine_def, (tensor *[]){tape_as_f32(t, a), tape_as_f32(t, b)}, 2, NULL, 0);
}
