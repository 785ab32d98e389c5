#!/usr/bin/env bash
# The official OpenAI client for Python against `lorec serve` with a model trained here and a key.
#   bench/openai_client.sh PYTHON LOREC ML-100K [MODEL]     (a Python that has the package "openai"; a MovieLens-100K folder)
# MODEL: a folder or GGUF with a chat template, instead of the one trained here.
set -eu
python=$1 lorec=$2 data=$(cd "$3" && pwd)
model=${4:+$(realpath "$4")}
here=$(cd "$(dirname "$0")" && pwd)
T=$(mktemp -d)
cd "$T"
trap 'kill ${server:-} 2>/dev/null; wait 2>/dev/null; rm -rf "$T"' EXIT
if [ -z "$model" ]; then
    for _ in $(seq 40); do echo "the cat sat on a mat and the dog ran to the hut by the sea"; done >corpus.txt
    "$lorec" lm train-tokenizer corpus.txt --out tokenizer.json --size 280 --special '<|endoftext|>' --special '<|im_start|>' --special '<|im_end|>' -q
    "$lorec" lm train --init NEW --tokenizer tokenizer.json --corpus corpus.txt --out tiny --width 32 --layers 2 --heads 2 --context 2048 --epochs 8 --batch 2 --lr 0.01 -q >/dev/null
fi
"$lorec" run ease --data "$data" --out run --no-controls -q >/dev/null
ask() { # ask MODEL NAME CHECKS: those of peers/openai_CHECKS.py
    rm -f port
    LOREC_API_KEY=a-key "$lorec" serve run --llm "$1" --store sqlite:s.db --listen 127.0.0.1:0 --port-file port >server.out 2>server.err &
    server=$!
    for _ in $(seq 600); do [ -s port ] && break; kill -0 $server || { cat server.err; exit 1; }; sleep .05; done
    "$python" "$here/peers/openai_$3.py" "http://127.0.0.1:$(cat port)" "$2" recommend:run a-key
    kill $server
    wait $server 2>/dev/null || true
}
ask "${model:-tiny?chat=chatml}" "$(basename "${model:-tiny}")" client
[ -z "$model" ] || exit 0
# a model that has learned one call by heart, and a template that has a place for tools
for _ in $(seq 60); do
    echo 'tools: weather. weather in paris? <tool_call>{"name": "weather", "arguments": {"city": "paris"}}</tool_call><|endoftext|>'
    echo 'weather in paris? rain it rains in paris.<|endoftext|>'
done >corpus.txt
"$lorec" lm train-tokenizer corpus.txt --out tokenizer.json --size 300 --special '<|endoftext|>' -q
"$lorec" lm train --init NEW --tokenizer tokenizer.json --corpus corpus.txt --out caller --width 64 --layers 2 --heads 2 --context 512 --epochs 40 --batch 4 --lr 0.005 -q >/dev/null
printf '%s' '{"eos_token":"<|endoftext|>","chat_template":"{% if tools %}tools:{% for t in tools %} {{ t.function.name }}{% endfor %}. {% endif %}{% for m in messages %}{{ m.content }} {% endfor %}"}' >caller/tokenizer_config.json
ask caller caller tools
