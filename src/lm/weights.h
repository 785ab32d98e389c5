/* weights.h: one face of every model file: what tensors there are, by Hugging Face's names and in its order of values, and
 * config.json's words, whatever they are kept in. What loads models, packs weights or converts files knows only this.
 *
 *     weights *w;
 *     TRY(weights_open(&w, "models/qwen3"));         // or model.safetensors, model.gguf, pytorch_model.bin, stories.bin
 *     const json_t *config = weights_config(w);
 *     const weight *q = weights_find(w, "model.layers.0.self_attn.q_proj.weight");
 *     float *values;                                 // q->shape[0] rows of q->shape[1]
 *     TRY(weights_read_f32(w, q, 0, weight_rows(q), values));
 *     TRY(weights_read(w, q, 0, weight_rows(q), blocks));      // or as they are kept: q->type
 *     weights_close(w);
 *
 * What may be opened (lm/files/ has one file each, weights.c one row):
 *   a folder        config.json with model.safetensors, model.safetensors.index.json, pytorch_model.bin or its index;
 *                   without config.json: the one .gguf in it
 *   .gguf           what llama.cpp wrote, any of its types that tensor/elem.h knows; the first of a model's parts
 *   .safetensors    config.json beside it, where there is one
 *   .bin, .pt       what torch.save wrote: a dictionary of tensors (its pickle is read, never run)
 *   .bin            of llama2.c, versions 0, 1, 2
 *
 * Everything is checked when it is opened: lengths against the bytes that are there, products for overflow, names for
 * doubles. Values are read by position (base/blob.h), so that a file which is cut off meanwhile is an error and no crash.
 *
 * Ownership: a weights owns names, config and files until weights_close; it never changes, and threads may share it. */
#ifndef LOREC_LM_WEIGHTS_H
#define LOREC_LM_WEIGHTS_H

#include "base/json.h"
#include "tensor/gguf.h"

enum { WEIGHT_DIMS = 8 };

typedef struct weights weights;
typedef struct weight {
    const char *name;
    elem type; /* of what weights_read gives */
    int ndim;
    int64_t shape[WEIGHT_DIMS];
    /* The file keeps [out, in] where Hugging Face's name means [in, out] (GPT-2); shape and rows are the file's. */
    bool transposed;
    const struct weight_place *place; /* in the file: lm/files/ */
} weight;

/* LOREC_INPUT: what is wrong, in which file. A folder with a config.json but no weights opens, with none. */
lorec_err weights_open(weights **out, const char *path);
lorec_err weights_open_bytes(weights **out, const void *bytes, size_t n, const char *where); /* one file, borrowed */
void weights_close(weights *w);

const char *weights_format(const weights *w);   /* "safetensors", "GGUF v3" ... */
const char *weights_folder(const weights *w);   /* where what belongs to the model lies: tokenizer.json ... */
const json_t *weights_config(const weights *w); /* NULL: there is none */
const gguf *weights_gguf(const weights *w);     /* the file's keys, with its tokenizer; NULL: it is no GGUF */

size_t weights_count(const weights *w);
const weight *weights_at(const weights *w, size_t i);           /* ascending by name */
const weight *weights_find(const weights *w, const char *name); /* NULL: there is none */

int64_t weight_values(const weight *x); /* the product of the shape */
int64_t weight_rows(const weight *x);   /* of the last dimension's length; a vector (or scalar) is one row */
/* Rows [row, row + n) in Hugging Face's order. Type by type as it is kept: elem_size(x->type, n * row length). */
lorec_err weights_read(const weights *w, const weight *x, int64_t row, int64_t n, void *into);
lorec_err weights_read_f32(const weights *w, const weight *x, int64_t row, int64_t n, float *into);

#endif
