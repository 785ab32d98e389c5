/* hnsw.h: the largest inner products of a query with many vectors, without looking at all of them: a navigable graph in layers
 * (Malkov & Yashunin, IEEE TPAMI 2020). Vectors get one coordinate more, sqrt(M^2 - |x|^2) with M the longest (Bachrach et al.,
 * RecSys 2014), so that all are of one length and near means a large product; a query has 0 there, so a score is <q, x>.
 *
 *     hnsw h;
 *     TRY(hnsw_build(&h, rows, n, d, &(hnsw_settings){0}));       // rows [n][d]
 *     TRY(hnsw_save(&h, "items.hnsw"));
 *     TRY(hnsw_open(&h, "items.hnsw"));                           // mapped: nothing is copied
 *     hnsw_scratch *s;
 *     TRY(hnsw_scratch_new(&s, &h));                              // one a thread
 *     hnsw_extend(&h, q, wide);                                   // wide [h.stride]
 *     TRY(hnsw_search(&h, s, wide, 10, 0, items, scores, &found));
 *     hnsw_scratch_free(s), hnsw_close(&h);
 *
 * The same rows and settings give the same graph, whatever the number of threads. A file is checked against its hash when it
 * is opened, and no search follows a number out of bounds, whatever the file says.
 *
 * Ownership: a graph owns its memory or its mapping until hnsw_close; a scratch belongs to one thread at a time. */
#ifndef LOREC_RETRIEVE_HNSW_H
#define LOREC_RETRIEVE_HNSW_H

#include "base/file.h"

enum { HNSW_LEVELS = 24 };

typedef struct hnsw_settings {
    uint32_t m;     /* neighbours a node on upper layers, twice as many on the lowest; 0: 16 */
    uint32_t build; /* candidates while building; 0: 100 */
    uint64_t seed;
} hnsw_settings;

typedef struct hnsw {
    uint32_t n, d, stride; /* stride: d + 1, rounded up to 16 floats */
    uint32_t m, entry, top;
    uint64_t n_upper;         /* words of `upper` */
    const float *vector;      /* [n][stride] */
    const uint32_t *lowest;   /* [n][1 + 2 m]: how many, then whom */
    const uint64_t *upper_at; /* [n + 1] into upper: a node of level l has l lists of 1 + m */
    const uint32_t *upper;
    file_map map; /* of an opened one */
    bool own;     /* built: the arrays are to be freed */
} hnsw;

typedef struct hnsw_scratch hnsw_scratch;

/* LOREC_INPUT: values that are not finite. */
lorec_err hnsw_build(hnsw *h, const float *rows, uint32_t n, uint32_t d, const hnsw_settings *settings);
void hnsw_close(hnsw *h);
/* All or nothing. */
lorec_err hnsw_save(const hnsw *h, const char *path);
/* LOREC_INPUT: not such a file, cut off, or other bytes than were written. */
lorec_err hnsw_open(hnsw *h, const char *path);
/* Does it hold these rows? What a model and its index are compared by. */
bool hnsw_holds(const hnsw *h, const float *rows, uint32_t n, uint32_t d);

lorec_err hnsw_scratch_new(hnsw_scratch **out, const hnsw *h);
void hnsw_scratch_free(hnsw_scratch *s);

/* A query of d values as the graph's vectors are laid out. */
void hnsw_extend(const hnsw *h, const float *q, float *wide);
/* Up to k of the largest products, best first, equal ones by number. `look`: how many candidates are kept on the way; 0: the
 * larger of 128 and 2 k. */
lorec_err hnsw_search(const hnsw *h, hnsw_scratch *s, const float *wide, size_t k, size_t look, uint32_t *items,
                      float *scores, size_t *found);
/* Every product: scores [n]. The same bits as hnsw_search gives for an item. */
void hnsw_scan(const hnsw *h, const float *wide, float *scores);

#endif
