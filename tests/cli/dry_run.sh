#!/usr/bin/env bash
# run --dry-run says what each method would take and makes nothing; without it the same is said first of methods that ask a model.
. "$(dirname "$0")/support/lib.sh"
shop >shop.csv
{ echo "item	title"; for i in $(seq 0 11); do echo "i$i	Title $i"; done; } >items.tsv
nobody=http://127.0.0.1:9/v1#nobody # nothing listens there

ok run llmrank,bigrec,sasrec --data shop.csv --item-text items.tsv --eval ease@4 --llm "$nobody" --set llmrank.copies=2 --dry-run --json
[ ! -e runs ] || die "a dry run has made a run folder"
says '"first stage"' && says '"calls": 60.0' && says '"calls": 30.0' && says '"money": null'
[ "$(grep -c '"method":' "$T/out")" = 4 ] || die "three methods and a first stage"
ok run llmrank --data shop.csv --item-text items.tsv --eval uniform@4 --llm "$nobody" --dry-run --seed 1,2 && says 'each of 2 seeds' && says '90 calls'

# a record is looked into: what it knows costs nothing
ok lm train-tokenizer items.tsv --out tokenizer.json --size 300 --special '<|end|>' -q;
ok lm train --init NEW --tokenizer tokenizer.json --corpus items.tsv --out lm --width 16 --layers 1 --heads 2 --context 1024 --epochs 1 --valid-share 0 -q
ok run zero-shot-lm --data shop.csv --item-text items.tsv --eval uniform@4 --llm record:talk.db=local:lm --no-controls --out first
has "$T/err" "zero-shot-lm will take: 30 calls"
ok run zero-shot-lm --data shop.csv --item-text items.tsv --eval uniform@4 --llm record:talk.db=local:lm --dry-run --json
says '"calls": 0.0' && says '"known": 30.0'
fails 2 'no metric' run ease --data shop.csv --dry-run --metrics speed
