/* pq.h: product quantisation (Jegou, Douze, Schmid, PAMI 33, 2011): a vector becomes `parts` small numbers, each naming the
 * nearest of `clusters` centroids of its slice of the vector; and its optimised form (Ge, He, Ke, Sun, CVPR 2013), where a
 * rotation learned with the centroids says what the slices are.
 *
 *     pq q;
 *     TRY(pq_learn(&q, x, n, dims, &(pq_options){.parts = 32, .clusters = 256, .rotations = 10, .seed = 1}));
 *     TRY(pq_encode(&q, x, n, code));                       // code [n][parts], 0 .. clusters - 1
 *     TRY(pq_decode(&q, code, n, back));                    // [n][dims]
 *     pq_free(&q);
 *
 * Vectors lose their mean first. The rotation starts as a random one and is learned by turns: centroids for the rotation,
 * then the rotation that fits the centroids best (orthogonal Procrustes). No step raises the error. The same data and seed
 * give the same bits.
 *
 * Ownership: a pq owns its arrays until pq_free; a failed call leaves an empty one. */
#ifndef LOREC_RETRIEVE_PQ_H
#define LOREC_RETRIEVE_PQ_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef struct pq_options {
    uint32_t parts, clusters;
    int rotations; /* turns; 0: no rotation */
    uint64_t seed;
} pq_options;

typedef struct pq {
    uint32_t dims, parts, clusters, slice; /* slice = ceil(dims / parts) numbers; vectors are filled up with zeros */
    float *mean;                           /* [dims] */
    float *rotation;                       /* [parts slice][parts slice], rows times it; NULL: none */
    float *centroid;                       /* [parts][clusters][slice] */
    double error;                          /* mean squared distance of the vectors learned from, filled up */
} pq;

/* x [n][dims]. LOREC_INPUT without vectors, or where there are more parts than dims. */
lorec_err pq_learn(pq *out, const float *x, size_t n, size_t dims, const pq_options *options);
void pq_free(pq *q);
lorec_err pq_encode(const pq *q, const float *x, size_t n, int32_t *code);
lorec_err pq_decode(const pq *q, const int32_t *code, size_t n, float *x);

/* pq_mean.npy, pq_centroids.npy, and pq_rotation.npy where there is one. */
lorec_err pq_save(const pq *q, const char *folder);
lorec_err pq_load(pq *q, const char *folder);

#endif
