/* kmeans.h: k-means (Lloyd, IEEE Trans. Inf. Theory 28, 1982) in the calling thread, on rows that may lie apart (a slice of
 * longer vectors).
 *
 *     kmeans_rows x = {data, n, d, stride};
 *     TRY(kmeans_start(&x, k, seed, stream, centroid));            // k of the rows, drawn
 *     TRY(kmeans_learn(&x, k, 25, centroid, code, &error));        // code[i]: the nearest centroid of row i
 *     TRY(kmeans_nearest(&x, k, centroid, code, 1, NULL));              // of other rows
 *
 * The same rows and seed give the same bits. A centroid that nobody is nearest to moves to the row that is farthest from
 * its own. With fewer rows than centroids some centroids are copies of others, and of copies the first is the nearest.
 *
 * Ownership: everything is the caller's. */
#ifndef LOREC_LEARN_KMEANS_H
#define LOREC_LEARN_KMEANS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef struct kmeans_rows {
    const float *x;
    size_t n, d, stride; /* row i is x[i * stride .. + d) */
} kmeans_rows;

lorec_err kmeans_start(const kmeans_rows *rows, size_t k, uint64_t seed, uint64_t stream, float *centroid /* [k][d] */);
/* At most `rounds`, fewer where nothing changes; code [n] and the mean squared distance (NULL: not asked) are of the last
 * centroids. */
lorec_err kmeans_learn(const kmeans_rows *rows, size_t k, int rounds, float *centroid, int32_t *code, double *error);
/* code[i * step] is the nearest centroid of row i; error: the mean squared distance, or NULL. */
lorec_err kmeans_nearest(const kmeans_rows *rows, size_t k, const float *centroid, int32_t *code, size_t step,
                         double *error);

#endif
