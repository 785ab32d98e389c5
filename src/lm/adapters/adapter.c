#include <stdlib.h>

#include "base/mem.h"
#include "lm/adapters/adapter_parts.h"

/* One row a kind. */
#define KINDS(ROW) ROW(lora) ROW(houlsby) ROW(pfeiffer) ROW(prefix) ROW(prompt)

#define DECLARE(name) extern const adapter_kind adapter_kind_##name;
KINDS(DECLARE)

#define ADDRESS(name) &adapter_kind_##name,
static const adapter_kind *const table[] = {KINDS(ADDRESS)};
#define NAME(name) #name,
static const char *const names[] = {KINDS(NAME) NULL};
enum { TABLE = sizeof table / sizeof *table };

const char *const *adapter_kind_names(void)
{
    return names;
}

const adapter_kind *adapter_kind_find(const char *name)
{
    for (size_t i = 0; i < TABLE; i++)
        if (strcmp(table[i]->name, name) == 0) return table[i];
    return NULL;
}

const adapter_kind *adapter_kind_of_peft(const char *type)
{
    for (size_t i = 0; i < TABLE; i++)
        if (strcmp(table[i]->peft_type, type) == 0) return table[i];
    return NULL;
}

/* ---- making ----------------------------------------------------------------------------------------------------------- */

static lorec_err settle(adapter *a, const adapter_options *options)
{
    a->o = *options;
    const char *name = options->kind ? options->kind : "";
    a->kind = adapter_kind_find(name);
    if (!a->kind) {
        const char *near = err_nearest(name, names, TABLE);
        return err_set(LOREC_USAGE, "there is no adapter \"%s\"%s%s%s", name, near ? "; did you mean \"" : "",
                       near ? near : "", near ? "\"?" : "");
    }
    TRY(mem_dup(&a->targets, options->targets));
    a->o.kind = a->kind->name;
    a->o.targets = a->targets;
    if (a->o.rank == 0) a->o.rank = 8;
    if (a->o.alpha == 0) a->o.alpha = (double)a->o.rank;
    if (a->o.tokens == 0) a->o.tokens = 20;
    if (a->o.start_sd == 0) a->o.start_sd = .02;
    if (a->o.act == ACT_NONE) a->o.act = ACT_RELU;
    enum { MOST = 1 << 16 };
    if (a->o.rank < 1 || a->o.rank > MOST || a->o.width < 0 || a->o.width > MOST || a->o.tokens < 1 ||
        a->o.tokens > MOST)
        return err_set(LOREC_USAGE, "an adapter's rank, width and tokens are 1 to %d", MOST);
    if (!(a->o.dropout >= 0 && a->o.dropout < 1))
        return err_set(LOREC_USAGE, "an adapter's dropout is at least 0 and below 1, not %g", a->o.dropout);
    return LOREC_OK;
}

tensor *adapter_add(adapter *a, const char *module, const char *suffix, init how, int ndim, const int64_t *shape)
{
    buf name = {0};
    tensor *p = NULL;
    if (buf_printf(&name, "base_model.model.%s.%s", module, suffix) == LOREC_OK)
        p = params_add(a->params, name.p, how, ndim, shape);
    buf_free(&name);
    return p;
}

static lorec_err add_site(adapter *a, transformer *net, transformer_part part, tensor *weight)
{
    adapter_site site = {.weight = weight, .net = net};
    const char *full = tensor_name(weight);
    size_t n = strlen(full), tail = strlen(".weight");
    char *module;
    TRY(mem_dup(&module, full));
    if (n > tail && strcmp(full + n - tail, ".weight") == 0) module[n - tail] = 0;
    lorec_err e = a->kind->site(a, part, module, &site);
    mem_free(module);
    if (!e) e = params_error(a->params);
    if (e || !site.down) return e;
    if (!site.up) return err_set(LOREC_RESOURCE, "out of memory for an adapter");
    TRY(mem_grow(&a->site, &a->cap, a->n + 1));
    a->site[a->n++] = site;
    return LOREC_OK;
}

