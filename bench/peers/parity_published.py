"""Decoders that transformers has no class for, written from their published equations, as parity fixtures.

usage: parity_published.py OUT SEED     (needs torch, numpy, safetensors)
SEED 0 makes the small ones that are kept in tests/oracle; others differ in size.
Each folder is what `lorec lm check` reads: config.json, model.safetensors, input_ids.npy, logits.npy, hidden_states.npy,
labels.npy, grads.safetensors, meta.json. Weights are random. Plain loops and full masks; nothing here is fast.
"""
import json
import math
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

seed = int(sys.argv[2])
SIZES = [(97, 48, 4, 2, 64, 19), (131, 60, 5, 3, 92, 33), (57, 48, 6, 1, 31, 50)]
V, D, H, L, FF, T = SIZES[seed % len(SIZES)] if seed else (24, 8, 2, 1, 12, 9)
HEAD = D // H
torch.set_num_threads(1)


def rms(x, gain, eps):
    return gain * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps)


def layer_norm(x, p, name, eps=1e-5):
    return F.layer_norm(x, x.shape[-1:], p[name + ".weight"], p[name + ".bias"], eps)


def turn_half(x, angle):
    """x [t, heads, d], angle [t, d / 2]: the pair (i, i + d / 2) turns by angle i."""
    a, b = x.chunk(2, -1)
    c, s = angle.cos()[:, None], angle.sin()[:, None]
    return torch.cat((a * c - b * s, b * c + a * s), -1)


def turn_pairs(x, angle):
    """The pair (2 i, 2 i + 1) turns by angle i."""
    a, b = x[..., 0::2], x[..., 1::2]
    c, s = angle.cos()[:, None], angle.sin()[:, None]
    return torch.stack((a * c - b * s, b * c + a * s), -1).flatten(-2)


def angles(positions, dims, base=10000.0):
    f = 1.0 / base ** (torch.arange(0, dims, 2).float() / dims)
    return positions[:, None].float() * f


def slopes(heads):
    near = 2 ** math.floor(math.log2(heads))
    out = [2 ** (-8 * (i + 1) / near) for i in range(near)]
    return torch.tensor(out + [2 ** (-4 * (2 * i + 1) / near) for i in range(heads - near)])


def attention(q, k, v, bias):
    """q [t, heads, d], k and v [t, groups, d], bias [heads or 1, t, t] -> [t, heads * d]"""
    group = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
    s = torch.einsum("qhd,khd->hqk", q, k) / math.sqrt(q.shape[-1]) + bias
    return torch.einsum("hqk,khd->qhd", s.softmax(-1), v).flatten(1)


def causal(t):
    return torch.full((1, t, t), -math.inf).triu(1)


class Model:
    def __init__(self, config, shapes, number):
        g = torch.Generator().manual_seed(100 * seed + number)
        self.config, self.p = config, {}
        for name in sorted(shapes):
            size = shapes[name]
            x = torch.randn(size, generator=g)
            x = x * 0.6 / size[-1] ** 0.5 if len(size) > 1 else x * 0.05 if name.endswith("bias") else 1 + x * 0.1
            self.p[name] = x.requires_grad_()

    def run(self, ids):
        rows = [self.one(row) for row in ids]
        hidden = [torch.stack([r[0][i] for r in rows]) for i in range(len(rows[0][0]))]
        return hidden, torch.stack([r[1] for r in rows])


# ---- Baichuan -----------------------------------------------------------------------------------------------------------


