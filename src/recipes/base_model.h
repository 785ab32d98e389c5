/* base_model.h: the language model that a method tunes: of the user's, read as it is, and at rest, since only what the method
 * puts beside its weights learns; and the low-rank adapter that is put there.
 *
 *     typedef struct mine { const char *model; int weights; lora_settings lora; lm_text *lm; adapter *learned; ... } mine;
 *     static const option options[] = {BASE_MODEL_OPTIONS(mine, "q8"), LORA_OPTIONS(mine, lora, 16, .05, "all"), ...};
 *
 *     TRY(base_model_open(&m->lm, "mine", m->model, (lm_form)m->weights));
 *     TRY(lora_new(&m->learned, m->lm, &m->lora, seed));                  // fit
 *     TRY(lora_save(m->learned, folder, "adapter", m->model));            // save; load: lora_load
 *
 * Ownership: model and adapter are the caller's, until lm_text_free and adapter_free; an adapter borrows its model. */
#ifndef LOREC_RECIPES_BASE_MODEL_H
#define LOREC_RECIPES_BASE_MODEL_H

#include "base/options.h"
#include "lm/adapters/adapter.h"
#include "lm/lm_text.h"

extern const char *const base_model_forms[]; /* in the order of lm_form */
/* Of the fields `model` and `weights`. */
#define BASE_MODEL_OPTIONS(type_, form_)                                                                               \
    OPTION_TEXT(type_, model, "", "the language model: a local folder, or a GGUF file"),                               \
        OPTION_CHOICE(type_, weights, form_, base_model_forms, "how the model that rests is held")

/* LOREC_USAGE, in the name of `method`, where no model is named; LOREC_INPUT where it is no decoder. */
lorec_err base_model_open(lm_text **out, const char *method, const char *model, lm_form form);

typedef struct lora_settings {
    int64_t rank;
    double alpha, dropout;
    const char *targets; /* NULL or empty: queries and values */
} lora_settings;
/* Hu et al., ICLR 2022: W x + alpha / rank B A x. */
#define LORA_OPTIONS(type_, at_, alpha_, dropout_, targets_)                                                           \
    {.name = "lora_rank",                                                                                              \
     .type = OPTION_TYPE_INT,                                                                                          \
     .offset = offsetof(type_, at_.rank),                                                                              \
     .def = 8,                                                                                                         \
     .min = 1,                                                                                                         \
     .max = 4096,                                                                                                      \
     .help = "of the adapter"},                                                                                        \
        {.name = "lora_alpha",                                                                                         \
         .type = OPTION_TYPE_REAL,                                                                                     \
         .offset = offsetof(type_, at_.alpha),                                                                         \
         .def = (alpha_),                                                                                              \
         .min = 1e-6,                                                                                                  \
         .max = 1e6,                                                                                                   \
         .help = "its scale: alpha / rank"},                                                                           \
        {.name = "lora_dropout",                                                                                       \
         .type = OPTION_TYPE_REAL,                                                                                     \
         .offset = offsetof(type_, at_.dropout),                                                                       \
         .def = (dropout_),                                                                                            \
         .max = .95,                                                                                                   \
         .help = "of what it reads"},                                                                                  \
    {                                                                                                                  \
        .name = "lora_targets", .type = OPTION_TYPE_TEXT, .offset = offsetof(type_, at_.targets),                      \
        .def_text = (targets_), .help = "products that it changes, by name; all; empty: queries and values"            \
    }

lorec_err lora_new(adapter **out, const lm_text *lm, const lora_settings *s, uint64_t seed);
/* folder/name in peft's files; base: what they call the model. */
lorec_err lora_save(const adapter *a, const char *folder, const char *name, const char *base);
lorec_err lora_load(adapter **out, const lm_text *lm, const char *folder, const char *name);

#endif
