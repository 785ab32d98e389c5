#!/usr/bin/env bash
# Training beside the server: adopted when no worse, refused otherwise, rolled back, taken up after kill -9; SIGHUP.
. "$(dirname "$0")/support/lib.sh"
. "$(dirname "$0")/support/server.sh"
shop >shop.csv
ok run ease --data shop.csv --out r --no-controls -q
state() { # state WORD: until GET /api/train says so
    for _ in $(seq 1500); do
        get /api/train && grep -qE "^\{\"state\":\"$1\"" out && return
        sleep 0.1
    done
    cat out server.err
    die "the training is not $1"
}
in_force() { get /api/train && sed 's/.*"in_force":"\([^"]*\)".*/\1/' out; }

# feedback of old and new people, on old and new items, is learned from; the new item is in the catalogue then
start r --store sqlite:s.db --train-margin 1
get /api/train && is 200 && body '"state":"idle"' && body '"in_force":"r"'
get /api/item -d '{"ItemId":"new","Title":"A new one","Categories":["fresh"]}' && is 200
for u in $(seq 1 20); do
    printf '{"FeedbackType":"like","UserId":"%s","ItemId":"%s","Timestamp":%s,"EventId":"%s"}\n' "u$u" new $((3000 + u)) "a$u" \
        "n$u" "i$((u % 12))" $((3000 + u)) "b$u" "n$u" new $((4000 + u)) "c$u" u$u ghost 5000 "d$u"
done | paste -sd, | sed 's/.*/[&]/' >feedback
get /api/feedback -d @feedback && is 200 && body '"RowAffected":80'
get /api/feedback/like/u1/new -X DELETE && is 200
get "/api/recommend/n1?n=3" && before=$(cat out)
get /api/train -X POST && is 202 && body '"state":"exporting"'
get /api/train -X POST && is 409 && body 'is under way'
state idle
body '"state":"adopted"' && body '"event_seq":81' && body '"catalogue":1.0'
run=$(in_force)
[ "$run" != r ] || die "the old model is in force"
has "$run/served.json" '"event_seq": 81'
[ "$(grep -c . "$run/data/manifest.json")" -gt 0 ] || die "no data"
get /v1/models && body '"id":"recommend:r"' # a name stays when what is behind it is trained again
get /v1/methods && body '"items":13' && body '"users":50'
get /v1/recommend -d '{"history":["i1"],"k":12}' && body '"id":"new"' && not ghost
# what is learned is not counted a second time: the same state, the same seen items
get "/api/recommend/n1?n=20" && not '"new"' && id=$(grep -i '^x-request-id' head | tr -d '\r' | cut -d' ' -f2)
get "/api/recommend/u1?n=20" && body '"new"'
sleep 0.6
ok why "$id" --store sqlite:s.db && says "the same, bit for bit"

# back, by the address and from outside; the server that runs follows
get /api/rollback -X POST && is 202
for _ in $(seq 300); do [ "$(in_force)" = r ] && break; sleep 0.1; done
[ "$(in_force)" = r ] || die "no rollback"
ok serve r --store sqlite:s.db --rollback && says "$run is in force"
for _ in $(seq 300); do [ "$(in_force)" = "$run" ] && break; sleep 0.1; done
[ "$(in_force)" = "$run" ] || die "no rollback from outside"
stop
ok serve r --store sqlite:s.db --rollback && says "r is in force"
start r --store sqlite:s.db --train-margin 1
[ "$(in_force)" = r ] || die "the state is not kept"
stop
ok serve r --store sqlite:s.db --rollback

# a model that is worse, one that breaks and one that needs too much are not adopted; nothing else changes
start r --store sqlite:s.db
sed -i 's/"ndcg@10": 0\.[0-9]*/"ndcg@10": 0.999999/' "$run/result.json"
get /api/train -X POST && is 202
state idle
body '"state":"refused"' && body "that in force has 1" && [ "$(in_force)" = "$run" ] || die "a worse model is in force"
stop
start r --store sqlite:s.db --train-cpu-hours 0.0001 --train-margin 1
get /api/train -X POST -d '{"margin":2}' && is 400
get /api/train -X POST -d '{"run":"elsewhere"}' && is 404 && body 'is not served'
get /api/train && body '"state":"idle"'

# SIGHUP: a run that is broken leaves the old model in force, requests go on
mv "$run/models" aside
kill -HUP $server
for _ in $(seq 300); do grep -q "stays in force" server.err && break; sleep 0.1; done
has server.err "stays in force"
get /api/recommend/u2 && is 200
# and at a start the one before is taken
stop
start r --store sqlite:s.db
[ "$(in_force)" = r ] || die "no way round a broken model"
stop
mv aside "$run/models"

# kill -9 at many moments of a training: every start serves, and in the end it is adopted
start r --store sqlite:s.db --train-margin 1
get /api/feedback -d '[{"FeedbackType":"like","UserId":"u3","ItemId":"i3"}]'
get /api/train -X POST && is 202
for i in 0.02 0.05 0.1 0.02 0.3 0.01 0.15; do
    sleep $i
    killed
    start r --store sqlite:s.db --train-margin 1
    get "/api/recommend/u1?n=3" && is 200
done
state idle
body '"state":"adopted"' || { cat server.err; die "killed trainings are not taken up"; }
[ "$(in_force)" != "$run" ] || die "not the new one"
stop

# a key that changes
echo one >key
start r --store sqlite:s.db --key-file key
get /api/recommend/u1 -H 'X-API-Key: one' && is 200
echo two >key && kill -HUP $server
for _ in $(seq 300); do get /api/recommend/u1 -H 'X-API-Key: two' && [ "$(cat code)" = 200 ] && break; sleep 0.1; done
is 200
get /api/recommend/u1 -H 'X-API-Key: one' && is 401
get /api/train && is 401
stop

# a store in memory keeps no models
start r --store sqlite::memory:
get /api/train -X POST && is 409 && body "keeps no models"
get /api/rollback -X POST && is 409
stop
fails 2 "no model before" serve r --rollback --work nothing-here
echo ok
