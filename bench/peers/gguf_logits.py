"""GGUF against llama.cpp: logits of files that its llama-quantize wrote, and of files that lorec wrote.

    python bench/peers/gguf_logits.py LOREC LLAMA_BIN LOGITS WORK

makes small random models of every architecture with transformers, and for each type prints a row:
    E_q    llama.cpp on the quantised file against llama.cpp on the f32 file: the quantisation's own error
    E      lorec against llama.cpp on the same file (bar: at most E_q, or 1e-3 where that is smaller)
    own    lorec against llama.cpp on the file that lorec quantised
    own_q  the same file's error against f32, by llama.cpp
each the largest difference over the largest magnitude of the logits. Exit code 1 where a row is beyond its bar.
"""
import json, os, shutil, subprocess, sys
import numpy as np
import torch
import transformers as tf

LOREC, LLAMA, LOGITS, WORK = sys.argv[1:5]
SEED, VOCAB, WIDTH, FFN, LAYERS, HEADS, ROWS, TIME = 7, 512, 256, 512, 3, 4, 2, 48
TYPES = ["F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K"]
NAMES = {"Q4_K": "Q4_K_S", "Q5_K": "Q5_K_S"}

common = dict(vocab_size=VOCAB, hidden_size=WIDTH, intermediate_size=FFN, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
              max_position_embeddings=128, bos_token_id=1, eos_token_id=2, pad_token_id=0, initializer_range=0.08)
gqa = dict(common, num_key_value_heads=2)
MODELS = {
    "llama": lambda: tf.LlamaConfig(**gqa),
    "llama3": lambda: tf.LlamaConfig(**gqa, rope_parameters=dict(rope_type="llama3", factor=8., low_freq_factor=1., high_freq_factor=4.,
                                     original_max_position_embeddings=64, rope_theta=5e5)),
    "qwen2": lambda: tf.Qwen2Config(**gqa),
    "qwen3": lambda: tf.Qwen3Config(**gqa, head_dim=64),
    "gemma2": lambda: tf.Gemma2Config(**gqa, head_dim=64, query_pre_attn_scalar=64, sliding_window=128),
    "gpt2": lambda: tf.GPT2Config(vocab_size=VOCAB, n_embd=WIDTH, n_layer=LAYERS, n_head=HEADS, n_positions=128, bos_token_id=1,
                                  eos_token_id=2, initializer_range=0.08),
    "bloom": lambda: tf.BloomConfig(vocab_size=VOCAB, hidden_size=WIDTH, n_layer=LAYERS, n_head=HEADS, initializer_range=0.08),
    "gpt_neox": lambda: tf.GPTNeoXConfig(**common),
    "phi": lambda: tf.PhiConfig(**common),
    "glm": lambda: tf.GlmConfig(**gqa, head_dim=64, attention_bias=True),
}


def call(*words):
    r = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if r.returncode:
        raise SystemExit(f"{' '.join(words)}\n{r.stdout[-2000:]}")
    return r.stdout


def llama_logits(path, ids):
    text = "\n".join(" ".join(map(str, row)) for row in ids) + "\n"
    r = subprocess.run([LOGITS, path, "2"], input=text.encode(), stdout=subprocess.PIPE, check=True)
    return np.frombuffer(r.stdout, np.float32).reshape(ids.shape[0], ids.shape[1], -1)


def apart(a, b):
    return float(np.abs(a - b).max() / np.abs(b).max())


def lorec_error(path, ids, logits):
    """What `lorec lm check` says of the file beside these logits."""
    folder = os.path.join(WORK, "check")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    os.link(path, os.path.join(folder, "model.gguf"))
    np.save(os.path.join(folder, "input_ids.npy"), ids.astype(np.int64))
    np.save(os.path.join(folder, "logits.npy"), logits)
    r = subprocess.run([LOREC, "lm", "check", folder, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    rows = json.loads(r.stdout)["quantities"] if r.stdout else sys.exit(r.stderr)
    return next(q["error"] for q in rows if q["what"] == "logits")


def main():
    os.makedirs(WORK, exist_ok=True)
    ids = np.random.default_rng(SEED).integers(3, VOCAB, (ROWS, TIME))
    failed = 0
    print(f"{'model':10} {'type':6} {'E_q':>9} {'E':>9} {'own':>9} {'own_q':>9}")
    for name, make in MODELS.items():
        folder, f32 = os.path.join(WORK, name), os.path.join(WORK, name + ".gguf")
        torch.manual_seed(SEED)
        model = tf.AutoModelForCausalLM.from_config(make()).eval()
        shutil.rmtree(folder, ignore_errors=True)
        model.save_pretrained(folder)
        with torch.no_grad():
            true = model(torch.tensor(ids)).logits.numpy()
        call(LOREC, "lm", "convert", folder, f32, "--type", "f32")
        full = llama_logits(f32, ids)
        both = apart(full, true), lorec_error(f32, ids, full)
        failed += max(both) > 1e-3
        print(f"{name:10} F32    llama.cpp against transformers {both[0]:.1e}, lorec against llama.cpp {both[1]:.1e}"
              f"{'' if max(both) <= 1e-3 else '  FALLS SHORT'}", flush=True)
        for t in TYPES:
            theirs, ours = os.path.join(WORK, "theirs.gguf"), os.path.join(WORK, "ours.gguf")
            call(os.path.join(LLAMA, "llama-quantize"), "--pure", f32, theirs, NAMES.get(t, t), "2")
            call(LOREC, "lm", "convert" if t in ("F16", "BF16") else "quantize", folder, ours, "--type", t.lower())
            a, b = llama_logits(theirs, ids), llama_logits(ours, ids)
            q, e, own, own_q = apart(a, full), lorec_error(theirs, ids, a), lorec_error(ours, ids, b), apart(b, full)
            short = e > max(q, 1e-3) or own > max(own_q, 1e-3)
            failed += short
            print(f"{name:10} {t:6} {q:9.1e} {e:9.1e} {own:9.1e} {own_q:9.1e}{'  FALLS SHORT' if short else ''}", flush=True)
    print(f"{failed} rows fall short")
    return failed > 0


sys.exit(main())
