#include "tensor/ops/scatter.h"

#include <stdlib.h>

#include "tensor/ops/piece.h"

static int64_t source_of(const scatter *s, int64_t i)
{
    return s->source ? s->source[i] : i / s->per_row;
}

typedef struct scatter_job {
    const scatter *s;
    int32_t share; /* rows with id % share == worker's number are that worker's */
} scatter_job;

static lorec_err scatter_share(void *ctx, size_t begin, size_t end, int worker)
{
    const scatter_job *job = ctx;
    const scatter *s = job->s;
    (void)worker;
    for (size_t mine = begin; mine < end; mine++) {
        for (int64_t i = 0; i < s->n; i++) {
            int32_t id = s->id[i];
            if (id < 0 || id % job->share != (int32_t)mine) continue;
            const float *from = s->from + source_of(s, i) * s->width;
            float *to = s->to + id * s->width;
            if (s->weight)
                isa()->axpy_f32((size_t)s->width, s->weight[i], from, to);
            else
                for (int64_t c = 0; c < s->width; c++) to[c] += from[c];
        }
    }
    return LOREC_OK;
}

lorec_err scatter_add(tape *t, const scatter *s)
{
    (void)t;
    int64_t work = s->n * s->width;
    int share = work > PAR_GRAIN ? par_workers() : 1;
    return par_for((size_t)share, 1, scatter_share, &(scatter_job){s, share});
}

float *scatter_target(tape *t, tensor *w, const int32_t *ids, int64_t n)
{
    if (!w->param || !w->param->sparse) return node_grad_zeroed(t, w);
    if (!node_grad_rows(t, w)) return NULL;
    for (int64_t i = 0; i < n; i++)
        if (ids[i] >= 0) param_touch_row(w, ids[i]);
    return grad(w);
}

lorec_err ids_check(const node *n, const tensor *ids, int64_t rows)
{
    const int32_t *id = i32(ids);
    for (int64_t i = 0; i < ids->count; i++) {
        if (id[i] >= -1 && id[i] < rows) continue;
        return err_set(LOREC_USAGE, "%s: id %d (number %lld) is outside a table of %lld rows; -1 means none",
                       n->op->name, id[i], (long long)i, (long long)rows);
    }
    return LOREC_OK;
}

/* ---- per-example norms ----------------------------------------------------------------------------------------------- */

typedef struct entry {
    int32_t example, id;
    int64_t i;
} entry;

static int entry_order(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->example != y->example) return x->example < y->example ? -1 : 1;
    if (x->id != y->id) return x->id < y->id ? -1 : 1;
    return x->i < y->i ? -1 : x->i > y->i;
}

lorec_err scatter_example_norms(tape *t, const scatter *s, const int32_t *examples, float *sq, int64_t n_examples)
{
    entry *list = tape_scratch(t, (size_t)s->n * sizeof *list);
    float *sum = tape_scratch(t, (size_t)s->width * sizeof *sum);
    if (!list || !sum) return tape_error(t);
    int64_t n = 0;
    for (int64_t i = 0; i < s->n; i++) {
        int64_t row = source_of(s, i);
        int32_t example = examples ? examples[row] : (int32_t)row;
        if (s->id[i] >= 0 && example < n_examples) list[n++] = (entry){example, s->id[i], i};
    }
    if (n) qsort(list, (size_t)n, sizeof *list, entry_order);
    for (int64_t a = 0, b; a < n; a = b) {
        memset(sum, 0, (size_t)s->width * sizeof *sum);
        for (b = a; b < n && list[b].example == list[a].example && list[b].id == list[a].id; b++) {
            int64_t i = list[b].i;
            isa()->axpy_f32((size_t)s->width, s->weight ? s->weight[i] : 1, s->from + source_of(s, i) * s->width, sum);
        }
        sq[list[a].example] += isa()->dot_f32((size_t)s->width, sum, sum);
    }
    return LOREC_OK;
}
