#!/usr/bin/env bash
# Two servers on one PostgreSQL, a client that writes to either and asks either; one is killed again and again, the other trains: no
# wrong answer (something that the person had said to have, more than a second ago), no empty one; feedback seen by both within 1 s.
#     bench/serve_pair.sh [SECONDS]       60; LOREC: the program; a PostgreSQL of its own by scripts/postgres
set -u
cd "$(dirname "$0")/.."
seconds=${1:-60} work=$(mktemp -d) here=$PWD
lorec=$(realpath "${LOREC:-build/lorec}")
pg=$(LOREC_PG_FSYNC=on scripts/postgres start) || exit 1
pid=() rc=0
trap 'kill -9 ${pid[@]} 2>/dev/null; "$here/scripts/postgres" stop "${pg%% *}"; rm -rf "$work"' EXIT
store=${pg#* }
cd "$work"
"$lorec" run ease --data sample --no-controls --out r -q >/dev/null || exit 1
begin() { # begin 0|1
    rm -f port$1
    "$lorec" serve r --store "$store" --work work$1 --train-margin 1 --listen 127.0.0.1:0 --port-file port$1 >out$1 2>&1 &
    pid[$1]=$!
}
up() { [ -s port$1 ] && kill -0 "${pid[$1]}" 2>/dev/null; }
ask() { curl -s --max-time 5 -w '\n%{http_code}' "http://127.0.0.1:$(cat port$1)$2" "${@:3}" 2>/dev/null; }
begin 0
begin 1
for i in 0 1; do for _ in $(seq 400); do up $i && break; sleep 0.05; done; up $i || { cat out$i; exit 1; }; done
ask 0 /api/train -X POST | head -c 60 >/dev/null
declare -A had when
n=0 asked=0 wrong=0 empty=0 errors=0 unacked=0 kills=0 slowest=0 seen=0 trained=0
end=$(($(date +%s) + seconds)) next_kill=$(($(date +%s) + 5))
while [ "$(date +%s)" -lt $end ]; do
    n=$((n + 1)) at=$((RANDOM % 2)) user=u$((RANDOM % 20))
    up $at || at=$((1 - at))
    if [ "$(date +%s)" -ge $next_kill ]; then # the second one; it comes back at once
        kill -9 "${pid[1]}" 2>/dev/null && wait "${pid[1]}" 2>/dev/null
        kills=$((kills + 1))
        begin 1
        next_kill=$(($(date +%s) + 6))
        at=0
    fi
    answer=$(ask $at "/api/recommend/$user?n=10")
    code=${answer##*$'\n'}
    if [ "$code" != 200 ]; then
        up $at && errors=$((errors + 1)) # a server that was just killed answers nobody
        continue
    fi
    asked=$((asked + 1))
    list=${answer%$'\n'*}
    [ "$list" != '[]' ] || empty=$((empty + 1))
    now=$(date +%s%N)
    for item in ${had[$user]:-}; do
        case $list in *"\"$item\""*) [ $(((now - ${when[$user:$item]}) / 1000000)) -le 1000 ] || wrong=$((wrong + 1)) ;; esac
    done
    item=$(tr -d '[]"' <<<"$list" | cut -d, -f1)
    code=$(ask $at /api/feedback -d "[{\"FeedbackType\":\"like\",\"UserId\":\"$user\",\"ItemId\":\"$item\",\"EventId\":\"p$n\"}]" | tail -1)
    [ "$code" = 200 ] || { unacked=$((unacked + 1)); continue; }
    had[$user]="${had[$user]:-} $item" when[$user:$item]=$(date +%s%N)
    other=$((1 - at))
    if [ $((n % 10)) = 0 ] && up $other; then # how long until the other knows?
        t0=$(date +%s%N)
        while up $other; do
            answer=$(ask $other "/api/recommend/$user?n=100")
            [ "${answer##*$'\n'}" = 200 ] || break
            case $answer in *"\"$item\""*) ;; *) seen=$((seen + 1)); break ;; esac
        done
        ms=$((($(date +%s%N) - t0) / 1000000))
        up $other && [ $ms -gt $slowest ] && slowest=$ms
    fi
    if [ $((n % 100)) = 0 ]; then
        state=$(ask 0 /api/train | grep -o '"state":"[a-z]*"' | head -1)
        [ "$state" != '"state":"idle"' ] || { trained=$((trained + 1)); ask 0 /api/train -X POST >/dev/null; }
    fi
done
# what was acknowledged is there, for both
for i in 0 1; do for _ in $(seq 100); do up $i && break; sleep 0.1; done; done
sleep 1
missing=0
for user in "${!had[@]}"; do
    for i in 0 1; do
        ask $i "/api/user/$user/feedback?n=10000" >feedback
        for item in ${had[$user]}; do grep -qF "\"ItemId\":\"$item\"" feedback || missing=$((missing + 1)); done
    done
done
echo "$asked answers, $wrong wrong, $empty empty, $errors errors of a server that was up; $((n - unacked)) events acknowledged, $missing missing" \
    "afterwards; $kills kills, $trained trainings ended; the other knew after at most $slowest ms ($seen times); load $(cut -d' ' -f1-3 /proc/loadavg)"
ask 0 /api/train | grep -o '"last":{[^{]*' | grep -o '"state":"[a-z]*"'
[ $wrong = 0 ] && [ $empty = 0 ] && [ $errors = 0 ] && [ $missing = 0 ] && [ $slowest -le 1000 ] && [ $trained -gt 0 ] || rc=1
exit $rc
