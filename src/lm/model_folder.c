#include "lm/model_folder.h"

#include <math.h>

#include "base/log.h"
#include "base/mem.h"
#include "tensor/safetensors.h"

/* ---- from a config to parts --------------------------------------------------------------------------------------------- */

typedef struct source { /* of weights; f NULL: they are drawn */
    const safetensors *f;
    const lm_arch *arch;
} source;

static int64_t rows_of(const void *file, const char *name);

/* A file of the bare model has no language-model head; one that says its head is its own may leave it tied. */
static void without_absent(transformer_config *c, const source *from)
{
    static const transformer_part head[] = {PART_HEAD_DENSE, PART_HEAD_DENSE_BIAS, PART_HEAD_NORM, PART_HEAD_NORM_BIAS,
                                            PART_HEAD,       PART_HEAD_BIAS};
    if (!from->f) return;
    bool masked = c->name[PART_HEAD_DENSE] != NULL;
    for (size_t i = 0; i < sizeof head / sizeof *head; i++)
        if (c->name[head[i]] && rows_of(from, c->name[head[i]]) < 0) c->name[head[i]] = NULL;
    if (masked && !c->name[PART_HEAD_DENSE]) c->headless = true;
}

static lorec_err make_parts(lm_model *m, const json_t *json, const source *from)
{
    const lm_arch *a = m->arch;
    transformer_config c;
    vision_config v;
    if (a->read_encoder) { /* first, as the tables that both use belong to it */
        TRY(a->read_encoder(&c, json));
        TRY(transformer_new(&m->encoder, m->params, &c, ""));
    }
    if (a->read) {
        TRY(a->read(&c, json));
        without_absent(&c, from);
        TRY(transformer_new(&m->net, m->params, &c, ""));
    }
    if (a->read_vision) {
        TRY(a->read_vision(&v, json));
        TRY(vision_new(&m->vision, m->params, &v, ""));
    }
    int64_t image = m->vision ? vision_settings(m->vision)->body.width : 0;
    return heads_new(&m->heads, m->params, a->heads, m->net ? transformer_settings(m->net)->width : image, image,
                     from->f ? rows_of : NULL, from);
}

static lorec_err model_new(lm_model **out, uint64_t seed)
{
    *out = NULL;
    TRY(mem_new(out, 1));
    (*out)->params = params_new(seed);
    return (*out)->params ? LOREC_OK : LOREC_RESOURCE;
}

static lorec_err given(lm_model **out, lorec_err e)
{
    if (!e) return LOREC_OK;
    lm_model_free(*out);
    *out = NULL;
    return e;
}

lorec_err lm_model_new(lm_model **out, const char *arch, const transformer_config *config, uint64_t seed)
{
    lorec_err e = model_new(out, seed);
    if (!e) {
        lm_model *m = *out;
        m->arch = arch_find(arch);
        transformer_config c = *config;
        if (!m->arch)
            e = err_set(LOREC_USAGE, "there is no architecture \"%s\"", arch);
        else if (!m->arch->complete)
            e = err_set(LOREC_USAGE, "a model of the architecture \"%s\" is made from a config.json", arch);
        if (!e) m->arch->complete(&c);
        if (!e) e = transformer_new(&m->net, m->params, &c, "");
        if (!e) e = heads_new(&m->heads, m->params, m->arch->heads, c.width, 0, NULL, NULL);
    }
    return given(out, e);
}

static lorec_err from_config(lm_model *m, const json_t *config, const safetensors *f)
{
    m->config = json_deep_copy(config);
    if (!m->config) return err_set(LOREC_RESOURCE, "out of memory while reading a config.json");
    TRY(arch_need(config, &m->arch));
    return make_parts(m, config, &(source){f, m->arch});
}

lorec_err lm_model_make(lm_model **out, const json_t *config, uint64_t seed, const char *where)
{
    lorec_err e = model_new(out, seed);
    if (!e) e = from_config(*out, config, NULL);
    if (e) e = err_context(e, "%s", where);
    return given(out, e);
}

void lm_model_free(lm_model *m)
{
    if (!m) return;
    transformer_free(m->net);
    transformer_free(m->encoder);
    vision_free(m->vision);
    heads_free(m->heads);
    if (m->config) json_decref(m->config);
    if (m->params) params_free(m->params);
    mem_free(m);
}

