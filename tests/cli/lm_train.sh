#!/usr/bin/env bash
# lorec lm train: a tiny model from nothing, resumed and tuned by an adapter, merged; what is wrong is said by name.
. "$(dirname "$0")/support/lib.sh"

python3 - <<'PY' 2>/dev/null || { echo "SKIPPED: python3 writes the tiny vocabulary"; exit 0; }
import json
words = ["<|end|>"] + [chr(c) for c in range(97, 123)] + ["\u0120", ".", "\u010a"]
json.dump({"version": "1.0", "added_tokens": [{"id": 0, "content": "<|end|>", "special": True, "single_word": False,
           "lstrip": False, "rstrip": False, "normalized": False}],
           "normalizer": None, "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
           "use_regex": True}, "post_processor": None, "decoder": {"type": "ByteLevel"},
           "model": {"type": "BPE", "vocab": {w: i for i, w in enumerate(words)}, "merges": []}}, open("tokenizer.json", "w"))
PY
for i in $(seq 1 12); do for w in the cat sat on a mat and the dog ran to the hut; do printf '%s ' $w; done; echo; done >corpus.txt
sizes=(--width 16 --layers 1 --heads 2 --context 24 --epochs 12 --batch 4 --lr 0.02)
ok lm train --init NEW --tokenizer tokenizer.json --corpus corpus.txt --out tiny "${sizes[@]}" --json
says '"valid_perplexity"' && [ -s tiny/model.safetensors ] && [ -s tiny/config.json ] && [ -s tiny/tokenizer.json ] || die "files"
loss=$(sed -n 's/.*"train_loss": \([0-9.]*\).*/\1/p' out)
awk "BEGIN { exit !($loss < 1.2) }" || die "nothing was learned: loss $loss"
cp tiny/model.safetensors first
ok lm train --init NEW --tokenizer tokenizer.json --corpus corpus.txt --out again "${sizes[@]}"
cmp first again/model.safetensors || die "the same seed gave other bits"
ok lm train --init NEW --tokenizer tokenizer.json --corpus corpus.txt --out tiny "${sizes[@]}" --resume # done already
cmp first tiny/model.safetensors || die "resuming a finished training changed it"
fails 2 'settings' lm train --init NEW --tokenizer tokenizer.json --corpus corpus.txt --out tiny "${sizes[@]}" --resume --seed 2

for i in $(seq 1 8); do echo '{"prompt": "the cat ", "answer": "ran to the dog"}'; done >pairs.jsonl
ok lm train --init tiny --corpus pairs.jsonl --out lora --lora 4,8,q_proj,v_proj --epochs 20 --lr 0.02 --valid-share 0 --json
cmp first tiny/model.safetensors || die "the base was touched"
[ -s lora/adapter_model.safetensors ] && has lora/adapter_config.json '"LORA"'
printf 'ran to the dog\nsat on a mat\n' >candidates
printf 'the cat ' >prompt
score() { ok lm score --model tiny --prompt prompt --candidates candidates --json "$@"; sed -n 's/.*"logprob": \(-[0-9.]*\).*/\1/p' out | head -1; }
plain=$(score) tuned=$(score --adapter lora)
awk "BEGIN { exit !($tuned > $plain + 1) }" || die "--adapter does not act: $plain, $tuned"
ok lm train --init tiny --corpus pairs.jsonl --out prompt-tuned --adapter prompt --tokens 2 --epochs 30 --lr 0.1 --valid-share 0
soft=$(score --adapter prompt-tuned)
awk "BEGIN { exit !($soft > $plain + .1) }" || die "a soft prompt does not act: $plain, $soft"
ok lm merge tiny lora merged
merged=$(ok lm score --model merged --prompt prompt --candidates candidates --json; sed -n 's/.*"logprob": \(-[0-9.]*\).*/\1/p' out | head -1)
awk "BEGIN { d = $merged - $tuned; exit !(d < 1e-3 && d > -1e-3) }" || die "merged $merged, with --adapter $tuned"
cmp -s first merged/model.safetensors && die "merging changed nothing"
ok lm train --init merged --corpus pairs.jsonl --out full --epochs 1 --bf16 --recompute --accumulate 2 --json

fails 3 'nowhere.txt' lm train --init NEW --corpus nowhere.txt --out x
fails 3 'nowhere.txt' lm train --init tiny --corpus nowhere.txt --out x
fails 2 '--lora' lm train --init tiny --corpus corpus.txt --out x --lora none
fails 2 'no product' lm train --init tiny --corpus corpus.txt --out x --lora 4,8,nothing
echo '{"prompt": "a"}' >bad.jsonl
fails 3 'line 1' lm train --init tiny --corpus bad.jsonl --out x
fails 4 'MiB' lm train --init tiny --corpus corpus.txt --out x --memory 1 --batch 4096
