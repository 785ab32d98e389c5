/* arch.h: architectures: how a Hugging Face config.json says what transformer it is, and what its parameters are called.
 * One is one file in lm/arch/ and one row in arch.c.
 *
 *     const lm_arch *a;
 *     TRY(arch_need(config, &a));              // by "model_type"
 *     transformer_config c;
 *     TRY(a->read(&c, config));
 *
 *     transformer_config mine = {.vocab_size = v, .width = 256, ...};       // or of our own numbers
 *     arch_find("gpt2")->complete(&mine);
 *
 * Ownership: rows are static; names in a transformer_config are too. */
#ifndef LOREC_LM_ARCH_H
#define LOREC_LM_ARCH_H

#include "base/json.h"
#include "lm/heads.h"
#include "lm/transformer/transformer.h"
#include "lm/vision.h"

typedef struct lm_arch {
    const char *type;       /* config.json's "model_type" */
    const char *class_name; /* or one of its "architectures", where the file has no model_type that is known; or NULL */
    bool (*claims)(const json_t *json); /* of several rows of one type: is it this one? NULL: yes */
    const char *base;                   /* prefix that files of the bare model leave out */
    void (*complete)(
        transformer_config *c); /* names and whatever else is always so; NULL: made from a config.json only */

    /* Each LOREC_INPUT: the field and what is wrong with it; NULL where the model has no such part. */
    lorec_err (*read)(transformer_config *c, const json_t *json); /* text; of an encoder-decoder: the decoder */
    lorec_err (*read_encoder)(transformer_config *c, const json_t *json);
    lorec_err (*read_vision)(vision_config *c, const json_t *json);

    json_t *(*write)(const transformer_config *c); /* NULL (out of memory); no function: the config it was made from */
    const head_names *heads; /* pooler, classifier, projection: where the file has them; or NULL */
} lm_arch;

const lm_arch *arch_find(const char *type); /* NULL: none */
lorec_err arch_need(const json_t *config, const lm_arch **out);

/* For their files: Hugging Face's words for activations, a rate in [0, 1). */
lorec_err arch_get_activation(const json_t *config, const char *key, const char *fallback, activation *out);
const char *arch_activation_word(activation act);
lorec_err arch_get_rate(const json_t *config, const char *key, double fallback, float *out);
/* "pad_token_id" as transformer_config.padding has it: null is none. */
lorec_err arch_get_padding(const json_t *config, int64_t fallback, transformer_config *c);
lorec_err arch_get_f32(const json_t *config, const char *key, double fallback, float *out);

#endif
