/* From texts to codes. */
#include <string.h>

#include "base/ids.h"
#include "base/log.h"
#include "base/mem.h"
#include "methods/vq-rec/vq_rec.h"
#include "tensor/rng.h"

/* The index is learned from items that occur in training; others are only encoded. */
static lorec_err learn_index(vq_rec *m, const float *x, size_t dims, uint64_t seed)
{
    float *some;
    size_t n = 0;
    TRY(mem_new(&some, m->base.n_items * dims));
    for (uint32_t i = 0; i < m->base.n_items; i++)
        if (m->base.popularity[i] > 0) memcpy(some + n++ * dims, x + i * dims, dims * sizeof *some);
    lorec_err e = pq_learn(&m->index, some, n, dims,
                           &(pq_options){.parts = (uint32_t)m->n_codes,
                                         .clusters = (uint32_t)m->codebook,
                                         .rotations = (int)m->rotations,
                                         .seed = seed});
    mem_free(some);
    return e;
}

static lorec_err text_vectors(vq_rec *m, const catalogue *items, uint64_t seed, float **x, int64_t *dims)
{
    if (m->model && *m->model) return text_model_vectors(m->model, m->cache, items, x, dims);
    if (!m->words.axes) TRY(text_space_learn(&m->words, items, (uint32_t)m->text_size, seed));
    *dims = m->words.dims;
    TRY(mem_new(x, (size_t)items->n * m->words.dims));
    return text_space_vectors(&m->words, items, *x);
}

lorec_err vq_codes_count(vq_rec *m)
{
    ids seen = {0};
    lorec_err e = LOREC_OK;
    size_t bytes = (size_t)m->n_codes * sizeof *m->code;
    for (uint32_t i = 0, ignored; !e && i < m->base.n_items; i++)
        e = ids_add(&seen, (slice){(const char *)m->code + i * bytes, bytes}, &ignored);
    m->distinct = seen.n;
    ids_free(&seen);
    return e;
}

static lorec_err encode(vq_rec *m, const float *x, int64_t dims, uint64_t seed)
{
    size_t n = (size_t)m->base.n_items * (size_t)m->n_codes;
    if (!m->index.centroid) TRY(learn_index(m, x, (size_t)dims, seed));
    if (m->index.dims != dims)
        return err_set(LOREC_USAGE,
                       "vq-rec: the texts' vectors have %lld numbers, the pre-trained index takes %u: give the "
                       "model that it was made with",
                       (long long)dims, m->index.dims);
    TRY(mem_new(&m->code, n));
    TRY(pq_encode(&m->index, x, m->base.n_items, m->code));
    rng r = rng_make(seed, RNG_CODES);
    for (size_t at = 0; at < n; at++) {
        int32_t c = m->codes == VQ_RANDOM ? (int32_t)rng_below(&r, (uint32_t)m->codebook) : m->code[at];
        m->code[at] = (int32_t)(at % (size_t)m->n_codes) * (int32_t)m->codebook + c;
    }
    return vq_codes_count(m);
}

lorec_err vq_codes_make(vq_rec *m, const fit_context *fit)
{
    catalogue items = {0};
    float *x = NULL;
    int64_t dims;
    TRY(catalogue_make(&items, fit->split->data, fit->train, true));
    lorec_err e = text_vectors(m, &items, fit->seed, &x, &dims);
    if (!e) e = encode(m, x, dims, fit->seed);
    if (!e)
        log_info("vq-rec: %u items have %u different tuples of %lld codes", m->base.n_items, m->distinct,
                 (long long)m->n_codes);
    mem_free(x);
    catalogue_free(&items);
    return e;
}
