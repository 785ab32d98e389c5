/* convert.h: one model file out of another: a folder of Hugging Face's, or a GGUF file that llama.cpp loads. Tensors go
 * through one by one and by rows, so that the memory is that of a few rows (of one matrix, where it has to be turned).
 *
 *     convert_options o = {.type = ELEM_F16, .typed = true};
 *     TRY(convert_to_gguf(w, "model-f16.gguf", &o));          // matrices as F16; vectors are always F32 there
 *     TRY(convert_to_folder(w, "model", &(convert_options){0}));   // config.json, model.safetensors: as they are kept
 *
 * Ownership: nothing is kept. */
#ifndef LOREC_LM_CONVERT_CONVERT_H
#define LOREC_LM_CONVERT_CONVERT_H

#include "lm/weights.h"

typedef struct convert_options {
    bool typed; /* false: each tensor's own type */
    elem type;
    uint64_t shard_bytes;  /* of a folder's files, about; 0: 5 GB */
    const char *tokenizer; /* a file or folder to take the vocabulary from; NULL: where the model is */
    const char *name;      /* general.name; NULL: the folder's or file's */
} convert_options;

typedef struct convert_report {
    size_t tensors, left_out; /* left_out: has no place in the other format, or doubles another */
    size_t wider;             /* whose rows are no whole number of the type's blocks: kept in a type that fits */
    uint64_t values, bytes;
    char vocabulary
        [160]; /* what went along: "gpt2 of 50257 tokens", "tokenizer.json, tokenizer_config.json"; "": none */
} convert_report;

/* Matrices in `type` where rows are whole blocks, otherwise the nearest that fits (Q4_K: Q5_0, Q5_K: Q5_1, Q6_K: Q8_0; F16);
 * the table that logits come from in Q6_K or Q8_0 at least. LOREC_INPUT: an architecture that GGUF has no names for. */
lorec_err convert_to_gguf(const weights *w, const char *path, const convert_options *o, convert_report *r);
/* Into a new or empty folder; F32, F16 or BF16 only, quantised weights become F32 unless typed. */
lorec_err convert_to_folder(const weights *w, const char *folder, const convert_options *o, convert_report *r);

#endif
