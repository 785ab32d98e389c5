/* BERT (Devlin et al., NAACL 2019): post-norm, learned positions, token types; MiniLM, E5 and BGE are BERTs too. */
#include "lm/arch/bert_names.h"

static void bert_complete(transformer_config *c)
{
    static const char *const names[TRANSFORMER_PARTS] = {
        BERT_NAMES("bert."),
        [PART_HEAD_DENSE] = "cls.predictions.transform.dense.weight",
        [PART_HEAD_DENSE_BIAS] = "cls.predictions.transform.dense.bias",
        [PART_HEAD_NORM] = "cls.predictions.transform.LayerNorm.weight",
        [PART_HEAD_NORM_BIAS] = "cls.predictions.transform.LayerNorm.bias",
        [PART_HEAD_BIAS] = "cls.predictions.bias",
    };
    memcpy(c->name, names, sizeof names);
    c->norm = NORM_LAYER;
    c->place = NORM_POST;
    c->head_activation = c->activation;
}

static lorec_err bert_read(transformer_config *c, const json_t *json)
{
    bool tied;
    *c = (transformer_config){0};
    TRY(bert_read_sizes(c, json));
    bert_complete(c);
    TRY(arch_get_padding(json, 0, c));
    TRY(json_get_bool_or(json, "tie_word_embeddings", true, &tied));
    if (!tied) {
        c->name[PART_HEAD] = "cls.predictions.decoder.weight";
        c->name[PART_HEAD_BIAS] = "cls.predictions.decoder.bias";
    }
    return LOREC_OK;
}

static json_t *bert_write(const transformer_config *c)
{
    return bert_write_sizes(c, "bert", "BertForMaskedLM");
}

static const head_names bert_heads = {.pooler = "bert.pooler.dense", .out = "classifier", .reads = CLASSIFY_POOLED};

const lm_arch lm_arch_bert = {.type = "bert",
                              .base = "bert.",
                              .complete = bert_complete,
                              .read = bert_read,
                              .write = bert_write,
                              .heads = &bert_heads};

/* ---- for its relatives -------------------------------------------------------------------------------------------------- */

lorec_err bert_read_sizes(transformer_config *c, const json_t *json)
{
    enum { MANY = INT32_MAX - 1, WIDE = 1 << 20 };
    const char *positions;
    double sd;
    TRY(json_get_string_or(json, "position_embedding_type", "absolute", &positions));
    if (strcmp(positions, "absolute") != 0)
        return err_set(LOREC_INPUT, "\"position_embedding_type\" is \"%s\"; only \"absolute\" can be run here",
                       positions);
    TRY(json_get_i64_or(json, "vocab_size", 1, MANY, 30522, &c->vocab_size));
    TRY(json_get_i64_or(json, "max_position_embeddings", c->position_offset + 1, MANY, 512, &c->max_positions));
    c->max_positions -= c->position_offset;
    TRY(json_get_i64_or(json, "hidden_size", 1, WIDE, 768, &c->width));
    TRY(json_get_i64_or(json, "num_hidden_layers", 1, 4096, 12, &c->layers));
    TRY(json_get_i64_or(json, "num_attention_heads", 1, 4096, 12, &c->heads));
    TRY(json_get_i64_or(json, "intermediate_size", 1, WIDE, 3072, &c->ffn_width));
    TRY(json_get_i64_or(json, "type_vocab_size", 1, WIDE, 2, &c->token_types));
    TRY(arch_get_activation(json, "hidden_act", "gelu", &c->activation));
    TRY(arch_get_rate(json, "hidden_dropout_prob", .1, &c->residual_dropout));
    TRY(arch_get_rate(json, "attention_probs_dropout_prob", .1, &c->attn_dropout));
    c->embed_dropout = c->residual_dropout;
    TRY(arch_get_f32(json, "layer_norm_eps", 1e-12, &c->norm_eps));
    TRY(json_get_f64_or(json, "initializer_range", .02, &sd));
    c->weights = INIT_NORMAL(sd);
    return LOREC_OK;
}

json_t *bert_write_sizes(const transformer_config *c, const char *type, const char *class_name)
{
    return json_pack("{s:s,s:[s],s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:s,s:f,s:f,s:f,s:f,s:b}", "model_type", type,
                     "architectures", class_name, "vocab_size", (json_int_t)c->vocab_size, "max_position_embeddings",
                     (json_int_t)(c->max_positions + c->position_offset), "hidden_size", (json_int_t)c->width,
                     "num_hidden_layers", (json_int_t)c->layers, "num_attention_heads", (json_int_t)c->heads,
                     "intermediate_size", (json_int_t)c->ffn_width, "type_vocab_size", (json_int_t)c->token_types,
                     "hidden_act", arch_activation_word(c->activation), "hidden_dropout_prob",
                     (double)c->residual_dropout, "attention_probs_dropout_prob", (double)c->attn_dropout,
                     "layer_norm_eps", (double)c->norm_eps, "initializer_range", c->weights.a, "tie_word_embeddings",
                     c->name[PART_HEAD] == NULL);
}
