/* Packed batches through the model, one a worker. */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/threads.h"
#include "lm/embed/embed_parts.h"
#include "lm/train/pair.h"

enum { ROWS_AT_ONCE = 1024 };

/* One worker's tape and room. */
typedef struct embed_worker {
    tape *t;
    float *between;
    int32_t *id, *length;
    size_t between_cap, id_cap, length_cap;
} embed_worker;

typedef struct embed_job {
    const embedder *e;
    const int32_t *id, *length;
    size_t n;
    size_t *start;             /* [n] of each sequence in id */
    size_t *order;             /* [m] sequences that have tokens, longest first */
    size_t m, batches, *batch; /* [batches + 1] in order */
    float *out;
    embed_worker *worker;
    atomic_size_t done;
} embed_job;

/* ---- one batch ----------------------------------------------------------------------------------------------------------- */

static lorec_err gather(const embed_job *j, size_t batch, embed_worker *w, embed_batch *b)
{
    size_t first = j->batch[batch], n = j->batch[batch + 1] - first;
    *b = (embed_batch){.n = (int64_t)n};
    TRY(mem_grow(&w->length, &w->length_cap, n));
    for (size_t i = 0; i < n; i++) {
        w->length[i] = j->length[j->order[first + i]];
        b->rows += w->length[i];
    }
    TRY(mem_grow(&w->id, &w->id_cap, (size_t)b->rows));
    int32_t *to = w->id;
    for (size_t i = 0; i < n; i++) {
        memcpy(to, j->id + j->start[j->order[first + i]], (size_t)w->length[i] * sizeof *to);
        to += w->length[i];
    }
    b->id = w->id;
    b->length = w->length;
    return LOREC_OK;
}

/* Layer by layer, so that only one layer's activations are held. */
static lorec_err through_layers(const embedder *e, embed_worker *w, const embed_batch *b, tensor **x,
                                const segments **s)
{
    const transformer_config *c = transformer_settings(e->body);
    TRY(mem_grow(&w->between, &w->between_cap, (size_t)(b->rows * c->width)));
    dtype type = DTYPE_F32;
    for (int64_t layer = 0; layer < c->layers; layer++) {
        tape_begin(w->t, 0);
        token_rows in = {.ids = tape_ids(w->t, b->id, b->rows), /* some models' positions depend on them */
                         .sequences = tape_segments(w->t, b->length, b->n)};
        if (layer == 0) {
            *x = transformer_embed(w->t, e->body, &in);
        } else {
            *x = tape_f32(w->t, w->between, 2, (int64_t[]){b->rows, c->width});
            if (type == DTYPE_BF16) *x = op_cast(w->t, *x, type);
        }
        *x = transformer_block(w->t, e->body, layer, *x, &in);
        *s = in.sequences;
        if (layer == c->layers - 1) break;
        TRY(tape_read(w->t, *x, w->between, b->rows * c->width));
        type = tensor_dtype(*x);
    }
    *x = transformer_final(w->t, e->body, *x);
    return tape_error(w->t);
}

static lorec_err run_batch(const embed_job *j, size_t batch, embed_worker *w)
{
    const embedder *e = j->e;
    embed_batch b;
    TRY(gather(j, batch, w, &b));
    tensor *y = NULL;
    const segments *s = NULL;
    if (e->model->vision) {
        tape_begin(w->t, 0);
        y = pair_texts(w->t, e->model, b.id, b.length, b.n);
    } else {
        TRY(through_layers(e, w, &b, &y, &s));
        y = embed_pool(w->t, e, y, s, &b);
    }
    TRY(mem_grow(&w->between, &w->between_cap, (size_t)(b.n * e->width)));
    TRY(tape_read(w->t, y, w->between, b.n * e->width));
    for (int64_t i = 0; i < b.n; i++) {
        const float *from = w->between + i * e->width;
        size_t which = j->order[j->batch[batch] + (size_t)i];
        for (int64_t k = 0; k < e->width; k++)
            if (isnan(from[k]))
                return err_set(LOREC_FAILED, "value %lld of the vector of text %zu is NaN", (long long)k, which + 1);
        memcpy(j->out + which * (size_t)e->width, from, (size_t)e->width * sizeof *from);
    }
    return LOREC_OK;
}

