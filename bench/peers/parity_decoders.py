"""Parity fixtures of decoder-only models in transformers, over the variations that their configs allow.

usage: parity_decoders.py OUT SEED     (needs torch, transformers, numpy, safetensors; weights are random, nothing is downloaded)
Odd head counts, shared heads, tied and untied heads, biases, windows, stretched positions, sequences longer than a window.
Folders are of the form that `lorec lm check` reads.
"""
import json
import os
import random
import sys

import numpy as np
import torch
import transformers as T
from safetensors.torch import save_file

out, seed = sys.argv[1], int(sys.argv[2])
pick = random.Random(seed)
torch.set_num_threads(1)
T.logging.set_verbosity_error()


def sizes(heads, head=None, **more):
    head = head or pick.choice([8, 10, 12])
    return dict(vocab_size=pick.randint(50, 150), hidden_size=heads * head, num_hidden_layers=pick.randint(1, 3),
                num_attention_heads=heads, intermediate_size=pick.randint(20, 90), max_position_embeddings=256, **more)


def rope(kind, **more):
    return dict(rope_parameters=dict(rope_type=kind, rope_theta=pick.choice([100.0, 10000.0, 5e5]), **more))


def models():
    llama = lambda **k: T.LlamaForCausalLM(T.LlamaConfig(**k))
    yield "llama-3-heads", llama(**sizes(3, num_key_value_heads=3)), 40
    yield "llama-biases", llama(**sizes(6, num_key_value_heads=2, attention_bias=True, mlp_bias=True)), 23
    yield "llama-wide-heads", llama(**sizes(5, num_key_value_heads=1, head_dim=14, tie_word_embeddings=True)), 70
    yield "llama-gelu", llama(**sizes(2, hidden_act="gelu", rms_norm_eps=1e-3)), 11
    yield "llama-linear", llama(**sizes(4, **rope("linear", factor=4.0))), 60
    yield "llama-dynamic-short", llama(**sizes(4, **rope("dynamic", factor=2.0))), 60
    k = sizes(4, **rope("dynamic", factor=3.0))
    k["max_position_embeddings"] = 24
    yield "llama-dynamic", llama(**k), 60
    yarn = dict(factor=4.0, original_max_position_embeddings=32)
    yield "llama-yarn", llama(**sizes(3, head=12, **rope("yarn", **yarn))), 60
    yield "llama-yarn-exact", llama(**sizes(2, head=10, **rope("yarn", **yarn, truncate=False, beta_fast=8.0))), 60
    yield "llama-yarn-scaled", llama(**sizes(3, **rope("yarn", **yarn, mscale=0.7, mscale_all_dim=1.1))), 60
    yield "llama3", llama(**sizes(4, num_key_value_heads=2, **rope("llama3", factor=8.0, low_freq_factor=1.0,
          high_freq_factor=4.0, original_max_position_embeddings=64))), 60
    mistral = lambda **k: T.MistralForCausalLM(T.MistralConfig(**k))
    yield "mistral-window-3", mistral(**sizes(3, num_key_value_heads=1, sliding_window=3)), 50
    yield "mistral-no-window", mistral(**sizes(4, num_key_value_heads=4, sliding_window=None, head_dim=6)), 50
    qwen2 = lambda **k: T.Qwen2ForCausalLM(T.Qwen2Config(**k))
    yield "qwen2-untied", qwen2(**sizes(7, num_key_value_heads=1)), 50
    k = sizes(3, num_key_value_heads=3, use_sliding_window=True, sliding_window=5, max_window_layers=1)
    k["num_hidden_layers"] = 3
    yield "qwen2-windows", qwen2(**k), 50
    qwen3 = lambda **k: T.Qwen3ForCausalLM(T.Qwen3Config(**k))
    yield "qwen3-biases", qwen3(**sizes(5, num_key_value_heads=5, head_dim=6, attention_bias=True)), 33
    yield "qwen3-yarn", qwen3(**sizes(4, num_key_value_heads=1, head_dim=16, tie_word_embeddings=True, **rope("yarn", **yarn))), 33
    yield "gemma", T.GemmaForCausalLM(T.GemmaConfig(**sizes(3, num_key_value_heads=1, head_dim=14))), 33
    gemma2 = lambda **k: T.Gemma2ForCausalLM(T.Gemma2Config(**k))
    yield "gemma2-no-caps", gemma2(**sizes(3, num_key_value_heads=3, head_dim=10, sliding_window=4,
          attn_logit_softcapping=None, final_logit_softcapping=None)), 40
    k = sizes(4, num_key_value_heads=2, head_dim=8, sliding_window=6, attn_logit_softcapping=3.0, query_pre_attn_scalar=20,
              final_logit_softcapping=2.0, attention_bias=True)
    k["num_hidden_layers"] = 3
    yield "gemma2-low-caps", gemma2(**k), 40
    yield "glm-no-bias", T.GlmForCausalLM(T.GlmConfig(**sizes(3, num_key_value_heads=1, head_dim=12, attention_bias=False,
          pad_token_id=0, eos_token_id=[1]))), 30
    phi = lambda **k: T.PhiForCausalLM(T.PhiConfig(**k))
    yield "phi-normed-heads", phi(**sizes(3, qk_layernorm=True)), 30
    yield "phi-shared-heads", phi(**sizes(6, num_key_value_heads=2), partial_rotary_factor=0.4), 30
    neox = lambda **k: T.GPTNeoXForCausalLM(T.GPTNeoXConfig(**k))
    yield "gpt-neox-in-turn", neox(**sizes(3, use_parallel_residual=False), rotary_pct=1.0), 30
    yield "gpt-neox-no-bias", neox(**sizes(5, attention_bias=False, tie_word_embeddings=True)), 30
    yield "gpt2-untied", T.GPT2LMHeadModel(T.GPT2Config(vocab_size=71, n_positions=64, n_embd=30, n_layer=2, n_head=3,
          n_inner=44, tie_word_embeddings=False, attn_pdrop=0, embd_pdrop=0, resid_pdrop=0)), 50
    yield "gpt2-relu", T.GPT2LMHeadModel(T.GPT2Config(vocab_size=71, n_positions=64, n_embd=35, n_layer=1, n_head=5,
          activation_function="relu", scale_attn_weights=False, attn_pdrop=0, embd_pdrop=0, resid_pdrop=0)), 64
    opt = lambda **k: T.OPTForCausalLM(T.OPTConfig(**{("ffn_dim" if n == "intermediate_size" else n): v for n, v in k.items()},
          dropout=0, attention_dropout=0))
    yield "opt-3-heads", opt(**sizes(3)), 30
    yield "opt-post", opt(**sizes(4, do_layer_norm_before=False)), 30
    yield "opt-no-bias", opt(**sizes(2, enable_bias=False, activation_function="gelu", tie_word_embeddings=False)), 30
    yield "opt-projected", opt(**sizes(3, word_embed_proj_dim=14, do_layer_norm_before=False)), 30
    bloom = lambda h, **k: T.BloomForCausalLM(T.BloomConfig(vocab_size=77, hidden_size=8 * h, n_layer=2, n_head=h, **k))
    yield "bloom-3-heads", bloom(3), 50
    yield "bloom-6-heads", bloom(6, tie_word_embeddings=False), 50
    yield "bloom-norm-residual", bloom(4, apply_residual_connection_post_layernorm=True), 50


