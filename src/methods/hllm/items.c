/* Items' texts as vectors: the hidden state at an [ITEM] position behind the text, or, of a model that is not trained for
 * it, the mean over the text. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "methods/hllm/hllm.h"

enum { ROWS_AT_ONCE = 8192 };

/* Of each row: its token's place among the texts' tokens, or theirs + 0 for [ITEM], and its position. */
typedef struct item_rows {
    int32_t *id, *from, *position, *length;
    size_t n_id, rows;
} item_rows;

static void item_rows_free(item_rows *r)
{
    mem_free(r->id);
    mem_free(r->from);
    mem_free(r->position);
    mem_free(r->length);
}

static size_t text_of(const training *f, uint32_t item)
{
    return (size_t)(f->text_start[item + 1] - f->text_start[item]);
}

/* A frozen model's mean has no need of [ITEM], but for items of no words. */
static bool marked(const training *f, uint32_t item)
{
    return !f->m->freeze_item || text_of(f, item) == 0;
}

/* Texts end where [ITEM] always stands: at text_tokens. */
static lorec_err lay_out(const training *f, const uint32_t *item, size_t n, item_rows *r)
{
    size_t all = 0;
    for (size_t i = 0; i < n; i++) all += text_of(f, item[i]);
    TRY(mem_new(&r->id, all + 1));
    TRY(mem_new(&r->from, all + n));
    TRY(mem_new(&r->position, all + n));
    TRY(mem_new(&r->length, n));
    for (size_t i = 0; i < n; i++) {
        size_t words = text_of(f, item[i]), first = r->rows;
        for (size_t k = 0; k < words; k++) {
            r->id[r->n_id] = f->text.id[f->text_start[item[i]] + k];
            r->position[r->rows] = (int32_t)((size_t)f->m->text_tokens - words + k);
            r->from[r->rows++] = (int32_t)r->n_id++;
        }
        if (marked(f, item[i])) {
            r->position[r->rows] = (int32_t)f->m->text_tokens;
            r->from[r->rows++] = (int32_t)all;
        }
        r->length[i] = (int32_t)(r->rows - first);
    }
    return LOREC_OK;
}

tensor *hllm_encode(const training *f, tape *t, const uint32_t *item, size_t n)
{
    item_rows r = {0};
    lorec_err e = lay_out(f, item, n, &r);
    if (e) {
        item_rows_free(&r);
        return tape_fail(t, e);
    }
    tensor *mark = op_cast(t, f->mark, hllm_compute(f->m)), *x = mark;
    if (r.n_id) {
        float scale = transformer_settings(f->item)->embed_scale;
        tensor *table = transformer_tensor(f->item, PART_TOKENS, 0);
        tensor *words = op_embed(t, table, tape_ids(t, r.id, (int64_t)r.n_id));
        if (scale != 0 && scale != 1) words = op_scale(t, words, scale, 0);
        x = op_concat(t, (tensor *[]){words, mark}, 2, 0);
    }
    token_rows in = {.vectors = op_gather_rows(t, x, tape_ids(t, r.from, (int64_t)r.rows)),
                     .sequences = tape_segments(t, r.length, (int64_t)n),
                     .position = r.position,
                     .last = !f->m->freeze_item};
    tensor *h = transformer_hidden(t, f->item, &in);
    if (f->m->freeze_item) h = op_segment_reduce(t, h, in.sequences, SEGMENT_MEAN);
    item_rows_free(&r);
    return op_cast(t, h, DTYPE_F32);
}

lorec_err hllm_unit(hllm *m)
{
    if (!m->unit) TRY(mem_new(&m->unit, (size_t)m->n_items * (size_t)m->d));
    for (uint32_t i = 0; i < m->n_items; i++) {
        const float *v = m->vectors + i * (size_t)m->d;
        double norm = 0;
        for (int64_t k = 0; k < m->d; k++) norm += (double)v[k] * v[k];
        float by = norm > 0 ? (float)(1 / sqrt(norm)) : 0;
        for (int64_t k = 0; k < m->d; k++) m->unit[i * (size_t)m->d + (size_t)k] = v[k] * by;
    }
    return LOREC_OK;
}

lorec_err hllm_encode_all(training *f)
{
    hllm *m = f->m;
    if (!m->vectors) TRY(mem_new(&m->vectors, (size_t)m->n_items * (size_t)m->d));
    tape *t = tape_new(&(tape_options){.compute = hllm_compute(m)});
    if (!t) return LOREC_RESOURCE;
    lorec_err e = LOREC_OK;
    uint32_t end = 0;
    for (uint32_t first = 0; first < m->n_items && !e; first = end) {
        size_t rows = 0;
        for (; end < m->n_items && (end == first || rows + text_of(f, end) + 1 <= ROWS_AT_ONCE); end++) {
            rows += text_of(f, end) + 1;
            f->listed[end - first] = end;
        }
        tape_begin(t, 0);
        tensor *h = hllm_encode(f, t, f->listed, end - first);
        e = tape_read(t, h, m->vectors + first * (size_t)m->d, (int64_t)(end - first) * m->d);
    }
    tape_free(t);
    return e ? e : hllm_unit(m);
}
