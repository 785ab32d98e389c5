#!/usr/bin/env python3
"""lorec's tokenizers beside Hugging Face's `tokenizers` and Google's `sentencepiece`, text for text.

    token_ids.py LOREC check [--seed 1] [--texts 3000] VOCABULARY...     exit code 1 where an id differs
    token_ids.py LOREC speed [--bench PROGRAM] TEXT VOCABULARY...         MB/s of each, one thread; `make bench` builds PROGRAM

VOCABULARY: a tokenizer.json (.gz too), a SentencePiece .model, a folder with vocab.json and merges.txt.
Texts are drawn at random: words, numbers, marks, spaces of all kinds, Chinese, Arabic, emoji, combining marks, NULs, long
runs, special tokens as plain text. Bytes that are no UTF-8 are not: the peers do not take them.
"""
import argparse, gzip, json, os, random, subprocess, sys, tempfile, time

ALPHABETS = [
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789", " ", "  \t\n\r\v\f\u00a0\u2003\u3000\u2028\u0085\u200b\u180e",
    ".,;:!?'\"()[]{}<>|/\\@#$%^&*-_=+~`", "你好世界我们的电影推荐系统学习数据的一是不了在人有这", "こんにちはカタカナ한국어조선말",
    "äöüßéèêçñåøæœ", "e\u0301a\u0308n\u0303\u0323o\u0327\u0334", "مرحبا بالعالم שלום עולם", "Привет мир ДОМ", "αβγΣσς", "ﬁﬂ①②Ⅳ½¼²³㍿ｱﾊﾟＡＢ",
    "😀🎉👩‍👩‍👧‍👦🏳️‍🌈👍🏽🇩🇪", "नमस्ते दुनिया สวัสดี", "\u0000\u0001\u001f\u007f\u009f\ufeff\ufffd", "İıſǅÅΩ", "’‘“”…—–·。，、！？",
]
PIECES = ["'s", "'re", "'LL", "don't", "I'm", " n't", "http://x.y/z?a=1", "<unk>", "<0x0A>", "▁", "▁▁", "##ing", "Ġ", "</w>", "1,234.56", "\r\n", "\n\n\n",
          "        ", "3.14", "a" * 70, "=" * 40, "。" * 5, "hello", " world", "The", " recommendation", "电影", "\t\t"]


def draw(rng, specials):
    out = []
    for _ in range(rng.randint(0, 12)):
        r = rng.random()
        if r < 0.15:
            out.append(rng.choice(PIECES))
        elif r < 0.18 and specials:
            out.append(rng.choice(specials))
        elif r < 0.20:
            c = rng.randint(1, 0x10FEFF)
            out.append(chr(c) if not 0xD800 <= c < 0xE000 else "x")
        else:
            alphabet = rng.choice(ALPHABETS)
            out.append("".join(rng.choice(alphabet) for _ in range(rng.randint(1, 8))))
        if rng.random() < 0.4:
            out.append(" ")
    return "".join(out)


class Json:
    def __init__(self, path, folder):
        from tokenizers import Tokenizer
        text = gzip.open(path, "rb").read() if path.endswith(".gz") else open(path, "rb").read()
        self.model = os.path.join(folder, "tokenizer.json")
        open(self.model, "wb").write(text)
        self.t = Tokenizer.from_str(text.decode())
        self.t.encode_special_tokens = True
        tree = json.loads(text)
        self.specials = [a["content"] for a in tree.get("added_tokens", [])]
        self.unigram = isinstance(tree["model"]["vocab"], list)

    def encode(self, texts):
        return [e.ids for e in self.t.encode_batch(texts, add_special_tokens=False)]

    def framed(self, texts):
        self.t.encode_special_tokens = False
        ids = [e.ids for e in self.t.encode_batch(texts, add_special_tokens=True)]
        self.t.encode_special_tokens = True
        return ids

    def decode(self, ids):
        return [self.t.decode(i, skip_special_tokens=True) for i in ids]


class Pieces:
    def __init__(self, path, _folder):
        import sentencepiece
        self.model = path
        self.t = sentencepiece.SentencePieceProcessor(model_file=path)
        self.specials = [self.t.id_to_piece(i) for i in range(self.t.vocab_size()) if self.t.is_control(i)]

    def encode(self, texts):
        return [self.t.encode(t) for t in texts]

    def framed(self, _texts):
        return None

    def decode(self, ids):
        return [self.t.decode(i) for i in ids]


class Merges(Json):
    def __init__(self, path, _folder):
        from transformers import AutoTokenizer
        self.model = path
        self.t = AutoTokenizer.from_pretrained(path, use_fast=True)._tokenizer
        self.t.encode_special_tokens = True
        self.specials = [a.content for a in self.t.get_added_tokens_decoder().values()]


