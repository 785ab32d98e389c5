/* npy.h: NumPy's .npy, format 1.0 and 2.0: one array, mapped for reading, streamed for writing. Arrays in Fortran order
 * are turned as they are read; what is written is in C order.
 *
 *     npy a;
 *     TRY(npy_open(&a, "item.npy", NPY_U32, 1));   // dtype and rank must match; a.data, a.shape[0]
 *     npy_close(&a);
 *     TRY(npy_write("item.npy", NPY_U32, 1, (int64_t[]){n}, items));
 *
 * Ownership: data belongs to the map until npy_close. */
#ifndef LOREC_BASE_NPY_H
#define LOREC_BASE_NPY_H

#include "base/file.h"

typedef enum npy_type { NPY_U8, NPY_I32, NPY_U32, NPY_I64, NPY_U64, NPY_F32, NPY_F64, NPY_BOOL } npy_type;
typedef struct npy {
    file_map map;
    npy_type type;
    int ndim;
    int64_t shape[8];
    int64_t count;
    const void *data;
    void *turned; /* data, where the file is in Fortran order */
} npy;

lorec_err npy_open_any(npy *a, const char *path); /* any of the types, any rank up to 8 */
lorec_err npy_open(npy *a, const char *path, npy_type type, int ndim);
void npy_close(npy *a);
lorec_err npy_write(const char *path, npy_type type, int ndim, const int64_t *shape, const void *data);
/* What such a file begins with, appended: for arrays that go elsewhere than to a path. */
lorec_err npy_header(buf *out, npy_type type, int ndim, const int64_t *shape);

#endif
