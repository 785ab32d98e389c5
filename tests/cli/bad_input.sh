#!/usr/bin/env bash
# What bad input gets: the file as it was named, the line, a remedy; exit 3 or 4; nothing half-written.
. "$(dirname "$0")/support/lib.sh"

fails 3 'nowhere.csv' run pop --data nowhere.csv
: >empty.csv
fails 3 'empty.csv' run pop --data empty.csv
echo "user,item,timestamp" >head.csv
fails 3 'head.csv' run pop --data head.csv
shop >good.csv
sed '5s/.*/u1,i1/' good.csv >short.csv
fails 3 'short.csv' run pop --data short.csv && has "$T/err" "line 5"
printf 'user,item,timestamp\nu1,i1,1\nu1,i2,2\n' >one.csv
fails 3 '' run pop --data one.csv
fails 3 '' run pop --data good.csv --min-rating 6
fails 3 '' run pop --data good.csv --user-core 100
fails 3 'missing.yaml' run pop --data good.csv --config missing.yaml
[ ! -e runs ] || die "a run that could not begin left a folder"

sed 's/$/\r/' good.csv >crlf.csv
ok run pop --data crlf.csv --out crlf --json && says '"users": 30'
ok run pop --data good.csv --out big --topk 500 --metrics ndcg --json && says '"ndcg@500"' # k beyond the catalogue

# an --out that holds something else; a run that is not one
mkdir taken && echo hello >taken/mine
fails 2 'is not empty and no run' run pop --data good.csv --out taken
[ "$(cat taken/mine)" = hello ] || die "somebody's file was touched"
fails 3 'there is no such run folder' recommend nowhere --user u1
fails 3 'is no run' recommend taken --user u1
ok run pop --data good.csv --out r
fails 2 'holds a run; --resume' run pop --data good.csv --out r
fails 2 'there is no user "u99"' recommend r --user u99
fails 2 '' recommend r --item "no such thing"
fails 3 'no model of markov with seed 7' recommend r --user u1 --method markov --seed 7
fails 2 'did you mean' recommend r --user u1 --method markv
echo '{' >r/models/pop-1/recommender.json
fails 3 'recommender.json' recommend r --user u1
rm -r r/data
fails 3 'data' recommend r --user u1

if [ "$(id -u)" != 0 ]; then
    mkdir locked && chmod a-w locked
    fails 4 'locked' run pop --data good.csv --out locked/r
fi
if [ -e /dev/full ]; then
    "$LOREC" run pop --data good.csv --out full --json >/dev/full 2>"$T/err"
    [ $? = 4 ] || die "a full stdout has to be exit 4"
    [ -s full/result.json ] || die "the result is kept all the same"
fi
echo passed
