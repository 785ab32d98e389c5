/* arrays.h: a fitted model's arrays in its folder, one .npy each.
 *
 *     TRY(array_save(folder, "weights", NPY_F32, 2, (int64_t[]){n, d}, w));
 *     int64_t shape[2];
 *     TRY(array_load((void **)&w, folder, "weights", NPY_F32, 2, shape));    // type and rank must be these
 *
 * Ownership: what array_load gives is the caller's, to mem_free; NULL after a failure and for no elements. */
#ifndef LOREC_REC_ARRAYS_H
#define LOREC_REC_ARRAYS_H

#include "base/npy.h"

lorec_err array_save(const char *folder, const char *name, npy_type type, int ndim, const int64_t *shape,
                     const void *data);
lorec_err array_load(void **out, const char *folder, const char *name, npy_type type, int ndim, int64_t *shape);
/* A vector of that length; and one of any length up to 2^32 - 2, which it tells. */
lorec_err array_load_n(void **out, const char *folder, const char *name, npy_type type, int64_t n);
lorec_err array_load_count(void **out, const char *folder, const char *name, npy_type type, uint32_t *n);

#endif
