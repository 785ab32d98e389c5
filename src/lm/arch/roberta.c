/* RoBERTa (Liu et al. 2019) and XLM-RoBERTa (Conneau et al., ACL 2020): BERT with positions that begin behind the padding
 * id, another tokenizer and another head. */
#include "lm/arch/bert_names.h"

static void roberta_complete(transformer_config *c)
{
    static const char *const names[TRANSFORMER_PARTS] = {
        BERT_NAMES("roberta."),
        [PART_HEAD_DENSE] = "lm_head.dense.weight",
        [PART_HEAD_DENSE_BIAS] = "lm_head.dense.bias",
        [PART_HEAD_NORM] = "lm_head.layer_norm.weight",
        [PART_HEAD_NORM_BIAS] = "lm_head.layer_norm.bias",
        [PART_HEAD_BIAS] = "lm_head.bias",
    };
    memcpy(c->name, names, sizeof names);
    c->norm = NORM_LAYER;
    c->place = NORM_POST;
    c->head_activation = ACT_GELU;
    if (!c->position_offset) c->position_offset = 2;
}

static lorec_err roberta_read(transformer_config *c, const json_t *json)
{
    int64_t pad;
    bool tied;
    *c = (transformer_config){0};
    TRY(json_get_i64_or(json, "pad_token_id", 0, 1000, 1, &pad));
    c->position_offset = pad + 1;
    TRY(bert_read_sizes(c, json));
    roberta_complete(c);
    TRY(arch_get_padding(json, 1, c));
    TRY(json_get_bool_or(json, "tie_word_embeddings", true, &tied));
    if (!tied) {
        c->name[PART_HEAD] = "lm_head.decoder.weight";
        c->name[PART_HEAD_BIAS] = "lm_head.decoder.bias";
    }
    return LOREC_OK;
}

static json_t *write_as(const transformer_config *c, const char *type, const char *class_name)
{
    json_t *json = bert_write_sizes(c, type, class_name);
    if (json) json_object_set_new(json, "pad_token_id", json_integer(c->position_offset - 1));
    return json;
}

static json_t *roberta_write(const transformer_config *c)
{
    return write_as(c, "roberta", "RobertaForMaskedLM");
}

static json_t *xlm_roberta_write(const transformer_config *c)
{
    return write_as(c, "xlm-roberta", "XLMRobertaForMaskedLM");
}

static const head_names roberta_heads = {.pooler = "roberta.pooler.dense",
                                         .dense = "classifier.dense",
                                         .out = "classifier.out_proj",
                                         .act = ACT_TANH,
                                         .reads = CLASSIFY_FIRST};

const lm_arch lm_arch_roberta = {.type = "roberta",
                                 .base = "roberta.",
                                 .complete = roberta_complete,
                                 .read = roberta_read,
                                 .write = roberta_write,
                                 .heads = &roberta_heads};
const lm_arch lm_arch_xlm_roberta = {.type = "xlm-roberta",
                                     .base = "roberta.",
                                     .complete = roberta_complete,
                                     .read = roberta_read,
                                     .write = xlm_roberta_write,
                                     .heads = &roberta_heads};
