#include "rec/arrays.h"

#include "base/mem.h"

static lorec_err array_path(buf *path, const char *folder, const char *name)
{
    TRY(path_join(path, folder, name));
    return buf_puts(path, ".npy");
}

lorec_err array_save(const char *folder, const char *name, npy_type type, int ndim, const int64_t *shape,
                     const void *data)
{
    buf path = {0};
    lorec_err e = array_path(&path, folder, name);
    if (!e) e = npy_write(path.p, type, ndim, shape, data);
    buf_free(&path);
    return e;
}

lorec_err array_load(void **out, const char *folder, const char *name, npy_type type, int ndim, int64_t *shape)
{
    static const size_t width[] = {[NPY_U8] = 1,  [NPY_I32] = 4, [NPY_U32] = 4, [NPY_I64] = 8,
                                   [NPY_U64] = 8, [NPY_F32] = 4, [NPY_F64] = 8, [NPY_BOOL] = 1};
    *out = NULL;
    buf path = {0};
    npy a;
    lorec_err e = array_path(&path, folder, name);
    if (!e) e = npy_open(&a, path.p, type, ndim);
    buf_free(&path);
    if (e) return e;
    for (int i = 0; i < ndim; i++) shape[i] = a.shape[i];
    e = mem_new_(out, (size_t)a.count, width[type]);
    if (!e && a.count) memcpy(*out, a.data, (size_t)a.count * width[type]);
    npy_close(&a);
    return e;
}

lorec_err array_load_n(void **out, const char *folder, const char *name, npy_type type, int64_t n)
{
    int64_t found;
    TRY(array_load(out, folder, name, type, 1, &found));
    if (found == n) return LOREC_OK;
    mem_free(*out);
    *out = NULL;
    return err_set(LOREC_INPUT,
                   "%s/%s.npy: %lld values where %lld are needed; the model's files do not belong together", folder,
                   name, (long long)found, (long long)n);
}

lorec_err array_load_count(void **out, const char *folder, const char *name, npy_type type, uint32_t *n)
{
    int64_t found;
    *n = 0;
    TRY(array_load(out, folder, name, type, 1, &found));
    if (found < UINT32_MAX) {
        *n = (uint32_t)found;
        return LOREC_OK;
    }
    mem_free(*out);
    *out = NULL;
    return err_set(LOREC_INPUT, "%s/%s.npy: %lld values are more than there can be", folder, name, (long long)found);
}
