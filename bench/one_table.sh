#!/usr/bin/env bash
# Unlike methods in one table: they score, pick, rank or write, on what SASRec retrieved (sasrec@20); a target that was not
# retrieved is a miss for everybody. Writes docs/results/one-table.md. bench/make_lm.sh first (LM: the model's folder).
set -eu
cd "$(dirname "$0")/.."
lorec=${LOREC:-build/lorec} shared=${SHARED:-../shared/data} lm=${LM:-build/lm/ml-100k} runs=${RUNS:-runs} users=${USERS:-100}
methods=
for m in tallrec bigrec llara llmrank p5 zero-shot-lm; do "$lorec" methods $m >/dev/null 2>&1 && methods=$methods${methods:+,}$m; done
command=(run "$methods" --data "$shared/ml-100k" --eval "${EVAL:-sasrec@20}" --test-users "$users" --llm "local:$lm" --set "tallrec.model=$lm"
    --set llmrank.copies=1 --set llmrank.max_tokens=256 --fast --seed 1)
case $methods in *llara*) command+=(--set "llara.model=$lm" --set llara.examples=300 --set llara.epochs=1 --set llara.backbone_epochs=15) ;; esac
case $methods in *p5*) command+=(--set p5.families=2,5 --set p5.epochs=5) ;; esac # of the five families those that rank
load=$(cut -d' ' -f1-3 /proc/loadavg)
[ -e "$runs/one-table/result.json" ] || "$lorec" "${command[@]}" --out "$runs/one-table" -q >/dev/null
"$lorec" compare "$runs/one-table" -q >/dev/null
out=docs/results/one-table.md
{
    echo "# One table for unlike methods"
    echo
    echo "\`bench/one_table.sh\`: \`lorec ${command[*]}\`" | sed "s|$shared/||g; s|$lm|LM|g; s|slate:[^ ]*|sasrec@20|"
    echo
    echo "$(date -u +%F), lorec at $(git rev-parse --short HEAD), $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), $(nproc) cores, load average at the start $load. LM is"
    echo "\`bench/make_lm.sh\`'s model of MovieLens-100K's titles and training sequences: a toy, so that the table is made in minutes anywhere; what it"
    echo "says of the methods with a large model is nothing. SASRec's twenty hold $(jq -r '[.results[].counts.candidate_recall // empty][0] * 1000 | round / 10' "$runs/one-table/result.json") % of the targets: the ceiling of every row's recall."
    echo
    cat "$runs/one-table/compare.md"
} >"$out.tmp"
mv "$out.tmp" "$out"
echo "written: $out"
