/* DistilBERT (Sanh et al. 2019): BERT without token types and pooler, under names of its own. */
#include "lm/arch.h"

static void distilbert_complete(transformer_config *c)
{
#define LAYER "distilbert.transformer.layer.%d."
    static const char *const names[TRANSFORMER_PARTS] = {
        [PART_TOKENS] = "distilbert.embeddings.word_embeddings.weight",
        [PART_POSITIONS] = "distilbert.embeddings.position_embeddings.weight",
        [PART_EMBED_NORM] = "distilbert.embeddings.LayerNorm.weight",
        [PART_EMBED_NORM_BIAS] = "distilbert.embeddings.LayerNorm.bias",
        [PART_Q] = LAYER "attention.q_lin.weight",
        [PART_Q_BIAS] = LAYER "attention.q_lin.bias",
        [PART_K] = LAYER "attention.k_lin.weight",
        [PART_K_BIAS] = LAYER "attention.k_lin.bias",
        [PART_V] = LAYER "attention.v_lin.weight",
        [PART_V_BIAS] = LAYER "attention.v_lin.bias",
        [PART_OUT] = LAYER "attention.out_lin.weight",
        [PART_OUT_BIAS] = LAYER "attention.out_lin.bias",
        [PART_ATTN_NORM] = LAYER "sa_layer_norm.weight",
        [PART_ATTN_NORM_BIAS] = LAYER "sa_layer_norm.bias",
        [PART_UP] = LAYER "ffn.lin1.weight",
        [PART_UP_BIAS] = LAYER "ffn.lin1.bias",
        [PART_DOWN] = LAYER "ffn.lin2.weight",
        [PART_DOWN_BIAS] = LAYER "ffn.lin2.bias",
        [PART_FFN_NORM] = LAYER "output_layer_norm.weight",
        [PART_FFN_NORM_BIAS] = LAYER "output_layer_norm.bias",
        [PART_HEAD_DENSE] = "vocab_transform.weight",
        [PART_HEAD_DENSE_BIAS] = "vocab_transform.bias",
        [PART_HEAD_NORM] = "vocab_layer_norm.weight",
        [PART_HEAD_NORM_BIAS] = "vocab_layer_norm.bias",
        [PART_HEAD_BIAS] = "vocab_projector.bias",
    };
#undef LAYER
    memcpy(c->name, names, sizeof names);
    c->norm = NORM_LAYER;
    c->place = NORM_POST;
    c->norm_eps = 1e-12f;
    c->head_activation = c->activation;
}

static lorec_err distilbert_read(transformer_config *c, const json_t *json)
{
    enum { MANY = INT32_MAX - 1, WIDE = 1 << 20 };
    double sd;
    bool tied;
    *c = (transformer_config){0};
    TRY(json_get_i64_or(json, "vocab_size", 1, MANY, 30522, &c->vocab_size));
    TRY(json_get_i64_or(json, "max_position_embeddings", 1, MANY, 512, &c->max_positions));
    TRY(json_get_i64_or(json, "dim", 1, WIDE, 768, &c->width));
    TRY(json_get_i64_or(json, "n_layers", 1, 4096, 6, &c->layers));
    TRY(json_get_i64_or(json, "n_heads", 1, 4096, 12, &c->heads));
    TRY(json_get_i64_or(json, "hidden_dim", 1, WIDE, 3072, &c->ffn_width));
    TRY(arch_get_activation(json, "activation", "gelu", &c->activation));
    TRY(arch_get_rate(json, "dropout", .1, &c->embed_dropout));
    TRY(arch_get_rate(json, "attention_dropout", .1, &c->attn_dropout));
    c->residual_dropout = c->embed_dropout; /* of the feed-forward part; the attention's output has none */
    TRY(json_get_f64_or(json, "initializer_range", .02, &sd));
    c->weights = INIT_NORMAL(sd);
    distilbert_complete(c);
    TRY(arch_get_padding(json, 0, c));
    TRY(json_get_bool_or(json, "tie_word_embeddings", true, &tied));
    if (!tied) c->name[PART_HEAD] = "vocab_projector.weight";
    return LOREC_OK;
}

static json_t *distilbert_write(const transformer_config *c)
{
    return json_pack("{s:s,s:[s],s:I,s:I,s:I,s:I,s:I,s:I,s:s,s:f,s:f,s:f,s:b}", "model_type", "distilbert",
                     "architectures", "DistilBertForMaskedLM", "vocab_size", (json_int_t)c->vocab_size,
                     "max_position_embeddings", (json_int_t)c->max_positions, "dim", (json_int_t)c->width, "n_layers",
                     (json_int_t)c->layers, "n_heads", (json_int_t)c->heads, "hidden_dim", (json_int_t)c->ffn_width,
                     "activation", arch_activation_word(c->activation), "dropout", (double)c->embed_dropout,
                     "attention_dropout", (double)c->attn_dropout, "initializer_range", c->weights.a,
                     "tie_word_embeddings", c->name[PART_HEAD] == NULL);
}

static const head_names distilbert_heads = {
    .dense = "pre_classifier", .out = "classifier", .act = ACT_RELU, .reads = CLASSIFY_FIRST};

const lm_arch lm_arch_distilbert = {.type = "distilbert",
                                    .base = "distilbert.",
                                    .complete = distilbert_complete,
                                    .read = distilbert_read,
                                    .write = distilbert_write,
                                    .heads = &distilbert_heads};
