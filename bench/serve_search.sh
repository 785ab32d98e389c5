#!/usr/bin/env bash
# Search by words of titles (/v1/items) over a large catalogue: 200,000 made titles of one to six words, some common, most rare.
#     bench/serve_search.sh [ITEMS] [TIMES]      200000, 40; LOREC: the program; KEEP: a folder to work in
# The first answer after the start; then for each kind of question the median and the slowest of TIMES over one connection, and the
# processor's time that each cost the server, which other work on the machine does not change much.
set -eu
cd "$(dirname "$0")/.."
items=${1:-200000} times=${2:-40} work=${KEEP:-$(mktemp -d)}
lorec=$(realpath "${LOREC:-build/lorec}")
server=
mkdir -p "$work"
trap '[ -z "$server" ] || kill -9 $server 2>/dev/null; [ -n "${KEEP:-}" ] || rm -rf "$work"' EXIT
cd "$work"
if [ ! -e r/result.json ]; then
    awk -v items="$items" 'BEGIN { srand(7)
        n = split("ba ko ri ta lu men dor shi van el gra pu nes to fi mar ow ze qui ly", s, " ")
        for (w = 0; w < 30000; w++) { word[w] = ""; for (k = 0; k < 2 + w % 3; k++) word[w] = word[w] s[1 + int(rand() * n)] }
        print "item\ttitle" >"items.tsv"; print "user,item,timestamp"
        for (i = 0; i < items; i++) { title = ""
            for (k = 0; k <= i % 6; k++) { w = word[int(30000 * rand() ^ 4)]; title = title (k ? " " : "") toupper(substr(w, 1, 1)) substr(w, 2) }
            print "i" i "\t" title (i % 9 ? "" : " é") " (" 1900 + i % 120 ")" >"items.tsv"
            print "u" i % 5000 ",i" i "," 900; print "u" (i * 7 + 1) % 5000 ",i" int(rand() * rand() * items) "," 901 + i } }' >rows.csv
    "$lorec" run pop --data rows.csv --item-text items.tsv --out r --no-controls -q --test-users 100 >run.out 2>&1 || { tail -3 run.out; exit 1; }
fi
rm -f port
"$lorec" serve r --store sqlite::memory: --listen 127.0.0.1:0 --port-file port >out 2>&1 &
server=$!
for _ in $(seq 2000); do [ -s port ] && break; kill -0 $server 2>/dev/null || { cat out; exit 1; }; sleep 0.02; done
A=http://127.0.0.1:$(cat port)
ms() { awk '{ printf "%.2f\n", $1 * 1000 }' | sort -n | awk '{ v[NR] = $1 } END { printf "%8.2f %8.2f", v[int((NR + 1) / 2)], v[NR] }'; }
cpu() { cat /proc/$server/task/*/schedstat | awk '{ n += $1 } END { printf "%.0f", n / 1000 }'; } # microseconds of all threads
at=$(cpu)
seconds=$(curl -s -o /dev/null -w '%{time_total}' "$A/v1/items?q=bako")
echo "load $(cut -d' ' -f1-3 /proc/loadavg); the first search of all: $seconds s, $((($(cpu) - at) / 1000)) ms of CPU"
ask() { # ask WHAT WORDS
    local urls=() i before
    for i in $(seq $((times + 1))); do urls+=(-o /dev/null "$A/v1/items?n=20&q=$2"); done
    before=$(cpu)
    printf '%-38s %8s %s' "$1 (\"$2\")" "$(curl -s "$A/v1/items?n=1&q=$2" | sed 's/.*"total":\([0-9]*\).*/\1/')" \
        "$(curl -s -w '%{time_total}\n' "${urls[@]}" | tail -n +2 | ms)"
    awk -v us=$(($(cpu) - before)) -v n=$((times + 2)) 'BEGIN { printf " %8.2f\n", us / n / 1000 }'
}
printf '%-38s %8s %8s %8s %8s\n' question found 'p50 ms' 'max ms' 'CPU ms'
rare=$(sed -n 3p items.tsv | cut -f2 | sed 's/ /+/g')
ask "nothing: what is popular" ""
ask "one letter" "s"
ask "two letters" "ko"
ask "three letters" "men"
ask "a year" "1984"
ask "a common beginning" "van"
ask "two words" "mar+shi"
ask "letters within words" "quily"
ask "a whole title" "$rare"
ask "words that no title has" "zzyzx+qqqq"
ask "ten short words" "a+e+i+o+u+l+r+n+t+s"
