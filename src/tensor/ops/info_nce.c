/* In-batch contrast (van den Oord et al. 2018): loss of row i = -log softmax over j of <a_i, b_j> / temperature, at i.
 * saved: the [n, n] softmax. dS = dy (P - I) / temperature; da = dS b, db = dS^T a. */
#include "tensor/ops.h"
#include "tensor/ops/piece.h"

typedef struct nce_spec {
    float temperature;
} nce_spec;

static lorec_err nce_shape(tape *t, node *n)
{
    const tensor *a = n->in[0], *b = n->in[1];
    if (a->ndim != 2 || b->ndim != 2 || a->size[0] != b->size[0] || a->size[1] != b->size[1] || a->type != DTYPE_F32 ||
        b->type != DTYPE_F32 || !(((nce_spec *)n->spec)->temperature > 0))
        return node_shape_error(n, "needs two [n, d] and a temperature above 0");
    return node_output(t, n, DTYPE_F32, 1, a->size);
}

static lorec_err nce_rows(void *ctx, size_t begin, size_t end, int worker)
{
    const node *n = ctx;
    size_t rows = (size_t)n->out->count;
    (void)worker;
    for (size_t r = begin; r < end; r++) {
        float *s = (float *)n->saved + r * rows, most;
        double all = row_log_sum_exp(rows, s, &most);
        f32(n->out)[r] = (float)(all - s[r]);
        for (size_t i = 0; i < rows; i++) s[i] = (float)(s[i] - all);
        isa()->exp_f32(rows, s, s);
    }
    return LOREC_OK;
}

static lorec_err nce_forward(tape *t, node *n)
{
    int64_t rows = n->out->count, d = n->in[0]->size[1];
    if (!(n->saved = tape_alloc(t, (size_t)rows * (size_t)rows * sizeof(float)))) return tape_error(t);
    TRY(gemm_f32(false, true, rows, rows, d, 1 / ((nce_spec *)n->spec)->temperature, f32(n->in[0]), d, f32(n->in[1]), d,
                 0, n->saved, rows));
    return par_for((size_t)rows, row_grain(rows * 4), nce_rows, n);
}

typedef struct nce_job {
    const node *n;
    float *ds;
} nce_job;

static lorec_err nce_slopes(void *ctx, size_t begin, size_t end, int worker)
{
    const nce_job *k = ctx;
    size_t rows = (size_t)k->n->out->count;
    (void)worker;
    for (size_t r = begin; r < end; r++) {
        const float *p = (const float *)k->n->saved + r * rows;
        float *ds = k->ds + r * rows, dy = grad(k->n->out)[r] / ((nce_spec *)k->n->spec)->temperature;
        for (size_t i = 0; i < rows; i++) ds[i] = dy * p[i];
        ds[r] -= dy;
    }
    return LOREC_OK;
}

static lorec_err nce_backward(tape *t, node *n)
{
    tensor *a = n->in[0], *b = n->in[1];
    int64_t rows = n->out->count, d = a->size[1];
    nce_job k = {n, tape_scratch(t, (size_t)rows * (size_t)rows * sizeof(float))};
    if (!k.ds) return tape_error(t);
    TRY(par_for((size_t)rows, row_grain(rows), nce_slopes, &k));
    float beta, *da = node_grad(t, a, &beta);
    if (da) TRY(gemm_f32(false, false, rows, d, rows, 1, k.ds, rows, f32(b), d, beta, da, d));
    float *db = node_grad(t, b, &beta);
    if (db) TRY(gemm_f32(true, false, rows, d, rows, 1, k.ds, rows, f32(a), d, beta, db, d));
    return tape_error(t);
}

static double nce_flops(const node *n)
{
    return 2 * (double)n->out->count * (double)n->in[0]->count;
}

const op_def op_info_nce_def = {
    .name = "info_nce",
    .shape = nce_shape,
    .forward = nce_forward,
    .backward = nce_backward,
    .flops = nce_flops,
    .flags = OP_COUPLES,
};

tensor *op_info_nce(tape *t, tensor *a, tensor *b, float temperature)
{
    return tape_apply(t, &op_info_nce_def, (tensor *[]){tape_as_f32(t, a), tape_as_f32(t, b)}, 2,
                      &(nce_spec){temperature}, sizeof(nce_spec));
}
