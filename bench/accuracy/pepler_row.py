"""Rows of docs/results/pepler.md from `lorec run pepler --json` on stdin: pepler_row.py VARIANT."""
import json
import sys

STUDY = ["perplexity", "perplexity, users shuffled", "perplexity, items shuffled", "new texts", "perplexity, new texts",
         "perplexity, new texts, users shuffled", "explanation bleu-1", "explanation bleu-4",
         "explanation rouge-1 f", "explanation usr", "explanation fmr", "explanation fcr", "explanation div", "rmse"]


def number(x):
    return "" if x is None else f"{x:.4g}"


for r in json.load(sys.stdin)["results"]:
    if r["method"] != "pepler":
        continue
    c = r["counts"]
    cells = [sys.argv[1], str(r["seed"])] + [number(c.get(k, {}).get("valid_perplexity")) for k in ("texts", "prompt", "all")]
    cells += [number(c["study"].get(k)) for k in STUDY] + [f"{r['cost']['train_s']:.0f}"]
    print("| " + " | ".join(cells) + " |")
