#!/usr/bin/env bash
# Ten thousand connections that say nothing, half a head or nothing more; then spoiled requests: good clients are answered all the
# while, memory stays bounded, no other user's data.
#     bench/serve_bad.sh [CONNECTIONS] [SECONDS]          10000, 40; LOREC and BENCH_BAD name other builds
set -u
cd "$(dirname "$0")/.."
n=${1:-10000} seconds=${2:-40} work=$(mktemp -d)
lorec=${LOREC:-build/lorec} bad=${BENCH_BAD:-build/bench/bench_bad}
server= rc=0
trap 'kill -9 $server 2>/dev/null; rm -rf "$work"' EXIT
ulimit -n "$(ulimit -Hn)"
"$lorec" run ease --data sample --no-controls --out "$work/r" -q >/dev/null || exit 1
"$lorec" serve "$work/r" --store "sqlite:$work/s.db" --listen 127.0.0.1:0 --port-file "$work/port" >"$work/out" 2>&1 &
server=$!
while [ ! -s "$work/port" ]; do kill -0 $server || exit 1; sleep 0.05; done
port=$(cat "$work/port")
rss() { awk '/^VmRSS/ {printf "%.0f MiB", $2 / 1024}' /proc/$server/status; }
curl -s "http://127.0.0.1:$port/api/feedback" -d '[{"FeedbackType":"like","UserId":"quiet","ItemId":"B001","EventId":"q"}]' >/dev/null
before=$(curl -s "http://127.0.0.1:$port/api/user/quiet/feedback")
echo "at rest: $(rss), $(ls /proc/$server/fd | wc -l) descriptors"
"$bad" "$port" idle "$n" "$seconds" >"$work/idle" &
client=$!
sleep $((seconds / 2))
echo "with $n connections: $(rss), $(ls /proc/$server/fd | wc -l) descriptors"
wait $client || rc=1
cat "$work/idle"
"$bad" "$port" noise 64 "$seconds" || rc=1
sleep 1
kill -0 $server || { echo "the server is gone"; cat "$work/out"; exit 1; }
echo "afterwards: $(rss), $(ls /proc/$server/fd | wc -l) descriptors, $(curl -s "http://127.0.0.1:$port/metrics" | grep -c 'code="5')" \
    "kinds of 5xx"
[ "$(curl -s "http://127.0.0.1:$port/api/user/quiet/feedback")" = "$before" ] || { echo "a bystander's data changed"; rc=1; }
kill -TERM $server && wait $server || { echo "the server ended badly"; rc=1; }
server=
echo "load $(cut -d' ' -f1-3 /proc/loadavg)"
exit $rc
