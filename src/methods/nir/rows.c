/* Who had what in order of arrival, and its files. */
#include "base/mem.h"
#include "base/npy.h"
#include "methods/nir/nir.h"

void nir_rows_free(nir_rows *r)
{
    mem_free(r->start);
    mem_free(r->item);
    sparse_free(&r->by_item);
    *r = (nir_rows){0};
}

static lorec_err transposed(nir_rows *r)
{
    uint32_t *user;
    uint64_t n = r->start[r->n_users];
    TRY(mem_new(&user, n + 1));
    for (uint32_t u = 0; u < r->n_users; u++)
        for (uint64_t k = r->start[u]; k < r->start[u + 1]; k++) user[k] = u;
    lorec_err e = sparse_from_triples(&r->by_item, r->n_items, r->n_users, n, r->item, user, NULL);
    mem_free(user);
    return e;
}

lorec_err nir_rows_make(nir_rows *r, const interactions *x)
{
    *r = (nir_rows){.n_users = x->n_users, .n_items = x->n_items};
    lorec_err e = mem_new(&r->start, (size_t)x->n_users + 1);
    if (!e) e = mem_new(&r->item, x->n + 1);
    if (!e) {
        memcpy(r->start, x->start, ((size_t)x->n_users + 1) * sizeof *r->start);
        if (x->n) memcpy(r->item, x->item, x->n * sizeof *r->item);
        e = transposed(r);
    }
    if (e) nir_rows_free(r);
    return e;
}

lorec_err nir_rows_save(const nir_rows *r, const char *folder)
{
    buf path = {0};
    lorec_err e = path_join(&path, folder, "rows.start.npy");
    if (!e) e = npy_write(path.p, NPY_U64, 1, (int64_t[]){(int64_t)r->n_users + 1}, r->start);
    if (!e) e = path_join(&path, folder, "rows.item.npy");
    if (!e) e = npy_write(path.p, NPY_U32, 1, (int64_t[]){(int64_t)r->start[r->n_users]}, r->item);
    buf_free(&path);
    return e;
}

static lorec_err read_rows(nir_rows *r, const npy *start, const npy *item, const char *folder)
{
    if (start->shape[0] < 1 || start->shape[0] > UINT32_MAX) return err_set(LOREC_INPUT, "%s/rows.start.npy", folder);
    r->n_users = (uint32_t)(start->shape[0] - 1);
    TRY(mem_new(&r->start, (size_t)start->shape[0]));
    TRY(mem_new(&r->item, (size_t)item->shape[0] + 1));
    memcpy(r->start, start->data, (size_t)start->shape[0] * sizeof *r->start);
    if (item->shape[0]) memcpy(r->item, item->data, (size_t)item->shape[0] * sizeof *r->item);
    bool right = r->start[0] == 0 && r->start[r->n_users] == (uint64_t)item->shape[0];
    for (uint32_t u = 0; u < r->n_users && right; u++) right = r->start[u] <= r->start[u + 1];
    for (int64_t k = 0; k < item->shape[0] && right; k++) right = r->item[k] < r->n_items;
    return right ? transposed(r) : err_set(LOREC_INPUT, "%s: rows.*.npy do not fit together; train again", folder);
}

/* r->n_items is set by the caller. */
lorec_err nir_rows_load(nir_rows *r, const char *folder)
{
    npy start, item;
    buf path = {0};
    lorec_err e = path_join(&path, folder, "rows.start.npy");
    if (!e) e = npy_open(&start, path.p, NPY_U64, 1);
    if (e) goto done;
    e = path_join(&path, folder, "rows.item.npy");
    if (!e) e = npy_open(&item, path.p, NPY_U32, 1);
    if (!e) {
        e = read_rows(r, &start, &item, folder);
        npy_close(&item);
    }
    npy_close(&start);
done:
    buf_free(&path);
    if (e) nir_rows_free(r);
    return e;
}
