/* The names of tensors, family by family: GGUF's beside Hugging Face's. */
#include "lm/gguf/arch.h"

/* LLaMA and what is built like it: Mistral, Qwen2, Qwen3. */
#define LLAMA_BLOCK(how_q, how_k)                                                                                      \
    {"token_embd", "model.embed_tokens", GGUF_SAME}, {"output_norm", "model.norm", GGUF_SAME},                         \
        {"output", "lm_head", GGUF_SAME}, {"blk.%d.attn_norm", "model.layers.%d.input_layernorm", GGUF_SAME},          \
        {"blk.%d.attn_q", "model.layers.%d.self_attn.q_proj", how_q},                                                  \
        {"blk.%d.attn_k", "model.layers.%d.self_attn.k_proj", how_k},                                                  \
        {"blk.%d.attn_v", "model.layers.%d.self_attn.v_proj", GGUF_SAME},                                              \
        {"blk.%d.attn_output", "model.layers.%d.self_attn.o_proj", GGUF_SAME},                                         \
        {"blk.%d.attn_q_norm", "model.layers.%d.self_attn.q_norm", GGUF_SAME},                                         \
        {"blk.%d.attn_k_norm", "model.layers.%d.self_attn.k_norm", GGUF_SAME},                                         \
        {"blk.%d.ffn_norm", "model.layers.%d.post_attention_layernorm", GGUF_SAME},                                    \
        {"blk.%d.ffn_gate", "model.layers.%d.mlp.gate_proj", GGUF_SAME},                                               \
        {"blk.%d.ffn_up", "model.layers.%d.mlp.up_proj", GGUF_SAME},                                                   \
        {"blk.%d.ffn_down", "model.layers.%d.mlp.down_proj", GGUF_SAME},                                               \
    {                                                                                                                  \
        NULL                                                                                                           \
    }

const gguf_name gguf_names_llama[] = {LLAMA_BLOCK(GGUF_PAIRED, GGUF_PAIRED_KV)};
const gguf_name gguf_names_plain[] = {LLAMA_BLOCK(GGUF_SAME, GGUF_SAME)};

const gguf_name gguf_names_gemma[] = {
    {"token_embd", "model.embed_tokens", GGUF_SAME},
    {"output_norm", "model.norm", GGUF_PLUS_ONE},
    {"blk.%d.attn_norm", "model.layers.%d.input_layernorm", GGUF_PLUS_ONE},
    {"blk.%d.ffn_norm", "model.layers.%d.post_attention_layernorm", GGUF_PLUS_ONE},
    {"blk.%d.attn_q", "model.layers.%d.self_attn.q_proj", GGUF_SAME},
    {"blk.%d.attn_k", "model.layers.%d.self_attn.k_proj", GGUF_SAME},
    {"blk.%d.attn_v", "model.layers.%d.self_attn.v_proj", GGUF_SAME},
    {"blk.%d.attn_output", "model.layers.%d.self_attn.o_proj", GGUF_SAME},
    {"blk.%d.ffn_gate", "model.layers.%d.mlp.gate_proj", GGUF_SAME},
    {"blk.%d.ffn_up", "model.layers.%d.mlp.up_proj", GGUF_SAME},
    {"blk.%d.ffn_down", "model.layers.%d.mlp.down_proj", GGUF_SAME},
    {NULL},
};

