#!/usr/bin/env python3
"""The peer of bench_beam.c: transformers' generate with prefix_allowed_tokens_fn over the same model, items and history.
beam.py FOLDER [f32|bf16] [REPEATS] -> a line "SECONDS KIND VALID" a run, then the items found. CPU_TIME: the CPU's seconds."""
import os
import sys
import time

import torch
from transformers import AutoModelForCausalLM

folder, kind = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "f32"
repeats = int(sys.argv[3]) if len(sys.argv) > 3 else 3
torch.set_num_threads(int(os.environ.get("LOREC_THREADS", os.cpu_count())))
clock = time.process_time if os.environ.get("CPU_TIME") else time.perf_counter
items = [tuple(map(int, line.split())) for line in open(f"{folder}/items.txt")]
history = torch.tensor([list(map(int, open(f"{folder}/history.txt").read().split()))])
trie = {}
for item in items:
    node = trie
    for token in item:
        node = node.setdefault(token, {})
model = AutoModelForCausalLM.from_pretrained(folder, torch_dtype=torch.bfloat16 if kind == "bf16" else torch.float32).eval()
n = history.shape[1]


def allowed(_, ids):
    node = trie
    for token in ids[n:].tolist():
        node = node.get(token, {})
    return list(node) or [0]


def run():
    with torch.inference_mode():
        return model.generate(history, attention_mask=torch.ones_like(history), num_beams=32, num_return_sequences=32,
                              max_new_tokens=4, min_new_tokens=4, do_sample=False, length_penalty=0.0, pad_token_id=0,
                              eos_token_id=None, prefix_allowed_tokens_fn=allowed)


known = set(items)
for i in range(repeats + 1):
    began = clock()
    out = run()
    took = clock() - began
    found = [tuple(row[n:].tolist()) for row in out]
    if i:
        print(f"{took:.4f} {kind} {sum(f in known for f in found)}/{len(found)}", flush=True)
for f in found:
    print(*f)
