/* ELECTRA (Clark et al., ICLR 2020): BERT whose embeddings may be narrower; the generator is a masked language model, the
 * discriminator says of each token whether it was replaced. */
#include "lm/arch/bert_names.h"

static void electra_complete(transformer_config *c)
{
    static const char *const names[TRANSFORMER_PARTS] = {
        BERT_NAMES("electra."),
        [PART_HEAD_DENSE] = "generator_predictions.dense.weight",
        [PART_HEAD_DENSE_BIAS] = "generator_predictions.dense.bias",
        [PART_HEAD_NORM] = "generator_predictions.LayerNorm.weight",
        [PART_HEAD_NORM_BIAS] = "generator_predictions.LayerNorm.bias",
        [PART_HEAD_BIAS] = "generator_lm_head.bias",
    };
    memcpy(c->name, names, sizeof names);
    if (c->embed_width && c->embed_width != c->width) {
        c->name[PART_EMBED_PROJECT] = "electra.embeddings_project.weight";
        c->name[PART_EMBED_PROJECT_BIAS] = "electra.embeddings_project.bias";
    }
    c->norm = NORM_LAYER;
    c->place = NORM_POST;
    c->head_activation = ACT_GELU;
}

static lorec_err electra_read(transformer_config *c, const json_t *json)
{
    bool tied;
    *c = (transformer_config){0};
    TRY(bert_read_sizes(c, json));
    TRY(json_get_i64_or(json, "embedding_size", 1, 1 << 20, 128, &c->embed_width));
    electra_complete(c);
    TRY(arch_get_padding(json, 0, c));
    TRY(json_get_bool_or(json, "tie_word_embeddings", true, &tied));
    if (!tied) c->name[PART_HEAD] = "generator_lm_head.weight";
    return LOREC_OK;
}

static json_t *electra_write(const transformer_config *c)
{
    json_t *json = bert_write_sizes(c, "electra", "ElectraForMaskedLM");
    if (json) json_object_set_new(json, "embedding_size", json_integer(c->embed_width));
    return json;
}

static const head_names electra_heads = {.dense = "classifier.dense",
                                         .out = "classifier.out_proj",
                                         .act = ACT_GELU,
                                         .reads = CLASSIFY_FIRST,
                                         .token_dense = "discriminator_predictions.dense",
                                         .token_out = "discriminator_predictions.dense_prediction",
                                         .token_act = ACT_GELU};

const lm_arch lm_arch_electra = {.type = "electra",
                                 .base = "electra.",
                                 .complete = electra_complete,
                                 .read = electra_read,
                                 .write = electra_write,
                                 .heads = &electra_heads};
