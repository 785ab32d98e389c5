"""Dequantisation of every type, bit for bit, against the gguf package's.   python bench/peers/elem.py BENCH_ELEM WORK"""
import sys, os, subprocess, numpy as np
import gguf
from gguf import quants, GGMLQuantizationType as T
BENCH, WORK = sys.argv[1:3]
os.makedirs(WORK, exist_ok=True)
rng = np.random.default_rng(5)
types = dict(Q8_0=T.Q8_0, Q4_0=T.Q4_0, Q4_1=T.Q4_1, Q5_0=T.Q5_0, Q5_1=T.Q5_1, Q4_K=T.Q4_K, Q5_K=T.Q5_K, Q6_K=T.Q6_K, F16=T.F16, BF16=T.BF16)
path = os.path.join(WORK, "all.gguf")
w = gguf.GGUFWriter(path, "unknown")
want = {}
for name, t in types.items():
    block, size = gguf.GGML_QUANT_SIZES[t]
    raw = rng.integers(0, 256, (64, 4 * size), dtype=np.uint8) if block > 1 else rng.integers(0, 256, (64, 256 * size), dtype=np.uint8)
    if block == 1:  # no NaN: finite exponents
        h = raw.view(np.uint16); h &= np.uint16(0xbbff if name == "F16" else 0xbf7f); raw = h.view(np.uint8)
    else:  # scales finite
        halves = {"Q8_0": [0], "Q4_0": [0], "Q5_0": [0], "Q4_1": [0, 2], "Q5_1": [0, 2], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}[name]
        b = raw.reshape(64, 4, size)
        for at in halves: b[:, :, at + 1] &= 0xbb
    want[name] = quants.dequantize(raw.reshape(64, -1), t).astype(np.float32)
    w.add_tensor(name, raw.reshape(64, -1), raw_dtype=t)
w.write_header_to_file(); w.write_kv_data_to_file(); w.write_tensors_to_file(); w.close()
out = os.path.join(WORK, "dump")
r = subprocess.run([BENCH, path, out], capture_output=True, text=True)
assert r.returncode == 0, r.stderr
bad = 0
for name in types:
    got = np.fromfile(os.path.join(WORK, "dump." + name), np.float32).reshape(want[name].shape)
    same = np.array_equal(got.view(np.uint32), want[name].view(np.uint32)); bad += not same
    print(name, "bit-exact" if same else f"DIFFERS {np.abs(got-want[name]).max()} in {(got!=want[name]).sum()}", got.size)
sys.exit(bad > 0)
