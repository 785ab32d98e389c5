/* Parameters to and from safetensors. Loading reads everything before it changes anything. */
#include <math.h>
#include <string.h>

#include "tensor/safetensors.h"
#include "tensor/tape.h"

lorec_err params_save(const params *ps, const char *path)
{
    size_t n = params_count(ps);
    st_item *items;
    TRY(mem_new(&items, n));
    for (size_t i = 0; i < n; i++) {
        const tensor *p = params_at(ps, i);
        if (packed_of(p)) {
            mem_free(items);
            return err_set(LOREC_USAGE, "the parameter %s is packed; load the model as f32 to save it", p->param->name);
        }
        items[i] = (st_item){
            .name = p->param->name, .dtype = ELEM_F32, .ndim = p->ndim, .shape = p->size, .values = p->data};
    }
    lorec_err e = safetensors_write(path, items, n, (const char *[]){"format", "pt"}, 1);
    mem_free(items);
    return e;
}

static lorec_err entry_check(const st_entry *e, const tensor *p)
{
    const char *name = p->param->name;
    if (!e) return err_set(LOREC_INPUT, "the parameter %s is missing", name);
    bool same = e->ndim == p->ndim;
    for (int d = 0; same && d < p->ndim; d++) same = e->shape[d] == p->size[d];
    char ours[128], theirs[256];
    if (!same)
        return err_set(LOREC_INPUT, "the parameter %s has shape %s where the model has %s", name,
                       shape_text(theirs, sizeof theirs, e->ndim, e->shape),
                       shape_text(ours, sizeof ours, p->ndim, p->size));
    if (e->dtype != ELEM_F32 && e->dtype != ELEM_F16 && e->dtype != ELEM_BF16)
        return err_set(LOREC_INPUT, "the parameter %s is not of F32, F16 or BF16", name);
    return LOREC_OK;
}

static lorec_err values_check(const float *values, int64_t n, const char *name)
{
    int64_t bad = 0;
    for (int64_t i = 0; i < n; i++) bad += !isfinite(values[i]);
    if (!bad) return LOREC_OK;
    return err_set(LOREC_INPUT, "%lld of %lld values of the parameter %s are NaN or infinite", (long long)bad,
                   (long long)n, name);
}

lorec_err params_load(params *ps, const char *path)
{
    safetensors f;
    TRY(safetensors_open(&f, path));
    float **fresh = NULL;
    size_t n = params_count(ps);
    lorec_err e = mem_new(&fresh, n);
    for (size_t i = 0; e == LOREC_OK && i < n; i++) {
        const tensor *p = params_at(ps, i);
        if (packed_of(p)) {
            e = err_set(LOREC_USAGE, "the parameter %s is packed; it can not be loaded over", p->param->name);
            break;
        }
        const st_entry *entry = safetensors_find(&f, p->param->name);
        e = entry_check(entry, p);
        if (e == LOREC_OK) e = mem_new(&fresh[i], (size_t)(p->count ? p->count : 1));
        if (e == LOREC_OK) e = safetensors_read_f32(&f, entry, fresh[i], p->count);
        if (e == LOREC_OK) e = values_check(fresh[i], p->count, p->param->name);
    }
    for (size_t i = 0; fresh && i < n; i++) {
        tensor *p = params_at(ps, i);
        if (e) {
            mem_free(fresh[i]);
            continue;
        }
        mem_free(p->data);
        p->data = fresh[i];
        param_changed(p);
    }
    mem_free(fresh);
    safetensors_close(&f);
    return e ? err_context(e, "%s", path) : LOREC_OK;
}
