#!/usr/bin/env bash
# A contract tester against /openapi.json: schemathesis sends what the document allows and what it forbids, and reads every answer.
#   bench/openapi.sh SCHEMATHESIS LOREC ML-100K [ITS OPTIONS]    (pip install schemathesis; a MovieLens-100K folder)
# Left out: /api/bulk, whose bodies are lines of text (tests/cli/serve_items.sh), and U+0000, which no text of the server may hold.
set -eu
tester=$1 lorec=$2 data=$(cd "$3" && pwd)
shift 3
T=$(mktemp -d)
cd "$T"
trap 'kill ${server:-} 2>/dev/null; wait 2>/dev/null; rm -rf "$T"' EXIT
for _ in $(seq 40); do echo "the cat sat on a mat and the dog ran to the hut by the sea"; done >corpus.txt
"$lorec" lm train-tokenizer corpus.txt --out tokenizer.json --size 280 --special '<|endoftext|>' --special '<|im_start|>' --special '<|im_end|>' -q
"$lorec" lm train --init NEW --tokenizer tokenizer.json --corpus corpus.txt --out tiny --width 32 --layers 1 --heads 2 --context 2048 --epochs 4 --batch 2 --lr 0.01 -q >/dev/null
"$lorec" run ease --data "$data" --out run --no-controls -q >/dev/null
"$lorec" serve run --llm 'tiny?chat=chatml' --store sqlite:s.db --listen 127.0.0.1:0 --port-file port >server.out 2>server.err &
server=$!
for _ in $(seq 600); do [ -s port ] && break; kill -0 $server || { cat server.err; exit 1; }; sleep .05; done
printf '[generation]\nallow-x00 = false\n' >schemathesis.toml
"$tester" run "http://127.0.0.1:$(cat port)/openapi.json" --phases coverage,fuzzing --max-examples "${EXAMPLES:-30}" --workers 1 \
    --generation-codec utf-8 --exclude-path-regex '^/api/bulk' --no-color "$@"
kill -0 $server || { echo "the server did not survive it"; cat server.err; exit 1; }
