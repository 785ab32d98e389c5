#include "retrieve/bm25.h"

#include <math.h>

typedef struct counting {
    uint32_t *count, *last; /* by word: how often in the document at hand, and which document that was, plus 1 */
} counting;

void bm25_free(bm25 *x)
{
    mem_free(x->start);
    mem_free(x->document);
    mem_free(x->weight);
    *x = (bm25){0};
}

/* Postings with raw counts as weights: first how many a word has, then the entries in order of documents. */
static lorec_err postings(bm25 *x, counting *c, const uint32_t *word, const uint64_t *start)
{
    for (uint32_t d = 0; d < x->n_documents; d++)
        for (uint64_t k = start[d]; k < start[d + 1]; k++)
            if (c->last[word[k]] != d + 1) {
                c->last[word[k]] = d + 1;
                x->start[word[k] + 1]++;
            }
    for (uint32_t w = 0; w < x->n_words; w++) x->start[w + 1] += x->start[w];
    TRY(mem_new(&x->document, x->start[x->n_words]));
    TRY(mem_new(&x->weight, x->start[x->n_words]));
    for (uint32_t w = 0; w < x->n_words; w++) c->last[w] = 0;
    for (uint32_t d = 0; d < x->n_documents; d++)
        for (uint64_t k = start[d]; k < start[d + 1]; k++) {
            uint32_t w = word[k];
            uint64_t at = x->start[w] + c->count[w];
            bool again = c->last[w] == d + 1;
            if (again) at--;
            x->document[at] = d;
            x->weight[at] += 1;
            if (!again) c->count[w]++;
            c->last[w] = d + 1;
        }
    return LOREC_OK;
}

static double idf_of(const bm25 *x, uint32_t w, bool floored)
{
    double n = x->n_documents, with = (double)(x->start[w + 1] - x->start[w]);
    return log((floored ? 0 : 1) + (n - with + .5) / (with + .5));
}

static void weigh(bm25 *x, const uint64_t *start, const bm25_options *o)
{
    double k1 = o->k1, b = o->b, n = x->n_documents;
    if (k1 == 0 && b == 0) k1 = 1.2, b = .75;
    double mean = n > 0 ? (double)start[x->n_documents] / n : 0, idfs = 0;
    for (uint32_t w = 0; w < x->n_words && o->floored; w++) idfs += idf_of(x, w, true) / x->n_words;
    for (uint32_t w = 0; w < x->n_words; w++) {
        double idf = idf_of(x, w, o->floored);
        if (idf < 0) idf = idfs / 4;
        for (uint64_t k = x->start[w]; k < x->start[w + 1]; k++) {
            uint32_t d = x->document[k];
            double tf = (double)x->weight[k], length = (double)(start[d + 1] - start[d]);
            double share = o->fixed_length > 0 ? o->fixed_length : length / mean;
            x->weight[k] = (float)(idf * tf * (k1 + 1) / (tf + k1 * (1 - b + b * share)));
        }
    }
}

lorec_err bm25_make(bm25 *x, const uint32_t *word, const uint64_t *start, uint32_t n_documents,
                    const bm25_options *options)
{
    counting c = {0};
    lorec_err e;
    *x = (bm25){.n_documents = n_documents};
    for (uint64_t k = 0; k < start[n_documents]; k++)
        if (word[k] >= x->n_words) x->n_words = word[k] + 1;
    TRY_GO(e, mem_new(&x->start, (size_t)x->n_words + 1), done);
    TRY_GO(e, mem_new(&c.count, x->n_words), done);
    TRY_GO(e, mem_new(&c.last, x->n_words), done);
    TRY_GO(e, postings(x, &c, word, start), done);
    weigh(x, start, options);
done:
    mem_free(c.count);
    mem_free(c.last);
    if (e) bm25_free(x);
    return e;
}

void bm25_score(const bm25 *x, const uint32_t *query, size_t n, float *score)
{
    for (uint32_t d = 0; d < x->n_documents; d++) score[d] = 0;
    for (size_t i = 0; i < n; i++) {
        if (query[i] >= x->n_words) continue;
        for (uint64_t k = x->start[query[i]]; k < x->start[query[i] + 1]; k++) score[x->document[k]] += x->weight[k];
    }
}