static lorec_err run_batches(void *ctx, size_t begin, size_t end, int worker)
{
    embed_job *j = ctx;
    for (size_t i = begin; i < end; i++) {
        TRY(cancel_check());
        TRY(run_batch(j, i + 1, &j->worker[worker])); /* batch 0 is done */
        size_t done = atomic_fetch_add(&j->done, j->batch[i + 2] - j->batch[i + 1]) + j->batch[i + 2] - j->batch[i + 1];
        if (worker == 0 && j->e->o.progress) j->e->o.progress(j->e->o.ctx, done, j->m);
    }
    return LOREC_OK;
}

/* ---- all of them ------------------------------------------------------------------------------------------------------------ */

static _Thread_local const int32_t *sort_length; /* qsort has no context */

static int longer_first(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    int32_t lx = sort_length[x], ly = sort_length[y];
    return lx != ly ? (lx < ly ? 1 : -1) : x < y ? -1 : x > y;
}

static lorec_err cut_batches(embed_job *j)
{
    int64_t most = j->e->o.rows_at_once > 0 ? j->e->o.rows_at_once : ROWS_AT_ONCE, rows = 0;
    TRY(mem_new(&j->order, j->n));
    TRY(mem_new(&j->start, j->n));
    TRY(mem_new(&j->batch, j->n + 2));
    size_t at = 0;
    for (size_t i = 0; i < j->n; at += (size_t)j->length[i++]) {
        j->start[i] = at;
        if (j->length[i] > 0) j->order[j->m++] = i;
    }
    sort_length = j->length;
    if (j->m) qsort(j->order, j->m, sizeof *j->order, longer_first);
    for (size_t i = 0; i < j->m; i++) {
        int32_t length = j->length[j->order[i]];
        if (i == 0 || rows + length > most) {
            j->batch[j->batches++] = i;
            rows = 0;
        }
        rows += length;
    }
    j->batch[j->batches] = j->m;
    return LOREC_OK;
}

static lorec_err run_all(embed_job *j)
{
    TRY(cut_batches(j));
    if (j->m == 0) return LOREC_OK;
    int workers = par_workers();
    TRY(mem_new(&j->worker, (size_t)workers));
    for (int i = 0; i < workers; i++) {
        j->worker[i].t = tape_new(&(tape_options){.compute = j->e->o.bf16 ? DTYPE_BF16 : DTYPE_F32});
        if (!j->worker[i].t) return LOREC_RESOURCE;
    }
    TRY(run_batch(j, 0, &j->worker[0])); /* alone: whatever the ops keep of the weights is made now */
    atomic_store(&j->done, j->batch[1]);
    return par_each(j->batches - 1, 1, run_batches, j);
}

lorec_err embedder_ids(const embedder *e, const int32_t *id, const int32_t *length, size_t n, float *out)
{
    embed_job j = {.e = e, .id = id, .length = length, .n = n, .out = out};
    int64_t vocab = transformer_settings(e->body)->vocab_size;
    size_t rows = 0;
    for (size_t i = 0; i < n; i++) {
        if (length[i] < 0 || length[i] > e->recipe.max_tokens)
            return err_set(LOREC_USAGE, "sequence %zu has %d tokens; this model takes 0 to %lld", i + 1, length[i],
                           (long long)e->recipe.max_tokens);
        rows += (size_t)length[i];
    }
    for (size_t r = 0; r < rows; r++)
        if (id[r] < 0 || id[r] >= vocab)
            return err_set(LOREC_INPUT, "token id %d of a model that has %lld; do tokenizer and model belong together?",
                           id[r], (long long)vocab);
    if (n) memset(out, 0, n * (size_t)e->width * sizeof *out);
    lorec_err err = run_all(&j);
    for (int i = 0; j.worker && i < par_workers(); i++) {
        embed_worker *w = &j.worker[i];
        if (w->t) tape_free(w->t);
        mem_free(w->between);
        mem_free(w->id);
        mem_free(w->length);
    }
    mem_free(j.worker);
    mem_free(j.order);
    mem_free(j.start);
    mem_free(j.batch);
    return err;
}
