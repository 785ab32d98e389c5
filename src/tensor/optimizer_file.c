/* An optimizer's file: "NAME.m" and "NAME.v" beside its step and kind. Loading changes nothing unless all of it fits. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "tensor/optimizer_state.h"
#include "tensor/safetensors.h"

static const char *const kind_names[] = {"sgd", "adam", "adamw", "adagrad"};

static lorec_err item_name(buf *b, const tensor *p, const char *moment)
{
    buf_clear(b);
    return buf_printf(b, "%s.%s", p->param->name, moment);
}

static lorec_err items_add(st_item **items, size_t *cap, size_t *n, const tensor *p, const char *moment,
                           const float *values)
{
    if (!values) return LOREC_OK;
    buf name = {0};
    lorec_err e = item_name(&name, p, moment);
    if (e == LOREC_OK) e = mem_grow(items, cap, *n + 1);
    if (e) {
        buf_free(&name);
        return e;
    }
    (*items)[(*n)++] = (st_item){
        .name = name.p, .dtype = ELEM_F32, .ndim = p->ndim, .shape = p->size, .values = values};
    return LOREC_OK;
}

lorec_err optimizer_save(const optimizer *o, const char *path)
{
    st_item *items = NULL;
    size_t cap = 0, n = 0;
    lorec_err e = LOREC_OK;
    for (size_t i = 0; e == LOREC_OK && i < o->n_slots; i++) {
        const tensor *p = params_at(o->ps, i);
        e = items_add(&items, &cap, &n, p, "m", o->slots[i].m);
        if (e == LOREC_OK) e = items_add(&items, &cap, &n, p, "v", o->slots[i].v);
    }
    char step[32];
    snprintf(step, sizeof step, "%" PRIu64, o->steps);
    const char *meta[] = {"format", "lorec-optimizer", "kind", kind_names[o->opt.kind], "step", step};
    if (e == LOREC_OK) e = safetensors_write(path, items, n, meta, 3);
    for (size_t i = 0; i < n; i++) {
        buf name = {.p = (char *)items[i].name};
        buf_free(&name);
    }
    mem_free(items);
    return e;
}

/* The moment's values in fresh memory; NULL where the file has none. */
static lorec_err moment_read(float **out, const safetensors *f, const tensor *p, const char *moment, size_t *used)
{
    buf name = {0};
    lorec_err e = item_name(&name, p, moment);
    const st_entry *entry = e ? NULL : safetensors_find(f, name.p);
    if (entry) {
        bool fits = entry->ndim == p->ndim && entry->dtype == ELEM_F32;
        for (int d = 0; fits && d < p->ndim; d++) fits = entry->shape[d] == p->size[d];
        if (!fits) e = err_set(LOREC_INPUT, "%s is not of its parameter's shape, or not F32", name.p);
        if (e == LOREC_OK) e = mem_new(out, (size_t)p->count);
        if (e == LOREC_OK) e = safetensors_read_f32(f, entry, *out, p->count);
        (*used)++;
    }
    buf_free(&name);
    return e;
}

static lorec_err state_read(const optimizer *o, const safetensors *f, slot *fresh, uint64_t *steps)
{
    const char *kind = safetensors_meta(f, "kind"), *step = safetensors_meta(f, "step");
    if (!kind || !step) return err_set(LOREC_INPUT, "not an optimizer's file: it names no kind and step");
    if (strcmp(kind, kind_names[o->opt.kind]))
        return err_set(LOREC_INPUT, "holds the state of %s, not of %s", kind, kind_names[o->opt.kind]);
    if (!slice_to_u64(slice_of(step), steps)) return err_set(LOREC_INPUT, "the step \"%s\" is not a number", step);
    size_t used = 0;
    for (size_t i = 0; i < o->n_slots; i++) {
        const tensor *p = params_at(o->ps, i);
        if (optimizer_uses_m(o)) TRY(moment_read(&fresh[i].m, f, p, "m", &used));
        if (optimizer_uses_v(o)) TRY(moment_read(&fresh[i].v, f, p, "v", &used));
    }
    if (used == f->n) return LOREC_OK;
    return err_set(LOREC_INPUT, "%zu of its %zu tensors belong to no parameter of this model", f->n - used, f->n);
}

lorec_err optimizer_load(optimizer *o, const char *path)
{
    TRY(optimizer_slots(o));
    safetensors f;
    TRY(safetensors_open(&f, path));
    slot *fresh = NULL;
    uint64_t steps = 0;
    lorec_err e = mem_new(&fresh, o->n_slots);
    if (e == LOREC_OK) e = state_read(o, &f, fresh, &steps);
    for (size_t i = 0; fresh && i < o->n_slots; i++) {
        slot *s = &o->slots[i], *dead = e ? &fresh[i] : s;
        mem_free(dead->m);
        mem_free(dead->v);
        if (e) continue;
        s->m = fresh[i].m;
        s->v = fresh[i].v;
    }
    if (e == LOREC_OK) o->steps = steps;
    mem_free(fresh);
    safetensors_close(&f);
    return e ? err_context(e, "%s", path) : LOREC_OK;
}
