#!/usr/bin/env bash
# Two servers on one PostgreSQL: what one is told the other knows within a second; one is killed, one trains.
. "$(dirname "$0")/support/lib.sh"
. "$(dirname "$0")/support/server.sh"
[ -n "${LOREC_TEST_POSTGRES:-}" ] || { echo "not tested: LOREC_TEST_POSTGRES names no PostgreSQL"; exit 0; }
store=${LOREC_TEST_POSTGRES/\/lorec/\/lorec_cli}
shop >shop.csv
ok run ease --data shop.csv --out r --no-controls -q
start r --store "$store" --work w1 --train-margin 1
one=$server A1=$A
start r --store "$store" --work w2 --train-margin 1
two=$server A2=$A
trap 'kill -9 $one $two ${server:-} 2>/dev/null; rm -rf "$T"' EXIT
soon() { # soon TEXT PATH: an answer has it within a second (three on a machine that is busy)
    for _ in $(seq 60); do get "$2" && grep -qF -- "$1" out && return; sleep 0.05; done
    cat out
    die "not seen in time: $1"
}
A=$A1
get "/api/recommend/u1?n=1" && item=$(tr -d '[]"' <out)
get /api/feedback -d "[{\"FeedbackType\":\"like\",\"UserId\":\"u1\",\"ItemId\":\"$item\",\"EventId\":\"p1\"}]" && is 200
get /api/item -d '{"ItemId":"pg","Title":"from one","Categories":["c"]}' && is 200
A=$A2
soon '"EventId":"p1"' /api/user/u1/feedback
soon '"pg"' "/api/recommend/u1?category=c"
for _ in $(seq 60); do get "/api/recommend/u1?n=12" && ! grep -qF "\"$item\"" out && break; sleep 0.05; done
not "\"$item\""
get /api/feedback -d "[{\"FeedbackType\":\"like\",\"UserId\":\"u1\",\"ItemId\":\"$item\",\"EventId\":\"p1\"}]" && body '"RowAffected":0'

# one trains; the other is killed meanwhile, and comes back to the same state
A=$A1
get /api/train -X POST && is 202
kill -9 $two && wait $two 2>/dev/null
get /api/feedback -d '[{"FeedbackType":"like","UserId":"u2","ItemId":"pg","EventId":"p2"}]' && is 200
for _ in $(seq 1500); do get /api/train && grep -q '^{"state":"idle"' out && break; sleep 0.1; done
body '"state":"adopted"'
get "/api/recommend/u1?n=12" && is 200 && not "\"$item\"" && [ "$(cat out)" != '[]' ] || die "no answer"
start r --store "$store" --work w2
two=$server A2=$A
get /api/user/u2/feedback && body '"EventId":"p2"'
get "/api/recommend/u2?n=12" && not '"pg"'
id=$(grep -i '^x-request-id' head | tr -d '\r' | cut -d' ' -f2)
sleep 0.6
ok why "$id" --store "$store" && says "the same, bit for bit"
kill -TERM $one $two
wait $one || die "the first ended badly"
wait $two || die "the second ended badly"
server=
echo ok
