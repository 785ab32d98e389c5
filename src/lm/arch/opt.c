/* OPT (Zhang et al. 2022): learned positions that begin at row 2, ReLU; the 350M model has its norms after the residual and
 * token vectors narrower than its layers. */
#include "lm/arch_fields.h"

#define DECODER "model.decoder."
#define LAYER   DECODER "layers.%d."

static const arch_field fields[] = {
    ARCH_SIZE("vocab_size", vocab_size, 50272),
    ARCH_SIZE("hidden_size", width, 768),
    ARCH_SIZE("num_hidden_layers", layers, 12),
    ARCH_SIZE("ffn_dim", ffn_width, 3072),
    ARCH_SIZE("max_position_embeddings", max_positions, 2048),
    ARCH_SIZE("num_attention_heads", heads, 12),
    ARCH_SIZE("word_embed_proj_dim", embed_width, 0),
    ARCH_RATE("dropout", residual_dropout, .1),
    ARCH_RATE("attention_dropout", attn_dropout, 0),
    ARCH_ACTIVATION("activation_function", activation, "relu"),
    ARCH_SD("init_std", .02),
    ARCH_TIED(true, "lm_head.weight"),
    ARCH_PADDING(1),
};

static const transformer_part biases[] = {PART_Q_BIAS,   PART_K_BIAS,  PART_V_BIAS,
                                          PART_OUT_BIAS, PART_UP_BIAS, PART_DOWN_BIAS};

static void opt_complete(transformer_config *c)
{
    static const char *const names[TRANSFORMER_PARTS] = {
        [PART_TOKENS] = DECODER "embed_tokens.weight",
        [PART_POSITIONS] = DECODER "embed_positions.weight",
        [PART_FINAL_NORM] = DECODER "final_layer_norm.weight",
        [PART_FINAL_NORM_BIAS] = DECODER "final_layer_norm.bias",
        [PART_ATTN_NORM] = LAYER "self_attn_layer_norm.weight",
        [PART_ATTN_NORM_BIAS] = LAYER "self_attn_layer_norm.bias",
        [PART_Q] = LAYER "self_attn.q_proj.weight",
        [PART_Q_BIAS] = LAYER "self_attn.q_proj.bias",
        [PART_K] = LAYER "self_attn.k_proj.weight",
        [PART_K_BIAS] = LAYER "self_attn.k_proj.bias",
        [PART_V] = LAYER "self_attn.v_proj.weight",
        [PART_V_BIAS] = LAYER "self_attn.v_proj.bias",
        [PART_OUT] = LAYER "self_attn.out_proj.weight",
        [PART_OUT_BIAS] = LAYER "self_attn.out_proj.bias",
        [PART_FFN_NORM] = LAYER "final_layer_norm.weight",
        [PART_FFN_NORM_BIAS] = LAYER "final_layer_norm.bias",
        [PART_UP] = LAYER "fc1.weight",
        [PART_UP_BIAS] = LAYER "fc1.bias",
        [PART_DOWN] = LAYER "fc2.weight",
        [PART_DOWN_BIAS] = LAYER "fc2.bias",
    };
    memcpy(c->name, names, sizeof names);
    c->norm = NORM_LAYER;
    c->causal = true;
    c->layout = LINEAR_OUT_IN;
    c->position_offset = 2;
    if (c->activation == ACT_NONE) c->activation = ACT_RELU;
    if (c->place != NORM_PRE) c->name[PART_FINAL_NORM] = c->name[PART_FINAL_NORM_BIAS] = NULL;
    if (c->embed_width && c->embed_width != c->width) {
        c->name[PART_TOKEN_PROJECT] = DECODER "project_in.weight";
        c->name[PART_FINAL_PROJECT] = DECODER "project_out.weight";
    }
}

static lorec_err opt_read(transformer_config *c, const json_t *json)
{
    bool before, bare, biased, affine;
    *c = (transformer_config){0};
    TRY(ARCH_READ(c, json, fields));
    const char *head = c->name[PART_HEAD];
    TRY(json_get_bool_or(json, "do_layer_norm_before", true, &before));
    TRY(json_get_bool_or(json, "_remove_final_layer_norm", false, &bare));
    TRY(json_get_bool_or(json, "enable_bias", true, &biased));
    TRY(json_get_bool_or(json, "layer_norm_elementwise_affine", true, &affine));
    if (!affine)
        return err_set(LOREC_INPUT, "\"layer_norm_elementwise_affine\" is false; such a model can not be run here");
    c->place = before ? NORM_PRE : NORM_POST;
    opt_complete(c);
    c->name[PART_HEAD] = head;
    if (bare) c->name[PART_FINAL_NORM] = c->name[PART_FINAL_NORM_BIAS] = NULL;
    for (size_t i = 0; !biased && i < sizeof biases / sizeof *biases; i++) c->name[biases[i]] = NULL;
    c->embed_dropout = 0;
    return LOREC_OK;
}

static json_t *opt_write(const transformer_config *c)
{
    json_t *o = ARCH_WRITE(c, "opt", "OPTForCausalLM", fields);
    o = arch_put_bool(o, "do_layer_norm_before", c->place == NORM_PRE);
    o = arch_put_bool(o, "_remove_final_layer_norm", c->place == NORM_PRE && !c->name[PART_FINAL_NORM]);
    return arch_put_bool(o, "enable_bias", c->name[PART_Q_BIAS] != NULL);
}

const lm_arch lm_arch_opt = {.type = "opt",
                             .class_name = "OPTForCausalLM",
                             .base = "model.",
                             .complete = opt_complete,
                             .read = opt_read,
                             .write = opt_write,
                             .heads = &arch_score_head};
