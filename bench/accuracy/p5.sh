#!/usr/bin/env bash
# P5's ids and their leak: a small T5 from nothing on the first 1,000 users of Amazon Beauty (S3-Rec's sequences, whose numbers run as
# P5's), family 2, leave-one-out, full ranking, three seeds: sequential ids of all data, and of the training part. There every fourth test
# item has the number after the one before it. Writes the tables of docs/results/p5.md; what stands from "## In words" on stays.
# SEEDS, JOBS: runs beside each other, each on one thread, some two minutes each. Runs that are there (runs/p5-IDS-SEED) are kept.
set -eu
cd "$(dirname "$0")/../.."
lorec=${LOREC:-build/lorec} data=${DATA:-../shared/data/s3rec/Beauty.txt.gz} seeds=${SEEDS:-1 2 3} runs=${RUNS:-runs} out=docs/results/p5.md
mkdir -p "$runs"
beauty=$runs/beauty-1000.txt
zcat -f "$data" | awk 'NR <= 1000' >"$beauty"
settings=(--fast --set p5.families=2 --set p5.quota_next=8 --set p5.quota_next_choice=0 --set p5.quota_next_yesno=0
    --set p5.max_history=4 --set p5.epochs=15 --set p5.batch=32 --set p5.learning_rate=0.002 --metrics "hit@1,recall@10,ndcg@10")
load=$(cut -d' ' -f1-3 /proc/loadavg)
for s in $seeds; do
    for i in sequential train; do
        [ ! -e "$runs/p5-$i-$s/result.json" ] || continue
        while [ "$(jobs -rp | wc -l)" -ge "${JOBS:-2}" ]; do sleep 1; done
        LOREC_THREADS=1 "$lorec" run p5 --data "$beauty" "${settings[@]}" --seed "$s" --set p5.ids="$i" --set next-id.numbers="$i" \
            --out "$runs/p5-$i-$s" -q >/dev/null &
    done
done
wait
of() { for s in $seeds; do echo "$runs/p5-$1-$s/results/$2-$s/per_user.tsv"; done; }
row() { # NAME IDS METHOD: its figures, the mean over seeds
    for s in $seeds; do cat "$runs/p5-$2-$s/result.json"; done | jq -rs --arg m "$3" --arg name "$4" '
        def f: . * 10000 | round / 10000 | tostring;
        [.[].results[] | select(.method == $m)] as $r |
        "| \($name) | " + (["hit@1", "recall@10", "ndcg@10"] | map(. as $k | $r | map(.metrics[$k]) | (add / length | f)) | join(" | ")) + " | " +
        (if $r[0].counts.beams_ended then "\($r | map(.counts.invalid) | add) of \($r | map(.counts.beams_ended) | add)" else "" end) + " |"'
}
pair() { echo "| $1 | $(python3 bench/accuracy/paired.py ndcg@10 $(of "$2" "$3") -- $(of "$4" "$5")) |"; }
words=$(sed -n '/^## In words/,$p' "$out")
{
    echo "# p5"
    echo
    echo "Expected: sequential ids that hold the test part above those of the training part; every beam an item."
    echo
    echo '```'
    echo "bench/accuracy/p5.sh     # lorec run p5 --data (the first 1,000 lines of Beauty) ${settings[*]} --set p5.ids=... --set next-id.numbers=..."
    echo '```'
    echo
    echo "$(date -u +%F), lorec $("$lorec" --version | awk '{print $2}') at $(git rev-parse --short HEAD), $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), $(nproc) cores, load average $load. Leave-one-out, full"
    echo "ranking of 5,968 items, 1,000 users, 3,750 steps of 32 examples, 236,352 parameters, one thread a run; means over the seeds $seeds."
    echo
    echo "| method | hit@1 | recall@10 | ndcg@10 | beams that are no item |"
    echo "|---|--:|--:|--:|--:|"
    row x sequential p5 "p5, ids=sequential"
    row x train p5 "p5, ids=train"
    row x sequential next-id "next-id, sequential (rule)"
    row x train next-id "next-id, train (rule)"
    row x train markov "markov (control)"
    row x train pop "pop (control)"
    echo
    echo "Differences on ndcg@10, paired per user, means over the seeds, 95 % bootstrap over the users:"
    echo
    echo "| | first | second | difference | of each seed |"
    echo "|---|--:|--:|--:|--:|"
    pair "p5 sequential - p5 train" sequential p5 train p5
    pair "p5 sequential - next-id sequential (best control)" sequential p5 sequential next-id
    pair "p5 sequential - markov" sequential p5 sequential markov
    pair "p5 train - markov (best control without the leak)" train p5 train markov
    pair "p5 train - pop" train p5 train pop
    pair "p5 train - next-id train" train p5 train next-id
    echo
    printf '%s\n' "$words"
} >"$out.tmp"
mv "$out.tmp" "$out"
echo "written: $out"
