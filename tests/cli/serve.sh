#!/usr/bin/env bash
# The server, by curl: lists, feedback that counts at once, hidden items, bad requests, a key, restarts, replays.
. "$(dirname "$0")/support/lib.sh"
. "$(dirname "$0")/support/server.sh"
shop >shop.csv
ok run ease,markov --data shop.csv --out r --no-controls -q
start r --store sqlite:s.db
get /api/health/live && is 200 && body '"Alive":true'
get /api/health/ready && is 200
get "/api/recommend/u1?n=3" && is 200
[ "$(tr ',' '\n' <out | wc -l)" -ge 2 ] || die "no list"
grep -qi '^x-lorec-variant: ease' head || die "no X-Lorec-Variant"
first=$(tr -d '[]"' <out | cut -d, -f1)

# feedback of any kind takes an item out of the next answer; the same EventId counts once; taking it back restores it
get /api/feedback -d "[{\"FeedbackType\":\"like\",\"UserId\":\"u1\",\"ItemId\":\"$first\",\"EventId\":\"e1\"}]" && is 200 && body '"RowAffected":1'
get /api/feedback -d "[{\"FeedbackType\":\"like\",\"UserId\":\"u1\",\"ItemId\":\"$first\",\"EventId\":\"e1\"}]" && is 200 && body '"RowAffected":0'
get "/api/recommend/u1?n=3" && not "\"$first\""
get "/api/user/u1/feedback" && body '"EventId":"e1"'
get "/api/feedback/like/u1/$first" -X DELETE && is 200
get "/api/recommend/u1?n=3" && body "\"$first\""

# a hidden item is gone, a new one can be had as popular, categories are kept
get "/api/item/$first" -X PATCH -d '{"IsHidden":true}' && is 200
get "/api/recommend/u1?n=12" && not "\"$first\""
get "/api/item/$first" -X PATCH -d '{"IsHidden":false}' && get "/api/recommend/u1?n=3" && body "\"$first\""
get /api/item -d '{"ItemId":"new","Categories":["fresh"],"Timestamp":"2030-01-01T00:00:00Z","Title":"A new one"}' && is 200
get /api/latest?n=1 && body '"Id":"new"'
get "/api/recommend/u1?n=3&category=fresh" && is 200 && [ "$(cat out)" = '["new"]' ] || die "not the category: $(cat out)"
get "/api/recommend/nobody?n=2" && is 200 && [ "$(cat out)" != '[]' ] || die "nothing for a stranger"

# lorec's own words
get /v1/recommend -d '{"history":["i1","i6"],"k":2}' && is 200 && body '"degraded":null' && body '"source":"ease"'
id=$(sed 's/.*"request_id":"\([^"]*\)".*/\1/' out)
get /v1/recommend -d '{"user":"u2","method":"nope"}' && is 404 && body "is not served here"
get /v1/rerank -d '{"history":["i1"],"candidates":["i2","i3"]}' && is 200 && body '"id":"i2"'
get /v1/rerank -d '{"history":["i1"],"candidates":["no such thing"]}' && is 404 && body '"param":"candidates"'
# a late answer has the candidates and no others; an explanation is recorded too
get /v1/rerank -d '{"user":"u1","candidates":["i9","i2","i4"],"timeout_ms":1}' && is 200 && [ "$(grep -o '"id":"[^"]*"' out | sort | tr -d '\n')" = '"id":"i2""id":"i4""id":"i9"' ] || die "other items than the candidates: $(cat out)"
get /v1/explain -d '{"user":"u1","item":"i9"}' && is 200 && explained=$(sed 's/.*"request_id":"\([^"]*\)".*/\1/' out)
get /v1/methods && is 200 && body '"method":"ease"'
get /metrics && is 200 && body 'lorec_http_requests_total{method="GET",route="/api/recommend/{user-id}",code="200"}'
! grep -E '^# TYPE [a-z_]*_total gauge' out || die "a gauge is named like a counter: promtool complains"

# bad requests are answered, each with what is wrong
get /v1/recommend -d '{' && is 400 && body "not valid JSON"
get /v1/recommend -d '' && is 400
get /v1/recommend -d '[1]' && is 400
get /v1/recommend -d '{"user":3}' && is 400 && body '\"user\" has to be a text'
get /v1/recommend -d '{"user":"u1","k":-1}' && is 400
get /v1/recommend -d '{"user":"u1","k":1e300}' && is 400
get /v1/recommend -d '{"usr":"u1"}' && is 400 && body 'did you mean'
get '/api/recommend/u1?n=x' && is 400
get '/api/recommend/%ff' && is 400
get '/api/recommend/a%00b' && is 400
get '/api/recommend/..%2f..%2fetc%2fpasswd?n=1' && is 200
get /nothing && is 404 && body '"type":"not_found_error"'
get /v1/recommend && is 405
get /api/feedback -d '[{"FeedbackType":"like","UserId":"u1"}]' && is 400 && body 'row 0' && body 'ItemId'
get /api/feedback -d '[{"FeedbackType":"like","UserId":"u7","ItemId":"i1"},{"UserId":"u7"}]' && is 400
get /api/user/u7/feedback && [ "$(cat out)" = '[]' ] || die "half of a refused batch was stored: $(cat out)"
head -c 9000000 /dev/zero | tr '\0' ' ' >big && get /v1/recommend --data-binary @big -H 'Expect:' && is 413
get "/api/recommend/u1?category=none" && is 200 && [ "$(cat out)" = '[]' ] || die "a category that nothing has: $(cat out)"
get /api/item/%27%3B%20DROP%20TABLE%20items%3B-- && is 404

# what was acknowledged is there after kill -9, the record too; the answer can be made again bit for bit
get /api/feedback -d '[{"FeedbackType":"like","UserId":"k","ItemId":"i3","EventId":"k1"}]' && is 200
sleep 0.6 # records are written behind
kill -9 $server && wait $server 2>/dev/null
start r --store sqlite:s.db --access-log access.jsonl
get /api/user/k/feedback && body '"EventId":"k1"'
stop
ok why "$id" --store sqlite:s.db && says "the same, bit for bit"
ok why "$explained" --store sqlite:s.db && says "the same, bit for bit"
fails 3 "no record" why none --store sqlite:s.db
grep -q '"route":"/api/user/{user-id}/feedback"' access.jsonl || die "no access log"

# a key
LOREC_API_KEY=secret-word start r --store sqlite:s.db --access-log access.jsonl
get /api/recommend/u1 && is 401
get /api/recommend/u1 -H 'X-API-Key: secret-wore' && is 401
get /api/recommend/u1 -H 'X-API-Key: secret-word' && is 200
get /v1/methods -H 'Authorization: Bearer secret-word' && is 200
get /api/health/live && is 200
stop
! grep -q secret-wor access.jsonl server.err server.out || die "the key is in a log"
fails 2 "set a key" serve r --listen 0.0.0.0:0 --store sqlite:s.db
fails 2 "what is to be served" serve
fails 2 "ADDRESS:PORT" serve r --listen nowhere
fails 3 "" serve no-such-run --store sqlite:s.db
echo ok
