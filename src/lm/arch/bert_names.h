/* bert_names.h: what BERT, RoBERTa and ELECTRA share: names behind a prefix, and most of config.json. Inside lm/arch/.
 *
 *     static const char *const names[TRANSFORMER_PARTS] = {BERT_NAMES("bert."), [PART_HEAD_DENSE] = ...};
 *
 * Ownership: names are static. */
#ifndef LOREC_LM_ARCH_BERT_NAMES_H
#define LOREC_LM_ARCH_BERT_NAMES_H

#include "lm/arch.h"

#define BERT_LAYER(base, what) base "encoder.layer.%d." what
/* clang-format off */
#define BERT_NAMES(base)                                                                 \
    [PART_TOKENS] = base "embeddings.word_embeddings.weight",                            \
    [PART_POSITIONS] = base "embeddings.position_embeddings.weight",                     \
    [PART_TYPES] = base "embeddings.token_type_embeddings.weight",                       \
    [PART_EMBED_NORM] = base "embeddings.LayerNorm.weight",                              \
    [PART_EMBED_NORM_BIAS] = base "embeddings.LayerNorm.bias",                           \
    [PART_Q] = BERT_LAYER(base, "attention.self.query.weight"),                          \
    [PART_Q_BIAS] = BERT_LAYER(base, "attention.self.query.bias"),                       \
    [PART_K] = BERT_LAYER(base, "attention.self.key.weight"),                            \
    [PART_K_BIAS] = BERT_LAYER(base, "attention.self.key.bias"),                         \
    [PART_V] = BERT_LAYER(base, "attention.self.value.weight"),                          \
    [PART_V_BIAS] = BERT_LAYER(base, "attention.self.value.bias"),                       \
    [PART_OUT] = BERT_LAYER(base, "attention.output.dense.weight"),                      \
    [PART_OUT_BIAS] = BERT_LAYER(base, "attention.output.dense.bias"),                   \
    [PART_ATTN_NORM] = BERT_LAYER(base, "attention.output.LayerNorm.weight"),            \
    [PART_ATTN_NORM_BIAS] = BERT_LAYER(base, "attention.output.LayerNorm.bias"),         \
    [PART_UP] = BERT_LAYER(base, "intermediate.dense.weight"),                           \
    [PART_UP_BIAS] = BERT_LAYER(base, "intermediate.dense.bias"),                        \
    [PART_DOWN] = BERT_LAYER(base, "output.dense.weight"),                               \
    [PART_DOWN_BIAS] = BERT_LAYER(base, "output.dense.bias"),                            \
    [PART_FFN_NORM] = BERT_LAYER(base, "output.LayerNorm.weight"),                       \
    [PART_FFN_NORM_BIAS] = BERT_LAYER(base, "output.LayerNorm.bias")
/* clang-format on */

/* Sizes, dropouts, activation, epsilon; names and head_activation are the architecture's own. max_positions is the
 * table's length less c->position_offset. */
lorec_err bert_read_sizes(transformer_config *c, const json_t *json);
json_t *bert_write_sizes(const transformer_config *c, const char *type, const char *class_name);

#endif
