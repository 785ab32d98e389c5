#include "recipes/text_space.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "learn/svd.h"
#include "lm/embed/embed_cache.h"
#include "rec/arrays.h"
#include "tensor/cpu/kernels.h"
#include "text/words.h"

void text_space_free(text_space *s)
{
    mem_free(s->idf);
    mem_free(s->axes);
    *s = (text_space){0};
}

/* ---- words ----------------------------------------------------------------------------------------------------------- */

/* FNV-1a: a word's bucket is the same in every catalogue and on every machine. */
static uint32_t bucket(slice word)
{
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < word.n; i++) h = (h ^ (unsigned char)word.p[i]) * 1099511628211u;
    return (uint32_t)((h ^ (h >> 32)) % TEXT_SPACE_WORDS);
}

/* How often each bucket occurs in each item: sparse [n][TEXT_SPACE_WORDS], value counts. */
static lorec_err count_words(const catalogue *c, sparse *out)
{
    ids vocabulary = {0};
    word_list w = {0};
    uint32_t *row = NULL, *col = NULL;
    float *one = NULL;
    size_t cap_row = 0, cap_col = 0, cap_one = 0;
    lorec_err e = LOREC_OK;
    *out = (sparse){0};
    for (uint32_t i = 0; !e && i < c->n; i++) {
        size_t before = w.n;
        e = words_read(catalogue_title(c, i), &vocabulary, true, &w);
        if (!e) e = words_read(catalogue_categories(c, i), &vocabulary, true, &w);
        if (!e) e = mem_grow(&row, &cap_row, w.n + 1);
        for (size_t k = before; !e && k < w.n; k++) row[k] = i;
    }
    if (!e) e = mem_grow(&col, &cap_col, w.n + 1);
    if (!e) e = mem_grow(&one, &cap_one, w.n + 1);
    for (size_t k = 0; !e && k < w.n; k++) {
        col[k] = bucket(ids_name(&vocabulary, w.word[k]));
        one[k] = 1;
    }
    if (!e && w.n == 0) e = err_set(LOREC_INPUT, "no item's title or categories have a word; give texts: --item-text");
    if (!e) e = sparse_from_triples(out, c->n, TEXT_SPACE_WORDS, w.n, row, col, one);
    mem_free(row);
    mem_free(col);
    mem_free(one);
    word_list_free(&w);
    ids_free(&vocabulary);
    return e;
}

/* Counts become (1 + log count) idf, rows of unit length. */
static void weigh(const text_space *s, sparse *m)
{
    for (uint32_t i = 0; i < m->rows; i++) {
        double sum = 0;
        for (uint64_t k = m->start[i]; k < m->start[i + 1]; k++) {
            m->value[k] = (1 + logf(m->value[k])) * s->idf[m->col[k]];
            sum += (double)m->value[k] * m->value[k];
        }
        for (uint64_t k = m->start[i]; k < m->start[i + 1]; k++) m->value[k] = (float)(m->value[k] / sqrt(sum));
    }
}

static lorec_err learn_axes(text_space *s, sparse *m, uint32_t dims, uint64_t seed)
{
    svd v;
    TRY(mem_new(&s->idf, TEXT_SPACE_WORDS));
    for (uint64_t k = 0; k < m->n; k++) s->idf[m->col[k]]++;
    for (uint32_t b = 0; b < TEXT_SPACE_WORDS; b++) s->idf[b] = logf((1.f + m->rows) / (1.f + s->idf[b])) + 1;
    weigh(s, m);
    TRY(svd_sparse(&v, m, &(svd_options){.rank = dims, .seed = seed}));
    s->dims = v.rank;
    lorec_err e = mem_new(&s->axes, (size_t)TEXT_SPACE_WORDS * s->dims);
    if (!e) memcpy(s->axes, v.v, (size_t)TEXT_SPACE_WORDS * s->dims * sizeof *s->axes);
    svd_free(&v);
    return e;
}

lorec_err text_space_learn(text_space *s, const catalogue *c, uint32_t dims, uint64_t seed)
{
    sparse m;
    *s = (text_space){0};
    TRY(count_words(c, &m));
    lorec_err e = learn_axes(s, &m, dims, seed);
    sparse_free(&m);
    if (e) text_space_free(s);
    return e;
}

