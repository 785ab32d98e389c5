"""Models out of Hugging Face's folders into GGUF and back, each way beside another program.

    export.py LOREC LLAMA_IDS LLAMA_LOGITS TOKENIZERS WORK [TEXTS [SEED]]

Small random models of every architecture, each with a vocabulary of its kind (TOKENIZERS: bert-base-uncased, roberta-base, llama2, qwen3, t5,
llama.cpp/*.inp; files may be .gz). A row a model:
    logits    of the GGUF file, by llama.cpp, against transformers on the folder (of encoders: last hidden states)
    back      of the folder that comes back from GGUF, by transformers, against transformers on the first one
    ids       texts whose ids differ: the GGUF file by llama.cpp against the folder by lorec; the folder that comes back by lorec, and its
              tokenizer.json by transformers, against the same
Logits: the largest difference over the largest magnitude. Exit 1 where logits are beyond 3e-3, back beyond 1e-6, or ids differ
among the texts of TOKENIZERS (of those drawn at random, differences are counted).
"""

import gzip
import json
import pathlib
import random
import subprocess
import sys

import numpy as np
import torch
import transformers as tf

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from token_ids import draw

LOREC, IDS, LOGITS = sys.argv[1:4]
TOKENIZERS, WORK = pathlib.Path(sys.argv[4]), pathlib.Path(sys.argv[5])
DRAWN, SEED = int(sys.argv[6]) if len(sys.argv) > 6 else 300, int(sys.argv[7]) if len(sys.argv) > 7 else 1

SMALL = dict(hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128, max_position_embeddings=256)
GQA = dict(SMALL, num_key_value_heads=2)
T5 = dict(vocab_size=32128, d_model=64, d_kv=16, d_ff=128, num_layers=2, num_heads=4, decoder_start_token_id=0, pad_token_id=0,
          eos_token_id=1)
QWEN = ["vocab.json", "merges.txt", "tokenizer_config.json"]
causal, pairs, encoder = tf.AutoModelForCausalLM, tf.AutoModelForSeq2SeqLM, tf.AutoModel
MODELS = {  # class, config, folder of the vocabulary, its files
    "llama": (causal, lambda: tf.LlamaConfig(vocab_size=32000, **GQA), "llama2", ["tokenizer.model"]),
    "mistral": (causal, lambda: tf.MistralConfig(vocab_size=32000, **GQA), "llama2", ["tokenizer.model"]),
    "gemma2": (causal, lambda: tf.Gemma2Config(vocab_size=32000, head_dim=32, query_pre_attn_scalar=32, **GQA), "llama2",
               ["tokenizer.model"]),
    "qwen2": (causal, lambda: tf.Qwen2Config(vocab_size=151936, **GQA), "qwen3", QWEN),
    "qwen3": (causal, lambda: tf.Qwen3Config(vocab_size=151936, head_dim=32, **GQA), "qwen3", QWEN),
    "gpt2": (causal, lambda: tf.GPT2Config(vocab_size=50265, n_embd=64, n_layer=2, n_head=4, n_positions=256), "roberta-base",
             ["vocab.json", "merges.txt"]),
    "gpt_neox": (causal, lambda: tf.GPTNeoXConfig(vocab_size=50304, **SMALL), "roberta-base", ["vocab.json", "merges.txt"]),
    "bloom": (causal, lambda: tf.BloomConfig(vocab_size=50304, hidden_size=64, n_layer=2, n_head=4), "roberta-base",
              ["vocab.json", "merges.txt"]),
    "phi": (causal, lambda: tf.PhiConfig(vocab_size=51200, **SMALL), "roberta-base", ["vocab.json", "merges.txt"]),
    "bert": (encoder, lambda: tf.BertConfig(vocab_size=30522, **SMALL), "bert-base-uncased", ["tokenizer.json"]),
    "roberta": (encoder, lambda: tf.RobertaConfig(**dict(SMALL, max_position_embeddings=258), vocab_size=50265, type_vocab_size=1,
                                                  pad_token_id=1), "roberta-base", ["tokenizer.json"]),
    "xlm-roberta": (encoder, lambda: tf.XLMRobertaConfig(**dict(SMALL, max_position_embeddings=258), vocab_size=32002,
                                                         type_vocab_size=1, pad_token_id=1), "t5", ["xlm-roberta"]),
    "t5": (pairs, lambda: tf.T5Config(**T5), "t5", ["tokenizer.json"]),
    "t5 v1.1": (pairs, lambda: tf.T5Config(**T5, feed_forward_proj="gated-gelu", tie_word_embeddings=False), "t5", ["spiece.model"]),  # *
    "mt5": (pairs, lambda: tf.MT5Config(**T5), "t5", ["tokenizer.json"]),
}


def read(path):
    packed = path.with_name(path.name + ".gz")
    return gzip.open(packed).read() if packed.exists() else path.read_bytes()


