#!/usr/bin/env bash
# eval: lists made elsewhere stand under the same protocol as a run's; export-split says what to rank.
. "$(dirname "$0")/support/lib.sh"

shop >good.csv
ok run ials --data good.csv --out r --json -q --no-controls && cp "$T/out" run.json
run_value=$(grep -m1 '"ndcg@10":' run.json | grep -o '[0-9.]*,\?$' | tr -d ,)
run_id=$(grep -m1 '"id":' run.json | cut -d'"' -f4)
ok eval --data good.csv --lists r/lists.tsv --metrics "$(grep -o '"[a-z0-9]*@[0-9]*": [0-9]' run.json | cut -d'"' -f2 | sort -u | paste -sd,)" --json
says "$run_id"
has "$T/out" "\"ndcg@10\": ${run_value:0:8}"

# leave one user out: a miss; a list of another catalogue: an error with its line
grep -v '^u1	' r/lists.tsv >fewer.tsv
ok eval --data good.csv --lists r/lists.tsv --lists fewer.tsv --name all --name fewer && says 'all ' && says 'fewer ' && has "$T/err" '1 of 30 users have no list'
printf 'user\titem\trank\tscore\nu1\ti1\t1\t3\nu1\tnone\t2\t1\n' >wrong.tsv
fails 3 'wrong.tsv, line 3: item "none"' eval --data good.csv --lists wrong.tsv
fails 2 '--lists FILE' eval --data good.csv
fails 2 'is due' eval --lists r/lists.tsv
fails 2 'did you mean "recall"' eval --data good.csv --lists r/lists.tsv --metrics recal@10
fails 2 'candidates "some"' eval --data good.csv --lists r/lists.tsv --eval some

# what is exported comes back as a slate with the same numbers
ok data export-split good.csv --eval uniform@5 --out ex && says 'candidates.tsv'
[ "$(wc -l <ex/test.tsv)" = 31 ] && [ "$(wc -l <ex/candidates.tsv)" = 30 ] || die "one test row and one slate a user"
[ $(($(wc -l <ex/train.tsv) + $(wc -l <ex/valid.tsv) + $(wc -l <ex/test.tsv) - 3)) = $(($(wc -l <good.csv) - 1)) ] || die "every row is in one part"
ok eval --data good.csv --eval uniform@5 --lists r/lists.tsv -q && tail -n +1 "$T/out" | sed -n 2p >drawn
ok eval --data good.csv --eval slate:ex/candidates.tsv --lists r/lists.tsv -q && sed -n 2p "$T/out" >slate
cmp -s drawn slate || die "drawn and exported candidates differ"
ok data export-split good.csv --split ratio-random:8:1:1 --seed 3 --out ex2 --json && says '"ratio-user-random-0.8-0.1-0.1-s3"'
[ ! -e ex2/candidates.tsv ] || die "full ranking has no candidates file"
[ ! -e ex/items.tsv ] || die "items without titles have no items.tsv"
ok data export-split sample --out ex4 && says 'train.tsv'
[ "$(sed -n 1p ex4/items.tsv)" = "item	title" ] && [ "$(wc -l <ex4/items.tsv)" -gt 10 ] || die "titles beside the split"
fails 3 'empty' data export-split good.csv --split time:1970-01-02:1970-01-03 --out ex3
fails 2 'FOLDER' data export-split good.csv

# TREC's pair of files
printf '1 0 a 1\n1 0 b 0\n2 0 c 1\n' >q.txt
printf '1 Q0 b 1 2 x\n1 Q0 a 2 1 x\n' >r.txt
ok eval --qrels q.txt --lists r.txt --metrics mrr --json && says '"mrr": 0.25'
fails 3 'q.txt' eval --qrels r.txt --lists q.txt --metrics mrr
echo passed

# candidates that a method retrieves: the same for all, a protocol of its own, the same again with the same seed
shop >shop.csv
ok run ease,markov --data shop.csv --eval ease@4 --no-controls --out first -q --json
id=$(grep -o '"id": "loo-slate[^"]*"' "$T/out")
[ -n "$id" ] && says '"candidates": "ease@4"' || die "no slate protocol"
ok run markov --data shop.csv --eval ease@4 --no-controls --out second -q --json && says "$id"
ok run markov --data shop.csv --eval ease@4 --test-users 7 --no-controls --out third -q --json && lacks "$id" && says '"users": 7'
fails 2 "candidates" run markov --data shop.csv --eval nothing@4 --no-controls --out fourth
has first/slates.tsv "u1	"
