#!/usr/bin/env bash
# LLMRank's prompts by a local model and through llama.cpp's server with eight slots: users a second of the same command but for --llm,
# in pairs in one run. The model need not be trained: both write the same number of tokens.
#   bench/llmrank_server.sh LLAMA_SERVER MODEL.gguf [BUILD] [PAIRS]         (MODEL with a vocabulary: peers/gguf_vocabulary.py)
# DATA (../shared/data/ml-100k), USERS (16), TOKENS of a reply (128), HISTORY (10 titles), WEIGHTS (keep) of the local model.
set -eu
server=$1 model=$2 build=${3:-build} pairs=${4:-2}
data=${DATA:-../shared/data/ml-100k} users=${USERS:-16} tokens=${TOKENS:-128} history=${HISTORY:-10} port=${PORT:-18082}
work=$(mktemp -d) pid=
trap '[ -z "$pid" ] || kill $pid 2>/dev/null; rm -rf "$work"' EXIT
export LOREC_THREADS=${LOREC_THREADS:-$(nproc)}
median() { sort -g | awk '{x[NR] = $1} END {print (x[int((NR + 1) / 2)] + x[int(NR / 2) + 1]) / 2}'; }
echo "machine: $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), $LOREC_THREADS threads, $(date -u +%F), $("$server" --version 2>&1 | grep -m1 version || true), $users users, 20 candidates, replies of $tokens tokens"
seconds() { # SPEC
    rm -rf "$work/run"
    "$build/lorec" run llmrank --data "$data" --eval pop@20 --test-users "$users" --no-controls --seed 1 --set copies=1 --set max_history="$history" --set concurrency=8 \
        --set max_tokens="$tokens" --llm "$1" --out "$work/run" -q --json >"$work/out"
    sed -n 's/.*"eval_s": \([0-9.]*\).*/\1/p' "$work/out" | head -1
}
for ((i = 1; i <= pairs; i++)); do
    seconds "local:$model?chat=chatml&weights=${WEIGHTS:-keep}" >>"$work/local"
    "$server" -m "$model" --port "$port" -t "$LOREC_THREADS" -np 8 -c 16384 --chat-template chatml >"$work/log" 2>&1 &
    pid=$!
    for _ in $(seq 300); do curl -sf "http://127.0.0.1:$port/health" >/dev/null && break; sleep .2; done
    seconds "http://127.0.0.1:$port/v1" >>"$work/server"
    kill $pid; wait $pid 2>/dev/null || true
done
a=$(median <"$work/local") b=$(median <"$work/server")
printf 'lorec %.2f users/s, llama-server %.2f users/s  %.2f x  (lorec %s s; llama-server %s s; load %s)\n' \
    "$(awk "BEGIN {print $users / $a}")" "$(awk "BEGIN {print $users / $b}")" "$(awk "BEGIN {print $b / $a}")" \
    "$(tr '\n' ' ' <"$work/local")" "$(tr '\n' ' ' <"$work/server")" "$(cut -d' ' -f1 /proc/loadavg)"
