"""`lorec lm classify` beside transformers: random models of every kind that has a head for sequences, single texts and pairs.

    classify.py LOREC TOKENIZERS WORK [SEED]

TOKENIZERS holds folders bert-base-uncased, roberta-base, qwen3 (their files may be .gz). One line a model: the largest difference of a probability, and
how many labels differ. Exit 1 where one is above 1e-4.
"""

import gzip
import json
import pathlib
import shutil
import subprocess
import sys

import torch
from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerFast, Qwen2TokenizerFast
from transformers import (BertConfig, DistilBertConfig, ElectraConfig, GPT2Config, LlamaConfig, Qwen2Config, RobertaConfig)

SMALL = dict(hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96)
TEXTS = ["a fine film", "", "I would not watch this again!", "Ein schöner Tag, 世界", "x " * 400, "two\ttimes", "Émile's café №5"]
PAIRS = [("who made Heat", "Michael Mann made it"), ("a", ""), ("long second", "word " * 400), ("Ünïcode", "世界 ja")]


def models(vocab):
    names = {0: "bad", 1: "so so", 2: "good"}
    three = dict(id2label=names, label2id={v: k for k, v in names.items()})
    yield "bert", "bert-base-uncased", BertConfig(vocab_size=vocab["bert-base-uncased"], **SMALL, **three), True
    yield "bert-many", "bert-base-uncased", BertConfig(vocab_size=vocab["bert-base-uncased"], num_labels=40,
                                                       problem_type="multi_label_classification", **SMALL), True
    yield "bert-value", "bert-base-uncased", BertConfig(vocab_size=vocab["bert-base-uncased"], num_labels=1, **SMALL), True
    yield "roberta", "roberta-base", RobertaConfig(vocab_size=vocab["roberta-base"], max_position_embeddings=130,
                                                   type_vocab_size=1, pad_token_id=1, **SMALL, **three), True
    yield "distilbert", "bert-base-uncased", DistilBertConfig(vocab_size=vocab["bert-base-uncased"], dim=48, n_layers=2, n_heads=4,
                                                              hidden_dim=96, **three), True
    yield "electra", "bert-base-uncased", ElectraConfig(vocab_size=vocab["bert-base-uncased"], embedding_size=32, **SMALL, **three), True
    yield "llama", "qwen3", LlamaConfig(vocab_size=vocab["qwen3"], pad_token_id=151643, **SMALL, **three), False
    yield "qwen2", "qwen3", Qwen2Config(vocab_size=vocab["qwen3"], pad_token_id=151643, num_key_value_heads=2, **SMALL, **three), False
    yield "gpt2", "roberta-base", GPT2Config(vocab_size=vocab["roberta-base"], n_embd=48, n_layer=2, n_head=4, n_positions=256,
                                             pad_token_id=1, **three), False


def vocabulary_of(folder, to):
    to.mkdir(parents=True, exist_ok=True)
    for f in folder.iterdir():
        if f.suffix == ".gz":
            (to / f.stem).write_bytes(gzip.open(f).read())
        else:
            shutil.copyfile(f, to / f.name)
    if not (to / "tokenizer.json").exists():
        return Qwen2TokenizerFast.from_pretrained(to)
    return PreTrainedTokenizerFast(tokenizer_file=str(to / "tokenizer.json"), model_input_names=["input_ids", "token_type_ids",
                                                                                                 "attention_mask"])


def expected(model, tokenizer, first, second, most):
    kind, out = model.config.problem_type, []
    for i, text in enumerate(first):
        pair = ([text], [second[i]]) if second else ([text],)  # lists: an empty second text alone counts as none
        t = tokenizer(*pair, return_tensors="pt", truncation="only_second" if second else True, max_length=most)
        if t["input_ids"].shape[1] == 0:
            out.append(None)
            continue
        if not getattr(model.config, "type_vocab_size", 0):
            t.pop("token_type_ids", None)
        with torch.no_grad():
            x = model(**t).logits[0]
        out.append((x if x.numel() == 1 else x.sigmoid() if kind == "multi_label_classification" else x.softmax(-1)).tolist())
    return out


def said(lorec, folder, first, second, most):
    lines = "".join(a + ("\t" + second[i] if second else "") + "\n" for i, a in enumerate(first))
    words = [lorec, "lm", "classify", "--model", str(folder), "--all", "--max-tokens", str(most)] + (["--pairs"] if second else [])
    r = subprocess.run(words, input=lines.encode(), capture_output=True)
    if r.returncode:
        sys.exit(f"{folder}: {r.stderr.decode()}")
    return [json.loads(line) for line in r.stdout.decode().splitlines()]


def main():
    lorec, tokenizers, work = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    torch.manual_seed(int(sys.argv[4]) if len(sys.argv) > 4 else 1)
    words = {n: vocabulary_of(tokenizers / n, work / "words" / n) for n in ("bert-base-uncased", "roberta-base", "qwen3")}
    short = 0
    for name, vocabulary, config, pairs in models({n: len(t) for n, t in words.items()}):
        model = AutoModelForSequenceClassification.from_config(config).eval()
        for p in model.parameters():
            torch.nn.init.normal_(p, std=0.3) if p.dim() > 1 else p.data.add_(torch.randn_like(p) * 0.1)
        folder, tokenizer = work / name, words[vocabulary]
        tokenizer.padding_side, tokenizer.truncation_side = "right", "right"
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        worst = wrong = n = 0
        forms = [(TEXTS, None)] + ([([a for a, _ in PAIRS], [b for _, b in PAIRS])] if pairs else [])
        for first, second in forms:
            due, got = expected(model, tokenizer, first, second, 100), said(lorec, folder, first, second, 100)
            if len(due) != len(got):
                sys.exit(f"{name}: {len(got)} lines for {len(due)}")
            for d, g in zip(due, got):
                n += 1
                values = [g["value"]] if "value" in g else list((g.get("probabilities") or {}).values())
                if d is None:
                    wrong += g.get("label") is not None
                    continue
                worst = max(worst, max(abs(a - b) for a, b in zip(d, values)))
                if len(d) > 1:
                    wrong += g["label"] != config.id2label[max(range(len(d)), key=d.__getitem__)]
        short += worst > 1e-4 or wrong > 0
        print(f"{name:12} {n:3} texts and pairs: probabilities differ by {worst:.1e} at most, {wrong} labels")
    print(f"{short} models fall short")
    sys.exit(short > 0)


main()
