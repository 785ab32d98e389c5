/* op_over_norms: y[i, v] = x[i, v] / |w_v|, x [rows, v], w [v, d]: logits of a head whose rows count as unit vectors, without a
 * copy of the head. dx = dy / |w_v|;  dw_v = -(sum_i dy[i, v] x[i, v]) / |w_v|^3 w_v. */
#include "tensor/ops.h"
#include "tensor/ops/piece.h"

static const float SMALLEST = 1e-12f; /* torch's normalize */

static lorec_err over_norms_shape(tape *t, node *n)
{
    const tensor *x = n->in[0], *w = n->in[1];
    if (x->type != DTYPE_F32 || w->type != DTYPE_F32 || w->ndim != 2 || tensor_width(x) != w->size[0])
        return node_shape_error(n, "needs x [.., v] and w [v, d]");
    return node_output_like(t, n, x);
}

static lorec_err norms(void *ctx, size_t begin, size_t end, int worker)
{
    const node *n = ctx;
    const tensor *w = n->in[1];
    size_t d = (size_t)w->size[1];
    (void)worker;
    for (size_t v = begin; v < end; v++) {
        float norm = sqrtf(isa()->dot_f32(d, f32(w) + v * d, f32(w) + v * d));
        ((float *)n->saved)[v] = 1 / (norm > SMALLEST ? norm : SMALLEST);
    }
    return LOREC_OK;
}

static lorec_err scaled_rows(void *ctx, size_t begin, size_t end, int worker)
{
    const node *n = ctx;
    size_t classes = (size_t)tensor_width(n->out);
    const float *by = n->saved;
    (void)worker;
    for (size_t r = begin; r < end; r++)
        for (size_t v = 0; v < classes; v++) f32(n->out)[r * classes + v] = f32(n->in[0])[r * classes + v] * by[v];
    return LOREC_OK;
}

static lorec_err over_norms_forward(tape *t, node *n)
{
    const tensor *w = n->in[1];
    if (!(n->saved = tape_alloc(t, (size_t)w->size[0] * sizeof(float)))) return tape_error(t);
    TRY(par_for((size_t)w->size[0], row_grain(w->size[1]), norms, n));
    return par_for((size_t)tensor_rows(n->out), row_grain(tensor_width(n->out)), scaled_rows, n);
}

typedef struct back_job {
    const node *n;
    float *dx, *dw, beta_x, beta_w;
} back_job;

static lorec_err back_x(void *ctx, size_t begin, size_t end, int worker)
{
    const back_job *j = ctx;
    size_t classes = (size_t)tensor_width(j->n->out);
    const float *by = j->n->saved;
    (void)worker;
    for (size_t r = begin; r < end; r++)
        for (size_t v = 0; v < classes; v++) {
            size_t at = r * classes + v;
            j->dx[at] = grad(j->n->out)[at] * by[v] + (j->beta_x == 0 ? 0 : j->dx[at]);
        }
    return LOREC_OK;
}

static lorec_err back_w(void *ctx, size_t begin, size_t end, int worker)
{
    const back_job *j = ctx;
    const tensor *x = j->n->in[0], *w = j->n->in[1];
    size_t classes = (size_t)w->size[0], d = (size_t)w->size[1], rows = (size_t)tensor_rows(x);
    const float *by = j->n->saved;
    (void)worker;
    for (size_t v = begin; v < end; v++) {
        double sum = 0;
        for (size_t r = 0; r < rows; r++) sum += (double)grad(j->n->out)[r * classes + v] * f32(x)[r * classes + v];
        float *to = j->dw + v * d, a = by[v] < 1 / SMALLEST ? -(float)sum * by[v] * by[v] * by[v] : 0;
        if (j->beta_w == 0) memset(to, 0, d * sizeof *to);
        isa()->axpy_f32(d, a, f32(w) + v * d, to);
    }
    return LOREC_OK;
}

static lorec_err over_norms_backward(tape *t, node *n)
{
    back_job j = {.n = n};
    j.dx = node_grad(t, n->in[0], &j.beta_x);
    if (j.dx) TRY(par_for((size_t)tensor_rows(n->out), row_grain(tensor_width(n->out)), back_x, &j));
    j.dw = node_grad(t, n->in[1], &j.beta_w);
    if (j.dw) TRY(par_for((size_t)n->in[1]->size[0], row_grain(n->in[1]->size[1]), back_w, &j));
    return tape_error(t);
}

static double over_norms_flops(const node *n)
{
    return (double)n->out->count + 2 * (double)n->in[1]->count;
}

const op_def op_over_norms_def = {.name = "over_norms",
                                  .shape = over_norms_shape,
                                  .forward = over_norms_forward,
                                  .backward = over_norms_backward,
                                  .flops = over_norms_flops};

tensor *op_over_norms(tape *t, tensor *x, tensor *w)
{
    return tape_apply(t, &op_over_norms_def, (tensor *[]){tape_as_f32(t, x), tape_as_f32(t, w)}, 2, NULL, 0);
}
