#!/usr/bin/env bash
# kill -9 at random moments while feedback pours in: no acknowledged event may be lost, no start may take long.
#     bench/serve_kill.sh [ROUNDS] [STORE]          ROUNDS: 200; STORE: a fresh sqlite file, or postgresql://...
set -eu
cd "$(dirname "$0")/.."
rounds=${1:-200} work=$(mktemp -d)
store=${2:-sqlite:$work/s.db}
lorec=${LOREC:-build/lorec}
server= slowest=0 n=0
trap 'kill -9 $server 2>/dev/null; rm -rf "$work"' EXIT
"$lorec" run pop --data sample --no-controls --out "$work/r" -q >/dev/null
start() {
    rm -f "$work/port"
    local t0
    t0=$(date +%s%N)
    "$lorec" serve "$work/r" --store "$store" --listen 127.0.0.1:0 --port-file "$work/port" >"$work/out" 2>&1 &
    server=$!
    while [ ! -s "$work/port" ]; do
        kill -0 $server 2>/dev/null || { cat "$work/out"; exit 1; }
        sleep 0.01
    done
    A=http://127.0.0.1:$(cat "$work/port")
    local ms=$((($(date +%s%N) - t0) / 1000000))
    [ $ms -le $slowest ] || slowest=$ms
}
: >"$work/acked"
for _ in $(seq "$rounds"); do
    start
    (sleep "0.$(printf '%03d' $((RANDOM % 350 + 30)))"; kill -9 $server 2>/dev/null) &
    killer=$!
    while :; do
        n=$((n + 1))
        code=$(curl -s -o /dev/null -w '%{http_code}' --max-time 2 "$A/api/feedback" \
            -d "[{\"FeedbackType\":\"like\",\"UserId\":\"u$((n % 50))\",\"ItemId\":\"B001\",\"EventId\":\"k$n\"}]" || true)
        [ "$code" = 200 ] || break
        echo "k$n" >>"$work/acked"
    done
    wait $killer 2>/dev/null || true
    wait $server 2>/dev/null || true
done
start
for u in $(seq 0 49); do curl -s "$A/api/user/u$u/feedback?n=10000"; done | grep -o '"EventId":"k[0-9]*"' | cut -d'"' -f4 | sort -u >"$work/there"
sort -u "$work/acked" >"$work/want"
lost=$(comm -23 "$work/want" "$work/there" | wc -l)
echo "${store%%:*}: $rounds kills, $(wc -l <"$work/want") events acknowledged, $lost lost, slowest start $slowest ms, load $(cut -d' ' -f1-3 /proc/loadavg)"
[ "$lost" = 0 ]
