#include "rec/ials_solve.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>

#include "base/threads.h"
#include "tensor/cpu/sparse.h"

/* A row's factors of the other side are copied together in chunks: conjugate gradients walk over a light row's chunk
 * several times in the second-level cache. A heavy row (HEAVY times as many entries as dimensions) would come from
 * memory in every step; its normal matrix is summed up once instead, at the speed of a matrix product. */
enum { CHUNK = 256, HEAVY = 12 };

typedef struct scratch {
    float *y;        /* [light, dim] gathered factors */
    float *a, *b;    /* [light] */
    float *matrix;   /* [dim, dim] */
    float *r, *p, *q; /* [dim] */
} scratch;

typedef struct solve_job {
    const ials_side *s;
    const float *gram; /* g Y^T Y, [dim, dim] */
    float *factors;
    size_t light; /* the most entries that are gathered at once */
} solve_job;

static void scratch_free(scratch *w)
{
    mem_free(w->y), mem_free(w->a), mem_free(w->b), mem_free(w->matrix), mem_free(w->r), mem_free(w->p), mem_free(w->q);
}

static lorec_err scratch_new(scratch *w, size_t light, size_t dim)
{
    TRY(mem_new(&w->y, light * dim));
    TRY(mem_new(&w->a, light));
    TRY(mem_new(&w->b, light));
    TRY(mem_new(&w->matrix, dim * dim));
    TRY(mem_new(&w->r, dim));
    TRY(mem_new(&w->p, dim));
    return mem_new(&w->q, dim);
}

static float regularisation(const ials_side *s, uint64_t n)
{
    return (float)(s->reg * pow((double)n + s->reg_plus, s->reg_power));
}

static void gather(const ials_side *s, scratch *w, uint64_t at, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        memcpy(w->y + k * s->dim, s->other + (size_t)s->x->col[at + k] * s->dim, s->dim * sizeof *w->y);
        float v = s->x->value ? s->x->value[at + k] : 0;
        w->a[k] = s->target + s->target_by * v;
        w->b[k] = s->weight + s->weight_by * v;
    }
}

/* ---- conjugate gradients ------------------------------------------------------------------------------------------------ */

static float dot(size_t n, const float *a, const float *b)
{
    return cblas_sdot((int)n, a, 1, b, 1);
}

/* out = M p + reg p, M symmetric [dim, dim] */
static void dense_apply(size_t dim, const float *m, float reg, const float *p, float *out)
{
    for (size_t i = 0; i < dim; i++) out[i] = reg * p[i];
    static const float *const none = NULL;
    (void)none;
    cblas_sgemv(CblasRowMajor, CblasNoTrans, (int)dim, (int)dim, 1, m, (int)dim, p, 1, 1, out, 1);
}
