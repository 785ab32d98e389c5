#!/usr/bin/env bash
# Methods that ask a language model, on one that was trained here on lists of titles: it finds what follows, and without the
# history it does not.
. "$(dirname "$0")/support/lib.sh"
shop >shop.csv
names=(Amber Birch Cedar Dune Ember Fjord Grove Haze Isle Jade Knoll Lark)
{ echo "item	title"; for i in $(seq 0 11); do echo "i$i	${names[$i]} (20$((10 + i)))"; done; } >items.tsv
# what every person had, as a line of titles: the training part only (all but the last two)
for u in $(seq 1 30); do
    line=""
    for k in $(seq 0 3); do line="$line${line:+, }${names[$(((u + k * 5) % 12))]}"; done
    echo "$line"
done >lists.txt
for _ in $(seq 20); do sed 's/.*/{"text": "&"}/' lists.txt; done >corpus.jsonl
ok lm train-tokenizer lists.txt --out tokenizer.json --size 300 --special '<|endoftext|>' -q
ok lm train --init NEW --tokenizer tokenizer.json --corpus corpus.jsonl --out lm --width 48 --layers 1 --heads 2 --context 1024 \
    --batch 30 --epochs 8 --lr 5e-3 --valid-share 0 --seed 1 -q

zero() { ok run zero-shot-lm --data shop.csv --item-text items.tsv --eval uniform@5 --llm local:lm --json --no-controls -q --out "$@"; }
number() { grep -o "\"$1\": [0-9.e-]*" "$T/out" | head -1 | cut -d' ' -f2; }
zero true && says '"llm_calls": 30' && with=$(number "ndcg@10")
zero none --set history=none && without=$(number "ndcg@10")
awk -v a="$with" -v b="$without" 'BEGIN { exit !(a > b + 0.1) }' || die "with a history $with, without $without"
fails 2 "--llm" run zero-shot-lm --data shop.csv --item-text items.tsv --eval uniform@5 --no-controls --out x -q
fails 3 "--item-text" run zero-shot-lm --data shop.csv --eval uniform@5 --llm local:lm --no-controls --out y -q

# vq-rec makes its codes of what an embedding model says, once: the second run finds the vectors kept, and goes on from the first
vq() { ok run vq-rec --data shop.csv --item-text items.tsv --set model=lm --set cache=vectors --set n_codes=8 --set codebook=4 \
    --set hidden_size=16 --set epochs=2 --json --no-controls -q --out "$@"; }
vq vq1 && says '"text_vectors": "lm"' && says '"text_size": 48' && first=$(number "ndcg@10")
vq vq2 && [ "$first" = "$(number "ndcg@10")" ] || die "$first, then $(number "ndcg@10")"
from=$(dirname "$(find vq1 -name recommender.json | head -1)")
ok run vq-rec --data shop.csv --item-text items.tsv --set pretrained="$from" --set tune=false --json --no-controls -q --out vq3
[ "$first" = "$(number "ndcg@10")" ] || die "$first as fitted, $(number "ndcg@10") as taken over"

# a run that was recorded replays without the model, to the same numbers
ok run llmrank --data shop.csv --item-text items.tsv --eval ease@4 --llm record:talk.db=local:lm?chat=alpaca --set max_tokens=8 --set copies=1 \
    --test-users 4 --json --no-controls -q --out first && first=$(number "ndcg@10")
mv lm gone
ok run llmrank --data shop.csv --item-text items.tsv --eval ease@4 --llm replay:talk.db --set max_tokens=8 --set copies=1 \
    --test-users 4 --json --no-controls -q --out again && [ "$(number "ndcg@10")" = "$first" ] || die "the replay differs"
says '"llm_replayed": 4'

# a method with other options as its own control: KAR without knowledge asks nobody, and stands beside it
mv gone lm
ok run kar --data shop.csv --item-text items.tsv --metrics auc --llm 'local:lm?chat=alpaca' --set max_tokens=2 --set dimension=8 --set epochs=2 --json -q --out kar
says '"method": "kar:knowledge=none"' && says '"knowledge": "none"' && says '"llm_calls": 42'
[ -e kar/results/kar:knowledge=none-1/result.json ] || die "the control keeps its numbers"
ok compare kar --json -q && says 'kar:knowledge=none'
