#!/usr/bin/env bash
# `lorec why` on a hundred served answers after kill -9 and a new start: lists of every address, two methods, strangers, sessions, candidates,
# exclusions, categories, new items by their texts, late answers, chats through a language model, reasons in its words; feedback between
# them, a training adopted half way. Each has to be reproduced bit for bit.
#     bench/serve_why.sh [DATA] [STORE]        sample; a fresh sqlite file, or postgresql://...; LOREC: the program; METHODS: ease,sasrec
set -u
cd "$(dirname "$0")/.."
data=${1:-sample} methods=${METHODS:-ease,sasrec} work=${KEEP:-$(mktemp -d)} lorec=$(realpath "${LOREC:-build/lorec}")
store=${2:-sqlite:$work/s.db} server= rc=0
[ "$data" = sample ] || data=$(realpath "$data")
mkdir -p "$work"
trap 'kill -9 $server 2>/dev/null; [ -n "${KEEP:-}" ] || rm -rf "$work"' EXIT
cd "$work"
[ -e r/result.json ] || "$lorec" run "$methods" --data "$data" --out r --no-controls -q --test-users 200 --set epochs=2 >run.out 2>&1 || { tail -3 run.out; exit 1; }
for _ in $(seq 40); do echo "the cat sat on a mat and the dog ran to the hut by the sea"; done >corpus.txt
"$lorec" lm train-tokenizer corpus.txt --out tokenizer.json --size 280 --special '<|endoftext|>' --special '<|im_start|>' \
    --special '<|im_end|>' -q >run.out 2>&1 &&
    "$lorec" lm train --init NEW --tokenizer tokenizer.json --corpus corpus.txt --out tiny --width 32 --layers 1 --heads 2 \
        --context 1536 --epochs 6 --batch 2 --lr 0.01 -q >>run.out 2>&1 || { tail -3 run.out; exit 1; }
begin() {
    rm -f port
    "$lorec" serve r --store "$store" --work models --train-margin 1 --llm 'tiny?chat=chatml' --listen 127.0.0.1:0 --port-file port >>server.out 2>&1 &
    server=$!
    for _ in $(seq 1200); do [ -s port ] && break; kill -0 $server 2>/dev/null || break; sleep 0.05; done
    [ -s port ] || { tail -5 server.out; exit 1; }
    A=http://127.0.0.1:$(cat port)
}
rm -f ids
served() { # served KIND PATH [curl's words]: its request id is kept
    [ "$(curl -s -o reply -D head -m 60 -w '%{http_code}' "$A$2" "${@:3}")" = 200 ] || { echo "$1: $(head -c 300 reply)"; exit 1; }
    echo "$1 $(grep -i '^x-request-id:' head | tr -d '\r' | cut -d' ' -f2)" >>ids
}
begin
users=($(curl -s "$A/v1/users" | grep -o '"users":\[[^]]*\]' | cut -d: -f2 | tr -d '[]"' | tr ',' ' '))
items=($(curl -s "$A/api/popular?n=40" | grep -o '"Id":"[^"]*"' | cut -d'"' -f4))
name=$(curl -s "$A/v1/models" | grep -o '"recommend:[^"]*"' | head -1 | tr -d '"')
category=$(curl -s "$A/api/item/${items[0]}" | sed 's/.*"Categories":\["\([^"]*\)".*/\1/')
two=${methods##*,}
ten() { # ten NUMBER: ten kinds of answers
    local n=$1 u=${users[$1]} i=${items[$1]} j=${items[$1 + 1]} k=${items[$1 + 2]}
    served list "/api/recommend/$u?n=10"
    curl -s -o reply "$A/api/feedback" -d "[{\"FeedbackType\":\"like\",\"UserId\":\"$u\",\"ItemId\":\"$i\"},{\"FeedbackType\":\"like\",\"UserId\":\"new$n\",\"ItemId\":\"$j\"}]"
    served list-of-$two /v1/recommend -d "{\"user\":\"$u\",\"k\":10,\"method\":\"$two\",\"exclude\":[\"$j\"],\"offset\":3}"
    served new-person /v1/recommend -d "{\"user\":\"new$n\",\"k\":10}"
    served history /v1/recommend -d "{\"history\":[\"$i\",\"$j\"],\"k\":10,\"keep_seen\":true,\"method\":\"$two\"}"
    served candidates /v1/rerank -d "{\"user\":\"$u\",\"candidates\":[\"$k\",\"$j\",\"${items[39]}\"]}"
    curl -s -o reply -X DELETE "$A/api/feedback/$u/$i"
    case $((n % 5)) in
    0) served stranger "/api/recommend/nobody$n?n=7" ;;
    1) served late /v1/recommend -d "{\"user\":\"$u\",\"k\":5,\"timeout_ms\":1}" ;;
    2) served category "/api/recommend/$u?n=5&category=$category" ;;
    3) curl -s -o reply "$A/api/item" -d "{\"ItemId\":\"fresh$n\",\"Title\":\"A story of love and stars $n\",\"Categories\":[\"$category\"]}"
        served new-item /v1/recommend -d "{\"user\":\"$u\",\"k\":10}" ;;
    4) served write-back "/api/recommend/$u?n=3&write-back-type=read" ;;
    esac
    served session "/api/session/recommend?n=5" -d "[{\"ItemId\":\"$i\"}]"
    served explained /v1/explain -d "{\"user\":\"$u\",\"item\":\"$k\"}"
    served reasons /v1/recommend -d "{\"user\":\"$u\",\"k\":3,\"reasons\":true}"
    served chat /v1/chat/completions -d "{\"model\":\"$name\",\"user\":\"$u\",\"max_tokens\":4,\"messages\":[{\"role\":\"user\",\"content\":\"what next?\"}]}"
}
for n in 0 1 2 3 4; do ten $n; done
curl -s -o reply -X POST "$A/api/train"
for _ in $(seq 1200); do curl -s "$A/api/train" >train.out; grep -q '^{"state":"idle"' train.out && break; sleep 0.25; done
for n in 5 6 7 8 9; do ten $n; done
sleep 1 # slates are written behind
kill -9 $server
wait $server 2>/dev/null
begin
same=0
while read -r kind id; do
    if "$lorec" why "$id" --store "$store" >why.out 2>&1; then
        same=$((same + 1))
        echo "$kind same $(grep -o ' of [^ ]*r[^ ]* (seed' why.out | head -1 | cut -d' ' -f3)" >>told
    else
        echo "$kind $id: $(tail -1 why.out)"
        rc=1
    fi
done <ids
echo "$same of $(wc -l <ids) the same bit for bit ($(cut -d' ' -f1 ids | sort | uniq -c | awk '{printf "%s%s %s", (NR > 1 ? ", " : ""), $1, $2}'));" \
    "training: $(grep -o '"last":{[^{]*' train.out | grep -o '"state":"[a-z]*"'), answers of $(cut -d' ' -f3 told | sort | uniq -c | awk '{printf "%s%s: %s", (NR > 1 ? ", " : ""), $2, $1}'); load $(cut -d' ' -f1-3 /proc/loadavg)"
grep -q '"state":"adopted"' train.out || rc=1
exit $rc
