/* Items as vectors that a language model reads: a sequential recommender's item table, frozen, through a small network. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "methods/llara/llara.h"
#include "methods/registry.h"
#include "rec/sequence.h"
#include "recipes/inside.h"

static const char *const backbones[] = {"sasrec", "gru4rec"};

static lorec_err set_number(const recommender *r, void *self, const char *name, int64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    return options_set(r->options, r->n_options, self, name, text);
}

/* Random vectors of the same size, so that only what they say is gone: a control. */
static void randomise(llara *m, uint64_t seed)
{
    size_t n = (size_t)m->items.n * (size_t)m->d;
    double square = 0;
    for (size_t i = 0; i < n; i++) square += (double)m->vector[i] * m->vector[i];
    double sd = n ? sqrt(square / (double)n) : 0;
    rng r = rng_make(seed, RNG_FACTORS);
    for (size_t i = 0; i < n; i++) m->vector[i] = (float)(sd * rng_normal(&r));
}

lorec_err llara_vectors(llara *m, const fit_context *c)
{
    const recommender *r;
    void *self;
    TRY(registry_need(backbones[m->backbone], &r));
    TRY(recommender_new(r, &self));
    fit_context plain = inside_context(c);
    lorec_err e = set_number(r, self, "hidden_size", m->backbone_size);
    if (!e) e = set_number(r, self, "epochs", m->backbone_epochs);
    if (!e && r->check && r->check(self)) e = err_set(LOREC_USAGE, "llara's %s: %s", r->key, r->check(self));
    if (!e) e = r->fit(self, &plain);
    const sequence_model *base = self; /* both begin with one */
    if (!e) e = mem_new(&m->vector, (size_t)base->n_items * (size_t)base->d + 1);
    if (!e) {
        m->d = base->d;
        memcpy(m->vector, base->item, (size_t)base->n_items * (size_t)base->d * sizeof *m->vector);
        if (m->vectors == VECTORS_RANDOM) randomise(m, c->seed);
    }
    recommender_free(r, self);
    return e;
}

lorec_err llara_projector(llara *m, uint64_t seed)
{
    const transformer_config *c = transformer_settings(m->lm->model->net);
    int64_t width = c->embed_width ? c->embed_width : c->width;
    m->projector = params_new(seed);
    if (!m->projector) return LOREC_RESOURCE;
    for (int i = 0; i < 2; i++) {
        int64_t in = i ? width : m->d;
        char name[32];
        snprintf(name, sizeof name, "projector.%d.weight", 2 * i);
        m->weight[i] = params_add(m->projector, name, init_torch_linear(in), 2, (int64_t[]){width, in});
        snprintf(name, sizeof name, "projector.%d.bias", 2 * i);
        m->bias[i] = params_add(m->projector, name, init_torch_linear(in), 1, (int64_t[]){width});
    }
    m->holder = params_add(m->projector, "placeholder.weight", INIT_NORMAL(.02), 2, (int64_t[]){1, width});
    TRY(params_error(m->projector));
    params_freeze(m->holder, true); /* as a row of a table that LoRA leaves alone */
    return LOREC_OK;
}

tensor *llara_project(const llara *m, tape *t, const uint32_t *item, size_t n)
{
    float *v;
    size_t d = (size_t)m->d;
    if (mem_new(&v, n * d + 1)) return tape_fail(t, LOREC_RESOURCE);
    for (size_t i = 0; i < n; i++) memcpy(v + i * d, m->vector + item[i] * d, d * sizeof *v);
    tensor *x = tape_f32(t, v, 2, (int64_t[]){(int64_t)n, m->d});
    mem_free(v);
    x = op_linear(t, x, m->weight[0], m->bias[0], LINEAR_OUT_IN, ACT_GELU);
    return op_linear(t, x, m->weight[1], m->bias[1], LINEAR_OUT_IN, ACT_NONE);
}

lorec_err llara_extra(const llara *m, float *out)
{
    int64_t width = tensor_size(m->holder, 1);
    size_t n = m->items.n;
    uint32_t *item;
    TRY(tensor_read(m->holder, out + n * (size_t)width, width));
    if (!n) return LOREC_OK;
    TRY(mem_new(&item, n));
    for (size_t i = 0; i < n; i++) item[i] = (uint32_t)i;
    tape *t = tape_new(&(tape_options){0});
    lorec_err e = t ? LOREC_OK : LOREC_RESOURCE;
    if (t) {
        tape_begin(t, 0);
        e = tape_read(t, llara_project(m, t, item, n), out, (int64_t)n * width);
        tape_free(t);
    }
    mem_free(item);
    return e;
}
