#!/usr/bin/env bash
# P5's training step beside the same T5 in transformers (PyPI), on the same batches, in pairs in one run: medians, their ratio, the load.
#   PYTHON=path/to/python bench/p5_train.sh DATA [BUILD] [PAIRS] [SHAPE...]      SHAPE: small mini fast, with :bf16
# FIELD=cpu_s compares the CPU's seconds instead of the clock's, for a machine that others use as well.
set -eu
data=${1:?give the data, such as Beauty.txt.gz}; build=${2:-build}; pairs=${3:-3}; shift $(($# < 3 ? $# : 3))
[ $# -gt 0 ] || set -- mini fast
python=${PYTHON:-python3}; field=${FIELD:-median_s}; steps=${STEPS:-5}
"$python" -c 'import transformers' 2>/dev/null || { echo "transformers is missing: $python -m pip install torch transformers (or PYTHON=...)" >&2; exit 1; }
export LOREC_THREADS=${LOREC_THREADS:-$(nproc)}
batches=$(mktemp); trap 'rm -f "$batches"' EXIT
value() { sed -n "s/.*\"$field\": \([0-9.e-]*\).*/\1/p"; }
median() { printf '%s\n' "$@" | sort -g | sed -n "$((($# + 1) / 2))p"; }
echo "machine: $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), $LOREC_THREADS threads, $(date -u +%F), $field"
for what in "$@"; do
    shape=${what%%:*}; flags=()
    [ "$what" = "$shape" ] || flags=(--bf16)
    "$build/bench/bench_p5" "$data" "$shape" --steps "$steps" --dump "$batches"
    ours=(); theirs=()
    for ((i = 1; i <= pairs; i++)); do
        ours+=("$("$build/bench/bench_p5" "$data" "$shape" --steps "$steps" "${flags[@]}" | value)")
        theirs+=("$("$python" "$(dirname "$0")/peers/p5_train.py" "$batches" --threads "$LOREC_THREADS" "${flags[@]}" | value)")
    done
    a=$(median "${ours[@]}"); b=$(median "${theirs[@]}")
    printf '%-12s lorec %8.4f s  transformers %8.4f s  %5.2f x  (lorec %s; transformers %s; load %s)\n' "$what" "$a" "$b" \
        "$(awk "BEGIN { print $b / $a }")" "${ours[*]}" "${theirs[*]}" "$(cut -d' ' -f1 /proc/loadavg)"
done