const gguf_name gguf_names_gemma2[] = {
    {"token_embd", "model.embed_tokens", GGUF_SAME},
    {"output_norm", "model.norm", GGUF_PLUS_ONE},
    {"blk.%d.attn_norm", "model.layers.%d.input_layernorm", GGUF_PLUS_ONE},
    {"blk.%d.post_attention_norm", "model.layers.%d.post_attention_layernorm", GGUF_PLUS_ONE},
    {"blk.%d.ffn_norm", "model.layers.%d.pre_feedforward_layernorm", GGUF_PLUS_ONE},
    {"blk.%d.post_ffw_norm", "model.layers.%d.post_feedforward_layernorm", GGUF_PLUS_ONE},
    {"blk.%d.attn_q", "model.layers.%d.self_attn.q_proj", GGUF_SAME},
    {"blk.%d.attn_k", "model.layers.%d.self_attn.k_proj", GGUF_SAME},
    {"blk.%d.attn_v", "model.layers.%d.self_attn.v_proj", GGUF_SAME},
    {"blk.%d.attn_output", "model.layers.%d.self_attn.o_proj", GGUF_SAME},
    {"blk.%d.ffn_gate", "model.layers.%d.mlp.gate_proj", GGUF_SAME},
    {"blk.%d.ffn_up", "model.layers.%d.mlp.up_proj", GGUF_SAME},
    {"blk.%d.ffn_down", "model.layers.%d.mlp.down_proj", GGUF_SAME},
    {NULL},
};

const gguf_name gguf_names_gpt2[] = {
    {"token_embd", "transformer.wte", GGUF_SAME},
    {"position_embd", "transformer.wpe", GGUF_SAME},
    {"output_norm", "transformer.ln_f", GGUF_SAME},
    {"output", "lm_head", GGUF_SAME},
    {"blk.%d.attn_norm", "transformer.h.%d.ln_1", GGUF_SAME},
    {"blk.%d.attn_qkv", "transformer.h.%d.attn.c_attn", GGUF_TURNED},
    {"blk.%d.attn_output", "transformer.h.%d.attn.c_proj", GGUF_TURNED},
    {"blk.%d.ffn_norm", "transformer.h.%d.ln_2", GGUF_SAME},
    {"blk.%d.ffn_up", "transformer.h.%d.mlp.c_fc", GGUF_TURNED},
    {"blk.%d.ffn_down", "transformer.h.%d.mlp.c_proj", GGUF_TURNED},
    {NULL},
};

const gguf_name gguf_names_bloom[] = {
    {"token_embd", "transformer.word_embeddings", GGUF_SAME},
    {"token_embd_norm", "transformer.word_embeddings_layernorm", GGUF_SAME},
    {"output_norm", "transformer.ln_f", GGUF_SAME},
    {"output", "lm_head", GGUF_SAME},
    {"blk.%d.attn_norm", "transformer.h.%d.input_layernorm", GGUF_SAME},
    {"blk.%d.attn_qkv", "transformer.h.%d.self_attention.query_key_value", GGUF_BY_KIND},
    {"blk.%d.attn_output", "transformer.h.%d.self_attention.dense", GGUF_SAME},
    {"blk.%d.ffn_norm", "transformer.h.%d.post_attention_layernorm", GGUF_SAME},
    {"blk.%d.ffn_up", "transformer.h.%d.mlp.dense_h_to_4h", GGUF_SAME},
    {"blk.%d.ffn_down", "transformer.h.%d.mlp.dense_4h_to_h", GGUF_SAME},
    {NULL},
};

const gguf_name gguf_names_gpt_neox[] = {
    {"token_embd", "gpt_neox.embed_in", GGUF_SAME},
    {"output_norm", "gpt_neox.final_layer_norm", GGUF_SAME},
    {"output", "embed_out", GGUF_SAME},
    {"blk.%d.attn_norm", "gpt_neox.layers.%d.input_layernorm", GGUF_SAME},
    {"blk.%d.attn_qkv", "gpt_neox.layers.%d.attention.query_key_value", GGUF_BY_KIND},
    {"blk.%d.attn_output", "gpt_neox.layers.%d.attention.dense", GGUF_SAME},
    {"blk.%d.ffn_norm", "gpt_neox.layers.%d.post_attention_layernorm", GGUF_SAME},
    {"blk.%d.ffn_up", "gpt_neox.layers.%d.mlp.dense_h_to_4h", GGUF_SAME},
    {"blk.%d.ffn_down", "gpt_neox.layers.%d.mlp.dense_4h_to_h", GGUF_SAME},
    {NULL},
};

