#!/usr/bin/env bash
# A server under load on every address while a sanitizer or valgrind looks: no report may come, and after SIGTERM no leak.
#     LOREC=build/san/lorec bench/serve_clean.sh                      60 s at full rate (a build with -DLOREC_SANITIZE=ON)
#     bench/serve_clean.sh valgrind [SECONDS]                         30: the same at a tenth of the rate under valgrind's leak check
# DATA: a data set (MovieLens-1M's folder for the real one); METHOD: sasrec. RATE: requests a second besides the round of all addresses.
# Lists, sessions, reranks, explanations, feedback in and out, items, users, bulk, searches, chats, completions, streams, vectors, the page,
# metrics, bad requests, clients that leave; meanwhile a training that is adopted, a rollback, SIGHUP.
set -u
cd "$(dirname "$0")/.."
tool=${1:-sanitizer} seconds=${2:-} data=${DATA:-sample} method=${METHOD:-sasrec} rate=${RATE:-}
lorec=$(realpath "${LOREC:-build/lorec}") plain=$(realpath "${PLAIN:-build/lorec}")
load=$(realpath "${BENCH_SERVE:-build/bench/bench_serve}") work=${KEEP:-$(mktemp -d)}
server= rc=0 before=() epochs=
[ "$method" != sasrec ] || epochs="--set epochs=2" # what is trained meanwhile is trained by the same slow program
[ "$data" = sample ] || data=$(realpath "$data")
mkdir -p "$work"
trap 'kill -9 $server 2>/dev/null; [ -n "${KEEP:-}" ] || rm -rf "$work"' EXIT
cd "$work"
case $tool in
sanitizer)
    nm "$lorec" | grep -q __asan_init || { echo "$lorec has no sanitizer: build one with -DLOREC_SANITIZE=ON and name it in LOREC"; exit 1; }
    export ASAN_OPTIONS=detect_leaks=1:halt_on_error=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
    : "${seconds:=60}" "${rate:=200}" ;;
valgrind) # it knows no AVX-512
    export LOREC_ISA=${LOREC_ISA:-avx2} OPENBLAS_CORETYPE=${OPENBLAS_CORETYPE:-Haswell}
    before=(valgrind -q --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite --error-exitcode=99
        --num-callers=25 --log-file=valgrind.%p)
    : "${seconds:=30}" "${rate:=10}" ;;
*) echo "sanitizer or valgrind?"; exit 2 ;;
esac
if [ ! -e r/result.json ]; then
    "$plain" run "$method" --data "$data" --out r --no-controls -q --test-users 200 $epochs >run.out 2>&1 || { tail -3 run.out; exit 1; }
fi
if [ ! -e tiny/config.json ]; then
    for _ in $(seq 40); do echo "the cat sat on a mat and the dog ran to the hut by the sea"; done >corpus.txt
    "$plain" lm train-tokenizer corpus.txt --out tokenizer.json --size 280 --special '<|endoftext|>' --special '<|im_start|>' \
        --special '<|im_end|>' -q >run.out 2>&1 &&
        "$plain" lm train --init NEW --tokenizer tokenizer.json --corpus corpus.txt --out tiny --width 32 --layers 1 --heads 2 \
            --context 1536 --epochs 6 --batch 2 --lr 0.01 -q >>run.out 2>&1 || { tail -3 run.out; exit 1; }
fi
rm -rf s.db* port
OMP_NUM_THREADS=${OMP_NUM_THREADS:-2} "${before[@]}" "$lorec" serve r --store sqlite:s.db --llm 'tiny?chat=chatml' --train-margin 1 --deadline-ms 20000 \
    --words-ms 20000 --access-log access.jsonl --listen 127.0.0.1:0 --port-file port >server.out 2>server.err &
