#include "rec/ials_solve.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>

#include "base/threads.h"
#include "tensor/cpu/kernels.h"
#include "tensor/cpu/sparse.h"

/* The factors that a row needs are copied together and walked over once for each step of conjugate gradients, from the
 * second-level cache as long as they fit CHUNK_BYTES. Where they do not, a small dimension sums up the row's normal
 * matrix in one pass, at the speed of a matrix product; a large one gathers anew for every step. */
enum { CHUNK_BYTES = 1 << 19, MATRIX_DIM = 96, BATCH = 64 };

typedef struct solve_job {
    const ials_side *s;
    const float *gram;        /* g Y^T Y, [dim, dim] */
    const uint32_t *identity; /* 0, 1, 2 .. max(chunk, dim) - 1 */
    float *factors;
    size_t chunk; /* entries gathered at once */
} solve_job;

typedef struct scratch {
    float *y;               /* [chunk, dim] gathered factors */
    float *a, *b, *minus_b; /* [chunk] */
    float *matrix;          /* [dim, dim] */
    float *r, *p, *q;       /* [dim] */
} scratch;

static void scratch_free(scratch *w)
{
    mem_free(w->y), mem_free(w->a), mem_free(w->b), mem_free(w->minus_b);
    mem_free(w->matrix), mem_free(w->r), mem_free(w->p), mem_free(w->q);
}

static lorec_err scratch_new(scratch *w, size_t chunk, size_t dim)
{
    TRY(mem_new(&w->y, chunk * dim));
    TRY(mem_new(&w->a, chunk));
    TRY(mem_new(&w->b, chunk));
    TRY(mem_new(&w->minus_b, chunk));
    TRY(mem_new(&w->matrix, dim * dim));
    TRY(mem_new(&w->r, dim));
    TRY(mem_new(&w->p, dim));
    return mem_new(&w->q, dim);
}

/* Entries at .. at + n of the matrix: their factors, a and b. */
static void gather(const ials_side *s, scratch *w, uint64_t at, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        if (k + 8 < n) __builtin_prefetch(s->other + (size_t)s->x->col[at + k + 8] * s->dim);
        memcpy(w->y + k * s->dim, s->other + (size_t)s->x->col[at + k] * s->dim, s->dim * sizeof *w->y);
        float v = s->x->value ? s->x->value[at + k] : 0;
        w->a[k] = s->target + s->target_by * v;
        w->b[k] = s->weight + s->weight_by * v;
        w->minus_b[k] = -w->b[k];
    }
}

/* out = M p + reg p, M [dim, dim] symmetric */
static void dense_apply(const solve_job *job, const float *m, float reg, const float *p, float *out)
{
    size_t d = job->s->dim;
    sparse_isa()->gather_sum(d, job->identity, p, m, d, out);
    for (size_t i = 0; i < d; i++) out[i] += reg * p[i];
}

/* ---- conjugate gradients ------------------------------------------------------------------------------------------------ */

typedef struct row {
    uint64_t at;
    size_t n;
    float reg;
    const float *matrix; /* the whole normal matrix, or NULL: gram and entries */
    const float *target; /* with the matrix: the right side */
} row;

/* out = [right side] - A p */
static void residual(const solve_job *job, scratch *w, const row *u, const float *p, bool right_side, float *out)
{
    size_t d = job->s->dim;
    dense_apply(job, u->matrix ? u->matrix : job->gram, u->reg, p, out);
    for (size_t i = 0; i < d; i++) out[i] = (u->matrix && right_side ? u->target[i] : 0) - out[i];
    if (u->matrix) return;
    bool whole = u->n <= job->chunk; /* gathered already */
    for (size_t k = 0; k < u->n; k += job->chunk) {
        size_t n = u->n - k < job->chunk ? u->n - k : job->chunk;
        if (!whole) gather(job->s, w, u->at + k, n);
        sparse_isa()->normal_apply(n, d, w->y, right_side ? w->a : NULL, w->minus_b, p, out);
    }
}

static void conjugate_gradients(const solve_job *job, scratch *w, const row *u, float *x)
{
    size_t d = job->s->dim;
    float (*dot)(size_t, const float *, const float *) = isa()->dot_f32;
    residual(job, w, u, x, true, w->r);
    memcpy(w->p, w->r, d * sizeof *w->p);
    float rr = dot(d, w->r, w->r);
    for (int step = 0; step < job->s->steps && rr > 1e-20F; step++) {
        residual(job, w, u, w->p, false, w->q); /* -A p */
        float curve = -dot(d, w->p, w->q);
        if (!(curve > 0)) break;
        float by = rr / curve;
        for (size_t i = 0; i < d; i++) {
            x[i] += by * w->p[i];
            w->r[i] += by * w->q[i];
        }
        float next = dot(d, w->r, w->r), turn = next / rr;
        rr = next;
        for (size_t i = 0; i < d; i++) w->p[i] = w->r[i] + turn * w->p[i];
    }
}

