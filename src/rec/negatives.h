/* negatives.h: items that a user has not had, drawn uniformly for training, the same for the same stream whatever the
 * threads.
 *
 *     TRY(sparse_from(&had, train));
 *     TRY(negatives_fill(&had, *r, user, rows, k, k, out));    // out[i * k + j]: k items that user[i] has not had
 *
 * Ownership: everything is the caller's. */
#ifndef LOREC_REC_NEGATIVES_H
#define LOREC_REC_NEGATIVES_H

#include "rec/sparse.h"
#include "tensor/rng.h"

/* k draws for each of the rows; they go to out[i * stride + j], stride >= k. A user who has had everything gets -1. */
lorec_err negatives_fill(const sparse *had, rng draw, const uint32_t *user, size_t rows, size_t k, size_t stride,
                         int32_t *out);

#endif
