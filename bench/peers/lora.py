"""The peer's side of bench/lora.sh: seconds a LoRA step (r 8, q and v) with peft over transformers on a LLaMA of 134 M parameters
(SmolLM-135M's shape: 30 layers, d 576, 9 heads, 3 key heads, ffn 1536, 49,152 tokens, tied), random weights, 8 x 128 tokens, labels
on every token, AdamW.

    python bench/peers/lora.py [--threads 2] [--steps 5] [--mode f32|autocast|bf16] [--layers 30]

autocast: f32 weights under torch.autocast(bf16); bf16: the base itself in bf16, adapters in f32. Prints one JSON object; rss_mib is
the largest the process has been, and base_mib what it was before there was a model.
"""
import argparse
import json
import os
import resource
import time

parser = argparse.ArgumentParser()
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--steps", type=int, default=5)
parser.add_argument("--mode", choices=["f32", "autocast", "bf16"], default="f32")
parser.add_argument("--layers", type=int, default=30)
args = parser.parse_args()
os.environ["OMP_NUM_THREADS"] = str(args.threads)

import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


torch.set_num_threads(args.threads)
torch.manual_seed(1)
base_mib = peak()
config = LlamaConfig(vocab_size=49152, hidden_size=576, intermediate_size=1536, num_hidden_layers=args.layers,
                     num_attention_heads=9, num_key_value_heads=3, max_position_embeddings=2048, tie_word_embeddings=True,
                     use_cache=False)
torch.set_default_dtype(torch.bfloat16 if args.mode == "bf16" else torch.float32)
model = LlamaForCausalLM(config)
torch.set_default_dtype(torch.float32)
model = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, lora_dropout=0.0, target_modules=["q_proj", "v_proj"],
                                         task_type="CAUSAL_LM"))
model.train()
learn = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(learn, lr=1e-4, fused=True)
ids = torch.randint(0, 49152, (8, 128))


def step():
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=args.mode == "autocast"):
        loss = model(input_ids=ids, labels=ids).loss
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.item()


for _ in range(2):
    step()
seconds, cpu = [], time.process_time()
for _ in range(args.steps):
    start = time.perf_counter()
    last = step()
    seconds.append(time.perf_counter() - start)
cpu = (time.process_time() - cpu) / args.steps
seconds.sort()
print(json.dumps({"peer": "torch " + torch.__version__, "mode": args.mode, "threads": args.threads,
                  "median_s": seconds[len(seconds) // 2], "min_s": seconds[0], "cpu_s": cpu, "loss": last,
                  "trainable": sum(p.numel() for p in learn), "rss_mib": peak(), "base_mib": base_mib,
                  "load": os.getloadavg()[0]}))
