#include "lm/model_folder.h"

#include <math.h>

#include "base/log.h"
#include "base/mem.h"
#include "tensor/safetensors.h"

lorec_err lm_model_new(lm_model **out, const char *arch, const transformer_config *config, uint64_t seed)
{
    *out = NULL;
    lm_model *m;
    TRY(mem_new(&m, 1));
    m->arch = arch_find(arch);
    m->params = params_new(seed);
    transformer_config c = *config;
    lorec_err e = m->params ? LOREC_OK : LOREC_RESOURCE;
    if (!m->arch) e = err_set(LOREC_USAGE, "there is no architecture \"%s\"", arch);
    if (!e) {
        m->arch->complete(&c);
        e = transformer_new(&m->net, m->params, &c, "");
    }
    if (e)
        lm_model_free(m);
    else
        *out = m;
    return e;
}

void lm_model_free(lm_model *m)
{
    if (!m) return;
    transformer_free(m->net);
    if (m->params) params_free(m->params);
    mem_free(m);
}

/* ---- weights ------------------------------------------------------------------------------------------------------------ */

static const st_entry *entry_of(const safetensors *f, const lm_arch *arch, const char *name)
{
    const st_entry *e = safetensors_find(f, name);
    size_t n = strlen(arch->base);
    if (!e && strncmp(name, arch->base, n) == 0) e = safetensors_find(f, name + n);
    return e;
}

static lorec_err read_one(const safetensors *f, const lm_arch *arch, tensor *p, size_t *used)
{
    const char *name = tensor_name(p);
    const st_entry *entry = entry_of(f, arch, name);
    if (!entry) return err_set(LOREC_INPUT, "the parameter %s is missing", name);
    bool same = entry->ndim == tensor_dims(p);
    for (int d = 0; same && d < entry->ndim; d++) same = entry->shape[d] == tensor_size(p, d);
    if (!same)
        return err_set(LOREC_INPUT, "the parameter %s has another shape than config.json says (%lld values of %lld)",
                       name, (long long)st_entry_count(entry), (long long)tensor_count(p));
    int64_t n = tensor_count(p);
    float *values;
    TRY(mem_new(&values, (size_t)n));
    lorec_err e = safetensors_read_f32(f, entry, values, n);
    for (int64_t i = 0; i < n && !e; i++)
        if (!isfinite(values[i]))
            e = err_set(LOREC_INPUT, "value %lld of the parameter %s is %g", (long long)i, name, (double)values[i]);
    if (!e) e = tensor_write(p, values, n);
    mem_free(values);
    (*used)++;
    return e;
}

static lorec_err read_weights(lm_model *m, const char *path)
{
    safetensors f;
    TRY(safetensors_open(&f, path));
    size_t used = 0;
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < params_count(m->params) && !e; i++)
        e = read_one(&f, m->arch, params_at(m->params, i), &used);
    if (!e && used < f.n) log_debug("%s: %zu of %zu tensors are not part of the model", path, f.n - used, f.n);
    safetensors_close(&f);
    return e ? err_context(e, "%s", path) : LOREC_OK;
}

/* ---- the folder ------------------------------------------------------------------------------------------------------------ */

static lorec_err read_config(lm_model *m, const char *path)
{
    json_t *json;
    TRY(json_read(&json, path));
    transformer_config c;
    lorec_err e = arch_need(json, &m->arch);
    if (!e) e = m->arch->read(&c, json);
    if (!e) e = transformer_new(&m->net, m->params, &c, "");
    json_decref(json);
    return e ? err_context(e, "%s", path) : LOREC_OK;
}

lorec_err lm_model_open(lm_model **out, const char *folder)
{
    *out = NULL;
    lm_model *m;
    TRY(mem_new(&m, 1));
    buf path = {0};
    lorec_err e = LOREC_RESOURCE;
    m->params = params_new(0);
    if (m->params) e = path_join(&path, folder, "config.json");
    if (!e) e = read_config(m, path.p);
    if (!e) e = path_join(&path, folder, "model.safetensors");
    if (!e) e = read_weights(m, path.p);
    buf_free(&path);
    if (e)
        lm_model_free(m);
    else
        *out = m;
    return e;
}

lorec_err lm_model_save(const lm_model *m, const char *folder)
{
    json_t *json = m->arch->write(transformer_settings(m->net));
    if (!json) return err_set(LOREC_RESOURCE, "out of memory while writing config.json");
    buf path = {0};
    lorec_err e = path_join(&path, folder, "config.json");
    if (!e) e = json_write(json, path.p);
    if (!e) e = path_join(&path, folder, "model.safetensors");
    if (!e) e = params_save(m->params, path.p);
    buf_free(&path);
    json_decref(json);
    return e;
}
