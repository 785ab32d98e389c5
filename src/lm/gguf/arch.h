/* arch.h: inside weights of GGUF files: what llama.cpp calls an architecture's tensors and numbers, beside Hugging Face's
 * words for them. The same rows read and write. An architecture is one row in arch.c; a family's names are a table.
 *
 *     const gguf_arch *a = gguf_arch_of(&g);                            // by general.architecture, or NULL
 *     const gguf_arch *b = gguf_arch_of_type("mistral");                // by config.json's model_type, or NULL
 *     gguf_match m;
 *     for (size_t i = 0; gguf_arch_match(a, name, true, &i, &m); i++)   // rows that a tensor's GGUF name meets
 *         use(m.row, m.layer, m.end);                                   // m.end: "weight", "bias"
 *
 * Ownership: rows are static; configs go to the caller. */
#ifndef LOREC_LM_GGUF_ARCH_H
#define LOREC_LM_GGUF_ARCH_H

#include "base/json.h"
#include "tensor/gguf.h"

typedef enum gguf_how {
    GGUF_SAME,
    GGUF_PAIRED = 1, /* rows of each query head by neighbours (place.h's ROWS_PAIRED) */
    GGUF_PAIRED_KV,  /* the same for key heads */
    GGUF_BY_KIND,    /* ROWS_BY_KIND */
    GGUF_TURNED,     /* a matrix is [out, in] here and [in, out] there */
    GGUF_PLUS_ONE,   /* gains with their 1 */
    GGUF_STACK_Q,    /* Hugging Face has these three as one, stacked; q and k by neighbours */
    GGUF_STACK_K,
    GGUF_STACK_V,
    GGUF_CUT_Q, /* this file has three of Hugging Face's as one, stacked */
    GGUF_CUT_K,
    GGUF_CUT_V,
    GGUF_GATED,        /* where the layer has a gate ... */
    GGUF_PLAIN,        /* ... and where it has none: T5's first product */
    GGUF_PAST_PADDING, /* only the rows after that of config.json's pad_token_id */
} gguf_how;

typedef struct gguf_name { /* without ".weight" or ".bias"; %d is the layer */
    const char *gguf, *hf;
    gguf_how how;
} gguf_name;

typedef struct gguf_word { /* a number's names; "%s." of the architecture is before the first */
    const char *gguf, *hf;
    enum { GGUF_WORD_INT, GGUF_WORD_REAL, GGUF_WORD_BOOL, GGUF_WORD_ROTARY } kind; /* ROTARY: share of a head's width */
    double fallback; /* of a config.json that does not say; 0: nothing is written */
} gguf_word;

typedef struct gguf_arch {
    const char *gguf, *type, *model_class; /* general.architecture, model_type, architectures[0] */
    const char *base;                      /* prefix that files of the bare model leave out */
    const gguf_name *names;                /* up to {NULL} */
    const gguf_word *words;                /* up to {NULL} */
    const char *fixed;                     /* JSON object: what every config.json of it says besides */
    /* What a table can not say. config holds the words already. */
    lorec_err (*to_config)(const gguf *g, json_t *config);
    lorec_err (*to_keys)(const json_t *config, gguf_writer *o);
} gguf_arch;

const gguf_arch *gguf_arch_of(const gguf *g); /* NULL: none that is known */
const gguf_arch *gguf_arch_of_type(const char *model_type);
const gguf_arch *gguf_arch_at(size_t i); /* NULL: there are no more */

typedef struct gguf_match {
    const gguf_name *row;
    int layer; /* -1: none */
    slice end; /* "weight", "bias" */
} gguf_match;
/* The first row from *i on whose name (of GGUF's side, or of Hugging Face's) is `name`; *i becomes its number. */
bool gguf_arch_match(const gguf_arch *a, slice name, bool gguf_side, size_t *i, gguf_match *out);
/* The other side's name. */
lorec_err gguf_arch_name(buf *out, const char *pattern, const gguf_match *m);

/* config.c */
lorec_err gguf_config_read(json_t **out, const gguf *g, const gguf_arch *a);
lorec_err gguf_config_write(const json_t *config, const gguf_arch *a, gguf_writer *o);

extern const gguf_name gguf_names_llama[], gguf_names_plain[], gguf_names_gpt2[], gguf_names_bloom[],
    gguf_names_gpt_neox[], gguf_names_gemma[], gguf_names_gemma2[], gguf_names_phi[], gguf_names_baichuan[],
    gguf_names_qwen[], gguf_names_chatglm[], gguf_names_glm[], gguf_names_bert[], gguf_names_roberta[], gguf_names_t5[];

#endif
