#include "rec/sequence.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "rec/arrays.h"
#include "rec/vectors.h"
#include "tensor/cpu/kernels.h"

enum { SCORE_ROWS = 8192 }; /* of one forward pass: enough for the kernels, little enough for the cache and memory */

lorec_err sequence_begin(sequence_model *m, const fit_context *fit)
{
    sequence_release(m);
    m->n_items = fit->train->n_items;
    if (m->n_items > INT32_MAX - 2) return err_set(LOREC_RESOURCE, "%u items are too many", m->n_items);
    TRY(mem_new(&m->popularity, m->n_items));
    item_popularity(fit->train, m->popularity);
    m->params = params_new(fit->seed);
    return m->params ? LOREC_OK : LOREC_RESOURCE;
}

lorec_err sequence_network(sequence_model *m, const transformer_config *config)
{
    TRY(transformer_new(&m->net, m->params, config, ""));
    m->items = transformer_tensor(m->net, PART_TOKENS, 0);
    m->biases = transformer_tensor(m->net, PART_HEAD_BIAS, 0);
    return LOREC_OK;
}

/* Rows first .. of a parameter, [rows][width]. */
static lorec_err copy_rows(float **out, const tensor *p, int64_t first, int64_t rows, int64_t width)
{
    float *all;
    TRY(mem_new(&all, (size_t)tensor_count(p)));
    lorec_err e = tensor_read(p, all, tensor_count(p));
    if (e == LOREC_OK && !*out) e = mem_new(out, (size_t)(rows * width));
    if (e == LOREC_OK) memcpy(*out, all + first * width, (size_t)(rows * width) * sizeof *all);
    mem_free(all);
    return e;
}

lorec_err sequence_ready(sequence_model *m)
{
    m->d = tensor_size(m->items, 1);
    TRY(copy_rows(&m->item, m->items, m->first_item, m->n_items, m->d));
    return m->biases ? copy_rows(&m->bias, m->biases, m->first_item, m->n_items, 1) : LOREC_OK;
}

/* ---- scoring --------------------------------------------------------------------------------------------------------- */

/* Hidden vectors of all queries, [n][d]; asked[i] tells which have one. */
static lorec_err encode_all(const sequence_model *m, tape *t, const query *q, size_t n, sequence_encode encode,
                            const int32_t *tail, packed *rows, float *hidden, bool *asked)
{
    float *part = NULL;
    size_t cap = 0;
    lorec_err e = LOREC_OK;
    for (size_t first = 0; first < n && e == LOREC_OK;) {
        size_t next;
        e = packed_queries(rows, q, first, n, m->n_items, m->first_item, m->max_len, SCORE_ROWS, tail, &next);
        first = next;
        if (e || rows->n == 0) continue;
        e = mem_grow(&part, &cap, rows->n * (size_t)m->d);
        if (e) break;
        tape_begin(t, 0);
        tensor *h = encode(m, t, rows);
        e = tape_error(t);
        if (e == LOREC_OK) e = tape_read(t, h, part, (int64_t)rows->n * m->d);
        for (size_t i = 0; e == LOREC_OK && i < rows->n; i++) {
            memcpy(hidden + rows->query[i] * (size_t)m->d, part + i * (size_t)m->d, (size_t)m->d * sizeof *part);
            asked[rows->query[i]] = true;
        }
    }
    mem_free(part);
    return e;
}

