"""The peer's side of bench/embed.sh: texts a second of sentence-transformers on a BERT of MiniLM's shape.

    python bench/peers/embed.py make FOLDER TOKENIZER     a model folder with random weights (6 x 384, 12 heads, FFN 1,536)
                                                          around TOKENIZER (a folder with tokenizer.json or vocab.txt)
    python bench/peers/embed.py time FOLDER TEXTS [--dtype f32|bf16] [--threads 2] [--batch 32] [--out FILE.npy]

TEXTS: one a line. encode() sorts by length by itself; the best of the given batch sizes counts. Prints one JSON object.
"""
import argparse
import json
import os
import time

parser = argparse.ArgumentParser()
parser.add_argument("what", choices=["make", "time"])
parser.add_argument("folder")
parser.add_argument("other")
parser.add_argument("--dtype", default="f32")
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--batch", type=int, nargs="+", default=[32])
parser.add_argument("--layers", type=int, default=6)
parser.add_argument("--out")
args = parser.parse_args()
os.environ["OMP_NUM_THREADS"] = str(args.threads)
os.environ["TOKENIZERS_PARALLELISM"] = "true"

import numpy as np
import torch
import transformers as T

torch.set_num_threads(args.threads)


def make():
    from sentence_transformers import SentenceTransformer, models
    torch.manual_seed(1)
    tok = T.PreTrainedTokenizerFast(tokenizer_file=os.path.join(args.other, "tokenizer.json"), model_max_length=512,
                                    unk_token="[UNK]", sep_token="[SEP]", pad_token="[PAD]", cls_token="[CLS]",
                                    mask_token="[MASK]")
    m = T.BertModel(T.BertConfig(vocab_size=len(tok), hidden_size=384, num_hidden_layers=args.layers,
                                 num_attention_heads=12, intermediate_size=1536))
    body = args.folder + ".body"
    m.save_pretrained(body)
    tok.save_pretrained(body)
    word = models.Transformer(body, max_seq_length=256)
    pool = models.Pooling(384, pooling_mode="mean")
    SentenceTransformer(modules=[word, pool, models.Normalize()]).save(args.folder)


def measure():
    from sentence_transformers import SentenceTransformer
    m = SentenceTransformer(args.folder, device="cpu",
                            model_kwargs={"torch_dtype": torch.bfloat16 if args.dtype == "bf16" else torch.float32})
    texts = [l.rstrip("\n") for l in open(args.other, encoding="utf8")]
    m.encode(texts[:256], batch_size=32)
    best = None
    for b in args.batch:
        t0, c0 = time.time(), time.process_time()
        x = m.encode(texts, batch_size=b, show_progress_bar=False, convert_to_numpy=True)
        s, c = time.time() - t0, time.process_time() - c0
        if best is None or s < best[0]:
            best = (s, b, c)
    if args.out:
        np.save(args.out, x.astype(np.float32))
    print(json.dumps({"texts": len(texts), "dtype": args.dtype, "batch": best[1], "seconds": round(best[0], 3),
                      "cpu_s": round(best[2], 3), "texts_s": round(len(texts) / best[0], 1), "torch": torch.__version__}))


make() if args.what == "make" else measure()