class Baichuan(Model):
    def __init__(self, second, alibi, number):
        c = dict(model_type="baichuan", architectures=["BaichuanForCausalLM"], vocab_size=V, hidden_size=D,
                 intermediate_size=FF, num_hidden_layers=L, num_attention_heads=H, hidden_act="silu",
                 rms_norm_eps=1e-6, pad_token_id=0, tie_word_embeddings=False)
        c.update(dict(model_max_length=4096) if alibi else dict(max_position_embeddings=4096))
        if second:
            c.update(z_loss_weight=0)
        s = {"model.embed_tokens.weight": (V, D), "model.norm.weight": (D,), "lm_head.weight": (V, D)}
        for i in range(L):
            n = f"model.layers.{i}."
            s |= {n + "input_layernorm.weight": (D,), n + "post_attention_layernorm.weight": (D,),
                  n + "self_attn.W_pack.weight": (3 * D, D), n + "self_attn.o_proj.weight": (D, D),
                  n + "mlp.gate_proj.weight": (FF, D), n + "mlp.up_proj.weight": (FF, D),
                  n + "mlp.down_proj.weight": (D, FF)}
        super().__init__(c, s, number)
        self.second, self.alibi = second, alibi

    def one(self, ids):
        p, t = self.p, len(ids)
        x = F.embedding(ids, p["model.embed_tokens.weight"], padding_idx=0)
        at = torch.arange(t)
        bias = causal(t)
        if self.alibi:
            bias = bias + slopes(H)[:, None, None] * (at[None, :] - at[:, None])
        states = [x]
        for i in range(L):
            n = f"model.layers.{i}."
            h = rms(x, p[n + "input_layernorm.weight"], 1e-6)
            q, k, v = (h @ p[n + "self_attn.W_pack.weight"].T).view(t, 3, H, HEAD).unbind(1)
            if not self.alibi:
                q, k = (turn_half(y, angles(at, HEAD)) for y in (q, k))
            x = x + attention(q, k, v, bias) @ p[n + "self_attn.o_proj.weight"].T
            h = rms(x, p[n + "post_attention_layernorm.weight"], 1e-6)
            h = F.silu(h @ p[n + "mlp.gate_proj.weight"].T) * (h @ p[n + "mlp.up_proj.weight"].T)
            x = x + h @ p[n + "mlp.down_proj.weight"].T
            states.append(x)
        states[-1] = x = rms(x, p["model.norm.weight"], 1e-6)
        head = F.normalize(p["lm_head.weight"]) if self.second else p["lm_head.weight"]
        return states, x @ head.T


# ---- Qwen (1) -----------------------------------------------------------------------------------------------------------


class Qwen(Model):
    def __init__(self, trained, number, bias=False):
        c = dict(model_type="qwen", architectures=["QWenLMHeadModel"], vocab_size=V, hidden_size=D,
                 intermediate_size=2 * FF, num_hidden_layers=L, num_attention_heads=H, kv_channels=HEAD,
                 layer_norm_epsilon=1e-6, seq_length=trained, max_position_embeddings=8192, use_dynamic_ntk=True,
                 use_logn_attn=True, no_bias=not bias, rotary_emb_base=10000, rotary_pct=1.0, tie_word_embeddings=False)
        s = {"transformer.wte.weight": (V, D), "transformer.ln_f.weight": (D,), "lm_head.weight": (V, D)}
        for i in range(L):
            n = f"transformer.h.{i}."
            s |= {n + "ln_1.weight": (D,), n + "ln_2.weight": (D,), n + "attn.c_attn.weight": (3 * D, D),
                  n + "attn.c_attn.bias": (3 * D,), n + "attn.c_proj.weight": (D, D), n + "mlp.w1.weight": (FF, D),
                  n + "mlp.w2.weight": (FF, D), n + "mlp.c_proj.weight": (D, FF)}
            if bias:
                s |= {n + "attn.c_proj.bias": (D,), n + "mlp.w1.bias": (FF,), n + "mlp.w2.bias": (FF,),
                      n + "mlp.c_proj.bias": (D,)}
        super().__init__(c, s, number)
        self.trained = trained

    def linear(self, x, name):
        return F.linear(x, self.p[name + ".weight"], self.p.get(name + ".bias"))

    def one(self, ids):
        p, t = self.p, len(ids)
        x = F.embedding(ids, p["transformer.wte.weight"])
        at = torch.arange(t)
        a = max(2 ** math.ceil(math.log2(t / self.trained) + 1) - 1, 1) if t > self.trained else 1
        turned = angles(at, HEAD, 10000.0 * a ** (HEAD / (HEAD - 2)))
        logn = torch.tensor([math.log(i, self.trained) if i > self.trained else 1 for i in range(1, t + 1)])
        states = [x]
        for i in range(L):
            n = f"transformer.h.{i}."
            h = rms(x, p[n + "ln_1.weight"], 1e-6)
            q, k, v = self.linear(h, n + "attn.c_attn").view(t, 3, H, HEAD).unbind(1)
            q, k = turn_half(q, turned), turn_half(k, turned)
            y = attention(q * logn[:, None, None], k, v, causal(t))
            x = x + self.linear(y, n + "attn.c_proj")
            h = rms(x, p[n + "ln_2.weight"], 1e-6)
            h = self.linear(h, n + "mlp.w1") * F.silu(self.linear(h, n + "mlp.w2"))
            x = x + self.linear(h, n + "mlp.c_proj")
            states.append(x)
        states[-1] = x = rms(x, p["transformer.ln_f.weight"], 1e-6)
        return states, x @ p["lm_head.weight"].T


# ---- ChatGLM2 and 3 -----------------------------------------------------------------------------------------------------


