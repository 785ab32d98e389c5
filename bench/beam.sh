#!/usr/bin/env bash
# Constrained beams (bench_beam.c) beside transformers' generate with a prefix function, same weights, in pairs in one run:
# medians, their ratio, how many of the items found are in the catalogue, and how many both found.
#   PYTHON=path/to/python bench/beam.sh [BUILD] [PAIRS]
# PYTHON needs torch and transformers. CPU_TIME=1 counts the CPU's seconds instead of the clock's: on a machine that others use.
set -eu
build=${1:-build}; pairs=${2:-2}; python=${PYTHON:-python3}; here=$(dirname "$0")
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
export LOREC_THREADS=${LOREC_THREADS:-$(nproc)}
median() { sort -g | awk '{x[NR] = $1} END {print (x[int((NR + 1) / 2)] + x[int(NR / 2) + 1]) / 2}'; }
echo "machine: $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), $LOREC_THREADS threads, $(date -u +%F), transformers $("$python" -c 'import transformers, torch; print(transformers.__version__, "torch", torch.__version__)')${CPU_TIME:+, seconds of the CPU}"
"$build/bench/bench_beam" "$work/model" 1 >/dev/null
for ((i = 1; i <= pairs; i++)); do
    "$build/bench/bench_beam" "$work/model" 3 >"$work/out" && cat "$work/out" >>"$work/lorec"
    for kind in f32 bf16; do "$python" "$here/peers/beam.py" "$work/model" $kind 1 2>/dev/null >"$work/out-$kind" && cat "$work/out-$kind" >>"$work/peer"; done
done
both=$(comm -12 <(awk 'NF == 4' "$work/out" | sort) <(awk 'NF == 4' "$work/out-f32" | sort) | wc -l)
for kind in f32 bf16; do
    ours=$(awk -v k=$kind '$2 == k {print $1}' "$work/lorec" | median); theirs=$(awk -v k=$kind '$2 == k {print $1}' "$work/peer" | median)
    printf '%-5s lorec %8.4f s, valid %s   transformers %8.4f s, valid %s   %6.1f x  (load %s)\n' $kind "$ours" \
        "$(awk -v k=$kind '$2 == k {v = $3} END {print v}' "$work/lorec")" "$theirs" \
        "$(awk -v k=$kind '$2 == k {v = $3} END {print v}' "$work/peer")" "$(awk "BEGIN {print $theirs / $ours}")" "$(cut -d' ' -f1 /proc/loadavg)"
done
echo "f32: $both of 32 items are found by both"
