"""The peer's side of bench/train_step.sh: seconds a training step in PyTorch, the same shapes and the same work.

    python bench/peers/train_step.py SHAPE [--threads 2] [--steps 8] [--bf16]

SHAPE: sasrec   d 64, 2 blocks, 1 head, T 200, batch 128, 3,416 items, BCE with one negative, dropout .2, Adam
       gpt2     124M: 12 blocks, d 768, 12 heads, vocabulary 50,257, 4 x 64 tokens, full cross-entropy, AdamW
       gptrec   3 blocks, d 256, 4 heads, T 100, batch 64, 3,418 tokens, full cross-entropy, Adam, dropout .1
       beauty   sasrec's model (CE over 12,101 items, T 50, batch 256) on sequences with Beauty's lengths, padded as usual
Prints one JSON object. Everything torch offers for speed is used where it helps on a CPU: fused attention
(scaled_dot_product_attention), fused Adam, set_to_none, the better of eager and torch.compile where a C++ compiler is there.
"""
import argparse
import json
import os
import time

parser = argparse.ArgumentParser()
parser.add_argument("shape", choices=["sasrec", "gpt2", "gptrec", "beauty"])
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--steps", type=int, default=8)
parser.add_argument("--bf16", action="store_true")
parser.add_argument("--compile", action="store_true")
parser.add_argument("--lengths", help="beauty: a file with one sequence length a line")
args = parser.parse_args()
os.environ["OMP_NUM_THREADS"] = str(args.threads)

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(args.threads)
torch.manual_seed(1)


class Block(nn.Module):
    def __init__(self, d, heads, hidden, dropout, act):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.proj = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.up, self.down = nn.Linear(d, hidden), nn.Linear(hidden, d)
        self.heads, self.p, self.act = heads, dropout, act

    def forward(self, x, mask):
        b, t, d = x.shape
        q, k, v = self.qkv(self.ln1(x)).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None,
                                           dropout_p=self.p if self.training else 0.0)
        y = self.proj(y.transpose(1, 2).reshape(b, t, d))
        x = x + F.dropout(y, self.p, self.training)
        y = self.down(self.act(self.up(self.ln2(x))))
        return x + F.dropout(y, self.p, self.training)


class Model(nn.Module):
    def __init__(self, vocab, d, layers, heads, hidden, longest, dropout, act):
        super().__init__()
        self.item, self.pos = nn.Embedding(vocab, d), nn.Embedding(longest, d)
        self.blocks = nn.ModuleList(Block(d, heads, hidden, dropout, act) for _ in range(layers))
        self.norm, self.p = nn.LayerNorm(d), dropout
        nn.init.normal_(self.item.weight, std=0.02)

    def forward(self, ids, mask=None):
        x = self.item(ids) + self.pos(torch.arange(ids.shape[1]))
        x = F.dropout(x, self.p, self.training)
        for block in self.blocks:
            x = block(x, mask)
        return self.norm(x)


def gelu_tanh(x):
    return F.gelu(x, approximate="tanh")


if args.shape == "sasrec":
    vocab, t, b = 3417, 200, 128
    model = Model(vocab, 64, 2, 1, 64, t, 0.2, F.relu)
    ids = torch.randint(1, vocab, (b, t))
    pos, neg = torch.randint(1, vocab, (b, t)), torch.randint(1, vocab, (b, t))

    def loss():
        h = model(ids)
        p, n = (h * model.item(pos)).sum(-1), (h * model.item(neg)).sum(-1)
        return -(F.logsigmoid(p) + F.logsigmoid(-n)).mean()
elif args.shape == "beauty":
    lengths = [int(x) for x in open(args.lengths)] if args.lengths else None
    vocab, t, b = 12102, 50, 256
    if not lengths:
        g = torch.Generator().manual_seed(1)
        lengths = (2 + torch.empty(b).exponential_(1 / 5.0, generator=g)).clamp(2, 50).long().tolist()
    lengths = lengths[:b]
    model = Model(vocab, 64, 2, 1, 64, t, 0.5, F.relu)
    ids, target = torch.zeros(b, t, dtype=torch.long), torch.full((b, t), -100)
    for i, n in enumerate(lengths):
        n = min(n, t)
        ids[i, t - n:] = torch.randint(1, vocab, (n,))
        target[i, t - n:] = torch.randint(1, vocab, (n,))

    def loss():
        h = model(ids)
        keep = target.view(-1) != -100
        logits = h.view(-1, 64)[keep] @ model.item.weight.T
        return F.cross_entropy(logits, target.view(-1)[keep])
else:
    if args.shape == "gpt2":
        vocab, t, b = 50257, 64, 4
        model = Model(vocab, 768, 12, 12, 3072, 1024, 0.0, gelu_tanh)
    else:
        vocab, t, b = 3418, 100, 64
        model = Model(vocab, 256, 3, 4, 1024, t, 0.1, gelu_tanh)
    ids, target = torch.randint(0, vocab, (b, t)), torch.randint(0, vocab, (b, t))

    def loss():
        h = model(ids)
        return F.cross_entropy((h @ model.item.weight.T).flatten(0, 1).float(), target.flatten())

kind = torch.optim.AdamW if args.shape == "gpt2" else torch.optim.Adam
optimizer = kind(model.parameters(), lr=1e-3, fused=True)
step_loss = torch.compile(loss) if args.compile else loss


def step():
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=args.bf16):
        value = step_loss()
    value.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return value.item()


model.train()
for _ in range(2):
    step()
seconds, cpu = [], time.process_time()
for _ in range(args.steps):
    start = time.perf_counter()
    last = step()
    seconds.append(time.perf_counter() - start)
cpu = (time.process_time() - cpu) / args.steps
seconds.sort()
print(json.dumps({"peer": "torch " + torch.__version__, "shape": args.shape, "bf16": args.bf16, "threads": args.threads,
                  "median_s": seconds[len(seconds) // 2], "min_s": seconds[0], "cpu_s": cpu, "loss": last,
                  "load": os.getloadavg()[0]}))
