/* ViT (Dosovitskiy et al., ICLR 2021): a pre-norm encoder of image patches. */
#include "lm/arch.h"

/* clang-format off */
#define PAIR(part, name) [part] = name ".weight", [part + 1] = name ".bias"
/* clang-format on */
#define LAYER "vit.encoder.layer.%d."

static const char *const names[TRANSFORMER_PARTS] = {
    PAIR(PART_FINAL_NORM, "vit.layernorm"),          PAIR(PART_ATTN_NORM, LAYER "layernorm_before"),
    PAIR(PART_Q, LAYER "attention.attention.query"), PAIR(PART_K, LAYER "attention.attention.key"),
    PAIR(PART_V, LAYER "attention.attention.value"), PAIR(PART_OUT, LAYER "attention.output.dense"),
    PAIR(PART_FFN_NORM, LAYER "layernorm_after"),    PAIR(PART_UP, LAYER "intermediate.dense"),
    PAIR(PART_DOWN, LAYER "output.dense"),
};

static lorec_err vit_read(vision_config *v, const json_t *json)
{
    enum { WIDE = 1 << 20, SIDE = 1 << 14 };
    *v = (vision_config){.patch = "vit.embeddings.patch_embeddings.projection.weight",
                         .patch_bias = "vit.embeddings.patch_embeddings.projection.bias",
                         .class_token = "vit.embeddings.cls_token",
                         .positions = "vit.embeddings.position_embeddings",
                         .boxed = true,
                         .body = {.norm = NORM_LAYER, .place = NORM_PRE}};
    transformer_config *c = &v->body;
    memcpy(c->name, names, sizeof c->name);
    double sd;
    bool biased;
    TRY(json_get_i64_or(json, "image_size", 1, SIDE, 224, &v->image_size));
    TRY(json_get_i64_or(json, "patch_size", 1, SIDE, 16, &v->patch_size));
    TRY(json_get_i64_or(json, "num_channels", 1, 64, 3, &v->channels));
    TRY(json_get_i64_or(json, "hidden_size", 1, WIDE, 768, &c->width));
    TRY(json_get_i64_or(json, "num_hidden_layers", 1, 4096, 12, &c->layers));
    TRY(json_get_i64_or(json, "num_attention_heads", 1, 4096, 12, &c->heads));
    TRY(json_get_i64_or(json, "intermediate_size", 1, WIDE, 3072, &c->ffn_width));
    TRY(arch_get_activation(json, "hidden_act", "gelu", &c->activation));
    TRY(arch_get_rate(json, "hidden_dropout_prob", 0, &c->residual_dropout));
    TRY(arch_get_rate(json, "attention_probs_dropout_prob", 0, &c->attn_dropout));
    c->embed_dropout = c->residual_dropout;
    TRY(arch_get_f32(json, "layer_norm_eps", 1e-12, &c->norm_eps));
    TRY(json_get_f64_or(json, "initializer_range", .02, &sd));
    c->weights = INIT_NORMAL(sd);
    TRY(json_get_bool_or(json, "qkv_bias", true, &biased));
    if (!biased) c->name[PART_Q_BIAS] = c->name[PART_K_BIAS] = c->name[PART_V_BIAS] = NULL;
    return LOREC_OK;
}

static const head_names vit_heads = {.pooler = "vit.pooler.dense", .out = "classifier", .reads = CLASSIFY_FIRST};

const lm_arch lm_arch_vit = {.type = "vit", .base = "vit.", .read_vision = vit_read, .heads = &vit_heads};
