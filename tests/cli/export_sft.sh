#!/usr/bin/env bash
# export-sft writes what a method tunes on; what a trainer makes of it comes back by --adapter and is judged.
. "$(dirname "$0")/support/lib.sh"
shop >shop.csv
{ echo "item	title"; for i in $(seq 0 11); do echo "i$i	Title \"$i\""; done; } >items.tsv
data="--data shop.csv --item-text items.tsv"

ok export-sft tallrec $data --set examples=40 --set min_history=2 --set lora_rank=4 --set lora_targets=q_proj --out sft --json
says '"train": 40' && says '"valid": 30' && says '"candidates": false'
[ "$(wc -l <sft/train.jsonl)" = 40 ] && [ "$(wc -l <sft/valid.jsonl)" = 30 ] || die "lessons"
has sft/train.jsonl '"answer":"Yes."' && has sft/train.jsonl '"answer":"No."' && has sft/train.jsonl 'Title \"'
has sft/adapter_config.json '"r": 4' && has sft/adapter_config.json '"q_proj"' && has sft/README.md '--adapter'
has sft/manifest.json '"examples": 40'
# the last row of everybody is the test's: nobody is asked about it
ok data export-split shop.csv --out split
while IFS='	' read -r user item _; do
    ! grep -q "\"user\":\"$user\",\"item\":\"$item\"" sft/train.jsonl || die "a test row of $user is among the lessons"
done < <(tail -n +2 split/test.tsv)

ok export-sft bigrec $data --eval ease@4 --out sft2 && says 'candidates.tsv'
[ "$(wc -l <sft2/candidates.tsv)" = 30 ] && [ "$(wc -l <sft2/train.jsonl)" = 90 ] || die "bigrec: a row after each one before it"
has sft2/train.jsonl '"answer":"\"Title'
fails 2 'one method' export-sft tallrec,bigrec $data --out x
fails 2 'does not tune' export-sft ease $data --out x
fails 2 '--out' export-sft bigrec $data

# tuned on them, and back
ok lm train-tokenizer items.tsv sft/train.jsonl --out tokenizer.json --size 400 --special '<|end|>' -q
ok lm train --init NEW --tokenizer tokenizer.json --corpus items.tsv --out lm --width 16 --layers 1 --heads 2 --context 512 --epochs 1 --valid-share 0 -q
ok lm train --init lm --corpus sft/train.jsonl --valid sft/valid.jsonl --lora 4,16,q_proj,v_proj --out lora --epochs 2 -q
tall() { ok run tallrec $data --metrics auc --set model=lm --set weights=f32 --no-controls --json -q --out "$@"; }
auc() { grep -o '"auc": [0-9.]*' "$T/out" | head -1; }
tall a --adapter lora && says '"epochs": 0' && says '"adapter": "lora"' && with=$(auc)
tall b --set epochs=0 && without=$(auc)
tall c --set adapter=lora --set epochs=0 && [ "$with" = "$(auc)" ] || die "the adapter by --adapter and by its option"
[ "$with" != "$without" ] || die "the adapter changes nothing: $with"
# behind --llm a local model takes it too
zero() { ok run zero-shot-lm $data --eval uniform@5 --no-controls --json -q --out "$@"; }
zero d --llm local:lm --adapter lora && says 'local:lm?adapter=lora'
fails 2 'nothing that is run takes one' run ease $data --adapter lora
fails 2 'nothing that is run takes one' run zero-shot-lm $data --adapter lora --llm http://127.0.0.1:9/v1#m
fails 3 'adapter_config.json' run zero-shot-lm $data --eval uniform@5 --llm local:lm --adapter nowhere --no-controls --out e
# on a slate it is validated by as many drawn candidates: it can not rank everything
ok run tallrec $data --eval ease@4 --test-users 5 --set model=lm --set min_history=2 --set examples=8 --set epochs=2 --set eval_step=1 --no-controls --json --out f
says '"status": "ok"' && says '"best_epoch"'
ok run pop --data shop.csv --eval ease@1 --no-controls -q --out g && says 'the candidates hold'