def reset(model, g):
    with torch.no_grad():
        for name, p in sorted(model.named_parameters()):
            if p.dim() > 1:
                p.copy_(torch.randn(p.shape, generator=g) * 0.6 / p.shape[-1] ** 0.5)
            else:
                p.copy_((0 if name.endswith("bias") or p.mean() < 0.5 else 1) + torch.randn(p.shape, generator=g) * 0.1)


def write(name, model, length, g):
    folder = os.path.join(out, name)
    os.makedirs(folder, exist_ok=True)
    path = lambda file: os.path.join(folder, file)
    reset(model, g)
    model.eval()
    model.save_pretrained(folder)
    ids = torch.randint(3, model.config.vocab_size, (2, length), generator=g)
    with torch.no_grad():
        o = model(input_ids=ids, output_hidden_states=True)
    np.save(path("input_ids.npy"), ids.numpy())
    np.save(path("logits.npy"), o.logits.numpy())
    if len({h.shape for h in o.hidden_states}) == 1:
        np.save(path("hidden_states.npy"), torch.stack(o.hidden_states).numpy())
    labels = ids.clone()
    labels[:, :2] = -100
    np.save(path("labels.npy"), labels.numpy())
    how = dict(lr=1e-2, betas=[0.9, 0.95], eps=1e-8, weight_decay=0.1)
    steps = torch.optim.AdamW(model.parameters(), lr=how["lr"], betas=tuple(how["betas"]), eps=how["eps"],
                              weight_decay=how["weight_decay"])
    losses = []
    for step in range(4):
        steps.zero_grad()
        loss = model(input_ids=ids, labels=labels).loss
        loss.backward()
        losses.append(loss.item())
        if step == 0:
            save_file({n: p.grad.contiguous().clone() for n, p in model.named_parameters() if p.grad is not None},
                      path("grads.safetensors"))
        steps.step()
    with open(path("meta.json"), "w") as f:
        json.dump(dict(arch=name, transformers=T.__version__, seed=seed, adamw_losses=losses, adamw=how), f, indent=1)


g = torch.Generator().manual_seed(seed)
for name, model, length in models():
    write(name, model, length, g)
