/* adapter_parts.h: an adapter from inside: shared by adapter.c, the kinds in lm/adapters/, and the file format.
 *
 *     const adapter_kind adapter_kind_mine = {.name = "mine", .site = mine_site, .product = mine_product, ...};
 *
 * Ownership: sites and names belong to the adapter; weights to the models. */
#ifndef LOREC_LM_ADAPTERS_ADAPTER_PARTS_H
#define LOREC_LM_ADAPTERS_ADAPTER_PARTS_H

#include "base/json.h"
#include "lm/adapters/adapter.h"

/* A product that the adapter changes. */
typedef struct adapter_site {
    tensor *weight;
    const transformer *net;
    tensor *down, *up, *down_bias, *up_bias; /* LoRA: A and B */
} adapter_site;

typedef struct adapter_kind {
    const char *name;
    const char *peft_type; /* adapter_config.json's */
    bool peft;             /* peft knows such files */
    /* Adds the parameters of a product named `module` (without ".weight"), if this kind wants that part; site->down stays NULL
     * where it does not. Or NULL: the kind changes no products. */
    lorec_err (*site)(adapter *a, transformer_part part, const char *module, adapter_site *site);
    tensor *(*product)(tape *t, const adapter *a, const adapter_site *s, tensor *x, tensor *y, float weight,
                       tensor *row_scale);
    lorec_err (*merge)(const adapter *a, const adapter_site *s, double sign);
    /* Kinds with one table: its width; or NULL. */
    int64_t (*table)(const transformer *net);
    bool prefix, prompt; /* what the table is */
} adapter_kind;

struct adapter {
    const adapter_kind *kind;
    adapter_options o;
    char *targets; /* o.targets */
    params *params;
    adapter_site *site; /* by address of the weight */
    size_t n, cap;
    tensor *table;          /* [tokens, ..] */
    const transformer *net; /* which the table acts on */
    int64_t layers, kv_heads, kv_width;
};

const adapter_kind *adapter_kind_find(const char *name);
const adapter_kind *adapter_kind_of_peft(const char *type); /* "LORA" */

/* base_model.model.MODULE.SUFFIX */
tensor *adapter_add(adapter *a, const char *module, const char *suffix, init how, int ndim, const int64_t *shape);
double adapter_lora_scale(const adapter_options *o);

#endif
