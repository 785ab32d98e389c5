/* bm25.h: documents by the words they share with a query (Robertson and Zaragoza 2009):
 *     score(d, q) = sum over words w of q:  idf(w) tf (k1 + 1) / (tf + k1 (1 - b + b |d| / mean |d|))
 *     idf(w) = ln(1 + (N - n_w + 0.5) / (n_w + 0.5))
 *
 *     bm25 index = {0};
 *     TRY(bm25_make(&index, word, start, n_documents, &(bm25_options){0}));     // word[start[d] .. start[d + 1] - 1]
 *     bm25_score(&index, query, n_words, score);                                // score [n_documents]
 *     bm25_free(&index);
 *
 * Words are numbers; which words there are is the caller's affair.
 *
 * Ownership: an index owns its arrays and is immutable. */
#ifndef LOREC_RETRIEVE_BM25_H
#define LOREC_RETRIEVE_BM25_H

#include "base/mem.h"

typedef struct bm25_options {
    double k1, b; /* 0, 0: 1.2, 0.75 */
    /* > 0: what |d| / mean |d| is taken to be for every document. Published code divided the number of documents by their
     * mean length there; given so, its numbers can be had again. */
    double fixed_length;
    bool floored; /* idf(w) = ln((N - n_w + 0.5) / (n_w + 0.5)), negative ones a quarter of the words' mean, as there */
} bm25_options;

typedef struct bm25 {
    uint32_t n_documents, n_words;
    uint64_t *start;    /* [n_words + 1] postings of a word */
    uint32_t *document; /* ascending */
    float *weight;      /* idf times the saturated count */
} bm25;

lorec_err bm25_make(bm25 *x, const uint32_t *word, const uint64_t *start, uint32_t n_documents,
                    const bm25_options *options);
void bm25_free(bm25 *x);
/* A word that stands twice in the query counts twice; words that no document has count nothing. */
void bm25_score(const bm25 *x, const uint32_t *query, size_t n, float *score);

#endif
