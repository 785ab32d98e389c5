#!/usr/bin/env bash
# A LoRA step over a frozen 134 M LLaMA beside peft on PyTorch (PyPI), in pairs in one run: medians, their ratio, peak memory, load.
#   PYTHON=path/to/python bench/lora.sh [BUILD] [PAIRS] [f32|bf16 ...]
# In bf16 the peer is the faster of autocast and a bf16 base. FIELD=cpu_s compares the CPU's seconds instead of the clock's.
set -eu
build=${1:-build}; pairs=${2:-3}; shift $(($# < 2 ? $# : 2))
[ $# -gt 0 ] || set -- f32 bf16
python=${PYTHON:-python3}; field=${FIELD:-median_s}; steps=${STEPS:-5}
"$python" -c 'import torch, peft, transformers' 2>/dev/null || { echo "peft is missing: $python -m pip install torch peft transformers (or PYTHON=...)" >&2; exit 1; }
export LOREC_THREADS=${LOREC_THREADS:-$(nproc)}
value() { sed -n "s/.*\"$1\": \([0-9.e-]*\).*/\1/p"; }
median() { printf '%s\n' "$@" | sort -g | sed -n "$((($# + 1) / 2))p"; }
peer() { "$python" "$(dirname "$0")/peers/lora.py" --threads "$LOREC_THREADS" --steps "$steps" --mode "$1"; }
echo "machine: $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), $LOREC_THREADS threads, $(date -u +%F), $field"
for what in "$@"; do
    flags=(--steps "$steps"); modes=(f32)
    [ "$what" = f32 ] || { flags+=(--bf16); modes=(autocast bf16); }
    ours=(); theirs=(); our_mib=0; their_mib=0
    for ((i = 1; i <= pairs; i++)); do
        out=$("$build/bench/bench_lora" "${flags[@]}")
        ours+=("$(value "$field" <<<"$out")"); our_mib=$(value rss_mib <<<"$out")
        best=""
        for mode in "${modes[@]}"; do
            out=$(peer "$mode"); s=$(value "$field" <<<"$out")
            if [ -z "$best" ] || awk "BEGIN { exit !($s < $best) }"; then best=$s; their_mib=$(value rss_mib <<<"$out"); which=$mode; fi
        done
        theirs+=("$best")
    done
    a=$(median "${ours[@]}"); b=$(median "${theirs[@]}")
    printf '%-5s lorec %8.4f s %6.0f MiB  peft (%s) %8.4f s %6.0f MiB  %5.2f x, memory %4.2f of its  (lorec %s; peft %s; load %s)\n' \
        "$what" "$a" "$our_mib" "$which" "$b" "$their_mib" "$(awk "BEGIN { print $b / $a }")" \
        "$(awk "BEGIN { print $our_mib / $their_mib }")" "${ours[*]}" "${theirs[*]}" "$(cut -d' ' -f1 /proc/loadavg)"
done