class ChatGLM(Model):
    def __init__(self, groups, number, ratio=1, bias=False, residual_of_norm=False):
        shared = groups < H
        c = dict(model_type="chatglm", architectures=["ChatGLMModel"], padded_vocab_size=V, hidden_size=D,
                 ffn_hidden_size=FF, num_layers=L, num_attention_heads=H, kv_channels=HEAD, seq_length=8192,
                 layernorm_epsilon=1e-5, rmsnorm=True, post_layer_norm=True, add_bias_linear=bias, add_qkv_bias=True,
                 apply_residual_connection_post_layernorm=residual_of_norm, multi_query_attention=shared,
                 multi_query_group_num=groups, rope_ratio=ratio, tie_word_embeddings=False)
        s = {"transformer.embedding.word_embeddings.weight": (V, D), "transformer.output_layer.weight": (V, D),
             "transformer.encoder.final_layernorm.weight": (D,)}
        wide = D + 2 * groups * HEAD
        for i in range(L):
            n = f"transformer.encoder.layers.{i}."
            s |= {n + "input_layernorm.weight": (D,), n + "post_attention_layernorm.weight": (D,),
                  n + "self_attention.query_key_value.weight": (wide, D),
                  n + "self_attention.query_key_value.bias": (wide,), n + "self_attention.dense.weight": (D, D),
                  n + "mlp.dense_h_to_4h.weight": (2 * FF, D), n + "mlp.dense_4h_to_h.weight": (D, FF)}
            if bias:
                s |= {n + "self_attention.dense.bias": (D,), n + "mlp.dense_h_to_4h.bias": (2 * FF,),
                      n + "mlp.dense_4h_to_h.bias": (D,)}
        super().__init__(c, s, number)
        self.groups, self.shared, self.ratio, self.residual_of_norm = groups, shared, ratio, residual_of_norm

    def linear(self, x, name):
        return F.linear(x, self.p[name + ".weight"], self.p.get(name + ".bias"))

    def one(self, ids):
        p, t = self.p, len(ids)
        x = F.embedding(ids, p["transformer.embedding.word_embeddings.weight"])
        part = HEAD // 2
        turned = angles(torch.arange(t), part, 10000.0 * self.ratio)
        states = [x]
        for i in range(L):
            n = f"transformer.encoder.layers.{i}."
            h = rms(x, p[n + "input_layernorm.weight"], 1e-5)
            y = self.linear(h, n + "self_attention.query_key_value")
            if self.shared:
                q, k, v = y.split([D, self.groups * HEAD, self.groups * HEAD], -1)
                q, k, v = (z.view(t, -1, HEAD) for z in (q, k, v))
            else:
                q, k, v = y.view(t, H, 3, HEAD).unbind(2)
            q, k = (torch.cat((turn_pairs(z[..., :part], turned), z[..., part:]), -1) for z in (q, k))
            y = self.linear(attention(q, k, v, causal(t)), n + "self_attention.dense")
            x = (h if self.residual_of_norm else x) + y
            h = rms(x, p[n + "post_attention_layernorm.weight"], 1e-5)
            gate, up = self.linear(h, n + "mlp.dense_h_to_4h").chunk(2, -1)
            x = (h if self.residual_of_norm else x) + self.linear(F.silu(gate) * up, n + "mlp.dense_4h_to_h")
            states.append(x)
        states[-1] = x = rms(x, p["transformer.encoder.final_layernorm.weight"], 1e-5)
        return states, x @ p["transformer.output_layer.weight"].T


# ---- ChatGLM-6B ---------------------------------------------------------------------------------------------------------

BOS, MASK, GMASK = 3, 4, 5