/* ---- the normal matrix ---------------------------------------------------------------------------------------------------- */

/* matrix: upper triangle of g Y^T Y + sum b y y^T; target [dim] = sum a y, in w->r when done */
static void sum_up(const solve_job *job, scratch *w, const row *u, float *target)
{
    const ials_side *s = job->s;
    size_t d = s->dim;
    bool same = !s->x->value || s->weight_by == 0;
    memcpy(w->matrix, job->gram, d * d * sizeof *w->matrix);
    memset(target, 0, d * sizeof *target);
    for (size_t k = 0; k < u->n; k += job->chunk) {
        size_t n = u->n - k < job->chunk ? u->n - k : job->chunk;
        gather(s, w, u->at + k, n);
        sparse_isa()->gather_sum(n, job->identity, w->a, w->y, d, w->q);
        for (size_t i = 0; i < d; i++) target[i] += w->q[i];
        for (size_t e = 0; e < n && !same; e++) {
            float root = sqrtf(w->b[e]);
            for (size_t i = 0; i < d; i++) w->y[e * d + i] *= root;
        }
        cblas_ssyrk(CblasRowMajor, CblasUpper, CblasTrans, (int)d, (int)n, same ? s->weight : 1, w->y, (int)d, 1,
                    w->matrix, (int)d);
    }
}

static void mirror(float *m, size_t d)
{
    for (size_t i = 1; i < d; i++)
        for (size_t j = 0; j < i; j++) m[i * d + j] = m[j * d + i];
}

static lorec_err cholesky(const solve_job *job, scratch *w, const row *u, float *x)
{
    int d = (int)job->s->dim;
    sum_up(job, w, u, w->r);
    for (int i = 0; i < d; i++) w->matrix[i * d + i] += u->reg;
    int info = LAPACKE_sposv_work(LAPACK_COL_MAJOR, 'L', d, 1, w->matrix, d, w->r, d);
    if (info)
        return err_set(LOREC_FAILED, "ials: a normal matrix is singular in 32-bit floats; use more regularisation");
    memcpy(x, w->r, (size_t)d * sizeof *x);
    return LOREC_OK;
}

/* ---- all rows --------------------------------------------------------------------------------------------------------------- */

static lorec_err solve_row(const solve_job *job, scratch *w, size_t r)
{
    const ials_side *s = job->s;
    float *x = job->factors + r * s->dim;
    row u = {.at = s->x->start[r], .n = s->x->start[r + 1] - s->x->start[r]};
    if (u.n == 0) {
        memset(x, 0, s->dim * sizeof *x);
        return LOREC_OK;
    }
    u.reg = (float)(s->reg * pow((double)u.n + s->reg_plus, s->reg_power));
    if (s->solver == IALS_CHOLESKY) return cholesky(job, w, &u, x);
    float target[MATRIX_DIM];
    if (u.n <= job->chunk) {
        gather(s, w, u.at, u.n);
    } else if (s->dim <= MATRIX_DIM) {
        sum_up(job, w, &u, target);
        mirror(w->matrix, s->dim);
        u.matrix = w->matrix;
        u.target = target;
    }
    conjugate_gradients(job, w, &u, x);
    return LOREC_OK;
}

static lorec_err solve_rows(void *ctx, size_t begin, size_t end, int worker)
{
    (void)worker;
    const solve_job *job = ctx;
    scratch w = {0};
    lorec_err e = scratch_new(&w, job->chunk, job->s->dim);
    for (size_t r = begin; r < end && !e; r++) e = solve_row(job, &w, r);
    scratch_free(&w);
    return e;
}

void ials_gram(const ials_side *s, float *gram)
{
    cblas_ssyrk(CblasRowMajor, CblasUpper, CblasTrans, (int)s->dim, (int)s->x->cols, s->gram_weight, s->other,
                (int)s->dim, 0, gram, (int)s->dim);
    mirror(gram, s->dim);
}

lorec_err ials_solve(const ials_side *s, float *factors)
{
    size_t d = s->dim, chunk = CHUNK_BYTES / sizeof(float) / d;
    if (chunk < 16) chunk = 16;
    size_t count = chunk > d ? chunk : d;
    float *gram = NULL;
    uint32_t *identity = NULL;
    lorec_err e;
    TRY_GO(e, mem_new(&gram, d * d), done);
    TRY_GO(e, mem_new(&identity, count), done);
    for (size_t i = 0; i < count; i++) identity[i] = (uint32_t)i;
    if (s->gram)
        memcpy(gram, s->gram, d * d * sizeof *gram);
    else
        ials_gram(s, gram);
    bool many = s->x->rows > BATCH; /* a fit; one person's factors are asked for by any thread */
    if (many) par_blas_alone();
    e = par_each(s->x->rows, BATCH, solve_rows, &(solve_job){s, gram, identity, factors, chunk});
    if (many) par_blas_shared();
done:
    mem_free(gram);
    mem_free(identity);
    return e;
}