server=$!
for _ in $(seq 6000); do [ -s port ] && break; kill -0 $server 2>/dev/null || break; sleep 0.05; done
[ -s port ] || { tail -40 server.err valgrind.* 2>/dev/null; echo "the server did not start"; exit 1; }
port=$(cat port) A=http://127.0.0.1:$(cat port)
users=$(curl -s "$A/v1/users" | grep -o '"users":\[[^]]*\]' | cut -d: -f2 | tr -d '[]"' | tr ',' '\n' | head -40)
items=$(curl -s "$A/api/popular?n=60" | grep -o '"Id":"[^"]*"' | cut -d'"' -f4)
name=$(curl -s "$A/v1/models" | grep -o '"recommend:[^"]*"' | head -1 | tr -d '"')
[ -n "$users" ] && [ -n "$items" ] && [ -n "$name" ] || { echo "nobody to ask for"; exit 1; }
{ # what is asked at the rate
    n=0
    for u in $users; do
        i=$(sed -n "$((n % 60 + 1))p" <<<"$items") n=$((n + 1))
        echo "/api/recommend/$u?n=10"
        echo "POST /api/feedback [{\"FeedbackType\":\"like\",\"UserId\":\"$u\",\"ItemId\":\"$i\"}]"
        echo "POST /v1/recommend {\"user\":\"$u\",\"k\":10}"
        echo "/api/recommend/$u?n=3&write-back-type=read"
        echo "POST /v1/rerank {\"user\":\"$u\",\"candidates\":[\"$i\"]}"
        echo "POST /api/session/recommend?n=5 [{\"ItemId\":\"$i\"}]"
        echo "POST /v1/recommend {\"history\":[\"$i\"],\"k\":4,\"exclude\":[\"$i\"]}"
        echo "/api/item/$i/neighbors?n=5"
        echo "/v1/items?q=a&n=20"
        echo "/api/user/$u/feedback?n=50"
        echo "POST /api/item {\"ItemId\":\"new$((n % 7))\",\"Title\":\"A new thing of $n\",\"Categories\":[\"c$((n % 3))\"]}"
    done
} >paths
ask() { codes+=("$(curl -s -N -o reply -m 120 -w '%{http_code}' "$A$1" "${@:2}" 2>/dev/null)"); } # codes are counted below
u=$(head -1 <<<"$users") i=$(head -1 <<<"$items") codes=() rounds=0
round() { # every address once, and what no server wants
    local chat="{\"model\":\"tiny\",\"max_tokens\":8,\"messages\":[{\"role\":\"user\",\"content\":\"the cat\"}]}"
    rounds=$((rounds + 1))
    ask /v1/chat/completions -d "$chat"
    ask /v1/chat/completions -d "${chat%\}},\"stream\":true,\"logprobs\":true,\"top_logprobs\":2,\"n\":2,\"seed\":$rounds}"
    ask /v1/completions -d '{"model":"tiny","prompt":["the cat","the dog"],"max_tokens":5,"logprobs":2,"stop":["sea"]}'
    ask /v1/embeddings -d '{"model":"tiny","input":["the cat","a mat"],"encoding_format":"base64"}'
    ask /v1/chat/completions -d "{\"model\":\"$name\",\"user\":\"$u\",\"max_tokens\":6,\"messages\":[{\"role\":\"user\",\"content\":\"what next?\"}]}"
    ask /v1/chat/completions -d "{\"model\":\"$name\",\"stream\":true,\"max_tokens\":6,\"messages\":[{\"role\":\"user\",\"content\":\"more?\"}]}"
    ask /v1/recommend -d "{\"user\":\"$u\",\"k\":5,\"reasons\":true,\"timeout_ms\":5000}"
    ask /v1/explain -d "{\"user\":\"$u\",\"item\":\"$i\"}"
    ask "/api/recommend/$u/c1?n=5&offset=1" -H 'X-API-Version: 2'
    ask "/api/item-to-item/neighbors/$i?n=3"
    ask "/api/item/$i/neighbors/c1"
    ask "/api/session/recommend/c1?n=3" -d "[{\"ItemId\":\"$i\"}]"
    for path in /v1/models "/v1/models/$name" /v1/methods /v1/users "/v1/users/$u" /v1/runs /metrics /openapi.json / /page/app.js /api/latest \
        /api/latest/c1 /api/popular /api/popular/c1 /api/non-personalized/latest /api/health/live /api/health/ready /api/users /api/items \
        "/api/items?q=thing" "/api/item/$i" "/api/user/$u" "/api/item/$i/feedback" "/api/item/$i/feedback/like" /api/feedback /api/feedback/like \
        "/api/feedback/$u/$i" "/api/feedback/like/$u/$i" "/api/user/$u/feedback/like" /api/bulk/users /api/bulk/items \
        "/api/bulk/feedback?format=csv" /api/train /v1/runs/r/result /v1/runs/r/progress; do ask "$path"; done
    ask /api/users -d "[{\"UserId\":\"new$rounds\",\"Labels\":[\"x\"]}]"
    ask "/api/user/new$rounds" -X PATCH -d '{"Comment":"c"}'
    ask "/api/user/new$rounds" -X DELETE
    ask /api/items -d "[{\"ItemId\":\"gone$rounds\",\"Title\":\"Gone\"}]"
    ask "/api/item/gone$rounds" -X PATCH -d '{"IsHidden":true}'
    ask "/api/item/gone$rounds/category/c1" -X PUT
    ask "/api/item/gone$rounds/category/c1" -X DELETE
    ask "/api/item/gone$rounds" -X DELETE
    ask /api/feedback -X PUT -d "[{\"FeedbackType\":\"star\",\"UserId\":\"$u\",\"ItemId\":\"$i\",\"EventId\":\"e$rounds\"}]"
    ask "/api/feedback/star/$u/$i" -X DELETE
    ask "/api/feedback/$u/$i" -X DELETE
    ask /api/bulk/feedback --data-binary "{\"FeedbackType\":\"like\",\"UserId\":\"b\",\"ItemId\":\"$i\"}"
    ask /api/bulk/items -H 'Content-Type: text/csv' --data-binary $'ItemId,Title\nbulk,"a ""b"" c"\n'
    ask /api/bulk/users --data-binary '{"UserId":"b"}'
    # refused
    ask /v1/recommend -d '{"user":3}'
    ask /v1/recommend -d '{'
    ask /v1/chat/completions -d '{"model":"none","messages":[]}'
    ask /v1/chat/completions -d "${chat%\}},\"stream\":\"true\"}"
    ask /v1/completions -d "{\"model\":\"tiny\",\"prompt\":\"$(head -c 9000 /dev/zero | tr '\0' 'a')\"}"
    ask /api/bulk/items --data-binary $'{"ItemId":"x"}\n{'
    ask '/api/recommend/%ff'
    ask "/api/recommend/$u?write-back-type=x&write-back-delay=never"
    ask /nothing -X DELETE
    # clients that leave
    curl -s -N -m 0.05 -o reply "$A/v1/chat/completions" -d '{"model":"tiny","max_tokens":600,"stream":true,"messages":[{"role":"user","content":"the cat"}]}'
    printf 'POST /api/feedback HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n[{' >"/dev/tcp/127.0.0.1/$port"
}
end=$(($(date +%s) + seconds)) step=0
"$load" "$port" "$rate" "$seconds" paths 16 >load.out &
loading=$!
while [ "$(date +%s)" -lt $end ] || [ $step -lt 4 ]; do
    round
    state=$(curl -s "$A/api/train" | grep -o '"state":"[a-z]*"' | head -1)
    case $step in
    0) curl -s -o train.out -X POST "$A/api/train"; step=1 ;;
    1) [ "$state" != '"state":"idle"' ] || { curl -s "$A/api/train" >train.out; step=2; } ;;
    2) kill -HUP $server; step=3 ;;
    3) ask /api/rollback -X POST; step=4 ;;
    esac
    kill -0 $server 2>/dev/null || break
    [ "$(date +%s)" -lt $((end + 600)) ] || break
done
wait $loading
kill -TERM $server 2>/dev/null
wait $server || { rc=1; echo "the server ended badly"; }
server=
echo "$tool, $(tr '\n' ' ' <load.out)"
echo "$rounds rounds of every address: $(printf '%s\n' "${codes[@]}" | sort | uniq -c | awk '{printf "%s%s of %s", (NR > 1 ? ", " : ""), $1, $2}')"
echo "training: $(grep -o '"last":{[^{]*' train.out | grep -o '"state":"[a-z]*"'); load $(cut -d' ' -f1-3 /proc/loadavg)"
printf '%s\n' "${codes[@]}" | grep -q '^5\|^000' && { echo "answers with 5xx, or none"; rc=1; }
if grep -hE 'ERROR: |runtime error|SUMMARY|definitely lost|Invalid (read|write)|uninitialised|Process terminating' server.err valgrind.* 2>/dev/null | head -20 | grep .; then
    echo "reports are above; the whole of them in $work (KEEP)"
    rc=1
else
    echo "no report"
fi
exit $rc