def peer_of(path, folder):
    if os.path.isdir(path):
        return Merges(path, folder)
    return Pieces(path, folder) if path.endswith(".model") else Json(path, folder)


def lorec(program, model, texts, *flags):
    run = subprocess.run([program, "lm", "tokenize", "--model", model, *flags], capture_output=True,
                         input=b"".join(t.encode() + b"\0" for t in texts))
    if run.returncode:
        sys.exit(f"lorec fails on {model}: {run.stderr.decode()}")
    return [[int(i) for i in line.split()] for line in run.stdout.decode().split("\n")[:-1]]


def lorec_decode(program, model, ids):
    lines = "".join(" ".join(map(str, i)) + "\n" for i in ids).encode()
    run = subprocess.run([program, "lm", "detokenize", "--model", model], capture_output=True, input=lines)
    return [t.decode("utf-8", "replace") for t in run.stdout.split(b"\0")[:-1]]


def compare(what, texts, want, got):
    bad = [i for i in range(len(texts)) if want[i] != got[i]]
    print(f"{what}: {len(texts) - len(bad)} of {len(texts)} the same")
    for i in bad[:3]:
        print(f"  {texts[i]!r}\n    peer  {want[i]}\n    lorec {got[i]}")
    return len(bad)


def check(a):
    wrong = 0
    for path in a.vocabulary:
        with tempfile.TemporaryDirectory() as folder:
            peer, rng = peer_of(path, folder), random.Random(a.seed)
            # a NUL ends a text in lorec's pipe, so it is left to the unit tests
            texts = [draw(rng, [] if getattr(peer, "unigram", False) else peer.specials).replace("\0", "") for _ in range(a.texts)]
            texts += ["x" * 20000, "的" * 5000, " " * 3000, "e\u0301" * 2000, ("Ab1 " * 3000)]
            if peer.model.endswith("spiece.model") or getattr(peer, "unigram", False):
                texts = [t for t in texts if not any(s in t for s in peer.specials)]
            ids = lorec(a.lorec, peer.model, texts)
            want = peer.encode(texts)
            wrong += compare(f"{path}: ids", texts, want, ids)
            framed = peer.framed(texts)
            if framed:
                wrong += compare(f"{path}: framed, special tokens parsed", texts, framed, lorec(a.lorec, peer.model, texts, "--special"))
            same = [i for i in range(len(texts)) if want[i] == ids[i]]
            want_text, got_text = peer.decode([want[i] for i in same]), lorec_decode(a.lorec, peer.model, [want[i] for i in same])
            off = compare(f"{path}: texts of ids", [texts[i] for i in same], want_text, got_text)
            wrong += off if a.texts_too else 0
    return wrong


def speed(a):
    """Lines of TEXT as texts; lorec's figure is its bench program's, so that neither side prints or parses anything."""
    text = open(a.text, "rb").read().decode("utf-8", "ignore").replace("\0", "")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "text")
        open(path, "w", newline="").write(text)
        lines = [line for line in text.split("\n")]
        size = len(text.encode()) / 1e6
        for vocabulary in a.vocabulary:
            peer = peer_of(vocabulary, folder)
            ours, theirs = [], []
            for _ in range(a.rounds):
                run = subprocess.run([a.bench, peer.model, path, "0.1"], capture_output=True, text=True)
                ours.append(float(run.stdout.split(" MB/s")[0].rsplit(" ", 1)[1]))
                begin = time.perf_counter()
                if isinstance(peer, Pieces):
                    peer.t.encode(lines, num_threads=1)
                else:
                    peer.t.encode_batch_fast(lines, add_special_tokens=False)
                theirs.append(size / (time.perf_counter() - begin))
            ours.sort(), theirs.sort()
            name = "sentencepiece" if isinstance(peer, Pieces) else "tokenizers"
            print(f"{vocabulary}: {size:.1f} MB, lorec {ours[len(ours) // 2]:.1f} MB/s, {name} {theirs[len(theirs) // 2]:.2f} MB/s, "
                  f"medians of {a.rounds}, load {os.getloadavg()[0]:.1f}", flush=True)
    return 0


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("lorec")
    sub = p.add_subparsers(dest="what", required=True)
    c = sub.add_parser("check")
    c.add_argument("--seed", type=int, default=1)
    c.add_argument("--texts", type=int, default=3000)
    c.add_argument("--texts-too", action="store_true", help="decoded texts that differ fail too")
    c.add_argument("vocabulary", nargs="+")
    s = sub.add_parser("speed")
    s.add_argument("--rounds", type=int, default=3)
    s.add_argument("--bench", default="build/bench/bench_tokenize")
    s.add_argument("text")
    s.add_argument("vocabulary", nargs="+")
    a = p.parse_args()
    os.environ["RAYON_NUM_THREADS"] = "1"
    sys.exit(1 if (check if a.what == "check" else speed)(a) else 0)


if __name__ == "__main__":
    main()
