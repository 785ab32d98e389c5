#!/usr/bin/env bash
# tune: the same number of trials for all that has options, every one kept, resumable; the best is judged on test.
. "$(dirname "$0")/support/lib.sh"
shop >shop.csv
fails 2 '--out is missing' tune markov --data shop.csv
ok tune markov,itemknn --data shop.csv --trials 4 --out t --json && says '"schema": 1'
for m in markov itemknn ease; do
    [ "$(grep -c "\"method\":\"$m\"" t/trials.jsonl)" = 4 ] || die "$m: not 4 trials: $(cat t/trials.jsonl)"
done
[ "$(grep -c '"method":"pop"' t/trials.jsonl)" = 1 ] || die "pop has no options: one trial"
[ -s t/best/result.json ] || die "the best was not run"
best=$(grep '"method":"markov"' t/trials.jsonl | sed 's/.*"value":\([0-9.]*\).*/\1/' | sort -g | tail -1)
has t/best/metrics.jsonl '"markov"'
fails 2 'holds a search; --resume' tune markov --data shop.csv --trials 4 --out t

# a torn line is dropped, what is whole is not done again, and the draws are the same
cp t/trials.jsonl whole.jsonl
head -n 6 whole.jsonl >t/trials.jsonl && printf '{"method":"mark' >>t/trials.jsonl
rm -r t/best
ok tune markov,itemknn --data shop.csv --trials 4 --out t --resume -q
strip() { sed 's/"train_s":[^,]*,//' "$1" | sort; }
[ "$(strip whole.jsonl)" = "$(strip t/trials.jsonl)" ] || die "resumed, other trials: $(diff <(strip whole.jsonl) <(strip t/trials.jsonl))"
fails 2 'take another --out' tune markov --data shop.csv --trials 4 --out t --resume --split ratio:6:2:2

printf 'smoothing choice [2,30]\n' >space.txt
ok tune markov --data shop.csv --trials 12 --out s --space space.txt --no-controls
[ "$(grep -c . s/trials.jsonl)" = 12 ] || die "twelve trials"
[ "$(grep -oE 'smoothing=[0-9.]+' s/trials.jsonl | sort -u | tr '\n' ' ')" = "smoothing=2 smoothing=30 " ] || die "other values than the space's"
printf 'smothing choice [2]\n' >space.txt
fails 2 'did you mean "smoothing"' tune markov --data shop.csv --trials 2 --out x --space space.txt
[ -n "$best" ] || die "no best value"
fails 3 'no validation part' tune markov --data shop.csv --trials 2 --out x --split ratio:8:0:2
echo passed