class ChatGLM6B(Model):
    def __init__(self, number):
        c = dict(model_type="chatglm", architectures=["ChatGLMModel"], vocab_size=V, hidden_size=D, num_layers=L,
                 num_attention_heads=H, inner_hidden_size=FF, max_sequence_length=2048, layernorm_epsilon=1e-5,
                 bos_token_id=BOS, mask_token_id=MASK, gmask_token_id=GMASK, position_encoding_2d=True,
                 tie_word_embeddings=False)
        s = {"transformer.word_embeddings.weight": (V, D), "lm_head.weight": (V, D),
             "transformer.final_layernorm.weight": (D,), "transformer.final_layernorm.bias": (D,)}
        for i in range(L):
            n = f"transformer.layers.{i}."
            for norm in ("input_layernorm", "post_attention_layernorm"):
                s |= {n + norm + ".weight": (D,), n + norm + ".bias": (D,)}
            for name, out, width in (("attention.query_key_value", 3 * D, D), ("attention.dense", D, D),
                                     ("mlp.dense_h_to_4h", FF, D), ("mlp.dense_4h_to_h", D, FF)):
                s |= {n + name + ".weight": (out, width), n + name + ".bias": (out,)}
        super().__init__(c, s, number)

    def linear(self, x, name):
        return F.linear(x, self.p[name + ".weight"], self.p[name + ".bias"])

    def one(self, ids):
        p, t, seq = self.p, len(ids), ids.tolist()
        first = seq.index(BOS)
        mask_at = seq.index(GMASK if GMASK in seq else MASK)
        position, block = torch.arange(t), torch.zeros(t, dtype=torch.long)
        position[first:] = mask_at
        block[first:] = torch.arange(t - first) + 1
        bias = causal(t)
        bias[:, :, :first] = 0
        x = F.embedding(ids, p["transformer.word_embeddings.weight"])
        alpha, half = math.sqrt(2 * L), HEAD // 2
        both = angles(position, half), angles(block, half)
        states = [x]
        for i in range(L):
            n = f"transformer.layers.{i}."
            h = layer_norm(x, p, n + "input_layernorm")
            q, k, v = self.linear(h, n + "attention.query_key_value").view(t, H, 3 * HEAD).chunk(3, -1)
            q, k = (torch.cat([turn_half(z, a) for z, a in zip(y.chunk(2, -1), both)], -1) for y in (q, k))
            x = h * alpha + self.linear(attention(q, k, v, bias), n + "attention.dense")
            h = layer_norm(x, p, n + "post_attention_layernorm")
            y = F.gelu(self.linear(h, n + "mlp.dense_h_to_4h"), approximate="tanh")
            x = h * alpha + self.linear(y, n + "mlp.dense_4h_to_h")
            states.append(x)
        states[-1] = x = layer_norm(x, p, "transformer.final_layernorm")
        return states, x @ p["lm_head.weight"].T


# ---- writing ------------------------------------------------------------------------------------------------------------


def write(out, name, model, ids):
    folder = os.path.join(out, name)
    os.makedirs(folder, exist_ok=True)
    path = lambda file: os.path.join(folder, file)
    with open(path("config.json"), "w") as f:
        json.dump(model.config, f, indent=1)
    save_file({n: x.detach().clone() for n, x in model.p.items()}, path("model.safetensors"), {"format": "pt"})
    with torch.no_grad():
        hidden, logits = model.run(ids)
    np.save(path("input_ids.npy"), ids.numpy())
    np.save(path("hidden_states.npy"), torch.stack(hidden).numpy())
    np.save(path("logits.npy"), logits.numpy())
    labels = ids.clone()
    labels[:, :2] = -100
    np.save(path("labels.npy"), labels.numpy())
    how = dict(lr=1e-2, betas=[0.9, 0.95], eps=1e-8, weight_decay=0.1)
    steps = torch.optim.AdamW(model.p.values(), lr=how["lr"], betas=tuple(how["betas"]), eps=how["eps"],
                              weight_decay=how["weight_decay"])
    losses = []
    for step in range(4):
        steps.zero_grad()
        _, logits = model.run(ids)
        loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100)
        loss.backward()
        losses.append(loss.item())
        if step == 0:
            save_file({n: x.grad.clone() for n, x in model.p.items()}, path("grads.safetensors"))
        steps.step()
    with open(path("meta.json"), "w") as f:
        json.dump(dict(arch=name, adamw_losses=losses, adamw=how), f, indent=1)
    print(name, losses, flush=True)


def main():
    out = sys.argv[1]
    g = torch.Generator().manual_seed(5 + seed)
    draw = lambda t: torch.randint(6, V, (2, t), generator=g)
    write(out, "baichuan-7b", Baichuan(False, False, 1), draw(T))
    write(out, "baichuan2-13b", Baichuan(True, True, 2), draw(T))
    write(out, "qwen-long", Qwen(T // 4, 3), draw(T))
    write(out, "chatglm2", ChatGLM(max(1, H // 2) if H % 2 == 0 else 1, 4), draw(T))
    span = draw(T)
    span[0, T // 2 - 1], span[0, T // 2] = GMASK, BOS
    span[1, 2], span[1, T - 4] = MASK, BOS
    write(out, "chatglm-6b", ChatGLM6B(5), span)
    if seed == 0:
        return
    write(out, "baichuan-13b", Baichuan(False, True, 6), draw(T))
    write(out, "baichuan2-7b", Baichuan(True, False, 7), draw(T))
    write(out, "qwen-short", Qwen(2 * T, 8, bias=True), draw(T))
    write(out, "chatglm-heads", ChatGLM(H, 9, ratio=50, bias=True, residual_of_norm=True), draw(T))


if __name__ == "__main__":
    main()
