#!/usr/bin/env bash
# TALLRec on its authors' samples of MovieLens-100K (8,000 / 1,000 / 1,000 questions, each with the ten films before it): does
# AUC rise with the number of examples, and does it pass the rule "share of the ten that were liked"? Every sample becomes a
# person of its own, whose ten films are training rows and whose target is a row of the sample's part.
#     bench/accuracy/tallrec.sh            # LM: a model folder; SEEDS=1,2,3,4,5; KS="256 2000 8000"
# Writes docs/results/tallrec.md. Minutes a row with bench/make_lm.sh's model.
set -eu
cd "$(dirname "$0")/../.."
lorec=${LOREC:-build/lorec} shared=${SHARED:-../shared/data} lm=${LM:-build/lm/ml-100k} seeds=${SEEDS:-1,2,3,4,5} runs=${RUNS:-runs}
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
from=$shared/tallrec/baseline/movielens
mkdir "$work/films"
for part in train valid test; do echo "user,item,rating,timestamp" >"$work/films/$part.csv"; done
samples() { # PART
    { cat "$from/$1.csv" 2>/dev/null || zcat "$from/$1.csv.gz"; } | tail -n +2 | awk -F'"' -v part="$1" -v to="$work/films/" '{
        split($1, who, ","); gsub(/[^0-9,]/, "", $2); gsub(/[^0-9,]/, "", $4); split($5, is, ",")
        n = split($2, item, ","); split($4, liked, ",")
        for (k = 1; k <= n; k++) print part NR "," item[k] "," liked[k] "," k >> (to "train.csv")
        print part NR "," is[2] "," is[3] "," n + 1 >> (to part ".csv") }'
}
for part in train valid test; do samples $part; done
{ echo "item	title"; iconv -f latin1 -t utf-8 "$shared/ml-100k/u.item" | awk -F'|' '{ print $1 "\t" $2 }'; } >"$work/items.tsv"
data="--data $work/films --split files --item-text $work/items.tsv --metrics auc,logloss"
epochs() { case $1 in 256) echo 32 ;; 2000) echo 4 ;; *) echo 1 ;; esac; } # some 500 updates of 16 each
row() { jq -r --arg m "$2" '
    def f: . * 10000 | round / 10000 | tostring;
    [.results[] | select(.method == $m) | .metrics.auc] as $all | (.summary[] | select(.method == $m)) as $s |
    ($s.vs["liked-share"].auc) as $d |
    "\($all | map(f) | join(", ")) | \($s.metrics.auc.mean | f) | " +
    (if $d then "\($d.delta | f) [\($d.ci95[0] | f), \($d.ci95[1] | f)]" else "-" end)' "$1/result.json"; }
out=docs/results/tallrec.md first=
{
    echo "# TALLRec: AUC by the number of examples"
    echo
    echo "\`bench/accuracy/tallrec.sh\`, $(date -u +%F), lorec at $(git rev-parse --short HEAD), $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), $(nproc) cores, load average"
    echo "$(cut -d' ' -f1-3 /proc/loadavg). The authors' samples of MovieLens-100K, 1,000 test questions; model: $(basename "$lm") (bench/make_lm.sh), rank 8 on all products,"
    echo "learning rate 2e-3, batches of 16, bf16, answers only, some 500 updates whatever the number of examples, the best pass by 300 validation questions; one AUC a seed. Differences to the rule are paired per question's person."
    echo
    echo "| examples | AUC of each seed | mean | against liked-share, 95 % |"
    echo "|--:|---|--:|---|"
    for k in 0 ${KS:-256 2000 8000}; do
        set_k="--set examples=$k --set epochs=$(epochs "$k")"
        [ "$k" != 0 ] || set_k="--set epochs=0"
        # shellcheck disable=SC2086
        [ -e "$runs/tallrec-$k/result.json" ] || "$lorec" run tallrec $data --set model="$lm" --set weights=bf16 --set tallrec.liked_above=.5 --set liked-share.liked_above=.5 \
            $set_k --set lora_targets=all --set lr=2e-3 --set batch=16 --set micro_batch=16 --set bf16=true --set train_on_inputs=false --valid-users 300 --set eval_step=1 --set stopping_step=3 \
            --seed "$([ "$k" = 0 ] && echo 1 || echo "$seeds")" --out "$runs/tallrec-$k" -q >/dev/null
        [ -n "$first" ] || first=$runs/tallrec-$k
        echo "| $k | $(row "$runs/tallrec-$k" tallrec) |"
    done
    echo "| rule: share of the ten that were liked | $(row "$first" liked-share) |"
} >"$out.tmp"
mv "$out.tmp" "$out"
echo "written: $out"
