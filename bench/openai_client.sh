#!/usr/bin/env bash
# The official OpenAI client for Python against `lorec serve` with a model trained here and a key.
#   bench/openai_client.sh PYTHON LOREC ML-100K        (a Python that has the package "openai"; a MovieLens-100K folder)
set -eu
python=$1 lorec=$2 data=$(cd "$3" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
T=$(mktemp -d)
cd "$T"
trap 'kill ${server:-} 2>/dev/null; wait 2>/dev/null; rm -rf "$T"' EXIT
for _ in $(seq 40); do echo "the cat sat on a mat and the dog ran to the hut by the sea"; done >corpus.txt
"$lorec" lm train-tokenizer corpus.txt --out tokenizer.json --size 280 --special '<|endoftext|>' --special '<|im_start|>' --special '<|im_end|>' -q
"$lorec" lm train --init NEW --tokenizer tokenizer.json --corpus corpus.txt --out tiny --width 32 --layers 2 --heads 2 --context 2048 --epochs 8 --batch 2 --lr 0.01 -q >/dev/null
"$lorec" run ease --data "$data" --out run --no-controls -q >/dev/null
LOREC_API_KEY=a-key "$lorec" serve run --llm 'tiny?chat=chatml' --store sqlite:s.db --listen 127.0.0.1:0 --port-file port >server.out 2>server.err &
server=$!
for _ in $(seq 600); do [ -s port ] && break; kill -0 $server || { cat server.err; exit 1; }; sleep .05; done
"$python" "$here/peers/openai_client.py" "http://127.0.0.1:$(cat port)" tiny recommend:run a-key
