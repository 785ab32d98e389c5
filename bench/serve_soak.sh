#!/usr/bin/env bash
# A long load: 200,000 items, 230 requests a second of which two in five are feedback; at a fifth of the time a training begins, at two fifths
# the language model is killed, at three fifths another training begins. No 5xx, every degraded answer says so, memory flat.
#     bench/serve_soak.sh [MINUTES] [RATE] [ITEMS]       20, 230, 200000; LOREC: the program; KEEP: a folder to work in
#     PAGE=docs/results/serve-soak.md bench/serve_soak.sh          the same, and the page of its results is written
# The language model is a second lorec with a tiny model behind /v1/chat/completions: its words do not matter here.
set -u
cd "$(dirname "$0")/.."
minutes=${1:-20} rate=${2:-230} items=${3:-200000} work=${KEEP:-$(mktemp -d)}
lorec=$(realpath "${LOREC:-build/lorec}") load=$(realpath "${BENCH_SERVE:-build/bench/bench_serve}")
server= llm= page=${PAGE:+$(realpath "$PAGE")} revision=$(git rev-parse --short HEAD 2>/dev/null) rc=0
mkdir -p "$work"
trap 'kill -9 $server $llm 2>/dev/null; [ -n "${KEEP:-}" ] || rm -rf "$work"' EXIT
cd "$work"
say() { echo "$(date +%T) $*"; }
if [ ! -e r/result.json ]; then
    awk -v items="$items" 'BEGIN {
        srand(7)
        print "user,item,timestamp"
        for (u = 0; u < 50000; u++) { at = int(rand() * items)
            for (k = 0; k < 20; k++) { at = rand() < .7 ? (at * 31 + 17) % items : int(rand() * rand() * items); print "u" u ",i" at "," 1000 + u + k } }
        for (i = 0; i < items; i++) print "u" i % 50000 ",i" i "," 900 }' >rows.csv
    awk -v items="$items" 'BEGIN { srand(8); print "item\ttitle\tcategories"
        for (i = 0; i < items; i++) print "i" i "\tThing number " i " of word" int(rand() * 3000) " and word" int(rand() * 3000) "\tkind" i % 40 }' >items.tsv
    "$lorec" run ials --data rows.csv --item-text items.tsv --out r --no-controls -q --test-users 500 \
        --set ials.factors=32 --set ials.epochs=${EPOCHS:-8} --set ials.fold_in=true >run.out 2>&1 || { tail -3 run.out; exit 1; }
fi
if [ ! -e tiny/config.json ]; then
    for _ in $(seq 40); do echo "the cat sat on a mat and the dog ran to the hut by the sea"; done >corpus.txt
    "$lorec" lm train-tokenizer corpus.txt --out tokenizer.json --size 280 --special '<|endoftext|>' --special '<|im_start|>' \
        --special '<|im_end|>' -q >run.out 2>&1 &&
        "$lorec" lm train --init NEW --tokenizer tokenizer.json --corpus corpus.txt --out tiny --width 32 --layers 1 --heads 2 \
            --context 1536 --epochs 6 --batch 2 --lr 0.01 -q >>run.out 2>&1 || { tail -3 run.out; exit 1; }
fi
serve() { # serve NAME WORDS: its process is $!, its port in NAME.port
    rm -f "$1.port"
    "$lorec" serve "${@:2}" --listen 127.0.0.1:0 --port-file "$1.port" >"$1.out" 2>&1 &
    local pid=$! # the first start makes the index of the items
    for _ in $(seq 12000); do [ -s "$1.port" ] && return; kill -0 $pid 2>/dev/null || break; sleep 0.05; done
    kill -9 $pid 2>/dev/null
    cat "$1.out"
    exit 1
}
serve llm r --store sqlite::memory: --llm 'tiny?chat=chatml'
llm=$!
rm -rf s.db*
serve main r --store sqlite:s.db --llm "http://127.0.0.1:$(cat llm.port)/v1#tiny" --words-ms 2000 --train-margin 1 --train-threads 1 --keep-records 1
server=$!
port=$(cat main.port)
A=http://127.0.0.1:$port
name=$(curl -s "$A/v1/models" | grep -o '"recommend:[^"]*"' | head -1 | tr -d '"')
awk -v items="$items" -v chat="$name" 'BEGIN { srand(9)
    for (n = 0; n < 60000; n++) { u = int(rand() * 50000); i = int(rand() * items); x = rand()
        if (x < .4) print "POST /api/feedback [{\"FeedbackType\":\"" (x < .1 ? "read" : "like") "\",\"UserId\":\"u" u "\",\"ItemId\":\"i" i "\"}]"
        else if (x < .75) print "/api/recommend/u" u "?n=10"
        else if (x < .95) print "POST /v1/recommend {\"user\":\"u" u "\",\"k\":10}"
        else if (x < .98) print "POST /api/session/recommend?n=5 [{\"ItemId\":\"i" i "\"}]"
        else if (x < .99) print "POST /api/item {\"ItemId\":\"new" int(rand() * 50) "\",\"Title\":\"A new thing of word" int(rand() * 3000) "\"}"
        else print "POST /v1/chat/completions {\"model\":\"" chat "\",\"user\":\"u" u "\",\"max_tokens\":4,\"messages\":[{\"role\":\"user\",\"content\":\"what next?\"}]}" } }' >paths
