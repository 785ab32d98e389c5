#!/usr/bin/env bash
# Gorse's client for Python against `lorec serve` with a key.
#   bench/gorse_client.sh PYTHON LOREC ML-100K [unique]    (a Python that has the package PyGorse; a MovieLens-100K folder)
# With "unique" the server keeps one event a type, user and item, as Gorse does.
set -eu
python=$1 lorec=$2 data=$(cd "$3" && pwd) rule=${4:-}
here=$(cd "$(dirname "$0")" && pwd)
T=$(mktemp -d)
cd "$T"
trap 'kill ${server:-} 2>/dev/null; wait 2>/dev/null; rm -rf "$T"' EXIT
"$lorec" run ease --data "$data" --out run --no-controls -q >/dev/null
LOREC_API_KEY=a-key "$lorec" serve run ${rule:+--feedback "$rule"} --store sqlite:s.db --listen 127.0.0.1:0 --port-file port >server.out 2>server.err &
server=$!
for _ in $(seq 600); do [ -s port ] && break; kill -0 $server || { cat server.err; exit 1; }; sleep .05; done
"$python" "$here/peers/gorse_client.py" "http://127.0.0.1:$(cat port)" a-key
