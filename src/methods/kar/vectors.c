/* Texts as vectors: by a model of the folder `encoder`, or without one as hashed words through a fixed random projection:
 * each word stands for a vector of signs that its hash alone decides, a text for the sum over its words. */
#include <math.h>

#include "base/mem.h"
#include "lm/embed/embed.h"
#include "methods/kar/kar.h"

static bool is_word(unsigned char c)
{
    return c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static uint64_t mix(uint64_t x) /* splitmix64 */
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static void add_word(uint64_t hash, int64_t width, float *out)
{
    uint64_t bits = 0;
    for (int64_t k = 0; k < width; k++, bits >>= 1) {
        if (k % 64 == 0) bits = mix(hash + (uint64_t)k);
        out[k] += bits & 1 ? 1 : -1;
    }
}

static void hash_text(slice text, int64_t width, float *out)
{
    for (size_t i = 0; i < text.n;) {
        uint64_t hash = 14695981039346656037u; /* FNV-1a of the word in small letters */
        size_t first = i;
        for (; i < text.n && is_word((unsigned char)text.p[i]); i++) {
            unsigned char c = (unsigned char)text.p[i];
            hash = (hash ^ (c >= 'A' && c <= 'Z' ? c + 32u : c)) * 1099511628211u;
        }
        if (i > first)
            add_word(mix(hash), width, out);
        else
            i++;
    }
}

static void to_length_one(float *x, int64_t width)
{
    double sum = 0;
    for (int64_t k = 0; k < width; k++) sum += (double)x[k] * x[k];
    if (sum == 0) return;
    for (int64_t k = 0; k < width; k++) x[k] = (float)(x[k] / sqrt(sum));
}

static lorec_err by_model(kar *m, const slice *text, size_t n, float **out)
{
    embedder *e;
    TRY(embedder_open(&e, m->encoder, &(embed_options){.pooling = "mean", .max_tokens = 512}));
    m->width = embedder_width(e);
    lorec_err err = mem_new(out, n * (size_t)m->width);
    if (!err) err = embedder_texts(e, text, n, *out);
    embedder_free(e);
    return err;
}

lorec_err kar_encode(kar *m, const slice *text, size_t n, float **out)
{
    if (*m->encoder) {
        TRY(by_model(m, text, n, out));
    } else {
        m->width = m->dimension;
        TRY(mem_new(out, n * (size_t)m->width));
        for (size_t i = 0; i < n; i++) hash_text(text[i], m->width, *out + i * (size_t)m->width);
    }
    for (size_t i = 0; i < n; i++) to_length_one(*out + i * (size_t)m->width, m->width);
    return LOREC_OK;
}
