/* Batched products. With Y = op(A) op(B): dop(A) = dY op(B)^T and dop(B) = op(A)^T dY, each written so that the stored
 * layout comes out. A side without leading dimensions is used by every batch and sums its gradient over them. */
#include "tensor/ops.h"
#include "tensor/ops/piece.h"

typedef struct matmul_spec {
    bool ta, tb;
    int64_t batches, m, n, k;
    int64_t stride_a, stride_b; /* between batches; 0: shared */
} matmul_spec;

static lorec_err matmul_shape(tape *t, node *n)
{
    const tensor *a = n->in[0], *b = n->in[1];
    matmul_spec *s = n->spec;
    if (a->ndim < 2 || b->ndim < 2 || a->type != DTYPE_F32 || b->type != DTYPE_F32)
        return node_shape_error(n, "needs two of at least two dimensions");
    const tensor *wide = a->ndim >= b->ndim ? a : b;
    int lead = wide->ndim - 2;
    for (int i = 0; i < lead && a->ndim > 2 && b->ndim > 2; i++)
        if (a->ndim != b->ndim || a->size[i] != b->size[i]) return node_shape_error(n, "the leading dimensions differ");
    int64_t size[TENSOR_MAX_DIMS];
    memcpy(size, wide->size, sizeof size);
    s->batches = 1;
    for (int i = 0; i < lead; i++) s->batches *= size[i];
    s->m = a->size[a->ndim - (s->ta ? 1 : 2)];
    s->k = a->size[a->ndim - (s->ta ? 2 : 1)];
    s->n = b->size[b->ndim - (s->tb ? 2 : 1)];
    if (b->size[b->ndim - (s->tb ? 1 : 2)] != s->k) return node_shape_error(n, "the inner dimensions differ");
    s->stride_a = a->ndim > 2 ? s->m * s->k : 0;
    s->stride_b = b->ndim > 2 ? s->k * s->n : 0;
    if (s->stride_b == 0 && !s->ta && a->ndim > 2) { /* one tall product */
        s->m *= s->batches;
        s->batches = 1;
    }
    size[lead] = a->size[a->ndim - (s->ta ? 1 : 2)];
    size[lead + 1] = s->n;
    bool by_rows = !a->rowless && (lead > 0 ? a->ndim > 2 : !s->ta);
    if (!by_rows || (b->ndim == 2 && !b->rowless && b->needs_grad)) tape_couples(t);
    return node_output(t, n, DTYPE_F32, wide->ndim, size);
}

typedef struct product {
    bool ta, tb;
    int64_t batches, m, n, k;
    const float *a, *b;
    int64_t stride_a, stride_b, stride_c;
    float beta, *c;
} product;

static void product_one(const product *p, int64_t i, bool serial, float beta, lorec_err *e)
{
    const float *a = p->a + i * p->stride_a, *b = p->b + i * p->stride_b;
    float *c = p->c + i * p->stride_c;
    int64_t lda = p->ta ? p->m : p->k, ldb = p->tb ? p->k : p->n;
    if (serial)
        gemm_f32_serial(p->ta, p->tb, p->m, p->n, p->k, 1, a, lda, b, ldb, beta, c, p->n);
    else
        *e = gemm_f32(p->ta, p->tb, p->m, p->n, p->k, 1, a, lda, b, ldb, beta, c, p->n);
}

static lorec_err product_batches(void *ctx, size_t begin, size_t end, int worker)
{
    const product *p = ctx;
    lorec_err e = LOREC_OK;
    (void)worker;
    for (size_t i = begin; i < end; i++) product_one(p, (int64_t)i, true, p->beta, &e);
    return e;
}

static lorec_err product_run(product p)
{
    int64_t work = p.m * p.n * p.k;
    if (p.stride_c != 0 && p.batches > 1)
        return par_for((size_t)p.batches, row_grain(work / 16 + 1), product_batches, &p);
    if (p.batches == 0 && p.beta == 0) memset(p.c, 0, (size_t)(p.m * p.n) * sizeof *p.c);
    lorec_err e = LOREC_OK;
    for (int64_t i = 0; e == LOREC_OK && i < p.batches; i++) product_one(&p, i, false, i ? 1 : p.beta, &e);
    return e;
}

static lorec_err matmul_forward(tape *t, node *n)
{
    const matmul_spec *s = n->spec;
    (void)t;
    return product_run((product){s->ta, s->tb, s->batches, s->m, s->n, s->k, f32(n->in[0]), f32(n->in[1]), s->stride_a,
                                 s->stride_b, s->m * s->n, 0, f32(n->out)});
}

static lorec_err matmul_backward(tape *t, node *n)
{
    const matmul_spec *s = n->spec;
    int64_t stride_y = s->m * s->n;
    const float *a = f32(n->in[0]), *b = f32(n->in[1]), *dy = grad(n->out);
    float beta, *da = node_grad(t, n->in[0], &beta);
    if (da && !s->ta)
        TRY(product_run((product){false, !s->tb, s->batches, s->m, s->k, s->n, dy, b, stride_y, s->stride_b,
                                  s->stride_a, beta, da}));
    else if (da)
        TRY(product_run(
            (product){s->tb, true, s->batches, s->k, s->m, s->n, b, dy, s->stride_b, stride_y, s->stride_a, beta, da}));
    float *db = node_grad(t, n->in[1], &beta);
    if (db && !s->tb)
        TRY(product_run((product){!s->ta, false, s->batches, s->k, s->n, s->m, a, dy, s->stride_a, stride_y,
                                  s->stride_b, beta, db}));
    else if (db)
        TRY(product_run(
            (product){true, s->ta, s->batches, s->n, s->k, s->m, dy, a, stride_y, s->stride_a, s->stride_b, beta, db}));
    return tape_error(t);
}

static double matmul_flops(const node *n)
{
    const matmul_spec *s = n->spec;
    return 2.0 * (double)s->batches * (double)s->m * (double)s->n * (double)s->k;
}

const op_def op_matmul_def = {.name = "matmul",
                              .shape = matmul_shape,
                              .forward = matmul_forward,
                              .backward = matmul_backward,
                              .flops = matmul_flops};

tensor *op_matmul(tape *t, tensor *a, tensor *b, bool ta, bool tb)
{
    return tape_apply(t, &op_matmul_def, (tensor *[]){tape_as_f32(t, a), tape_as_f32(t, b)}, 2,
                      &(matmul_spec){.ta = ta, .tb = tb}, sizeof(matmul_spec));
}