const gguf_name gguf_names_phi[] = {
    {"token_embd", "model.embed_tokens", GGUF_SAME},
    {"output_norm", "model.final_layernorm", GGUF_SAME},
    {"output", "lm_head", GGUF_SAME},
    {"blk.%d.attn_norm", "model.layers.%d.input_layernorm", GGUF_SAME},
    {"blk.%d.attn_q", "model.layers.%d.self_attn.q_proj", GGUF_SAME},
    {"blk.%d.attn_k", "model.layers.%d.self_attn.k_proj", GGUF_SAME},
    {"blk.%d.attn_v", "model.layers.%d.self_attn.v_proj", GGUF_SAME},
    {"blk.%d.attn_qkv", "model.layers.%d.self_attn.q_proj", GGUF_CUT_Q}, /* files made from the first phi-2 */
    {"blk.%d.attn_qkv", "model.layers.%d.self_attn.k_proj", GGUF_CUT_K},
    {"blk.%d.attn_qkv", "model.layers.%d.self_attn.v_proj", GGUF_CUT_V},
    {"blk.%d.attn_output", "model.layers.%d.self_attn.dense", GGUF_SAME},
    {"blk.%d.ffn_up", "model.layers.%d.mlp.fc1", GGUF_SAME},
    {"blk.%d.ffn_down", "model.layers.%d.mlp.fc2", GGUF_SAME},
    {NULL},
};

const gguf_name gguf_names_baichuan[] = {
    {"token_embd", "model.embed_tokens", GGUF_SAME},
    {"output_norm", "model.norm", GGUF_SAME},
    {"output", "lm_head", GGUF_SAME},
    {"blk.%d.attn_norm", "model.layers.%d.input_layernorm", GGUF_SAME},
    {"blk.%d.attn_q", "model.layers.%d.self_attn.W_pack", GGUF_STACK_Q},
    {"blk.%d.attn_k", "model.layers.%d.self_attn.W_pack", GGUF_STACK_K},
    {"blk.%d.attn_v", "model.layers.%d.self_attn.W_pack", GGUF_STACK_V},
    {"blk.%d.attn_output", "model.layers.%d.self_attn.o_proj", GGUF_SAME},
    {"blk.%d.ffn_norm", "model.layers.%d.post_attention_layernorm", GGUF_SAME},
    {"blk.%d.ffn_gate", "model.layers.%d.mlp.gate_proj", GGUF_SAME},
    {"blk.%d.ffn_up", "model.layers.%d.mlp.up_proj", GGUF_SAME},
    {"blk.%d.ffn_down", "model.layers.%d.mlp.down_proj", GGUF_SAME},
    {NULL},
};

const gguf_name gguf_names_qwen[] = {
    {"token_embd", "transformer.wte", GGUF_SAME},
    {"output_norm", "transformer.ln_f", GGUF_SAME},
    {"output", "lm_head", GGUF_SAME},
    {"blk.%d.attn_norm", "transformer.h.%d.ln_1", GGUF_SAME},
    {"blk.%d.attn_qkv", "transformer.h.%d.attn.c_attn", GGUF_SAME},
    {"blk.%d.attn_output", "transformer.h.%d.attn.c_proj", GGUF_SAME},
    {"blk.%d.ffn_norm", "transformer.h.%d.ln_2", GGUF_SAME},
    {"blk.%d.ffn_up", "transformer.h.%d.mlp.w1", GGUF_SAME},
    {"blk.%d.ffn_gate", "transformer.h.%d.mlp.w2", GGUF_SAME},
    {"blk.%d.ffn_down", "transformer.h.%d.mlp.c_proj", GGUF_SAME},
    {NULL},
};

