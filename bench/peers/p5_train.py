"""The peer's side of bench/p5_train.sh: seconds a training step of the same T5 in transformers (PyPI), on the same batches of tokens,
padded to each batch's longest as P5's own collate function does; whole-word vectors added to the encoder's inputs.

    python bench/peers/p5_train.py BATCHES [--threads 2] [--bf16]

BATCHES is what `bench_p5 DATA SHAPE --dump FILE` wrote. Prints one JSON object.
"""
import argparse
import json
import os
import time

parser = argparse.ArgumentParser()
parser.add_argument("batches")
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--bf16", action="store_true")
args = parser.parse_args()
os.environ["OMP_NUM_THREADS"] = str(args.threads)

import torch
from transformers import T5Config, T5ForConditionalGeneration

torch.set_num_threads(args.threads)
torch.manual_seed(1)
with open(args.batches) as f:
    head, *steps = [json.loads(line) for line in f]
words = head.pop("words")
model = T5ForConditionalGeneration(T5Config(dropout_rate=0.1, pad_token_id=0, eos_token_id=1, decoder_start_token_id=0, **head))
whole = torch.nn.Embedding(words, head["d_model"])
model.train()
parameters = [*model.parameters(), *whole.parameters()]
optimizer = torch.optim.AdamW(parameters, lr=1e-3, eps=1e-6, weight_decay=0.01, fused=True)


def padded(rows, value):
    longest = max(map(len, rows))
    return torch.tensor([r + [value] * (longest - len(r)) for r in rows])


def step(b):
    source, place, target = padded(b["source"], 0), padded(b["place"], 0), padded(b["target"], -100)
    mask = (source != 0).long()
    with torch.autocast("cpu", torch.bfloat16, enabled=args.bf16):
        logits = model(inputs_embeds=model.shared(source) + whole(place), attention_mask=mask, labels=target).logits
    each = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), target.flatten(), reduction="none").view(target.shape)
    said = (target != -100).float()
    loss = ((each * said).sum(1) / said.sum(1)).mean()
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()
    return loss.item()


wall, cpu = [], []
for b in steps:
    w, c = time.perf_counter(), time.process_time()
    loss = step(b)
    wall.append(time.perf_counter() - w)
    cpu.append(time.process_time() - c)
wall, cpu = sorted(wall[1:]), sorted(cpu[1:])
print(json.dumps({"median_s": round(wall[len(wall) // 2], 5), "cpu_s": round(cpu[len(cpu) // 2], 5), "steps": len(wall),
                  "parameters": sum(p.numel() for p in parameters), "loss": round(loss, 4)}))
