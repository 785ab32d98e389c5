#!/usr/bin/env bash
# Candidates and users (bench_candidates.c) of a 1.1 B LLaMA in Q8_0 beside llama.cpp's library, in pairs in one run: medians,
# their ratio, load.
#   LLAMA_DIR=path/to/built/llama.cpp PYTHON=path/to/python bench/candidates.sh [BUILD] [PAIRS]
# PYTHON needs numpy and gguf: the peer's model is drawn once, into $MODEL (default: a temporary file). lorec draws its own of
# the same shape. CPU_TIME=1 counts the CPU's seconds instead of the clock's: on a machine that others use. PLAIN=1: without
# the peer's AMX and repacked kernels, where they crash. UBATCH (default 512) is the peer's tokens of one pass; 1024 is tried too, the better one counts.
set -eu
build=${1:-build}; pairs=${2:-3}
here=$(dirname "$0"); python=${PYTHON:-python3}; llama=${LLAMA_DIR:?a built llama.cpp}; lib=$llama/build/bin
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
model=${MODEL:-$work/llama-1.1b.gguf}
[ -e "$model" ] || "$python" "$here/peers/random_gguf.py" "$model"
cc -O2 -I"$llama/include" -I"$llama/ggml/include" "$here/peers/llama_candidates.c" -o "$work/peer" -L"$lib" -lllama -lggml -lggml-base -Wl,-rpath,"$lib"
export LOREC_THREADS=${LOREC_THREADS:-$(nproc)} OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}
repeats=${REPEATS:-2}
median() { sort -g | awk '{x[NR] = $1} END {print (x[int((NR + 1) / 2)] + x[int(NR / 2) + 1]) / 2}'; }
echo "machine: $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), $LOREC_THREADS threads, $(date -u +%F), llama.cpp $(sed -n 's/^set(LLAMA_INSTALL_VERSION \(.*\))/\1/p' "$llama/CMakeLists.txt" | head -1) $(git -C "$llama" rev-parse --short HEAD 2>/dev/null || true)${CPU_TIME:+, seconds of the CPU}${PLAIN:+, the peer without AMX}"
for ((i = 1; i <= pairs; i++)); do
    "$build/bench/bench_candidates" llama-1.1b q8_0 "$repeats" >>"$work/lorec"
    for ubatch in 512 1024; do UBATCH=$ubatch "$work/peer" "$model" "$LOREC_THREADS" "$repeats" 2>/dev/null >>"$work/peer-$ubatch"; done
done
for what in candidates users; do
    ours=$(awk -v w=$what '$1 == w {print $2}' "$work/lorec" | median)
    best=""
    for ubatch in 512 1024; do
        s=$(awk -v w=$what '$1 == w {print $2}' "$work/peer-$ubatch" | median)
        if [ -z "$best" ] || awk "BEGIN {exit !($s < $best)}"; then best=$s; which=$ubatch; fi
    done
    printf '%-10s lorec %7.3f s  llama.cpp %7.3f s (n_ubatch %s)  %5.2f x  (load %s)\n' $what "$ours" "$best" "$which" \
        "$(awk "BEGIN {print $best / $ours}")" "$(cut -d' ' -f1 /proc/loadavg)"
done
