"""Vectors of `lorec lm embed` beside sentence-transformers' for models of several kinds, random weights, files as it saves them.

    python bench/peers/embed_parity.py LOREC TOKENIZERS [TEXTS]

TOKENIZERS: a folder with bert-base-uncased/, roberta-base/, t5/, qwen3/. Exit 1 if a value differs by more than 2e-5.
"""
import gzip
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import torch
import transformers as T
from sentence_transformers import SentenceTransformer, models

lorec, tokenizers = sys.argv[1], sys.argv[2]
torch.manual_seed(1)
torch.set_num_threads(2)
texts = ["OPI Nail Lacquer, Simmer and Shimmer, 0.5-Fluid Ounce", "", "a", "Toy Story (1995) " * 40, "naïve café — Ünïcode",
         "古典音乐 录音带", "two  spaces\tand a tab", "query: what is a good shampoo?", "x" * 300]  # no special tokens: in lorec they stay text
if len(sys.argv) > 3:
    texts += [l.rstrip("\n") for l in open(sys.argv[3], encoding="utf8")][:200]
root = tempfile.mkdtemp()


def tokenizer(name, **special):
    folder = os.path.join(tokenizers, name)
    path = os.path.join(folder, "tokenizer.json")
    if not os.path.exists(path):
        path = os.path.join(root, name + ".json")
        open(path, "wb").write(gzip.open(os.path.join(folder, "tokenizer.json.gz")).read())
    return T.PreTrainedTokenizerFast(tokenizer_file=path, **special)


BERT = dict(unk_token="[UNK]", sep_token="[SEP]", pad_token="[PAD]", cls_token="[CLS]", mask_token="[MASK]")
ROBERTA = dict(bos_token="<s>", eos_token="</s>", unk_token="<unk>", sep_token="</s>", pad_token="<pad>", cls_token="<s>",
               mask_token="<mask>")
T5 = dict(eos_token="</s>", pad_token="<pad>", unk_token="<unk>")


def body(name, tok, make, longest):
    folder = os.path.join(root, name + ".body")
    m = make(len(tok))
    with torch.no_grad():
        for p in m.parameters():
            if p.dim() >= 2:
                p.copy_(torch.randn(p.shape) * (0.6 / p.shape[-1] ** 0.5))
    m.save_pretrained(folder)
    tok.save_pretrained(folder)
    return models.Transformer(folder, max_seq_length=longest)


def small(v, **kw):
    return dict(vocab_size=v, hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96, **kw)


def kinds():
    t = body("bert", tokenizer("bert-base-uncased", **BERT), lambda v: T.BertModel(T.BertConfig(**small(v))), 32)
    yield "bert mean normalized", [t, models.Pooling(48, pooling_mode="mean"), models.Normalize()], {}
    yield "bert cls+max", [t, models.Pooling(48, pooling_mode=("cls", "max"))], {}
    yield "bert weightedmean, prompt", [t, models.Pooling(48, pooling_mode="weightedmean")], dict(
        prompts={"q": "query: "}, default_prompt_name="q")
    yield "bert mean, prompt not pooled", [t, models.Pooling(48, pooling_mode="mean", include_prompt=False)], dict(
        prompts={"q": "represent this: "}, default_prompt_name="q")
    yield "bert dense", [t, models.Pooling(48, pooling_mode="mean_sqrt_len_tokens"), models.Dense(48, 20),
                         models.Normalize()], {}
    t = body("roberta", tokenizer("roberta-base", **ROBERTA), lambda v: T.RobertaModel(T.RobertaConfig(
        **small(v, max_position_embeddings=66, pad_token_id=1, type_vocab_size=1))), 64)
    yield "roberta cls", [t, models.Pooling(48, pooling_mode="cls")], {}
    t = body("distilbert", tokenizer("bert-base-uncased", **BERT), lambda v: T.DistilBertModel(T.DistilBertConfig(
        vocab_size=v, dim=48, n_layers=2, n_heads=4, hidden_dim=96)), 128)
    yield "distilbert lasttoken", [t, models.Pooling(48, pooling_mode="lasttoken")], {}
    t = body("t5", tokenizer("t5", **T5), lambda v: T.T5EncoderModel(T.T5Config(
        vocab_size=v, d_model=48, d_kv=12, d_ff=96, num_layers=2, num_heads=4)), 64)
    yield "t5 encoder, dense without bias", [t, models.Pooling(48, pooling_mode="mean"),
                                            models.Dense(48, 24, bias=False, activation_function=torch.nn.Identity()),
                                            models.Normalize()], {}


worst = 0
for name, modules, more in kinds():
    folder = os.path.join(root, "model")
    shutil.rmtree(folder, ignore_errors=True)
    m = SentenceTransformer(modules=modules, device="cpu", **more)
    m.save(folder)
    m = SentenceTransformer(folder, device="cpu")
    want = m.encode(texts, show_progress_bar=False)
    out = os.path.join(root, "out.npy")
    lines = "".join(t.replace("\n", " ") + "\n" for t in texts)
    r = subprocess.run([lorec, "lm", "embed", "--model", folder, "--out", out], input=lines.encode(), capture_output=True)
    if r.returncode:
        print(name, "FAILS", r.stderr.decode()[-300:])
        worst = 9
        continue
    got = np.load(out)
    off = abs(got - want).max(axis=1) / max(1, abs(want).max())
    worst = max(worst, off.max())
    print(f"{name:36s} {len(texts)} texts x {got.shape[1]}: largest difference {off.max():.1e} (text {off.argmax()})")
shutil.rmtree(root)
sys.exit(worst > 2e-5)