lorec_err sequence_score(const sequence_model *m, rec_session *s, const query *q, size_t n, float *scores,
                         sequence_encode encode, const int32_t *tail)
{
    if (n == 0 || m->n_items == 0) return LOREC_OK;
    arena *a = rec_session_arena(s);
    arena_reset(a);
    float *hidden = arena_zalloc(a, n * (size_t)m->d * sizeof *hidden);
    bool *asked = arena_zalloc(a, n * sizeof *asked);
    tape *t = rec_session_tape(s, m->train.bf16);
    if (!hidden || !asked || !t) return LOREC_RESOURCE;
    packed rows = {0};
    lorec_err e = encode_all(m, t, q, n, encode, tail, &rows, hidden, asked);
    packed_free(&rows);
    TRY(e);
    TRY(gemm_f32(false, true, (int64_t)n, m->n_items, m->d, 1, hidden, m->d, m->item, m->d, 0, scores, m->n_items));
    for (size_t i = 0; i < n; i++) {
        float *row = scores + i * m->n_items;
        if (!asked[i])
            memcpy(row, m->popularity, m->n_items * sizeof *row);
        else if (m->bias)
            isa()->axpy_f32(m->n_items, 1, m->bias, row);
    }
    return LOREC_OK;
}

const float *sequence_item_vectors(const void *self, uint32_t *n, uint32_t *d)
{
    const sequence_model *m = self;
    *n = m->n_items;
    *d = (uint32_t)m->d;
    return m->bias ? NULL : m->item;
}

lorec_err sequence_query_vector(const sequence_model *m, rec_session *s, const query *q, float *x, bool *has,
                                sequence_encode encode, const int32_t *tail)
{
    tape *t = rec_session_tape(s, m->train.bf16);
    if (!t) return LOREC_RESOURCE;
    packed rows = {0};
    *has = false;
    lorec_err e = encode_all(m, t, q, 1, encode, tail, &rows, x, has);
    packed_free(&rows);
    return e;
}

uint64_t sequence_memory(const sequence_model *m, const fit_context *fit, uint64_t values, uint64_t values_a_row)
{
    const interactions *x = fit->train;
    uint64_t mean = x->n_users ? x->n / x->n_users + 1 : 1,
             length = mean < (uint64_t)m->max_len ? mean : (uint64_t)m->max_len;
    uint64_t rows = (uint64_t)m->train.train_batch_size * length;
    return values * 4 * 6 /* value, gradient, two moments, the best, the copy for scoring */ +
           rows * values_a_row * 4 * 2;
}

/* ---- files ----------------------------------------------------------------------------------------------------------- */

lorec_err sequence_save(const void *self, const char *folder)
{
    const sequence_model *m = self;
    buf path = {0};
    lorec_err e = path_join(&path, folder, "model.safetensors");
    if (e == LOREC_OK) e = params_save(m->params, path.p);
    if (e == LOREC_OK) e = array_save(folder, "popularity", NPY_F32, 1, (int64_t[]){m->n_items}, m->popularity);
    buf_free(&path);
    return e;
}

lorec_err sequence_load_begin(sequence_model *m, const char *folder)
{
    sequence_release(m);
    TRY(array_load_count((void **)&m->popularity, folder, "popularity", NPY_F32, &m->n_items));
    if (m->n_items > INT32_MAX - 2) return err_set(LOREC_INPUT, "%s: %u items are too many", folder, m->n_items);
    m->params = params_new(0);
    return m->params ? LOREC_OK : LOREC_RESOURCE;
}

lorec_err sequence_load_params(sequence_model *m, const char *folder)
{
    buf path = {0};
    TRY(params_error(m->params));
    lorec_err e = path_join(&path, folder, "model.safetensors");
    if (e == LOREC_OK) e = params_load(m->params, path.p);
    buf_free(&path);
    return e ? e : sequence_ready(m);
}

void sequence_release(void *self)
{
    sequence_model *m = self;
    if (m->net) transformer_free(m->net);
    if (m->params) params_free(m->params);
    m->net = NULL;
    mem_free(m->item);
    mem_free(m->bias);
    mem_free(m->popularity);
    m->params = NULL;
    m->items = m->biases = NULL;
    m->item = m->bias = m->popularity = NULL;
    m->n_items = 0;
}

json_t *sequence_counts(const void *self)
{
    const sequence_model *m = self;
    return trainer_report_json(&m->report, m->params ? (uint64_t)params_values(m->params) : 0);
}