lorec_err text_space_vectors(const text_space *s, const catalogue *c, float *x)
{
    sparse m;
    TRY(count_words(c, &m));
    weigh(s, &m);
    for (uint32_t i = 0; i < c->n; i++) {
        float *row = x + (size_t)i * s->dims;
        for (uint32_t j = 0; j < s->dims; j++) row[j] = 0;
        for (uint64_t k = m.start[i]; k < m.start[i + 1]; k++)
            isa()->axpy_f32(s->dims, m.value[k], s->axes + (size_t)m.col[k] * s->dims, row);
        float length = sqrtf(isa()->dot_f32(s->dims, row, row));
        for (uint32_t j = 0; length > 0 && j < s->dims; j++) row[j] /= length;
    }
    sparse_free(&m);
    return LOREC_OK;
}

lorec_err text_space_save(const text_space *s, const char *folder)
{
    TRY(array_save(folder, "words_idf", NPY_F32, 1, (int64_t[]){TEXT_SPACE_WORDS}, s->idf));
    return array_save(folder, "words_axes", NPY_F32, 2, (int64_t[]){TEXT_SPACE_WORDS, s->dims}, s->axes);
}

lorec_err text_space_load(text_space *s, const char *folder)
{
    int64_t shape[2];
    *s = (text_space){0};
    lorec_err e = array_load_n((void **)&s->idf, folder, "words_idf", NPY_F32, TEXT_SPACE_WORDS);
    if (!e) e = array_load((void **)&s->axes, folder, "words_axes", NPY_F32, 2, shape);
    if (!e && (shape[0] != TEXT_SPACE_WORDS || shape[1] < 1 || shape[1] > TEXT_SPACE_WORDS))
        e = err_set(LOREC_INPUT, "%s: words_axes.npy has no sound shape", folder);
    if (!e) s->dims = (uint32_t)shape[1];
    if (e) text_space_free(s);
    return e;
}

/* ---- a model --------------------------------------------------------------------------------------------------------- */

static lorec_err embed(const embedder *e, const char *cache, const slice *text, size_t n, float *x)
{
    if (!cache || !*cache) return embedder_texts(e, text, n, x);
    embed_cache *kept;
    TRY(embed_cache_open(&kept, e, cache));
    lorec_err err = embed_cache_texts(kept, text, n, x);
    embed_cache_close(kept);
    return err;
}

lorec_err text_model_vectors(const char *model, const char *cache, const catalogue *c, float **x, int64_t *dims)
{
    embedder *m = NULL;
    buf all = {0};
    slice *text = NULL;
    size_t *start = NULL, values;
    lorec_err e;
    *x = NULL;
    TRY_GO(e, embedder_open(&m, model, &(embed_options){0}), done);
    TRY_GO(e, mem_new(&text, c->n), done);
    TRY_GO(e, mem_new(&start, (size_t)c->n + 1), done);
    for (uint32_t i = 0; i < c->n; i++) {
        slice title = catalogue_title(c, i), categories = catalogue_categories(c, i);
        if (title.n) TRY_GO(e, buf_add(&all, title.p, title.n), done);
        if (title.n && categories.n) TRY_GO(e, buf_puts(&all, ". "), done);
        if (categories.n) TRY_GO(e, buf_add(&all, categories.p, categories.n), done);
        start[i + 1] = all.n;
    }
    for (uint32_t i = 0; i < c->n; i++) text[i] = (slice){all.p ? all.p + start[i] : "", start[i + 1] - start[i]};
    *dims = embedder_width(m);
    if (!size_mul(c->n, (size_t)*dims, &values)) e = err_set(LOREC_RESOURCE, "%u items are too many", c->n);
    if (!e) e = mem_new(x, values);
    if (!e) e = embed(m, cache, text, c->n, *x);
done:
    if (e) {
        mem_free(*x);
        *x = NULL;
    }
    if (m) embedder_free(m);
    mem_free(text);
    mem_free(start);
    buf_free(&all);
    return e;
}
