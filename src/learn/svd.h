/* svd.h: the largest singular values of a sparse matrix with their vectors.
 *
 *     svd s;
 *     TRY(svd_sparse(&s, &x, &(svd_options){.rank = 256, .seed = 1}));   // x ~ u diag(sigma) v^T
 *     s.u[row * s.rank + i], s.sigma[i], s.v[col * s.rank + i]           // sigma descending
 *     svd_free(&s);
 *
 * Block Lanczos on A^T A with full reorthogonalisation and thick restarts (Wu & Simon, SIAM J. Matrix Anal. Appl. 22,
 * 2000); a small matrix goes through its dense Gram matrix instead. The same seed and number of workers give the same
 * bits. Each pair's sign is such that, of the vector of the shorter side, the entry largest in magnitude is positive.
 *
 * Ownership: an svd owns its arrays until svd_free; a failed call leaves an empty one. */
#ifndef LOREC_LEARN_SVD_H
#define LOREC_LEARN_SVD_H

#include "rec/sparse.h"

typedef struct svd_options {
    uint32_t rank;    /* 1 .. min(rows, cols); more is cut to that */
    uint64_t seed;    /* of the first block */
    double tolerance; /* of |A^T A v - sigma^2 v| against sigma_1^2; 0: 1e-5 */
} svd_options;

typedef struct svd {
    uint32_t rows, cols, rank;
    float *sigma; /* [rank] */
    float *u;     /* [rows, rank]; a column is zero where sigma is zero to working precision */
    float *v;     /* [cols, rank] */
} svd;

lorec_err svd_sparse(svd *out, const sparse *a, const svd_options *options);
void svd_free(svd *s);
/* Peak bytes of svd_sparse. */
uint64_t svd_memory(uint64_t rows, uint64_t cols, uint64_t entries, uint64_t rank);

#endif