static lorec_err add_sites(adapter *a, transformer *net)
{
    int64_t layers = transformer_settings(net)->layers;
    for (int64_t layer = 0; layer < layers; layer++)
        for (int p = PART_FIRST_OF_BLOCK; p < TRANSFORMER_PARTS; p++) {
            tensor *w = transformer_tensor(net, (transformer_part)p, layer);
            if (w && tensor_dims(w) == 2) TRY(add_site(a, net, (transformer_part)p, w));
        }
    return LOREC_OK;
}

static int by_weight(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)((const adapter_site *)a)->weight, y = (uintptr_t)((const adapter_site *)b)->weight;
    return (x > y) - (x < y);
}

static lorec_err build(adapter *a, transformer *const *net, size_t n)
{
    if (a->kind->prompt && n > 1)
        return err_set(LOREC_USAGE, "prompt tuning of an encoder-decoder is not done here; take prefix or lora");
    if (a->kind->table) {
        const transformer_config *c = transformer_settings(net[n - 1]); /* of an encoder and a decoder, the decoder */
        a->net = net[n - 1];
        a->layers = c->layers;
        a->kv_heads = c->kv_heads;
        a->kv_width = c->kv_heads * c->head_width;
        a->table = params_add(a->params, "prompt_embeddings", INIT_NORMAL(a->o.start_sd), 2,
                              (int64_t[]){a->o.tokens, a->kind->table(net[n - 1])});
        return params_error(a->params);
    }
    for (size_t i = 0; i < n; i++) TRY(add_sites(a, net[i]));
    if (a->n == 0)
        return err_set(LOREC_USAGE, "no product of this model is named like \"%s\"", a->targets ? a->targets : "");
    qsort(a->site, a->n, sizeof *a->site, by_weight);
    return LOREC_OK;
}

lorec_err adapter_new(adapter **out, transformer *const *net, size_t n, const adapter_options *options)
{
    *out = NULL;
    adapter *a;
    TRY(mem_new(&a, 1));
    lorec_err e = settle(a, options);
    if (!e && !(a->params = params_new(options->seed))) e = LOREC_RESOURCE;
    if (!e) e = build(a, net, n);
    if (e)
        adapter_free(a);
    else
        *out = a;
    return e;
}

void adapter_free(adapter *a)
{
    if (!a) return;
    params_free(a->params);
    mem_free(a->site);
    mem_free(a->targets);
    mem_free(a);
}

params *adapter_params(const adapter *a)
{
    return a->params;
}

const adapter_options *adapter_settings(const adapter *a)
{
    return &a->o;
}

/* ---- values -------------------------------------------------------------------------------------------------------------- */

lorec_err adapter_merge(const adapter *a, double sign)
{
    if (!a->kind->merge)
        return err_set(LOREC_USAGE, "a %s adapter is no change of weights, so it can not be merged into them",
                       a->kind->name);
    for (size_t i = 0; i < a->n; i++) TRY(a->kind->merge(a, &a->site[i], sign));
    return LOREC_OK;
}

/* One parameter at a time, so that `out` may be one of the items. */
lorec_err adapter_average(adapter *out, const adapter *const *item, const double *share, size_t n)
{
    for (size_t p = 0; p < params_count(out->params); p++) {
        tensor *to = params_at(out->params, p);
        size_t count = (size_t)tensor_count(to);
        float *sum = NULL, *one = NULL;
        lorec_err e = mem_new(&sum, count);
        if (!e) e = mem_new(&one, count);
        for (size_t i = 0; i < n && !e; i++) {
            const tensor *from = params_find(item[i]->params, tensor_name(to));
            if (!from)
                e = err_set(LOREC_USAGE, "adapter %zu has no %s; only adapters of one kind can be averaged", i,
                            tensor_name(to));
            if (!e) e = tensor_read(from, one, (int64_t)count);
            for (size_t v = 0; v < count && !e; v++) sum[v] += (float)share[i] * one[v];
        }
        if (!e) e = tensor_write(to, sum, (int64_t)count);
        mem_free(sum);
        mem_free(one);
        TRY(e);
    }
    return LOREC_OK;
}