lorec_err lm_model_need_decoder(const lm_model *m)
{
    if (m->net && !m->encoder && !m->vision && transformer_settings(m->net)->causal) return LOREC_OK;
    return err_set(LOREC_INPUT, "a model of type \"%s\" does not continue texts by itself: %s", m->arch->type,
                   m->encoder  ? "it is an encoder-decoder"
                   : m->vision ? "it reads images"
                               : "it is an encoder, for embeddings and masked tokens");
}

/* ---- weights ------------------------------------------------------------------------------------------------------------ */

/* Files of TensorFlow's time call a norm's gain and bias gamma and beta. */
static const st_entry *find_renamed(const safetensors *f, const char *name)
{
    static const char *const ends[][2] = {{"LayerNorm.weight", "gamma"}, {"LayerNorm.bias", "beta"}};
    const st_entry *e = safetensors_find(f, name);
    size_t n = strlen(name);
    for (int i = 0; i < 2 && !e; i++) {
        size_t end = strlen(ends[i][0]), kept = strlen("LayerNorm.");
        if (n < end || strcmp(name + n - end, ends[i][0]) != 0) continue;
        buf old = {0};
        if (!buf_add(&old, name, n - end + kept) && !buf_puts(&old, ends[i][1])) e = safetensors_find(f, old.p);
        buf_free(&old);
    }
    return e;
}

static const st_entry *entry_of(const safetensors *f, const lm_arch *arch, const char *name)
{
    const st_entry *e = find_renamed(f, name);
    size_t n = strlen(arch->base);
    if (!e && strncmp(name, arch->base, n) == 0) e = find_renamed(f, name + n);
    return e;
}

static int64_t rows_of(const void *file, const char *name)
{
    const source *from = file;
    const st_entry *e = entry_of(from->f, from->arch, name);
    return !e ? -1 : e->ndim ? e->shape[0] : 1;
}

static lorec_err read_one(const safetensors *f, const lm_arch *arch, tensor *p, size_t *used)
{
    const char *name = tensor_name(p);
    const st_entry *entry = entry_of(f, arch, name);
    if (!entry) return err_set(LOREC_INPUT, "the parameter %s is missing", name);
    bool same = entry->ndim == tensor_dims(p) || (entry->ndim == 0 && tensor_dims(p) == 1 && tensor_count(p) == 1);
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

static lorec_err read_weights(lm_model *m, const safetensors *f, const char *path)
{
    size_t used = 0;
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < params_count(m->params) && !e; i++) e = read_one(f, m->arch, params_at(m->params, i), &used);
    if (!e && used < f->n) log_debug("%s: %zu of %zu tensors are not part of the model", path, f->n - used, f->n);
    return e ? err_context(e, "%s", path) : LOREC_OK;
}

/* ---- the folder ------------------------------------------------------------------------------------------------------------ */

static lorec_err open_with(lm_model *m, const char *folder, const safetensors *f, const char *weights)
{
    buf path = {0};
    json_t *json = NULL;
    lorec_err e = path_join(&path, folder, "config.json");
    if (!e) e = json_read(&json, path.p);
    if (!e) {
        e = from_config(m, json, f);
        if (e) e = err_context(e, "%s", path.p);
    }
    safetensors absent;
    if (!e) e = f ? read_weights(m, f, weights) : safetensors_open(&absent, weights); /* says why there is none */
    if (json) json_decref(json);
    buf_free(&path);
    return e;
}

lorec_err lm_model_open(lm_model **out, const char *folder)
{
    buf path = {0};
    safetensors f;
    lorec_err e = model_new(out, 0);
    if (!e) e = path_join(&path, folder, "model.safetensors");
    if (!e) {
        bool there = file_exists(path.p) && !safetensors_open(&f, path.p); /* a wrong config.json is told first */
        e = open_with(*out, folder, there ? &f : NULL, path.p);
        if (there) safetensors_close(&f);
    }
    buf_free(&path);
    return given(out, e);
}

lorec_err lm_model_save(const lm_model *m, const char *folder)
{
    json_t *json = m->config        ? json_deep_copy(m->config)
                   : m->arch->write ? m->arch->write(transformer_settings(m->net))
                                    : NULL;
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
