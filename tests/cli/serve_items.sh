#!/usr/bin/env bash
# Items that the model does not know, by their texts; import and export; feedback that grows old.
. "$(dirname "$0")/support/lib.sh"
. "$(dirname "$0")/support/server.sh"
ok run ease --data sample --out r --no-controls -q
start r --store sqlite:s.db
# reader0001's items and a new one that has the words of the last; another with words nobody has
get "/api/recommend/reader0001?n=10" && is 200 && not '"twin"'
read -r last title < <(awk -F'\t' '$1 == "reader0001" {print $2}' r/lists.tsv | head -1 | sed 's/$/ x/')
get "/api/item/$last" && title=$(sed 's/.*"Title":"\([^"]*\)".*/\1/' out)
categories=$(sed 's/.*"Categories":\(\[[^]]*\]\).*/\1/' out)
get /v1/recommend -d "{\"history\":[\"$last\"],\"k\":10}" && not '"twin"'
get /api/items -d "[{\"ItemId\":\"twin\",\"Title\":\"$title\",\"Categories\":$categories},{\"ItemId\":\"odd\",\"Title\":\"zzyzx qwrty\"}]" && is 200
get /v1/recommend -d "{\"history\":[\"$last\"],\"k\":10}" && body '"id":"twin"' && not '"odd"' && body '"source":"text"'
grep -oq '"id":"twin"[^}]*"source":"text"' out || die "the twin is not there by its text: $(cat out)"
id=$(sed 's/.*"request_id":"\([^"]*\)".*/\1/' out)
get /v1/recommend -d "{\"history\":[\"$last\"],\"k\":9}" && not '"twin"' # its place is the tenth
get /v1/recommend -d "{\"history\":[\"$last\"],\"k\":2,\"offset\":9}" && body '"id":"twin"'
get /api/item/twin -X PATCH -d '{"IsHidden":true}' && get /v1/recommend -d "{\"history\":[\"$last\"],\"k\":10}" && not '"twin"'
get /api/item/twin -X PATCH -d '{"IsHidden":false}' && get /v1/recommend -d "{\"history\":[\"$last\"],\"k\":10,\"exclude\":[\"twin\"]}" && not '"twin"'
sleep 0.6
ok why "$id" --store sqlite:s.db && says "the same, bit for bit" && says text
get /api/item/twin -X PATCH -d '{"Title":"something else altogether"}' && is 200
fails 1 "not the same" why "$id" --store sqlite:s.db

# import and export, both forms, there and back to the same bytes; pages
cat >users.jsonl <<'JSON'
{"UserId":"a","Labels":["x","y"],"Comment":"he said \"hi\", <b>bold</b>"}
{"UserId":"b","Labels":{"age":3},"Comment":""}
JSON
get /api/bulk/users --data-binary @users.jsonl && is 200 && body '"RowAffected":2'
get /api/bulk/users && is 200 && cmp -s out users.jsonl || die "users came back otherwise: $(cat out)"
get "/api/bulk/users?format=csv" && cp out users.csv && body '"he said ""hi"", <b>bold</b>"'
get "/api/bulk/users?format=csv" --data-binary @users.csv && is 200 && body '"RowAffected":2'
get /api/bulk/users && cmp -s out users.jsonl || die "users by CSV came back otherwise: $(cat out)"
printf 'item_id,is_hidden,categories,time_stamp,labels,description\ni9,0,a|b,2026-01-01,l|m,"two\r\nlines"\n' >items.csv
get /api/bulk/items -H 'Content-Type: text/csv' --data-binary @items.csv && is 200 && body '"RowAffected":1'
get /api/item/i9 && body '"Categories":["a","b"]' && body '"Labels":["l","m"]' && body '"Comment":"two\r\nlines"'
for n in 1 2 3 4 5; do echo "{\"FeedbackType\":\"like\",\"UserId\":\"a\",\"ItemId\":\"i9\",\"Timestamp\":\"2026-01-0$n\",\"EventId\":\"f$n\"}"; done >f.jsonl
get /api/bulk/feedback --data-binary @f.jsonl && is 200 && body '"RowAffected":5'
get /api/bulk/feedback --data-binary @f.jsonl && body '"RowAffected":0'
get /api/feedback/like/a/i9 -X DELETE && is 200
get "/api/bulk/feedback?n=4" && is 200 && cp out page && cursor=$(grep -i '^x-lorec-cursor' head | tr -d '\r' | cut -d' ' -f2)
get "/api/bulk/feedback?n=4&cursor=$cursor" && ! grep -qi '^x-lorec-cursor' head && cat out >>page
[ "$(wc -l <page)" = 6 ] && has page '"Retract":true' || die "pages: $(cat page)"
get "/api/bulk/feedback?format=csv" && cp out f.csv
get /api/bulk/feedback --data-binary '{"FeedbackType":"like","UserId":"a"}' && is 400 && body 'line 1' && body ItemId
get /api/bulk/feedback -H 'Content-Type: text/csv' --data-binary $'FeedbackType,UserId,ItemId\nlike,"a,b' && is 400 && body 'not closed'
get /api/bulk/feedback -H 'Content-Type: text/csv' --data-binary $'FeedbackType,Nonsense\nlike,a' && is 400 && body 'no field'
get "/api/bulk/feedback?format=xml" && is 400
stop
start r --store sqlite:t.db
get "/api/bulk/feedback" -H 'Content-Type: text/csv' --data-binary @f.csv && is 200 && body '"RowAffected":6'
get /api/bulk/feedback && cmp -s out page || die "feedback moved to another store is otherwise: $(diff out page)"
stop

# old feedback goes, new stays; what is gone does not count
start r --store sqlite:s.db --keep-feedback 1
get /api/feedback -d "[{\"FeedbackType\":\"like\",\"UserId\":\"a\",\"ItemId\":\"$last\",\"EventId\":\"new\"}]" && is 200
for _ in $(seq 100); do get /api/user/a/feedback && ! grep -q '"f1"' out && break; sleep 0.1; done
not '"EventId":"f1"' && body '"EventId":"new"'
get /metrics && body 'lorec_events_expired_total 5'
get "/api/recommend/a?n=20" && is 200 && not "\"$last\""
stop
echo ok
