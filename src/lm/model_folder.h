/* model_folder.h: a language model opened from whatever keeps it (lm/weights.h), and saved as Hugging Face does: config.json
 * + model.safetensors in a folder.
 *
 *     lm_model *m;
 *     TRY(lm_model_open(&m, "gpt2"));                            // or: TRY(lm_model_new(&m, "gpt2", &config, seed));
 *     transformer_hidden(t, m->net, &in);
 *     TRY(lm_model_save(m, "mine"));
 *     lm_model_free(m);
 *
 * Ownership: an lm_model owns all that it points to until lm_model_free. */
#ifndef LOREC_LM_MODEL_FOLDER_H
#define LOREC_LM_MODEL_FOLDER_H

#include "lm/arch.h"
#include "tensor/packed.h"

typedef struct lm_model {
    const lm_arch *arch;
    params *params;
    transformer *net;     /* the text model; of an encoder-decoder: the decoder; NULL: there is no such */
    transformer *encoder; /* the other half of an encoder-decoder, or NULL */
    vision_tower *vision; /* the image tower, or NULL */
    lm_heads *heads;      /* never NULL, may be empty */
    json_t *config;       /* the config.json it was made from, or NULL */
} lm_model;

/* Fresh weights; `config` is completed by the architecture. */
lorec_err lm_model_new(lm_model **out, const char *arch, const transformer_config *config, uint64_t seed);
/* The same from the words of a config.json: any architecture. `where` names it in errors. */
lorec_err lm_model_make(lm_model **out, const json_t *config, uint64_t seed, const char *where);
/* The same, with matrices from `supply` (tensor/packed.h), and all else zero. */
lorec_err lm_model_make_from(lm_model **out, const json_t *config, const char *where, params_supply_fn *supply,
                             void *ctx);
/* `path` is all that weights_open takes. Weights of any type become f32; names with or without the architecture's base
 * prefix. A missing or misshapen parameter, NaN and infinities are LOREC_INPUT; what the file holds beside them is left
 * alone. Heads that the file has not are left out. */
lorec_err lm_model_open(lm_model **out, const char *path);
/* The same with matrices in another form than f32: see tensor/packed.h. They are frozen (adapters learn over them), take the
 * memory that the form says, and are never doubled while they are read. Small ones and those whose rows are no whole number
 * of blocks stay f32. */
typedef enum lm_form {
    LM_F32,  /* all of it learns */
    LM_KEEP, /* as the file holds it; F32 stays f32 */
    LM_BF16,
    LM_Q8, /* Q8_0: 8.5 bits a value */
    LM_Q4  /* Q4_0: 4.5 bits */
} lm_form;
bool lm_form_find(const char *name, lm_form *out); /* "f32", "keep", "bf16", "q8", "q4" */
lorec_err lm_model_open_as(lm_model **out, const char *path, lm_form form);
/* Its transformers of texts, as adapter_new takes them: the encoder of an encoder-decoder first; how many. */
size_t lm_model_nets(const lm_model *m, transformer *out[2]);
lorec_err lm_model_save(const lm_model *m, const char *folder); /* into a folder that is there */
void lm_model_free(lm_model *m);
/* LOREC_INPUT, saying what the model is, unless it continues texts by itself: decoder-only. */
lorec_err lm_model_need_decoder(const lm_model *m);

#endif