def put_vocabulary(source, names, folder):
    if names == ["xlm-roberta"]:  # T5's pieces in XLM-R's order, with the rules that both have
        t5 = json.loads(read(TOKENIZERS / source / "tokenizer.json"))
        first = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
        tf.XLMRobertaTokenizer(vocab=first + [(p, s) for p, s in t5["model"]["vocab"][3:32000]] + [("<mask>", 0.0)]).save_pretrained(folder)
        made = json.loads((folder / "tokenizer.json").read_text())
        made["normalizer"] = t5["normalizer"]
        (folder / "tokenizer.json").write_text(json.dumps(made))
        return
    for name in names:
        (folder / name).write_bytes(read(TOKENIZERS / source / name))


def call(*words, data=None):
    r = subprocess.run([str(w) for w in words], input=data, capture_output=True)
    if r.returncode:
        sys.exit(f"{' '.join(map(str, words))}\n{r.stderr.decode()[-2000:]}")
    return r.stdout


def lorec_ids(model, texts):
    return ids_of(call(LOREC, "lm", "tokenize", "--model", model, data=b"".join(t.encode() + b"\0" for t in texts)))


def ids_of(out):
    return [[int(i) for i in line.split()] for line in out.decode().split("\n")[:-1]]


def hf_ids(folder, texts):
    t = tf.AutoTokenizer.from_pretrained(folder)._tokenizer
    t.encode_special_tokens = True
    return [e.ids for e in t.encode_batch(texts, add_special_tokens=False)]


def values_of(kind, model, ids):
    with torch.no_grad():
        if kind is pairs:
            return model(input_ids=ids[:1], decoder_input_ids=ids[1:]).logits[0].numpy()
        out = model(ids[:1])
        return (out.logits if kind is causal else out.last_hidden_state)[0].numpy()


def apart(a, b):
    return float(np.abs(a - b).max() / np.abs(b).max())


def main():
    rng = random.Random(SEED)
    kept = []
    for f in sorted((TOKENIZERS / "llama.cpp").glob("*.inp")):
        kept += [t for t in f.read_bytes().decode().split("\n__ggml_vocab_test__\n") if "\0" not in t]
    kept = sorted(set(kept))
    drawn = [t for t in (draw(rng, []).replace("\0", "") for _ in range(DRAWN)) if not any(s in t for s in ("<unk>", "<0x0A>", "</w>", "▁"))]
    texts, short = kept + drawn, 0
    print(f"{len(kept)} texts of llama.cpp's vocabularies, {len(drawn)} drawn at random (seed {SEED}); differing ids: of the first + of the second")
    print(f"{'model':12} {'kind':5} {'logits':>8} {'back':>8}   ids: llama.cpp   lorec back   transformers back")
    for name, (kind, config, source, files) in MODELS.items():
        torch.manual_seed(SEED)
        folder, gguf, back = WORK / name, WORK / (name + ".gguf"), WORK / (name + " back")
        model = kind.from_config(config()).eval()
        for p in model.parameters():
            torch.nn.init.normal_(p, std=0.15) if p.dim() > 1 else p.data.add_(torch.randn_like(p) * 0.05)
        model.save_pretrained(folder)
        put_vocabulary(source, files, folder)
        said = call(LOREC, "lm", "convert", folder, gguf).decode()
        kept_as = said.split("vocabulary: ")[1].split()[0] if "vocabulary: " in said else "none"
        call(LOREC, "lm", "convert", gguf, back)
        ids = torch.randint(5, 30000, (2, 24))
        due = values_of(kind, model, ids)
        lines = "\n".join(" ".join(map(str, row.tolist())) for row in (ids if kind is pairs else ids[:1])) + "\n"
        words = [LOGITS, gguf, 2] + (["hidden"] if kind is encoder else [])
        got = np.frombuffer(call(*words, data=lines.encode()), np.float32).reshape(due.shape)
        if name == "t5":  # llama.cpp leaves out the scale of a tied head
            got = got / T5["d_model"] ** 0.5
        again = kind.from_pretrained(back).eval()
        errors = apart(got, due), apart(values_of(kind, again, ids), due)
        want = lorec_ids(folder, texts)
        if files == ["spiece.model"]:  # SentencePiece sums scores in floats, all others in doubles: ties part ("!!!!!!")
            want = lorec_ids(WORK / "t5", texts)
        others = [ids_of(call(IDS, gguf, data=b"".join(t.encode() + b"\0" for t in texts))), lorec_ids(back, texts), hf_ids(back, texts)]
        wrong = [[sum(want[i] != o[i] for i in range(len(kept))), sum(want[i] != o[i] for i in range(len(kept), len(texts)))] for o in others]
        bad = errors[0] > 3e-3 or errors[1] > 1e-6 or any(w[0] for w in wrong)
        short += bad
        cells = "   ".join(f"{a:5} + {b:<4}" for a, b in wrong)
        print(f"{name:12} {kept_as:5} {errors[0]:8.1e} {errors[1]:8.1e}   {cells}{'  FALLS SHORT' if bad else ''}", flush=True)
        for o, w in zip(("llama.cpp", "lorec back", "transformers back"), range(3)):
            for i in [i for i in range(len(texts)) if want[i] != others[w][i]][:1 if "-v" in sys.argv else 0]:
                print(f"  {o}: {texts[i]!r}\n    {want[i]}\n    {others[w][i]}")
    print(f"{short} models fall short")
    return short > 0


if __name__ == "__main__":
    sys.exit(main())
