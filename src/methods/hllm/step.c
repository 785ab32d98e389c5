/* One step: the items of some histories and the negatives are encoded, each once; the user model reads the histories and is
 * to come nearest, by cosine, to the item that follows each place. */
#include <math.h>

#include "base/mem.h"
#include "methods/hllm/hllm.h"

enum { HISTORY, TARGET, LENGTH, NEGATIVE };
static const float same = .99f;         /* a negative nearer than this to the positive is taken for the same item */
static const float away = -1e9f;        /* what is added to its score */
static const double sharpest = 4.60517; /* ln 100 */

static int32_t place_of(training *f, uint32_t item)
{
    if (f->slot[item] < 0) {
        f->slot[item] = (int32_t)f->n_listed;
        f->listed[f->n_listed++] = item;
    }
    return f->slot[item];
}

/* Which items take part, and where each goes. */
static lorec_err gather(training *f, const uint32_t *example, size_t n, rng *r, int64_t *rows, int64_t *negatives)
{
    size_t all = 0, at = 0, k = (size_t)f->m->negatives;
    f->n_listed = 0;
    for (size_t i = 0; i < n; i++) all += (size_t)(f->windows[example[i]].end - f->windows[example[i]].first - 1);
    TRY(mem_grow(&f->history, &f->cap[HISTORY], all));
    TRY(mem_grow(&f->target, &f->cap[TARGET], all));
    TRY(mem_grow(&f->length, &f->cap[LENGTH], n));
    TRY(mem_grow(&f->negative, &f->cap[NEGATIVE], all + k));
    for (size_t i = 0; i < n; i++) {
        const window *w = &f->windows[example[i]];
        f->length[i] = (int32_t)(w->end - w->first - 1);
        for (uint64_t row = w->first; row + 1 < w->end; row++, at++) {
            f->history[at] = place_of(f, f->rows->item[row]);
            f->target[at] = f->negative[at] = place_of(f, f->rows->item[row + 1]);
        }
    }
    for (size_t i = 0; i < k; i++) f->negative[i] = place_of(f, rng_below(r, f->m->n_items));
    for (size_t i = 0; i < f->n_listed; i++) f->slot[f->listed[i]] = -1; /* for the next step */
    *rows = (int64_t)all;
    *negatives = k ? (int64_t)k : (int64_t)all;
    return LOREC_OK;
}

static tensor *step_vectors(const training *f, tape *t)
{
    const hllm *m = f->m;
    if (!m->freeze_item) return hllm_encode(f, t, f->listed, f->n_listed);
    float *v;
    if (mem_new(&v, f->n_listed * (size_t)m->d)) return tape_fail(t, LOREC_RESOURCE);
    for (size_t i = 0; i < f->n_listed; i++)
        for (int64_t k = 0; k < m->d; k++)
            v[i * (size_t)m->d + (size_t)k] = m->vectors[f->listed[i] * (size_t)m->d + (size_t)k];
    tensor *all = tape_f32(t, v, 2, (int64_t[]){(int64_t)f->n_listed, m->d});
    mem_free(v);
    return all;
}

/* [rows, negatives]: `away` where a negative is the positive, or as good as. */
static tensor *mask(tape *t, tensor *positive, tensor *negative, int64_t rows, int64_t n)
{
    float *x;
    tensor *cosine = op_matmul(t, op_detach(t, positive), op_detach(t, negative), false, true);
    if (mem_new(&x, (size_t)(rows * n))) return tape_fail(t, LOREC_RESOURCE);
    lorec_err e = tape_read(t, cosine, x, rows * n);
    for (int64_t i = 0; i < rows * n && !e; i++) x[i] = x[i] > same ? away : 0;
    tensor *out = e ? tape_fail(t, e) : tape_f32(t, x, 2, (int64_t[]){rows, n});
    mem_free(x);
    return out;
}

static lorec_err keep_scale_in_bounds(training *f)
{
    float s;
    TRY(tensor_read(f->scale, &s, 1));
    if (s >= 0 && s <= (float)sharpest) return LOREC_OK;
    s = s < 0 ? 0 : (float)sharpest;
    return tensor_write(f->scale, &s, 1);
}

tensor *hllm_step(void *training_, tape *t, const uint32_t *example, size_t n, rng *r)
{
    training *f = training_;
    int64_t rows, k;
    int32_t *first;
    if (keep_scale_in_bounds(f) || gather(f, example, n, r, &rows, &k)) return NULL;
    tensor *items = step_vectors(f, t), *unit = op_l2_normalize(t, items, 1e-12f);
    tensor *read = op_gather_rows(t, items, tape_ids(t, f->history, rows));
    token_rows in = {.vectors = op_cast(t, read, hllm_compute(f->m)),
                     .sequences = tape_segments(t, f->length, (int64_t)n)};
    tensor *said = op_l2_normalize(t, op_cast(t, transformer_hidden(t, f->user, &in), DTYPE_F32), 1e-12f);
    tensor *positive = op_gather_rows(t, unit, tape_ids(t, f->target, rows));
    tensor *negative = op_gather_rows(t, unit, tape_ids(t, f->negative, k));
    tensor *sharp = op_mul(t, said, op_exp(t, f->scale));
    tensor *right = op_reshape(t, op_dot(t, sharp, positive), 2, (int64_t[]){rows, 1});
    tensor *wrong = op_add(t, op_cast(t, op_matmul(t, sharp, negative, false, true), DTYPE_F32),
                           mask(t, positive, negative, rows, k));
    tensor *scores = op_concat(t, (tensor *[]){right, wrong}, 2, 1);
    if (mem_new(&first, (size_t)rows)) return tape_fail(t, LOREC_RESOURCE); /* zeros: the positive is column 0 */
    tensor *loss = op_mean(t, op_cross_entropy(t, scores, tape_ids(t, first, rows)));
    mem_free(first);
    return loss;
}
