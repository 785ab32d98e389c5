#include "lm/model_folder.h"

#include <string.h>

#include "base/mem.h"
#include "lm/model_weights.h"

/* ---- from a config to parts --------------------------------------------------------------------------------------------- */

typedef struct source { /* of weights; NULL: they are drawn */
    const weights *w;
    const lm_arch *arch;
    model_packing *packing; /* NULL: nothing is packed */
} source;

static int64_t rows_of(const void *from, const char *name)
{
    const source *s = from;
    const weight *x = model_weight_find(s->w, s->arch, name);
    return !x ? -1 : x->ndim ? x->shape[0] : 1;
}

/* A file of the bare model has no language-model head; one that says its head is its own may leave it tied. */
static void without_absent(transformer_config *c, const source *from)
{
    static const transformer_part head[] = {PART_HEAD_DENSE, PART_HEAD_DENSE_BIAS, PART_HEAD_NORM, PART_HEAD_NORM_BIAS,
                                            PART_HEAD,       PART_HEAD_BIAS};
    if (!from->w) return;
    bool masked = c->name[PART_HEAD_DENSE] != NULL;
    for (size_t i = 0; i < sizeof head / sizeof *head; i++)
        if (c->name[head[i]] && rows_of(from, c->name[head[i]]) < 0) c->name[head[i]] = NULL;
    if (masked && !c->name[PART_HEAD_DENSE]) c->headless = true;
}

/* Files of an encoder-decoder's encoder alone: embedding models are made of it. */
static bool has_decoder(const transformer_config *c, const source *from)
{
    return !from->w || !c->name[PART_FINAL_NORM] || rows_of(from, c->name[PART_FINAL_NORM]) >= 0;
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
        if (from->packing) model_packing_config(from->packing, &c);
        if (!m->encoder || has_decoder(&c, from)) TRY(transformer_new(&m->net, m->params, &c, ""));
    }
    if (a->read_vision) {
        TRY(a->read_vision(&v, json));
        TRY(vision_new(&m->vision, m->params, &v, ""));
    }
    int64_t image = m->vision ? vision_settings(m->vision)->body.width : 0;
    const transformer *text = m->net ? m->net : m->encoder;
    return heads_new(&m->heads, m->params, a->heads, text ? transformer_settings(text)->width : image, image,
                     from->w ? rows_of : NULL, from);
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

/* What is read from the file next need not be drawn first. */
static bool supply_zeros(void *ctx, const char *name, int ndim, const int64_t *shape, packed_source *out)
{
    (void)ctx, (void)name, (void)ndim, (void)shape, (void)out;
    return false;
}

static int64_t values_of(const weights *w)
{
    int64_t all = 0;
    for (size_t i = 0; i < weights_count(w); i++)
        if (__builtin_add_overflow(all, weight_values(weights_at(w, i)), &all)) return INT64_MAX;
    return all;
}

static lorec_err from_config(lm_model *m, const json_t *config, const weights *w, lm_form form)
{
    m->config = json_deep_copy(config);
    if (!m->config) return err_set(LOREC_RESOURCE, "out of memory while reading a config.json");
    TRY(arch_need(config, &m->arch));
    model_packing packing = {.w = w, .arch = m->arch, .form = form};
    bool packs = w && form != LM_F32;
    if (w) params_limit(m->params, values_of(w));
    if (w) params_supply(m->params, packs ? model_packing_supply : supply_zeros, &packing);
    lorec_err e = make_parts(m, config, &(source){w, m->arch, packs ? &packing : NULL});
    params_supply(m->params, NULL, NULL);
    params_limit(m->params, 0);
    return e;
}

/* What is wrong with a config that has no weights beside it. */
static lorec_err check_config(const json_t *config)
{
    const lm_arch *a;
    transformer_config c;
    vision_config v;
    TRY(arch_need(config, &a));
    if (a->read_encoder) {
        TRY(a->read_encoder(&c, config));
        TRY(transformer_check(&c));
    }
    if (a->read) {
        TRY(a->read(&c, config));
        TRY(transformer_check(&c));
    }
    return a->read_vision ? a->read_vision(&v, config) : LOREC_OK;
}

lorec_err lm_model_make(lm_model **out, const json_t *config, uint64_t seed, const char *where)
{
    lorec_err e = model_new(out, seed);
    if (!e) e = from_config(*out, config, NULL, LM_F32);
    if (e) e = err_context(e, "%s", where);
    return given(out, e);
}

lorec_err lm_model_make_from(lm_model **out, const json_t *config, const char *where, params_supply_fn *supply,
                             void *ctx)
{
    lorec_err e = model_new(out, 0);
    if (!e) {
        params_supply((*out)->params, supply, ctx);
        e = from_config(*out, config, NULL, LM_F32);
        params_supply((*out)->params, NULL, NULL);
    }
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

/* ---- the folder ------------------------------------------------------------------------------------------------------------ */

lorec_err lm_model_open(lm_model **out, const char *path)
{
    return lm_model_open_as(out, path, LM_F32);
}

bool lm_form_find(const char *name, lm_form *out)
{
    static const char *const names[] = {"f32", "keep", "bf16", "q8", "q4"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) {
            *out = (lm_form)i;
            return true;
        }
    return false;
}

lorec_err lm_model_open_as(lm_model **out, const char *path, lm_form form)
{
    weights *w = NULL;
    lorec_err e = model_new(out, 0);
    if (!e) e = weights_open(&w, path);
    if (!e) {
        const json_t *config = weights_config(w); /* what is wrong with it is told first */
        e = config ? weights_count(w) ? from_config(*out, config, w, form) : check_config(config)
                   : err_set(LOREC_INPUT, "of its architecture nothing is known: config.json is needed beside it");
        if (e) e = err_context(e, "config.json");
        if (!e) e = model_weights_read(*out, w);
        if (e) e = err_context(e, "%s", path);
    }
    weights_close(w);
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

size_t lm_model_nets(const lm_model *m, transformer *out[2])
{
    size_t n = 0;
    if (m->encoder) out[n++] = m->encoder;
    if (m->net) out[n++] = m->net;
    return n;
}
