/* A constant sparse matrix times x: each output row sums the rows of x that its entries name. The way back is the same
 * with the transpose. */
#include "tensor/cpu/sparse.h"
#include "tensor/ops.h"
#include "tensor/ops/piece.h"

lorec_err csr_prepare(csr *m)
{
    if (m->transpose) return LOREC_OK;
    csr *tr;
    int64_t entries = m->start[m->rows], *start = NULL;
    int32_t *col = NULL;
    float *value = NULL;
    TRY(mem_new(&tr, 1));
    lorec_err e = mem_new(&start, (size_t)m->cols + 2);
    if (e == LOREC_OK) e = mem_new(&col, (size_t)entries);
    if (e == LOREC_OK && m->value) e = mem_new(&value, (size_t)entries);
    *tr = (csr){m->cols, m->rows, start, col, value, NULL};
    if (e) {
        m->transpose = tr;
        csr_release(m);
        return e;
    }
    /* start[c + 2] counts, then start[c + 1] is the place of column c's next entry, then where column c + 1 begins */
    for (int64_t i = 0; i < entries; i++) start[m->col[i] + 2]++;
    for (int64_t c = 1; c <= m->cols; c++) start[c + 1] += start[c];
    for (int64_t r = 0; r < m->rows; r++)
        for (int64_t i = m->start[r]; i < m->start[r + 1]; i++) {
            int64_t at = start[m->col[i] + 1]++;
            col[at] = (int32_t)r;
            if (value) value[at] = m->value[i];
        }
    m->transpose = tr;
    return LOREC_OK;
}

void csr_release(csr *m)
{
    if (!m->transpose) return;
    mem_free((void *)m->transpose->start);
    mem_free((void *)m->transpose->col);
    mem_free((void *)m->transpose->value);
    mem_free(m->transpose);
    m->transpose = NULL;
}

typedef struct sparse_spec {
    const csr *m;
} sparse_spec;

static lorec_err sparse_shape(tape *t, node *n)
{
    const csr *m = ((sparse_spec *)n->spec)->m;
    const tensor *x = n->in[0];
    if (!m || x->ndim != 2 || x->type != DTYPE_F32 || x->size[0] != m->cols)
        return node_shape_error(n, "needs [columns of the matrix, d]");
    if (!m->transpose && m->rows != m->cols && x->needs_grad)
        return node_shape_error(n, "a matrix that is not symmetric needs csr_prepare for the way back");
    return node_output(t, n, DTYPE_F32, 2, (int64_t[]){m->rows, x->size[1]});
}

typedef struct sparse_job {
    const csr *m;
    const float *x;
    float *y, beta;
    size_t d;
    float *scratch; /* [workers, d] when beta is not 0 */
} sparse_job;

static lorec_err sparse_rows(void *ctx, size_t begin, size_t end, int worker)
{
    const sparse_job *j = ctx;
    const sparse_kernels *k = sparse_isa();
    for (size_t r = begin; r < end; r++) {
        int64_t from = j->m->start[r];
        size_t n = (size_t)(j->m->start[r + 1] - from);
        float *y = j->y + r * j->d, *sum = j->beta == 0 ? y : j->scratch + (size_t)worker * j->d;
        k->gather_sum(n, (const uint32_t *)j->m->col + from, j->m->value ? j->m->value + from : NULL, j->x, j->d, sum);
        if (sum != y) isa()->axpy_f32(j->d, 1, sum, y);
    }
    return LOREC_OK;
}

static lorec_err sparse_run(const sparse_job *j)
{
    int64_t entries = j->m->rows ? j->m->start[j->m->rows] : 0, rows = j->m->rows;
    if (!rows || !j->d) return LOREC_OK;
    size_t grain = row_grain((int64_t)j->d * (entries / rows + 1)),
           share = (size_t)rows / (8 * (size_t)par_workers()) + 1;
    return par_each((size_t)rows, grain > share ? grain : share, sparse_rows, (void *)j);
}

static lorec_err sparse_forward(tape *t, node *n)
{
    const csr *m = ((sparse_spec *)n->spec)->m;
    (void)t;
    return sparse_run(&(sparse_job){.m = m, .x = f32(n->in[0]), .y = f32(n->out), .d = (size_t)n->out->size[1]});
}

static lorec_err sparse_backward(tape *t, node *n)
{
    const csr *m = ((sparse_spec *)n->spec)->m;
    sparse_job j = {.m = m->transpose ? m->transpose : m, .x = grad(n->out), .d = (size_t)n->out->size[1]};
    j.y = node_grad(t, n->in[0], &j.beta);
    if (!j.y) return tape_error(t);
    if (j.beta != 0 && !(j.scratch = tape_scratch(t, (size_t)par_workers() * j.d * sizeof(float))))
        return tape_error(t);
    return sparse_run(&j);
}

static double sparse_flops(const node *n)
{
    const csr *m = ((sparse_spec *)n->spec)->m;
    return m->rows ? 2 * (double)m->start[m->rows] * (double)n->out->size[1] : 0;
}

const op_def op_sparse_matmul_def = {
    .name = "sparse_matmul",
    .shape = sparse_shape,
    .forward = sparse_forward,
    .backward = sparse_backward,
    .flops = sparse_flops,
    .flags = OP_COUPLES,
};

tensor *op_sparse_matmul(tape *t, const csr *m, tensor *x)
{
    return tape_apply(t, &op_sparse_matmul_def, (tensor *[]){tape_as_f32(t, x)}, 1, &(sparse_spec){m},
                      sizeof(sparse_spec));
}
