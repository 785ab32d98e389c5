#!/usr/bin/env bash
# The provider against llama.cpp's own server with a small model: what it answers is what the same weights answer here, streamed,
# in parallel, recorded and replayed.
#   bench/llm_server.sh LLAMA_SERVER LOREC MODEL.gguf        (with a vocabulary; bench/peers/gguf_vocabulary.py adds one)
set -eu
server=$1 lorec=$2 model=$3
T=$(mktemp -d)
port=${PORT:-18080}
trap 'kill $pid 2>/dev/null; wait $pid 2>/dev/null; rm -rf "$T"' EXIT
die() { echo "FALLS SHORT: $*"; tail -5 "$T/server.log"; exit 1; }
"$server" -m "$model" --port "$port" -np 4 -t 2 --chat-template chatml >"$T/server.log" 2>&1 &
pid=$!
for _ in $(seq 100); do curl -sf "http://127.0.0.1:$port/health" >/dev/null && break; sleep .2; done
url=http://127.0.0.1:$port/v1
ask() { "$lorec" lm ask --llm "$1" "${@:2}"; }
text() { sed -n 's/^ *"text": //p' "$1"; }

ask "$url" --prompt "Once upon a time" --complete -n 40 --json >"$T/a"
ask "local:$model?chat=none" --prompt "Once upon a time" --complete -n 40 --json >"$T/b"
[ "$(text "$T/a")" = "$(text "$T/b")" ] || die "greedy: $(text "$T/a") there, $(text "$T/b") here"
echo "ok: 40 greedy tokens are the same there and here (the only model is found by itself)"

ask "$url" --prompt "Hello" -n 24 >"$T/whole"
ask "$url" --prompt "Hello" -n 24 --stream >"$T/stream"
[ "$(cat "$T/whole")" = "$(cat "$T/stream")" ] || die "a stream says something else"
echo "ok: a streamed chat is the whole chat"

ask "$url" --prompt "Hello" -n 4 --logprobs 3 --json >"$T/l"
[ "$(grep -c '"top"' "$T/l")" = 4 ] || die "no log probabilities"
echo "ok: log probabilities"

start=$(date +%s.%N)
ask "$url" --prompt "A dream about" -n 32 -t 1 --seed 5 --samples 40 --concurrency 4 --record "$T/t.sqlite" --json >"$T/many"
end=$(date +%s.%N)
[ "$(grep -c '"text"' "$T/many")" = 40 ] || die "40 samples"
kill $pid; wait $pid 2>/dev/null || true
ask "replay:$T/t.sqlite" --prompt "A dream about" -n 32 -t 1 --seed 5 --samples 40 --json >"$T/again"
[ "$(text "$T/many")" = "$(text "$T/again")" ] || die "the replay says something else"
echo "ok: 40 samples, 4 at once, in $(echo "$end - $start" | bc) s; replayed without the server"
ask "$url#m" --prompt x --tries 1 >/dev/null 2>"$T/err" && die "a dead server answered"
grep -q "Failed to connect" "$T/err" || die "$(cat "$T/err")"
echo "ok: a dead server is said to be dead"
