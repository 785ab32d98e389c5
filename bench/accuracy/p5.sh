#!/usr/bin/env bash
# P5's ids and their leak: a small T5 from nothing on the first 1,000 users of Amazon Beauty (S3-Rec's sequences, whose numbers run as
# P5's), family 2, leave-one-out, full ranking, two seeds: sequential ids of all data, and of the training part. There every fourth test item
# has the number after the one before it (IDS="sequential train random collaborative" takes more schemes). Writes docs/results/p5.md.
# Schemes run beside each other, each on one thread.
set -eu
cd "$(dirname "$0")/../.."
lorec=${LOREC:-build/lorec}
data=${DATA:-../shared/data/s3rec/Beauty.txt.gz}
ids=${IDS:-sequential train}
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
zcat -f "$data" | head -1000 > "$work/beauty-1000.txt"
settings=(--fast --set p5.families=2 --set p5.quota_next=8 --set p5.quota_next_choice=0 --set p5.quota_next_yesno=0
    --set p5.max_history=4 --set p5.epochs=15 --set p5.batch=32 --set p5.learning_rate=0.002 --seed 1,2 --metrics "hit@1,recall@10,ndcg@10")
load=$(cut -d' ' -f1-3 /proc/loadavg)
for i in $ids; do
    rm -rf "runs/accuracy-p5-$i"
    LOREC_THREADS=1 "$lorec" run p5 --data "$work/beauty-1000.txt" "${settings[@]}" --set p5.ids="$i" --out "runs/accuracy-p5-$i" &
done
wait
for i in $ids; do "$lorec" compare "runs/accuracy-p5-$i" -q > /dev/null; done
{
    echo "# p5"
    echo
    echo "Expected: sequential ids that hold the test part above those of the training part; every beam an item. ${NOTE:-}"
    echo
    echo '```'
    echo "bench/accuracy/p5.sh     # lorec run p5 --data (the first 1,000 lines of Beauty) ${settings[*]} --set p5.ids=..."
    echo '```'
    echo
    echo "$(date -u +%F), lorec $("$lorec" --version | awk '{print $2}') at $(git rev-parse --short HEAD 2>/dev/null || echo '?'), $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), $(nproc) cores, load average at the start $load."
    for i in $ids; do
        printf '\n## ids=%s\n\n' "$i"
        sed -n '/^| method/,/^$/p; /^Losses/,$p' "runs/accuracy-p5-$i/compare.md"
    done
} > docs/results/p5.md
echo "written: docs/results/p5.md"
