"""What the tests of the package share: a fresh folder as the current one, data whose answers are known, a language model whose
every answer is known."""

import json
import os
import struct
import tempfile
import unittest

import numpy as np

import lorec

USERS, ITEMS, EACH = 40, 12, 6


class Fresh(unittest.TestCase):
    """Each test has an empty current folder."""

    def setUp(self):
        before = os.getcwd()
        folder = tempfile.TemporaryDirectory(prefix="lorec-py-")
        self.addCleanup(folder.cleanup)
        self.addCleanup(os.chdir, before)
        self.folder = folder.name
        os.chdir(folder.name)


def chain():
    """Users go round the items by one from where they began: after item i comes i + 1. Newest row first."""
    users = np.repeat(np.arange(USERS), EACH)
    step = np.tile(np.arange(EACH)[::-1], USERS)
    return 1000 + users, (users + step) % ITEMS, (1 + step % 5).astype(np.float32), 1_600_000_000 + users * 100 + step


def chain_data(**more):
    users, items, ratings, times = chain()
    return lorec.Dataset.from_arrays(users, items, ratings, times, **more)


def unigram(folder):
    """A GPT-2 of single letters that says the same whatever was said: logits a 1, b 2, c 0, blank 0, <|end|> -1; 16 positions."""
    wte = np.zeros((5, 2), np.float32)
    wte[:, 0] = [1, 2, 0, 0, -1]
    bias = np.array([1, 0], np.float32)
    shapes = {"wte.weight": wte, "ln_f.bias": bias, "wpe.weight": (16, 2), "ln_f.weight": (2,)}
    for part in ("ln_1.weight", "ln_1.bias", "ln_2.weight", "ln_2.bias", "attn.c_proj.bias", "mlp.c_proj.bias"):
        shapes[f"h.0.{part}"] = (2,)
    shapes.update({"h.0.attn.c_attn.weight": (2, 6), "h.0.attn.c_attn.bias": (6,), "h.0.attn.c_proj.weight": (2, 2)})
    shapes.update({"h.0.mlp.c_fc.weight": (2, 4), "h.0.mlp.c_fc.bias": (4,), "h.0.mlp.c_proj.weight": (4, 2)})
    head, at, blob = {}, 0, b""
    for name, value in shapes.items():
        x = value if isinstance(value, np.ndarray) else np.zeros(value, np.float32)
        head["transformer." + name] = {"dtype": "F32", "shape": list(x.shape), "data_offsets": [at, at + x.nbytes]}
        at += x.nbytes
        blob += x.tobytes()
    words = json.dumps(head).encode()
    words += b" " * (-len(words) % 8)
    os.makedirs(folder)
    with open(os.path.join(folder, "model.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(words)) + words + blob)
    config = {"model_type": "gpt2", "vocab_size": 5, "n_positions": 16, "n_embd": 2, "n_layer": 1, "n_head": 1, "n_inner": 4}
    config["eos_token_id"] = 4
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(config, f)
    tokenizer = {
        "added_tokens": [{"id": 4, "content": "<|end|>", "special": True}],
        "decoder": {"type": "Fuse"},
        "model": {"type": "BPE", "merges": [], "vocab": {"a": 0, "b": 1, "c": 2, " ": 3}},
    }
    with open(os.path.join(folder, "tokenizer.json"), "w") as f:
        json.dump(tokenizer, f)
    return folder


UNIGRAM = np.array([1, 2, 0, 0, -1]) - np.log(np.exp([1, 2, 0, 0, -1]).sum())  # log probabilities


def rss_mib():
    """Memory of this process that lies in RAM."""
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) / 1024 for line in f if line.startswith("VmRSS"))
