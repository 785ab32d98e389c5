#!/usr/bin/env bash
# Prompts, single tokens and memory beside llama.cpp on the same GGUF file, in pairs in one run: medians, their ratio, the load.
#   LLAMA_BIN=dir bench/llama.sh MODEL.gguf... [-- options of lorec lm bench]        dir holds llama-bench and its libraries
# LLAMA_LIB=dir puts other builds of its libraries first. BUILD (build), PAIRS (3), PROMPT (512), TOKENS (32), THREADS (all).
# RUN is put before each command, such as RUN="nice -n -10" or RUN="chrt -r 10" on a machine that others use as well.
set -eu
: "${LLAMA_BIN:?is the folder of llama-bench}"
build=${BUILD:-build}; pairs=${PAIRS:-3}; prompt=${PROMPT:-512}; tokens=${TOKENS:-32}; threads=${THREADS:-$(nproc)}
models=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do models+=("$1"); shift; done
[ $# -eq 0 ] || shift
[ ${#models[@]} -gt 0 ] || { echo "usage: LLAMA_BIN=dir $0 MODEL.gguf..." >&2; exit 2; }
median() { printf '%s\n' "$@" | sort -g | sed -n "$((($# + 1) / 2))p"; }
value() { sed -n "s/.*\"$1\": \([0-9.e+-]*\).*/\1/p" | head -1; }
ratio() { awk "BEGIN { printf \"%.2f\", $1 / $2 }"; }
peak=$(mktemp); out=$(mktemp); trap 'rm -f "$peak" "$out"' EXIT
echo "machine: $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), $threads threads, $(date -u +%F)"
for model in "${models[@]}"; do
    a_prompt=(); a_token=(); a_peak=(); b_prompt=(); b_token=(); b_peak=()
    for ((i = 1; i <= pairs; i++)); do
        ${RUN:-} "$build/lorec" lm bench "$model" --threads "$threads" -p "$prompt" -n "$tokens" -r 3 --candidates 0 --json "$@" > "$out"
        a_prompt+=("$(value "$prompt" < "$out")"); a_token+=("$(value decode_tok_s < "$out")"); a_peak+=("$(value peak_rss_mib < "$out")")
        LD_LIBRARY_PATH="${LLAMA_LIB:+$LLAMA_LIB:}$LLAMA_BIN" ${RUN:-} /usr/bin/env bash -c \
            '"$@" & pid=$!; top=0; while kill -0 $pid 2>/dev/null; do kb=$(sed -n "s/^VmHWM:[[:space:]]*\([0-9]*\).*/\1/p" /proc/$pid/status 2>/dev/null); top=${kb:-$top}; sleep .2; done; wait $pid; echo $top > '"$peak" \
            llama "$LLAMA_BIN/llama-bench" -m "$model" -t "$threads" -p "$prompt" -n "$tokens" -r 3 -o json > "$out" 2> /dev/null
        b_prompt+=("$(grep '"avg_ts"' "$out" | sed -n '1s/[^0-9.]*\([0-9.]*\).*/\1/p')")
        b_token+=("$(grep '"avg_ts"' "$out" | sed -n '2s/[^0-9.]*\([0-9.]*\).*/\1/p')")
        b_peak+=("$(awk '{ print $1 / 1024 }' "$peak")")
    done
    p=$(median "${a_prompt[@]}"); t=$(median "${a_token[@]}"); m=$(median "${a_peak[@]}")
    lp=$(median "${b_prompt[@]}"); lt=$(median "${b_token[@]}"); lm=$(median "${b_peak[@]}")
    printf '%-12s prompt of %s: lorec %.0f, llama.cpp %.0f tokens/s, %s x   single tokens: %.1f, %.1f, %s x   peak MiB: %.0f, %.0f, %s x   (load %s)\n' \
        "$(basename "$model" .gguf)" "$prompt" "$p" "$lp" "$(ratio "$p" "$lp")" "$t" "$lt" "$(ratio "$t" "$lt")" "$m" "$lm" "$(ratio "$m" "$lm")" \
        "$(cut -d' ' -f1 /proc/loadavg)"
done
