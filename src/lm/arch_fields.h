/* arch_fields.h: a config.json as a table: one row a field, by which it is read and written. What an architecture file has
 * beside its table are its exceptions.
 *
 *     static const arch_field fields[] = {
 *         ARCH_SIZE("hidden_size", width, 4096),           // key, where it goes, what holds where the file leaves it out
 *         ARCH_RATE("attention_dropout", attn_dropout, 0),
 *         ARCH_ACTIVATION("hidden_act", activation, "silu"),
 *         ARCH_TIED(false, "lm_head.weight"),
 *     };
 *     TRY(ARCH_READ(c, json, fields));
 *     TRY(arch_get_rope(json, ROPE_HALF, 10000, 1, c));
 *     json_t *o = ARCH_WRITE(c, "llama", "LlamaForCausalLM", fields);
 *     return arch_put_rope(o, c);
 *
 * Ownership: tables are static; what is written is the caller's, to json_decref. */
#ifndef LOREC_LM_ARCH_FIELDS_H
#define LOREC_LM_ARCH_FIELDS_H

#include <stddef.h>

#include "lm/arch.h"

typedef enum arch_field_kind {
    ARCH_FIELD_SIZE,       /* int64_t; fallback ARCH_REQUIRED: the file has to say it */
    ARCH_FIELD_F32,        /* float */
    ARCH_FIELD_RATE,       /* float in [0, 1) */
    ARCH_FIELD_ACTIVATION, /* activation; fallback: word */
    ARCH_FIELD_SD,         /* of config.weights */
    ARCH_FIELD_TIED,       /* whether the head is the token table; if not, its name is `word` */
    ARCH_FIELD_PADDING     /* "pad_token_id"; fallback -1: none */
} arch_field_kind;

typedef struct arch_field {
    const char *key, *also; /* also: what other files call it, or NULL */
    arch_field_kind kind;
    size_t at; /* in transformer_config */
    double fallback;
    const char *word;
} arch_field;

enum { ARCH_REQUIRED = -1 };
enum { ARCH_NO_END = 1 << 20 };          /* max_positions of models whose positions have no end (ALiBi) */
extern const head_names arch_score_head; /* transformers' ...ForSequenceClassification of decoders */

#define ARCH_FIELD_(key_, also_, kind_, member_, fallback_, word_)                                                     \
    {                                                                                                                  \
        key_, also_, kind_, offsetof(transformer_config, member_), fallback_, word_                                    \
    }
#define ARCH_SIZE(key, member, fallback)            ARCH_FIELD_(key, NULL, ARCH_FIELD_SIZE, member, fallback, NULL)
#define ARCH_SIZE_ALSO(key, also, member, fallback) ARCH_FIELD_(key, also, ARCH_FIELD_SIZE, member, fallback, NULL)
#define ARCH_F32(key, member, fallback)             ARCH_FIELD_(key, NULL, ARCH_FIELD_F32, member, fallback, NULL)
#define ARCH_RATE(key, member, fallback)            ARCH_FIELD_(key, NULL, ARCH_FIELD_RATE, member, fallback, NULL)
#define ARCH_ACTIVATION(key, member, word)          ARCH_FIELD_(key, NULL, ARCH_FIELD_ACTIVATION, member, 0, word)
#define ARCH_SD(key, fallback)                      ARCH_FIELD_(key, NULL, ARCH_FIELD_SD, weights, fallback, NULL)
#define ARCH_TIED(fallback, head)                   ARCH_FIELD_("tie_word_embeddings", NULL, ARCH_FIELD_TIED, name, fallback, head)
#define ARCH_PADDING(fallback)                      ARCH_FIELD_("pad_token_id", NULL, ARCH_FIELD_PADDING, padding, fallback, NULL)

lorec_err arch_read_fields(transformer_config *c, const json_t *json, const arch_field *fields, size_t n);
/* With "model_type" and "architectures"; NULL: out of memory. */
json_t *arch_write_fields(const transformer_config *c, const char *type, const char *class_name,
                          const arch_field *fields, size_t n);
#define ARCH_READ(c, json, fields) arch_read_fields(c, json, fields, sizeof(fields) / sizeof *(fields))
#define ARCH_WRITE(c, type, class_name, fields)                                                                        \
    arch_write_fields(c, type, class_name, fields, sizeof(fields) / sizeof *(fields))

/* ---- rotary positions ----------------------------------------------------------------------------------------------------
 * "rope_parameters" (transformers 5), "rope_scaling", "rope_theta", "partial_rotary_factor", and GPT-NeoX's "rotary_pct" and
 * "rotary_emb_base". Read after the sizes: a stretched context makes max_positions longer. */
lorec_err arch_get_rope(const json_t *json, rope_kind kind, double base, double partial, transformer_config *c);
json_t *arch_put_rope(json_t *to, const transformer_config *c); /* returns `to`; NULL (and `to` freed): out of memory */

/* ---- windows --------------------------------------------------------------------------------------------------------------
 * "sliding_window" (null: none) with "layer_types", where the file has them; otherwise `whole` says which layers see all
 * (NULL: none of them). */
lorec_err arch_get_window(const json_t *json, int64_t fallback, bool (*whole)(const json_t *json, int64_t layer),
                          transformer_config *c);
json_t *arch_put_window(json_t *to, const transformer_config *c);

/* LOREC_INPUT where json says true. */
lorec_err arch_refuse(const json_t *json, const char *key);
/* One more field of what is written; as arch_put_rope. */
json_t *arch_put_bool(json_t *to, const char *key, bool value);
json_t *arch_put_null(json_t *to, const char *key);
json_t *arch_put_text(json_t *to, const char *key, const char *value);
json_t *arch_put_f32(json_t *to, const char *key, float value);
json_t *arch_put_i64(json_t *to, const char *key, int64_t value);

#endif
