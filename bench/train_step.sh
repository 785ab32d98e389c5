#!/usr/bin/env bash
# A training step beside PyTorch (PyPI) on the same shapes, in pairs in one run: medians, their ratio, the load.
#   PYTHON=path/to/python bench/train_step.sh [BUILD] [PAIRS] [SHAPE...]     SHAPE: sasrec gpt2 gptrec beauty, with :bf16
# FIELD=cpu_s compares the CPU's seconds instead of the clock's, for a machine that others use as well.
set -eu
build=${1:-build}; pairs=${2:-3}; shift $(($# < 2 ? $# : 2))
[ $# -gt 0 ] || set -- sasrec beauty gptrec gptrec:bf16 gpt2 gpt2:bf16
python=${PYTHON:-python3}; field=${FIELD:-median_s}; steps=${STEPS:-5}
"$python" -c 'import torch' 2>/dev/null || { echo "torch is missing: $python -m pip install torch (or PYTHON=...)" >&2; exit 1; }
export LOREC_THREADS=${LOREC_THREADS:-$(nproc)}
lengths=$(mktemp); trap 'rm -f "$lengths"' EXIT
# A file of Beauty's "user item item ..." rows gives its lengths; otherwise short ones with a long tail are drawn.
if [ -n "${BEAUTY:-}" ]; then shuf -n 256 --random-source=<(yes) "$BEAUTY" | awk '{ n = NF - 2; print (n > 50 ? 50 : n) }' > "$lengths"
else awk 'BEGIN { srand(1); for (i = 0; i < 256; i++) { n = 2 + int(-log(1 - rand()) * 5); print (n > 50 ? 50 : n) } }' > "$lengths"; fi
value() { sed -n "s/.*\"$field\": \([0-9.e-]*\).*/\1/p"; }
median() { printf '%s\n' "$@" | sort -g | sed -n "$((($# + 1) / 2))p"; }
echo "machine: $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), $LOREC_THREADS threads, $(date -u +%F), $field"
for what in "$@"; do
    shape=${what%%:*}; flags=(--steps "$steps")
    [ "$what" = "$shape" ] || flags+=(--bf16)
    [ "$shape" != beauty ] || flags+=(--lengths "$lengths")
    ours=(); theirs=()
    for ((i = 1; i <= pairs; i++)); do
        ours+=("$("$build/bench/bench_train_step" "$shape" "${flags[@]}" | value)")
        theirs+=("$("$python" "$(dirname "$0")/peers/train_step.py" "$shape" --threads "$LOREC_THREADS" "${flags[@]}" | value)")
    done
    a=$(median "${ours[@]}"); b=$(median "${theirs[@]}")
    printf '%-12s lorec %8.4f s  torch %8.4f s  %5.2f x  (lorec %s; torch %s; load %s)\n' "$what" "$a" "$b" \
        "$(awk "BEGIN { print $b / $a }")" "${ours[*]}" "${theirs[*]}" "$(cut -d' ' -f1 /proc/loadavg)"
done
