#!/usr/bin/env python3
"""A LLaMA of a given shape with drawn Q8_0 weights, as GGUF, for measurements: random_gguf.py OUT [layers width ffn heads
kv_heads vocab]. The default is TinyLlama's shape, 1.1 B. Needs numpy and gguf (PyPI)."""
import sys

import gguf
import numpy as np

out = sys.argv[1]
layers, width, ffn, heads, kv_heads, vocab = map(int, sys.argv[2:8]) if len(sys.argv) > 7 else (22, 2048, 5632, 32, 4, 32000)
rng = np.random.default_rng(1)
w = gguf.GGUFWriter(out, "llama")
w.add_context_length(2048)
w.add_embedding_length(width)
w.add_block_count(layers)
w.add_feed_forward_length(ffn)
w.add_head_count(heads)
w.add_head_count_kv(kv_heads)
w.add_rope_dimension_count(width // heads)
w.add_layer_norm_rms_eps(1e-5)
w.add_vocab_size(vocab)
w.add_tokenizer_model("no_vocab")
w.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)


def matrix(name, rows, cols):
    blocks = np.zeros((rows, cols // 32, 34), dtype=np.uint8)
    scale = np.float16(0.02 / 64)
    blocks[:, :, :2] = np.frombuffer(scale.tobytes(), dtype=np.uint8)
    blocks[:, :, 2:] = rng.integers(-100, 100, (rows, cols // 32, 32), dtype=np.int8).view(np.uint8)
    w.add_tensor(name, blocks.reshape(rows, -1), raw_dtype=gguf.GGMLQuantizationType.Q8_0)


def ones(name, n):
    w.add_tensor(name, np.ones(n, dtype=np.float32))


kv = width // heads * kv_heads
matrix("token_embd.weight", vocab, width)
for i in range(layers):
    ones(f"blk.{i}.attn_norm.weight", width)
    matrix(f"blk.{i}.attn_q.weight", width, width)
    matrix(f"blk.{i}.attn_k.weight", kv, width)
    matrix(f"blk.{i}.attn_v.weight", kv, width)
    matrix(f"blk.{i}.attn_output.weight", width, width)
    ones(f"blk.{i}.ffn_norm.weight", width)
    matrix(f"blk.{i}.ffn_gate.weight", ffn, width)
    matrix(f"blk.{i}.ffn_up.weight", ffn, width)
    matrix(f"blk.{i}.ffn_down.weight", width, ffn)
ones("output_norm.weight", width)
matrix("output.weight", vocab, width)
w.write_header_to_file()
w.write_kv_data_to_file()
w.write_tensors_to_file()
w.close()
