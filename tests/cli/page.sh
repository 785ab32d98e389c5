#!/usr/bin/env bash
# The page and the addresses that it is made from, by curl: nothing from another host, a strict policy, search by words, people,
# runs and training as it goes on. A browser is driven by tests/browser (make browser-test).
. "$(dirname "$0")/support/lib.sh"
. "$(dirname "$0")/support/server.sh"
shop >shop.csv
printf 'item\ttitle\tcategories\n' >titles.tsv
i=0
for title in 'Amélie (2001)' 'The Matrix (1999)' 'Toy Story (1995)' 'Toy Story 2 (1999)' '<img src=x onerror=alert(1)>' \
    '千と千尋の神隠し' "Ocean's Eleven (2001)" 'Story of a Toy Maker (1990)' 'Solaris' 'Heat' 'Up' 'Stalker'; do
    printf 'i%d\t%s\tDrama\n' $i "$title" >>titles.tsv
    i=$((i + 1))
done
ok run ease,markov --data shop.csv --item-text titles.tsv --out runs/first --no-controls -q
ok run sasrec --data shop.csv --item-text titles.tsv --out runs/second --no-controls --fast --set sasrec.epochs=2 -q
mkdir -p runs/begun runs/none secret && cp runs/second/config.json runs/begun && cp runs/second/metrics.jsonl runs/begun
cp runs/second/config.json secret
printf '{"event":"validation","met' >>runs/begun/metrics.jsonl # it is just being written

start runs/first --store sqlite:s.db
# the page: every file it names is there, with a type and a policy; no other host is named in any
get / && is 200 && body '<main id="main"'
policy=$(grep -i '^content-security-policy:' head)
for word in "default-src 'none'" "script-src 'self'" "connect-src 'self'" "frame-ancestors 'none'" "require-trusted-types-for 'script'"; do
    case $policy in *"$word"*) ;; *) die "the policy lacks $word: $policy" ;; esac
done
case $policy in *unsafe*) die "the policy: $policy" ;; esac
grep -qiE '^(<script>|.*<script>|.* on[a-z]+=|.* style=)' out && die "inline script or style in the page"
files=$(grep -o '"page/[^"]*"' out | tr -d '"')
[ "$(wc -w <<<"$files")" -ge 4 ] || die "files of the page: $files"
for _ in 1 2 3; do # what modules import is a step further
    for f in $files; do
        get "/$f" && is 200
        grep -qi '^content-type: \(text/\(css\|javascript\)\|image/svg+xml\)' head || die "$f has no type"
        cp out "seen-$(basename "$f")"
    done
    files=$(sed -n 's/.*from "\.\/\([a-z]*\.js\)".*/page\/\1/p' seen-*.js | sort -u)
done
[ "$(ls seen-* | wc -l)" -ge 14 ] || die "only $(ls seen-*)"
grep -ohE '(https?:)?//[A-Za-z0-9.-]+\.[a-z]+[^"]*' seen-* | grep -vxF 'http://www.w3.org/2000/svg' && die "another host is named"
grep -lE 'innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(' seen-* && die "text could become markup"
get /page/none.js && is 404

# smaller for who can read it, and nothing for who has it already; each form with its own tag
header() { sed -n "s/^$1: \(.*\)\r$/\1/Ip" head; }
for path in / /page/style.css /openapi.json /v1/runs/runs%2Ffirst/result; do
    get $path && is 200 && cp out plain && tag=$(header etag)
    [ -n "$tag" ] && [ "$(header vary)" = Accept-Encoding ] && [ -z "$(header content-encoding)" ] || { cat head; die "$path: plain"; }
    get $path -H 'Accept-Encoding: br, gzip;q=0.8' && is 200 && packed=$(header etag)
    [ "$(header content-encoding)" = gzip ] && [ "$(header vary)" = Accept-Encoding ] || { cat head; die "$path: packed"; }
    [ "$(wc -c <out)" -lt "$(wc -c <plain)" ] && gzip -dc <out | cmp - plain || die "$path: not the same"
    [ "$packed" != "$tag" ] || die "$path: one tag for two forms"
    rm -f out
    get $path -H "If-None-Match: W/$tag" && is 304 && [ ! -s out ] && [ "$(header etag)" = "$tag" ] || { cat head; die "$path: 304"; }
    get $path -H "If-None-Match: \"x\", $packed" -H 'Accept-Encoding: gzip' && is 304
    get $path -H "If-None-Match: $packed" && is 200 && cmp out plain
    get $path -H 'Accept-Encoding: gzip;q=0' && cmp out plain
    get $path -I -H 'Accept-Encoding: gzip' && is 200 && [ "$(header etag)" = "$packed" ] || { cat head; die "$path: HEAD"; }
done
get '/v1/items?n=50' -H 'Accept-Encoding: gzip' && is 200 && [ -z "$(header etag)" ] && [ "$(header cache-control)" = no-store ] || die "an answer is kept"
get /page/..%2findex.html && is 404

