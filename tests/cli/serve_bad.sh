#!/usr/bin/env bash
# Requests that no server wants: each is answered with what is wrong or cut off, and the server goes on as before.
. "$(dirname "$0")/support/lib.sh"
. "$(dirname "$0")/support/server.sh"
shop >shop.csv
ok run ease --data shop.csv --out r --no-controls -q
start r --store sqlite:s.db --slow-seconds 1 --access-log access.jsonl
port=${A##*:}
error() { is "$1" && body '{"error":{"message":' && body '"type":'; } # OpenAI's error object
raw() { # raw SECONDS TEXT: what comes back on a plain socket
    exec 3<>"/dev/tcp/127.0.0.1/$port"
    printf "$2" >&3
    timeout "$1" cat <&3 >raw || true
    exec 3>&-
}
alive() { get /api/health/live && is 200 && kill -0 $server || die "the server is gone: $*"; }

# bodies: no JSON, other types, out of range, too deep, too long, not UTF-8
posts="/v1/recommend /v1/rerank /api/user /api/users /api/item /api/items /api/feedback /api/session/recommend /api/bulk/feedback /api/train"
deep=$(printf '[%.0s' $(seq 100000))
for p in $posts; do
    for b in '{' '[' 'nonsense' '{"a":}' '[[],' '"\ud800"' '{"a":1}x' $'\xff\xfe' $'{"UserId":"\xc3"}' "$deep" '1e999' '-' '{"UserId":"a\u0000b"}'; do
        printf '%s' "$b" >bad
        get $p --data-binary @bad && error 400
    done
done
for b in null 3 '"x"' true; do
    for p in $posts; do
        [ $p = /api/bulk/feedback ] || [ "$p $b" = "/api/session/recommend []" ] || { get $p -d "$b" && error 400; }
    done
done
wrong() { get "$1" -d "$2" && error 400; } # wrong PATH BODY
for v in 3 '[]' '{}' true '""' "\"$(head -c 600 /dev/zero | tr '\0' a)\""; do
    wrong /v1/recommend "{\"user\":$v}"
    wrong /api/feedback "[{\"FeedbackType\":\"a\",\"UserId\":$v,\"ItemId\":\"b\"}]"
    wrong /api/item "{\"ItemId\":$v}"
    wrong /api/user "{\"UserId\":$v}"
done
for v in -1 0 1001 1e300 1.5 '"3"' '[]' 99999999999999999999; do wrong /v1/recommend "{\"user\":\"u1\",\"k\":$v}"; done
for v in 0 -5 '"soon"' 1e9; do wrong /v1/recommend "{\"user\":\"u1\",\"timeout_ms\":$v}"; done
for v in '"x"' '[3]' '[null]' '{}'; do wrong /v1/recommend "{\"history\":$v}"; done
for v in '"yesterday"' '"2026-13-45"' '{}' '[1]' true; do
    wrong /api/feedback "{\"FeedbackType\":\"a\",\"UserId\":\"u\",\"ItemId\":\"b\",\"Timestamp\":$v}"
done
wrong /api/item '{"ItemId":"a","Categories":[3]}'
wrong /api/item '{"ItemId":"a","IsHidden":"yes"}'
wrong /api/train '{"margin":"much"}'
for q in n=-1 n=0 n=x n=99999 n=1e3 offset=-1 offset=x 'n=%00' 'n=%ff'; do get "/api/recommend/u1?$q" && error 400; done
get /api/feedback?cursor=x && error 400
get "/api/users?n=0" && error 400
alive bodies

# addresses: traversal, NUL, no UTF-8, broken escapes; methods
for p in /../../etc/passwd /api/../../etc/passwd /%2e%2e/%2e%2e/etc/passwd /..%2f..%2fetc/passwd //etc/passwd /api/item/../../../etc/passwd; do
    get "$p" --path-as-is && [ "$(cat code)" -ge 400 ] && not 'root:' || die "$p gave $(cat code)"
done
for p in /api/item/%ff /api/item/%c3%28 /api/item/a%00b /api/item/%zz /api/item/%; do get "$p" --path-as-is && error 400; done
for m in PUT DELETE PATCH OPTIONS TRACE NONSENSE; do get /v1/recommend -X $m && [ "$(cat code)" -ge 400 ] || die "$m gave $(cat code)"; done
get /$(head -c 20000 /dev/zero | tr '\0' a) && [ "$(cat code)" -ge 400 ] || die "a long address gave $(cat code)"
alive addresses

# SQL and HTML in every field are words like others: they come back as they went in, and nobody else's are touched
nasty="'; DROP TABLE events; -- <script>alert(1)</script> \$1 %s %n \\\\ \\\" \\u0001"
get /api/feedback -d '{"FeedbackType":"like","UserId":"quiet","ItemId":"i1","EventId":"q1"}' && is 200
get /api/user -d "{\"UserId\":\"$nasty\",\"Labels\":[\"$nasty\"],\"Comment\":\"$nasty\"}" && is 200
get /api/item -d "{\"ItemId\":\"$nasty\",\"Title\":\"$nasty\",\"Comment\":\"$nasty\",\"Categories\":[\"$nasty\"],\"Labels\":{\"$nasty\":\"$nasty\"}}" && is 200
get /api/feedback -d "{\"FeedbackType\":\"'; DELETE\",\"UserId\":\"$nasty\",\"ItemId\":\"$nasty\",\"Comment\":\"$nasty\",\"EventId\":\"$nasty\"}" && is 200
get /api/users && body "\"UserId\":\"$nasty\"" && grep -qi '^content-type: application/json' head && grep -qi '^x-content-type-options: nosniff' head
get /api/items && body "\"Title\":\"$nasty\""
get /api/feedback && body "\"UserId\":\"$nasty\""
get "/api/recommend/%27%20OR%201%3D1%20--?n=2" && is 200
get "/api/user/%27%20OR%20%271%27%3D%271/feedback" && is 200 && [ "$(cat out)" = '[]' ] || die "another user's data: $(cat out)"
get "/api/user/quiet/feedback" && body '"EventId":"q1"' && not DROP
get "/api/user/%25/feedback" && [ "$(cat out)" = '[]' ] || die "a wildcard found somebody"
get /v1/recommend -d "{\"user\":\"$nasty\",\"category\":\"$nasty\"}" && is 200 && not quiet
get '/api/recommend/u1?category=nobodys' && is 200 && [ "$(cat out)" = '[]' ] || die "a category that there is not: $(cat out)"
get /api/recommend/u1/nobodys && is 200
get /v1/recommend -d '{"user":"u1","category":"nobodys"}' && is 200
get /api/latest/nobodys && is 200 && get '/api/popular?category=nobodys' && is 200
alive 'a category that there is not'
get /api/recommend/u1 -H $'X-Request-Id: a\tb; rm' && is 200 && ! grep -q 'rm' access.jsonl || die "a request id of other people's making"
alive nasty

# on the wire: no HTTP at all, HTTP/1.0, two at once, headers without end, a lying length, half closed
raw 2 'GARBAGE\r\n\r\n'
alive garbage
raw 2 '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'
alive tls
raw 2 'GET /api/health/live HTTP/1.0\r\n\r\n' && has raw '"Alive":true'
raw 2 'GET /api/health/live HTTP/1.1\r\nHost: a\r\n\r\nGET /api/recommend/u1?n=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
[ "$(grep -ao 'HTTP/1.1 200' raw | wc -l)" = 2 ] || die "two requests at once: $(cat raw)"
raw 2 'POST /v1/recommend HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n'
alive length
raw 2 'POST /v1/recommend HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n'
alive 'a long length'
raw 2 'POST /v1/recommend HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n'
alive chunks
raw 4 'GET /api/recommend/u1 HTTP/1.1\r\nHost: a\r\nX-Slow: ' # never ends: cut off after --slow-seconds
[ ! -s raw ] || head -1 raw | grep -q ' 4' || die "half a head was answered: $(cat raw)"
raw 4 'POST /v1/recommend HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\n{"user":'
alive 'half a body'
# a byte now and then does not keep a connection
exec 4<>"/dev/tcp/127.0.0.1/$port"
(for _ in $(seq 20); do printf 'G' >&4 || exit; sleep 0.3; done) 2>/dev/null &
get /metrics
for _ in $(seq 60); do get /metrics && grep -q '^lorec_slow_clients_shut [1-9]' out && break; sleep 0.2; done
grep -q '^lorec_slow_clients_shut [1-9]' out || die "a slow client stays for ever"
exec 4>&-
# too much: with a length that says so, and without
head -c 9000000 /dev/zero | tr '\0' ' ' >big
get /v1/recommend --data-binary @big -H 'Expect:' && error 413
curl -sS -o out -w '%{http_code}' "$A/v1/recommend" -H 'Transfer-Encoding: chunked' -H 'Expect:' --data-binary @big >code 2>/dev/null
[ "$(cat code)" = 413 ] || die "9 MB in pieces gave $(cat code)"
head -c 40000000 /dev/zero | curl -sS -o out --max-time 20 "$A/v1/recommend" -H 'Transfer-Encoding: chunked' -H 'Expect:' --data-binary @- 2>/dev/null
alive 'too much'
# clients that leave at once
for _ in $(seq 30); do
    exec 5<>"/dev/tcp/127.0.0.1/$port"
    printf 'POST /v1/recommend HTTP/1.1\r\nHost: a\r\nContent-Length: 13\r\n\r\n{"user":"u1"}' >&5
    exec 5>&-
done
alive 'clients that leave'

# as before all this
get "/api/recommend/u1?n=3" && is 200 && [ "$(cat out)" != '[]' ]
rss=$(awk '/^VmRSS/ {print $2}' /proc/$server/status)
[ -n "${LOREC_SANITIZED:-}" ] || [ "$rss" -lt 400000 ] || die "the server takes $rss KiB"
stop
# a key: whatever is wrong about it
LOREC_API_KEY=secret start r --store sqlite:s.db
for h in 'X-API-Key:' 'X-API-Key: Secret' 'X-API-Key: secret2' 'X-API-Key: secre' 'Authorization: secret' 'Authorization: Basic secret' 'Authorization: Bearer' 'Authorization: Bearer secretsecret'; do
    for p in /api/recommend/u1 /api/users /metrics /api/train /api/bulk/feedback /v1/methods; do get $p -H "$h" && error 401 && not u1; done
done
get /api/feedback -H 'X-API-Key: no' -d '{' && error 401 # nothing is read before
get /api/users -H 'authorization: bearer secret' && is 200
stop
echo ok