const gguf_name gguf_names_chatglm[] = {
    {"token_embd", "transformer.embedding.word_embeddings", GGUF_SAME},
    {"output_norm", "transformer.encoder.final_layernorm", GGUF_SAME},
    {"output", "transformer.output_layer", GGUF_SAME},
    {"blk.%d.attn_norm", "transformer.encoder.layers.%d.input_layernorm", GGUF_SAME},
    {"blk.%d.attn_qkv", "transformer.encoder.layers.%d.self_attention.query_key_value", GGUF_SAME},
    {"blk.%d.attn_output", "transformer.encoder.layers.%d.self_attention.dense", GGUF_SAME},
    {"blk.%d.ffn_norm", "transformer.encoder.layers.%d.post_attention_layernorm", GGUF_SAME},
    {"blk.%d.ffn_up", "transformer.encoder.layers.%d.mlp.dense_h_to_4h", GGUF_SAME},
    {"blk.%d.ffn_down", "transformer.encoder.layers.%d.mlp.dense_4h_to_h", GGUF_SAME},
    {NULL},
};

const gguf_name gguf_names_glm[] = {
    {"token_embd", "model.embed_tokens", GGUF_SAME},
    {"output_norm", "model.norm", GGUF_SAME},
    {"output", "lm_head", GGUF_SAME},
    {"blk.%d.attn_norm", "model.layers.%d.input_layernorm", GGUF_SAME},
    {"blk.%d.attn_q", "model.layers.%d.self_attn.q_proj", GGUF_SAME},
    {"blk.%d.attn_k", "model.layers.%d.self_attn.k_proj", GGUF_SAME},
    {"blk.%d.attn_v", "model.layers.%d.self_attn.v_proj", GGUF_SAME},
    {"blk.%d.attn_output", "model.layers.%d.self_attn.o_proj", GGUF_SAME},
    {"blk.%d.ffn_norm", "model.layers.%d.post_attention_layernorm", GGUF_SAME},
    {"blk.%d.ffn_up", "model.layers.%d.mlp.gate_up_proj", GGUF_SAME},
    {"blk.%d.ffn_down", "model.layers.%d.mlp.down_proj", GGUF_SAME},
    {NULL},
};

#define BERT_BLOCK(base, positions)                                                                                    \
    {"token_embd", base "embeddings.word_embeddings", GGUF_SAME},                                                      \
        {"position_embd", base "embeddings.position_embeddings", positions},                                           \
        {"token_types", base "embeddings.token_type_embeddings", GGUF_SAME},                                           \
        {"token_embd_norm", base "embeddings.LayerNorm", GGUF_SAME},                                                   \
        {"blk.%d.attn_q", base "encoder.layer.%d.attention.self.query", GGUF_SAME},                                    \
        {"blk.%d.attn_k", base "encoder.layer.%d.attention.self.key", GGUF_SAME},                                      \
        {"blk.%d.attn_v", base "encoder.layer.%d.attention.self.value", GGUF_SAME},                                    \
        {"blk.%d.attn_output", base "encoder.layer.%d.attention.output.dense", GGUF_SAME},                             \
        {"blk.%d.attn_output_norm", base "encoder.layer.%d.attention.output.LayerNorm", GGUF_SAME},                    \
        {"blk.%d.ffn_up", base "encoder.layer.%d.intermediate.dense", GGUF_SAME},                                      \
        {"blk.%d.ffn_down", base "encoder.layer.%d.output.dense", GGUF_SAME},                                          \
        {"blk.%d.layer_output_norm", base "encoder.layer.%d.output.LayerNorm", GGUF_SAME},                             \
    {                                                                                                                  \
        NULL                                                                                                           \
    }

const gguf_name gguf_names_bert[] = {BERT_BLOCK("bert.", GGUF_SAME)};
/* Its first positions, up to that of padding, no token ever has: GGUF leaves them out, and so it is a BERT. */
const gguf_name gguf_names_roberta[] = {BERT_BLOCK("roberta.", GGUF_PAST_PADDING)};

