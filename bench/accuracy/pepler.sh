#!/usr/bin/env bash
# PEPLER on real reviews (Amazon 2018's 5-core All_Beauty and Gift_Cards; the last of a pair's reviews), random 8:1:1, a small GPT-2 from
# nothing (--fast), three seeds: stage A and B, all at once, with ratings, by words; intervals over people of what is claimed. Writes the
# tables of docs/results/pepler.md; what stands from "In words:" on stays. Runs that are there (runs/pepler-SET-VARIANT) are kept.
# VARIANTS="sequential joint" is enough for the intervals.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
lorec=${LOREC:-build/lorec}
data=${DATA:-../shared/data/amazon-raw-2018}
sets=${SETS:-All_Beauty_5 Gift_Cards_5}
load=$(cut -d' ' -f1-3 /proc/loadavg)
base=(--fast --review-text --duplicates last --split ratio-random:8:1:1 --no-controls --seed 1,2,3)
runs=${RUNS:-runs} variants=${VARIANTS:-sequential joint mf mlp discrete} out=docs/results/pepler.md
words=$(sed -n '/^In words:/,$p' "$out")
declare -A more=([sequential]="" [joint]="--set tuning=joint" [mf]="--set tuning=joint --set rating=mf"
    [mlp]="--set tuning=joint --set rating=mlp" [discrete]="--set prompt=discrete")
{
    echo "# pepler"
    echo
    echo "Expected: true users below shuffled ones in perplexity; stage A below the texts alone, stage A and B below all at once; mf above mlp in USR and FMR. ${NOTE:-}"
    echo
    echo '```'
    echo "bench/accuracy/pepler.sh     # lorec run pepler --data All_Beauty_5.json.gz ${base[*]} ..."
    echo '```'
    echo
    echo "$(date -u +%F), lorec $("$lorec" --version | awk '{print $2}') at $(git rev-parse --short HEAD 2>/dev/null || echo '?'), $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), $(nproc) cores, load average at the start $load. Perplexities: of the validation part after learning the texts, stage A, all; then of the test part, and with its users and its items shuffled; then of those test texts whose review the person did not post before."
    for set in $sets; do
        printf '\n## %s\n\n| variant | seed | texts | A | all | test | users shuffled | items shuffled | new texts | new: test | new: users shuffled | BLEU-1 | BLEU-4 | ROUGE-1 | USR | FMR | FCR | DIV | RMSE | s |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n' "$set"
        for v in $variants; do
            case $v in sequential | joint) ;; *) [ "$set" = "${sets%% *}" ] || continue ;; esac # the other variants on the first set alone
            # shellcheck disable=SC2086
            [ -e "$runs/pepler-$set-$v/result.json" ] || "$lorec" run pepler --data "$data/$set.json.gz" "${base[@]}" ${more[$v]} --out "$runs/pepler-$set-$v" -q >/dev/null
            python3 "$here/pepler_row.py" "$v" <"$runs/pepler-$set-$v/result.json"
        done
    done
    printf '\n## How sure\n\nBy how much one perplexity is above another, 95 %% of a bootstrap over people, their texts and the seeds of a text together.\n\n'
    printf '| data | | texts | people | more | of each seed |\n|---|---|---|--:|--:|---|\n'
    for set in $sets; do python3 "$here/pepler_intervals.py" "$set" "$runs/pepler-$set-sequential/result.json" "$runs/pepler-$set-joint/result.json"; done
    printf '\n%s\n' "$words"
} > "$out.tmp"
mv "$out.tmp" "$out"
echo "written: docs/results/pepler.md"