status() { awk '/^VmRSS/ {printf "%.0f", $2 / 1024}' /proc/$server/status; }
descriptors() { ls /proc/$server/fd | wc -l; }
training() { curl -s -m 20 "$A/api/train" | grep -o '"state":"[a-z]*"' | head -1 | cut -d'"' -f4; }
seconds=$(awk -v m="$minutes" 'BEGIN {print int(m * 60)}')
every=60
[ "$seconds" -ge 300 ] || every=$(((seconds + 9) / 10))
load_then=$(cut -d' ' -f1-3 /proc/loadavg) at_rest=$(status) files_at_rest=$(descriptors)
say "start: $at_rest MiB, $files_at_rest descriptors, load $load_then"
"$load" "$port" "$rate" "$seconds" paths 64 "$every" >load.out &
loading=$!
began=$(date +%s) row=0 trained=0
: >rows.memory
: >events
happened() { say "$1"; echo "$((row + 1)): $1" >>events; }
while kill -0 $loading 2>/dev/null; do
    sleep 1
    at=$(($(date +%s) - began))
    kill -0 $server 2>/dev/null || { say "the server is gone"; rc=1; break; }
    if [ $trained = 0 ] && [ $at -ge $((seconds / 5)) ]; then
        trained=1
        curl -s -m 20 -o /dev/null -X POST "$A/api/train"
        happened "a training begins"
    elif [ -n "$llm" ] && [ $at -ge $((seconds * 2 / 5)) ]; then
        kill -9 $llm && wait $llm 2>/dev/null
        llm=
        happened "the language model is killed (-9)"
    elif [ $trained = 1 ] && [ $at -ge $((seconds * 3 / 5)) ] && [ "$(training)" = idle ]; then
        trained=2
        curl -s -m 20 -o /dev/null -X POST "$A/api/train"
        happened "another training begins"
    fi
    if [ $((at / every)) -gt $row ] && [ $row -lt $((seconds / every)) ]; then
        row=$((at / every))
        echo "$row $(status) $(descriptors) $(training)" >>rows.memory
        say "row $row: $(tail -1 rows.memory)"
    fi
done
wait $loading 2>/dev/null
[ "$(wc -l <rows.memory)" -ge $((seconds / every)) ] || echo "$((row + 1)) $(status) $(descriptors) $(training)" >>rows.memory
head -2 load.out
at_end=$(status) files_at_end=$(descriptors)
say "end: $at_end MiB, $files_at_end descriptors, load $(cut -d' ' -f1-3 /proc/loadavg)"
for _ in $(seq 600); do curl -s "$A/api/train" >train.json; grep -q '^{"state":"idle"' train.json && break; sleep 1; done
last=$(grep -o '"last":{[^{]*"state":"[a-z]*"' train.json | grep -o '"state":"[a-z]*"' | cut -d'"' -f4)
echo "training: $last, now $(status) MiB"
marked=0
for u in $(seq 20); do
    curl -s "$A/v1/chat/completions" -d "{\"model\":\"$name\",\"user\":\"u$u\",\"messages\":[{\"role\":\"user\",\"content\":\"what next?\"}]}" >chat.json
    grep -q '"degraded":"' chat.json && grep -q 'From the catalogue\|what others choose' chat.json && marked=$((marked + 1))
done
echo "chats without the language model that say so: $marked of 20"
[ $marked = 20 ] || rc=1
curl -s "$A/metrics" | grep -E '^lorec_(degraded|records|records_lost|events|cache_hits|cache_misses|queue_full)_total' | tee counters
sed -n '1{/ 0 failed/!q1}; 2{/ 0 with 5xx.* 0 are and do not say so, 0 are empty/!q1}' load.out || rc=1
[ "$last" = adopted ] || rc=1
table() {
    echo "| $1 | requests | 5xx | other than 200 | say they are degraded | degraded without saying so | empty | lists: ms p50 | p99 | max | feedback: p50 | p99 | chats: p50 | p99 | RSS MiB | files | training |"
    echo '|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|'
    sed '1,2d' load.out | paste -d' ' - <(awk '{print $2 " | " $3 " | " $4 " |"}' rows.memory)
}
table "$([ $every = 60 ] && echo minute || echo "$every s")" >table.md
cat table.md
kill -TERM $server && wait $server || { echo "the server ended badly"; tail -3 main.out; rc=1; }
[ -z "$page" ] || {
    cat <<MD
# A long load, with trainings and a dead language model in it

$items items, 50,000 users, $((50000 * 20 + items)) rows (drawn by the script, seeds 7 to 9); iALS of 32 factors, folded in, SQLite store, every slate
recorded; $rate requests a second over 64 connections: 40 % feedback, 55 % lists for known people, 3 % sessions, 1 % new items, 1 % chats
about the catalogue through a second lorec as language model. $(date +%F), $(lscpu | sed -n 's/^Model name: *//p'), $(nproc) cores,
load average $load_then before, $(cut -d' ' -f1-3 /proc/loadavg) after; lorec at $revision. $([ $rc = 0 ] && echo "All of it held." || echo "**It did not hold: see below.**")

\`\`\`
PAGE=docs/results/serve-soak.md bench/serve_soak.sh $minutes $rate $items
\`\`\`

$(head -2 load.out)

$(cat table.md)

$(sed 's/^\([0-9]*\): \(.*\)/- in row \1 \2/' events)
- at rest $at_rest MiB and $files_at_rest descriptors; at the end $at_end MiB and $files_at_end; the last training was $last
- after the kill $marked of 20 chats said that they are degraded and gave the catalogue's list
- $(tr '\n' ',' <counters | sed 's/,$//; s/,/, /g')
MD
} >page.md
[ -z "$page" ] || cp page.md "$page"
exit $rc
