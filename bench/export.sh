#!/usr/bin/env bash
# Models into GGUF and back, beside llama.cpp and transformers: bench/export.sh BUILD [TEXTS [SEED]]. Needs LLAMA_CPP (a tree with
# build/bin), PYTHON (with torch, transformers) and TOKENIZERS (default: ../shared/data/tokenizers). The table of the last run is
# docs/results/export.md.
set -eu
cd "$(dirname "$0")/.."
build=${1:-build}
: "${LLAMA_CPP:?a llama.cpp tree with build/bin}" "${PYTHON:=python3}" "${TOKENIZERS:=../shared/data/tokenizers}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for peer in ids logits; do
    cc -O1 -I"$LLAMA_CPP/include" -I"$LLAMA_CPP/ggml/include" bench/peers/llama_$peer.c -o "$work/llama_$peer" \
        -L"$LLAMA_CPP/build/bin" -lllama -lggml -lggml-base -Wl,-rpath,"$LLAMA_CPP/build/bin"
done
"$PYTHON" bench/peers/export.py "$build/lorec" "$work/llama_ids" "$work/llama_logits" "$TOKENIZERS" "$work" "${2:-300}" "${3:-1}" 2>"$work/err" ||
    { tail -5 "$work/err" >&2; exit 1; }
