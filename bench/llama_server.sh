#!/usr/bin/env bash
# Candidates and users (bench_candidates.c) of a 1.1 B LLaMA in Q8_0 beside llama.cpp's server, in pairs in one run: medians, their
# ratio, load. The server with one slot, with eight, and with eight over one cache: the best one counts.
#   PYTHON=path/to/python bench/llama_server.sh LLAMA_SERVER MODEL.gguf [BUILD] [PAIRS]     (MODEL with a vocabulary: peers/gguf_vocabulary.py)
set -eu
server=$1 model=$2 build=${3:-build} pairs=${4:-2}
here=$(dirname "$0"); python=${PYTHON:-python3}; port=${PORT:-18081}
work=$(mktemp -d)
trap 'kill $pid 2>/dev/null; rm -rf "$work"' EXIT
export LOREC_THREADS=${LOREC_THREADS:-$(nproc)}
median() { sort -g | awk '{x[NR] = $1} END {print (x[int((NR + 1) / 2)] + x[int(NR / 2) + 1]) / 2}'; }
echo "machine: $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), $LOREC_THREADS threads, $(date -u +%F), $("$server" --version 2>&1 | grep -m1 version || true)"
peer() { # NAME SLOTS flags...
    local name=$1 slots=$2; shift 2
    "$server" -m "$model" --port "$port" -t "$LOREC_THREADS" -np "$slots" -c $((slots * 512)) "$@" >"$work/log" 2>&1 &
    pid=$!
    for _ in $(seq 300); do curl -sf "http://127.0.0.1:$port/health" >/dev/null && break; sleep .2; done
    "$python" "$here/peers/llama_server_candidates.py" "$port" "$slots" 2 >>"$work/$name" || { tail -5 "$work/log" >&2; exit 1; }
    kill $pid; wait $pid 2>/dev/null || true
}
for ((i = 1; i <= pairs; i++)); do
    "$build/bench/bench_candidates" llama-1.1b q8_0 2 >>"$work/lorec"
    peer one-slot 1
    peer eight-slots 8
    peer one-cache 8 --kv-unified
done
for what in candidates users; do
    ours=$(awk -v w=$what '$1 == w {print $2}' "$work/lorec" | median)
    best=""
    for name in one-slot eight-slots one-cache; do
        s=$(awk -v w=$what '$1 == w {print $2}' "$work/$name" | median)
        if [ -z "$best" ] || awk "BEGIN {exit !($s < $best)}"; then best=$s; which=$name; fi
    done
    printf '%-10s lorec %7.3f s  llama-server %7.3f s (%s)  %5.2f x  (load %s)\n' $what "$ours" "$best" "$which" \
        "$(awk "BEGIN {print $best / $ours}")" "$(cut -d' ' -f1 /proc/loadavg)"
done
