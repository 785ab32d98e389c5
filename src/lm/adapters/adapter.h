/* adapter.h: small sets of parameters that change what a transformer computes while its own parameters rest: LoRA, bottleneck
 * layers, trainable prefixes of keys and values, soft prompts. An adapter is a value: it has a params of its own, so it can be
 * copied, averaged and given its own optimiser; which ones act is said by each forward call.
 *
 *     adapter *a;
 *     TRY(adapter_new(&a, &net, 1, &(adapter_options){.kind = "lora", .rank = 8, .targets = "q_proj,v_proj"}));
 *     params_freeze_all(base, true);                           // the base gets no gradient and no memory for one
 *     optimizer *o = optimizer_new(adapter_params(a), &options);
 *     token_rows in = {.ids = ids, .sequences = s, .adapters = &(adapter_set){.item = &a, .n = 1}};
 *     tensor *h = transformer_hidden(t, net, &in);
 *
 *     TRY(adapter_merge(a, 1));                                // into the weights: the same outputs without the set;
 *     TRY(adapter_merge(a, -1));                               // and out again, up to f32's rounding
 *
 * Kinds: one file in lm/adapters/ and one row in adapter.c. Files are peft's (adapter_file.h).
 *
 * Ownership: an adapter owns its parameters and borrows the transformers it was made for. A set borrows everything. */
#ifndef LOREC_LM_ADAPTERS_ADAPTER_H
#define LOREC_LM_ADAPTERS_ADAPTER_H

#include "lm/transformer/transformer.h"

typedef struct adapter adapter;

typedef struct adapter_options { /* 0 is the default everywhere */
    const char *kind;            /* "lora", "houlsby", "pfeiffer", "prefix", "prompt" */
    /* LoRA (Hu et al. 2022): W x + alpha / rank B A dropout(x); rsLoRA (Kalajdzievski 2023): alpha / sqrt(rank) */
    const char
        *targets; /* products by the last parts of their names, "q_proj,v_proj"; "all"; NULL: queries and values */
    int64_t rank; /* 0: 8 */
    double alpha; /* 0: rank */
    bool rslora;
    double dropout;
    /* Bottleneck: y + up(act(down(y))) after attention and feed-forward (Houlsby et al. 2019) or feed-forward alone (Pfeiffer
     * et al. 2021) */
    int64_t width;  /* 0: a sixteenth of y's, at least 1 */
    activation act; /* ACT_NONE: ReLU */
    /* Prefix tuning (Li & Liang 2021): keys and values that every query sees, in every block; prompt tuning (Lester et al. 2021):
     * vectors before every sequence */
    int64_t tokens;  /* 0: 20 */
    double start_sd; /* of their first values; 0: 0.02 */
    uint64_t seed;
} adapter_options;

/* For n transformers (an encoder and a decoder are two). Prefixes act on the last of them, prompts on a single one only.
 * LOREC_USAGE names an unknown kind or a target that matches nothing. */
lorec_err adapter_new(adapter **out, transformer *const *net, size_t n, const adapter_options *options);
void adapter_free(adapter *a);
params *adapter_params(const adapter *a);
const adapter_options *adapter_settings(const adapter *a); /* no 0 that stands for a default */

/* Adds sign times what the adapter does to the weights that it was made for; LOREC_USAGE for kinds that are no change of
 * weights. Quantised weights are refused. */
lorec_err adapter_merge(const adapter *a, double sign);
/* out = sum of share[i] item[i] over adapters of the same settings; `out` may be one of them. */
lorec_err adapter_average(adapter *out, const adapter *const *item, const double *share, size_t n);

/* Which adapters act in a forward call: all of them on every sequence, in order; or, with `of`, the one that each sequence
 * names. Low-rank changes add up, bottlenecks follow each other, prefixes and prompts are joined. */
typedef struct adapter_set {
    adapter *const *item;
    size_t n;
    const float *weight; /* [n] LoRA and bottlenecks: how strongly; NULL: 1 */
    const int32_t *of;   /* [sequences] an item, or -1: none; NULL: all act. Not with prefixes and prompts */
} adapter_set;

const char *const *adapter_kind_names(void); /* NULL-terminated */

/* ---- what transformer.c asks ------------------------------------------------------------------------------------------ */

/* y = x times `weight`, before its activation, as the set changes it. */
tensor *adapters_product(tape *t, const token_rows *in, const tensor *weight, tensor *x, tensor *y);
/* Keys and values before the sequence's own in block `layer` of `net`; both stay NULL where no prefix acts. */
void adapters_prefix(tape *t, const transformer *net, const adapter_set *set, int64_t layer, tensor **k, tensor **v);
/* Rows, and so positions, that prefixes and that prompts put before what `net` reads. */
int64_t adapters_prefix_rows(const adapter_set *set, const transformer *net);
int64_t adapters_prompt_rows(const adapter_set *set, const transformer *net);
/* Those prompts' vectors, [rows, embed_width]. */
tensor *adapters_prompt_vectors(tape *t, const transformer *net, const adapter_set *set);
/* The sequences of x [rows, width], with the prompts' vectors in front, into `longer`, and where the rows of `in` are now. False:
 * there are no prompts, or the tape has failed. */
bool adapters_prompt(tape *t, const transformer *net, const token_rows *in, tensor *x, token_rows *longer,
                     tensor **own);

#endif
