/* Baichuan and Baichuan 2 (Yang et al. 2023): LLaMA with q, k and v as one product ("W_pack"). The 7B models turn positions,
 * the 13B models have ALiBi; in Baichuan 2 the head's rows count as unit vectors ("NormHead").
 *
 * config.json tells them apart by what it has: "max_position_embeddings" (turned positions; ALiBi's say "model_max_length"
 * alone), "z_loss_weight" (Baichuan 2). */
#include "lm/arch/llama_names.h"

enum { VOCAB_2 = 125696, WIDTH_13B = 5120, LAYERS_13B = 40 };

static const arch_field fields[] = {
    LLAMA_FIELDS(64000, 4096, 11008, 32, 32),
    ARCH_F32("rms_norm_eps", norm_eps, 1e-6),
    ARCH_ACTIVATION("hidden_act", activation, "silu"),
    ARCH_TIED(false, "lm_head.weight"),
    ARCH_PADDING(0),
};

static void baichuan_complete(transformer_config *c)
{
    static const char *const names[TRANSFORMER_PARTS] = {
        LLAMA_NAMES,
        LLAMA_FFN_NAMES,
        [PART_QKV] = LLAMA_LAYER "self_attn.W_pack.weight",
    };
    llama_like(c, names);
    if (c->bias == BIAS_ALIBI) c->rope.kind = ROPE_NONE;
}

static lorec_err baichuan_read(transformer_config *c, const json_t *json)
{
    *c = (transformer_config){0};
    baichuan_complete(c);
    TRY(ARCH_READ(c, json, fields));
    c->unit_head = json_object_get(json, "z_loss_weight") || c->vocab_size == VOCAB_2;
    bool turned = json_object_get(json, "max_position_embeddings") || !json_object_get(json, "model_max_length");
    if (!turned || (c->width == WIDTH_13B && c->layers == LAYERS_13B)) {
        c->bias = BIAS_ALIBI;
        c->rope.kind = ROPE_NONE;
        c->max_positions = ARCH_NO_END;
        return LOREC_OK;
    }
    TRY(json_get_i64_or(json, "max_position_embeddings", 1, INT32_MAX - 1, 4096, &c->max_positions));
    return arch_get_rope(json, ROPE_HALF, 10000, 1, c);
}

static json_t *baichuan_write(const transformer_config *c)
{
    json_t *o = ARCH_WRITE(c, "baichuan", "BaichuanForCausalLM", fields);
    if (c->unit_head) o = arch_put_i64(o, "z_loss_weight", 0);
    if (c->bias == BIAS_ALIBI) return arch_put_i64(o, "model_max_length", 4096);
    return arch_put_rope(arch_put_i64(o, "max_position_embeddings", c->max_positions), c);
}

const lm_arch lm_arch_baichuan = {.type = "baichuan",
                                  .class_name = "BaichuanForCausalLM",
                                  .base = "model.",
                                  .complete = baichuan_complete,
                                  .read = baichuan_read,
                                  .write = baichuan_write,
                                  .heads = &arch_score_head};