const gguf_name gguf_names_t5[] = {
    {"token_embd", "shared", GGUF_SAME},
    {"output", "lm_head", GGUF_SAME},
    {"enc.output_norm", "encoder.final_layer_norm", GGUF_SAME},
    {"enc.blk.%d.attn_norm", "encoder.block.%d.layer.0.layer_norm", GGUF_SAME},
    {"enc.blk.%d.attn_q", "encoder.block.%d.layer.0.SelfAttention.q", GGUF_SAME},
    {"enc.blk.%d.attn_k", "encoder.block.%d.layer.0.SelfAttention.k", GGUF_SAME},
    {"enc.blk.%d.attn_v", "encoder.block.%d.layer.0.SelfAttention.v", GGUF_SAME},
    {"enc.blk.%d.attn_o", "encoder.block.%d.layer.0.SelfAttention.o", GGUF_SAME},
    {"enc.blk.%d.attn_rel_b", "encoder.block.%d.layer.0.SelfAttention.relative_attention_bias", GGUF_SAME},
    {"enc.blk.%d.ffn_norm", "encoder.block.%d.layer.1.layer_norm", GGUF_SAME},
    {"enc.blk.%d.ffn_gate", "encoder.block.%d.layer.1.DenseReluDense.wi_0", GGUF_SAME},
    {"enc.blk.%d.ffn_up", "encoder.block.%d.layer.1.DenseReluDense.wi_1", GGUF_GATED},
    {"enc.blk.%d.ffn_up", "encoder.block.%d.layer.1.DenseReluDense.wi", GGUF_PLAIN},
    {"enc.blk.%d.ffn_down", "encoder.block.%d.layer.1.DenseReluDense.wo", GGUF_SAME},
    {"dec.output_norm", "decoder.final_layer_norm", GGUF_SAME},
    {"dec.blk.%d.attn_norm", "decoder.block.%d.layer.0.layer_norm", GGUF_SAME},
    {"dec.blk.%d.attn_q", "decoder.block.%d.layer.0.SelfAttention.q", GGUF_SAME},
    {"dec.blk.%d.attn_k", "decoder.block.%d.layer.0.SelfAttention.k", GGUF_SAME},
    {"dec.blk.%d.attn_v", "decoder.block.%d.layer.0.SelfAttention.v", GGUF_SAME},
    {"dec.blk.%d.attn_o", "decoder.block.%d.layer.0.SelfAttention.o", GGUF_SAME},
    {"dec.blk.%d.attn_rel_b", "decoder.block.%d.layer.0.SelfAttention.relative_attention_bias", GGUF_SAME},
    {"dec.blk.%d.cross_attn_norm", "decoder.block.%d.layer.1.layer_norm", GGUF_SAME},
    {"dec.blk.%d.cross_attn_q", "decoder.block.%d.layer.1.EncDecAttention.q", GGUF_SAME},
    {"dec.blk.%d.cross_attn_k", "decoder.block.%d.layer.1.EncDecAttention.k", GGUF_SAME},
    {"dec.blk.%d.cross_attn_v", "decoder.block.%d.layer.1.EncDecAttention.v", GGUF_SAME},
    {"dec.blk.%d.cross_attn_o", "decoder.block.%d.layer.1.EncDecAttention.o", GGUF_SAME},
    {"dec.blk.%d.ffn_norm", "decoder.block.%d.layer.2.layer_norm", GGUF_SAME},
    {"dec.blk.%d.ffn_gate", "decoder.block.%d.layer.2.DenseReluDense.wi_0", GGUF_SAME},
    {"dec.blk.%d.ffn_up", "decoder.block.%d.layer.2.DenseReluDense.wi_1", GGUF_GATED},
    {"dec.blk.%d.ffn_up", "decoder.block.%d.layer.2.DenseReluDense.wi", GGUF_PLAIN},
    {"dec.blk.%d.ffn_down", "decoder.block.%d.layer.2.DenseReluDense.wo", GGUF_SAME},
    {NULL},
};
