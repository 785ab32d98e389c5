#!/usr/bin/env bash
# What a client of Gorse's sends (bench/gorse_client.sh drives the real one): lists with scores, write-back, patches with nulls,
# searches, feedback taken back and said again, what was deleted.
. "$(dirname "$0")/support/lib.sh"
. "$(dirname "$0")/support/server.sh"
shop >shop.csv
ok run ease --data shop.csv --out r --no-controls -q
start r --store sqlite:s.db --feedback unique
get "/api/recommend/u1?n=3" && is 200 && cp out ids
get "/api/recommend/u1/?n=3&offset=0" -H 'X-API-Version: 2' && is 200 && body '"Score":'
[ "$(grep -o '"Id":"[^"]*"' out | cut -d'"' -f4 | tr '\n' ' ')" = "$(tr -d '[]"' <ids | tr ',' ' ') " ] || die "scores of other items: $(cat out)"
first=$(tr -d '[]"' <ids | cut -d, -f1)

# write-back: what was given is feedback at once
get "/api/recommend/u1?n=1&write-back-type=read&write-back-delay=1h30m0s" && is 200 && body "[\"$first\"]"
get "/api/recommend/u1?n=3" && not "\"$first\""
get /api/user/u1/feedback/read && body "\"ItemId\":\"$first\""
for bad in 10 1d -1s 1h1h1h1h1h1h1h 9999999h; do get "/api/recommend/u1?write-back-type=read&write-back-delay=$bad" && is 400 && body write-back-delay; done
get /api/user/u1/feedback/read && [ "$(grep -o '"ItemId"' out | wc -l)" = 1 ] || die "a refused request wrote back: $(cat out)"

# taken back, of one type and of all; said again it counts again
say() { get /api/feedback -d "[{\"FeedbackType\":\"$1\",\"UserId\":\"u1\",\"ItemId\":\"$first\"}]" && is 200 && body "\"RowAffected\":$2"; }
say like 1 && say like 0 && say star 1
get "/api/feedback/like/u1/$first" && body '"FeedbackType":"like"' && not '['
get "/api/feedback/none/u1/$first" && is 200 && [ "$(cat out)" = '{}' ] || die "not {}: $(cat out)"
get "/api/item/$first/feedback/star" && body '"UserId":"u1"' && not '"like"'
get "/api/feedback/u1/$first" -X DELETE && is 200 && body '"RowAffected":3'
get "/api/feedback/u1/$first" -X DELETE && is 200 && body '"RowAffected":0'
get "/api/feedback/u1/$first" && [ "$(cat out)" = '[]' ] || die "still there: $(cat out)"
get "/api/recommend/u1?n=3" && body "\"$first\""
say like 1 && say like 0
get "/api/recommend/u1?n=3" && not "\"$first\""
get "/api/feedback?n=1&cursor=" && is 200 && body '"Cursor":"'
get "/api/feedback?cursor=-1" && is 400

# a null in a patch leaves the field as it is
get /api/item -d '{"ItemId":"new","Categories":["c"],"Labels":{"a":1},"Comment":"a wooden locomotive"}' && is 200
get /api/item/new -X PATCH -d '{"IsHidden":true,"Categories":null,"Labels":null,"Comment":null,"Timestamp":null}' && is 200
get /api/item/new && body '"IsHidden":true' && body '"Categories":["c"]' && body '"a":1' && body locomotive
get "/api/items?q=locomotive" && [ "$(cat out)" = '{"Cursor":"","Items":[]}' ] || die "a hidden item is found: $(cat out)"
get /api/item/new -X PATCH -d '{"IsHidden":false}' && is 200
get "/api/items?q=Wooden%20LOCOMOTIVE" && body '"ItemId":"new"' && body '"Comment":"a wooden locomotive"'
get "/api/items?q=$first&n=1" && body "\"ItemId\":\"$first\""
get "/api/item/$first/neighbors?n=2" && is 200 && body '"Score"'
get "/api/item/$first/neighbors/none?n=2" && is 200 && [ "$(cat out)" = '[]' ] || die "not the category: $(cat out)"

# what was deleted is not there
get /api/item/new -X DELETE && is 200
get /api/item/new && is 404
get /api/user -d '{"UserId":"p","Labels":["x"]}' && get /api/user/p -X PATCH -d '{"Labels":null,"Comment":"c"}' && get /api/user/p && body '"Labels":["x"]' && body '"Comment":"c"'
get /api/feedback -d '[{"FeedbackType":"like","UserId":"p","ItemId":"i1"}]' && get /api/user/p -X DELETE && is 200
get /api/user/p && is 404
stop
echo ok