# search: case, accents, punctuation, order do not matter; the whole title first; pages; what is hidden is not found
get "/v1/items?q=AMELIE" && is 200 && body '"id":"i0"' && body '"total":1,' && body 'Drama'
get "/v1/items?q=oceans" && body '"total":0,' # a word is not glued together
get "/v1/items?q=eleven+ocean" && body '"id":"i6"'
get "/v1/items?q=%E5%8D%83%E5%B0%8B" && body '"id":"i5"'
get "/v1/items?q=toy+story" && body '"total":3,'
[ "$(grep -o '"id":"i[0-9]*"' out | sort | tr -d '\n')" = '"id":"i2""id":"i3""id":"i7"' ] || die "not the three"
[ "$(grep -o '"id":"i[0-9]*"' out | tail -1)" = '"id":"i7"' ] || die "words in another order come last"
get "/v1/items?q=toy+story+1995" && [ "$(grep -o '"id":"i[0-9]*"' out)" = '"id":"i2"' ] || die "not one title"
get "/v1/items?n=5&offset=10" && body '"total":12,' && [ "$(grep -o '"id"' out | wc -l)" = 2 ] || die "not the second page"
get "/v1/items?q=%3F%21" && body '"total":0,'
get "/v1/items?n=0" && is 400
get /api/item/i9 -X PATCH -d '{"IsHidden":true}' && get "/v1/items?q=heat" && body '"total":0,'
get /api/item -d '{"ItemId":"i10","Title":"Down"}' && get "/v1/items?q=down" && body '"id":"i10"' && get "/v1/items?q=up" && body '"total":0,'

# another site's page can not have its visitor's browser do anything here; the page itself and programs can
get /api/feedback -H 'Sec-Fetch-Site: cross-site' -d '[{"FeedbackType":"like","UserId":"u1","ItemId":"i8"}]' && is 403
get /api/train -X POST -H 'Sec-Fetch-Site: cross-site' && is 403
get /v1/recommend -H 'Sec-Fetch-Site: same-origin' -d '{"user":"u1","k":1}' && is 200

# people: ids that begin so; history, newest first, feedback before the data
get "/v1/users?q=u2" && is 200 && body '"u2"' && body '"u29"' && not '"u3"'
get /api/feedback -d '[{"FeedbackType":"like","UserId":"u1","ItemId":"i8"}]' && is 200
get "/v1/users/u1?n=3" && is 200 && body '"total":7,'
[ "$(grep -o '"from":"[a-z]*"' out | head -2 | tr -d '\n')" = '"from":"feedback""from":"data"' ] || { cat out; die "not the order"; }
get /v1/users/nobody && is 404

# runs: the served one and what stands beside it, nothing else
get /v1/runs && is 200 && body '"run":"runs/first"' && body '"run":"runs/second"' && body '"run":"runs/begun"' && not secret && not none
[ "$(grep -o '"served":true' out | wc -l)" = 1 ] || die "one run is served"
get /v1/runs/runs%2Fsecond/result && is 200 && body '"protocol"' && body 'ndcg@10'
get /v1/runs/runs%2Fbegun/result && is 404 && body 'is not finished'
get /v1/runs/runs%2Fbegun/progress && is 200 && body '"validation":2' && body '"next":3' && body '"finished":false'
get '/v1/runs/runs%2Fbegun/progress?from=2' && not '"validation":' && body '"event":"result"'

# every method of the run answers who names it; users are given the first one only
get /v1/methods && is 200 && body '"method":"ease"' && body '"method":"markov"'
[ "$(grep -o '"split":[a-z]*' out | tr -d '\n')" = '"split":true"split":false' ] || { cat out; die "not the two"; }
get /v1/recommend -d '{"user":"u1","method":"markov","k":3,"reasons":true}' && is 200 && body '"variant":"markov"' && body '"reason":"'
for u in 1 2 3 4 5 6; do get "/api/recommend/u$u" && grep -qi '^x-lorec-variant: ease' head || die "u$u was given another method"; done
get /v1/models && body '"id":"recommend:first"' && body '"id":"recommend:markov"'
get /v1/chat/completions -d '{"model":"recommend:markov","messages":[{"role":"user","content":"I saw Solaris, Stalker and Toy Story"}]}' && is 200 && body '"variant":"markov"'
get /v1/runs/secret/result && is 404
get '/v1/runs/runs%2F..%2Fsecret/progress' && is 404
get '/v1/runs/%2Fetc/result' && is 404
stop

start runs/first --store sqlite:s.db --first-only
get /v1/methods && body '"method":"ease"' && not '"method":"markov"'
stop

# with a key the page opens, its answers do not
LOREC_API_KEY=word start runs/first --store sqlite:s.db
get / && is 200
get /page/app.js && is 200
for path in /v1/items /v1/users /v1/users/u1 /v1/runs /v1/runs/runs%2Ffirst/result /metrics; do get $path && is 401; done
get /v1/items -H 'X-API-Key: word' && is 200
echo ok
