# A server of the tests: start ARGS... (its address is $A), stop, and asking it: get PATH [curl's words], is CODE, body TEXT,
# not TEXT.
start() {
    rm -f port
    "$LOREC" serve "$@" --listen 127.0.0.1:0 --port-file port >server.out 2>server.err &
    server=$!
    for _ in $(seq 1200); do [ -s port ] && break; kill -0 $server 2>/dev/null || break; sleep 0.05; done
    [ -s port ] || { cat server.err; die "the server did not start"; }
    A=http://127.0.0.1:$(cat port)
}
stop() { kill -TERM $server; wait $server || { tail -40 server.err; die "the server ended badly"; }; server=; }
killed() { kill -9 $server; wait $server 2>/dev/null; server=; }
trap '[ -n "${server:-}" ] && kill -9 $server 2>/dev/null; rm -rf "$T"' EXIT
get() { curl -sS -N -m 120 -o out -w '%{http_code}' -D head "$A$1" "${@:2}" >code; }
is() { [ "$(cat code)" = "$1" ] || { cat out; die "code $(cat code) where $1 was due"; }; }
body() { grep -qF -- "$1" out || { cat out; die "the answer lacks: $1"; }; }
not() { ! grep -qF -- "$1" out || { cat out; die "the answer has: $1"; }; }
