/* CLIP (Radford et al., ICML 2021): a causal text tower and an image tower, both pre-norm, and a projection of each. */
#include "lm/arch.h"

/* clang-format off */
#define PAIR(part, name) [part] = name ".weight", [part + 1] = name ".bias"
#define TOWER(base)                                                          \
    PAIR(PART_ATTN_NORM, base ".encoder.layers.%d.layer_norm1"),             \
    PAIR(PART_Q, base ".encoder.layers.%d.self_attn.q_proj"),                \
    PAIR(PART_K, base ".encoder.layers.%d.self_attn.k_proj"),                \
    PAIR(PART_V, base ".encoder.layers.%d.self_attn.v_proj"),                \
    PAIR(PART_OUT, base ".encoder.layers.%d.self_attn.out_proj"),            \
    PAIR(PART_FFN_NORM, base ".encoder.layers.%d.layer_norm2"),              \
    PAIR(PART_UP, base ".encoder.layers.%d.mlp.fc1"),                        \
    PAIR(PART_DOWN, base ".encoder.layers.%d.mlp.fc2")
/* clang-format on */

static const char *const text_names[TRANSFORMER_PARTS] = {
    [PART_TOKENS] = "text_model.embeddings.token_embedding.weight",
    [PART_POSITIONS] = "text_model.embeddings.position_embedding.weight",
    PAIR(PART_FINAL_NORM, "text_model.final_layer_norm"),
    TOWER("text_model"),
};
static const char *const image_names[TRANSFORMER_PARTS] = {
    PAIR(PART_EMBED_NORM, "vision_model.pre_layrnorm"), /* so it is spelt in the files */
    PAIR(PART_FINAL_NORM, "vision_model.post_layernorm"),
    TOWER("vision_model"),
};

static lorec_err read_tower(transformer_config *c, const json_t *json, const char *const *names, int64_t width,
                            int64_t heads)
{
    enum { WIDE = 1 << 20 };
    double sd;
    memcpy(c->name, names, sizeof c->name);
    c->norm = NORM_LAYER;
    c->place = NORM_PRE;
    c->headless = true;
    TRY(json_get_i64_or(json, "hidden_size", 1, WIDE, width, &c->width));
    TRY(json_get_i64_or(json, "num_hidden_layers", 1, 4096, 12, &c->layers));
    TRY(json_get_i64_or(json, "num_attention_heads", 1, 4096, heads, &c->heads));
    TRY(json_get_i64_or(json, "intermediate_size", 1, WIDE, 4 * width, &c->ffn_width));
    TRY(arch_get_activation(json, "hidden_act", "quick_gelu", &c->activation));
    TRY(arch_get_rate(json, "attention_dropout", 0, &c->attn_dropout));
    TRY(arch_get_f32(json, "layer_norm_eps", 1e-5, &c->norm_eps));
    TRY(json_get_f64_or(json, "initializer_range", .02, &sd));
    c->weights = INIT_NORMAL(sd);
    return LOREC_OK;
}

static lorec_err need_part(const json_t *json, const char *key, const json_t **out)
{
    *out = json_object_get(json, key);
    return json_is_object(*out) ? LOREC_OK : err_set(LOREC_INPUT, "\"%s\" has to be an object", key);
}

static lorec_err clip_read(transformer_config *c, const json_t *json)
{
    enum { MANY = INT32_MAX - 1 };
    const json_t *text;
    TRY(need_part(json, "text_config", &text));
    *c = (transformer_config){.causal = true};
    TRY(read_tower(c, text, text_names, 512, 8));
    TRY(json_get_i64_or(text, "vocab_size", 1, MANY, 49408, &c->vocab_size));
    return json_get_i64_or(text, "max_position_embeddings", 1, MANY, 77, &c->max_positions);
}

static lorec_err clip_read_vision(vision_config *v, const json_t *json)
{
    enum { SIDE = 1 << 14 };
    const json_t *image;
    TRY(need_part(json, "vision_config", &image));
    *v = (vision_config){.patch = "vision_model.embeddings.patch_embedding.weight",
                         .class_token = "vision_model.embeddings.class_embedding",
                         .positions = "vision_model.embeddings.position_embedding.weight"};
    TRY(json_get_i64_or(image, "image_size", 1, SIDE, 224, &v->image_size));
    TRY(json_get_i64_or(image, "patch_size", 1, SIDE, 32, &v->patch_size));
    TRY(json_get_i64_or(image, "num_channels", 1, 64, 3, &v->channels));
    return read_tower(&v->body, image, image_names, 768, 12);
}

static const head_names clip_heads = {
    .text_projection = "text_projection", .image_projection = "visual_projection", .scale = "logit_scale"};

const lm_arch lm_arch_clip = {
    .type = "clip", .base = "", .read = clip_read, .read_vision = clip_read_vision, .heads = &clip_heads};
