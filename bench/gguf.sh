#!/usr/bin/env bash
# GGUF beside llama.cpp: bench/gguf.sh BUILD. Needs LLAMA_CPP (a tree with build/bin) and PYTHON (with torch, transformers).
# The table of the last run is docs/results/gguf.md.
set -eu
build=${1:-build}
: "${LLAMA_CPP:?a llama.cpp tree with build/bin}" "${PYTHON:=python3}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cc -O1 -I"$LLAMA_CPP/include" -I"$LLAMA_CPP/ggml/include" bench/peers/llama_logits.c -o "$work/llama_logits" \
    -L"$LLAMA_CPP/build/bin" -lllama -lggml -lggml-base -Wl,-rpath,"$LLAMA_CPP/build/bin"
echo "lorec $("$build/lorec" --version), llama.cpp $(git -C "$LLAMA_CPP" rev-parse --short HEAD 2>/dev/null || echo of PyPI), $(date -u +%F)"
cmake --build "$build" --target bench_elem >/dev/null
"$PYTHON" bench/peers/elem.py "$build/bench/bench_elem" "$work/elem"
"$PYTHON" bench/peers/gguf_logits.py "$build/lorec" "$LLAMA_CPP/build/bin" "$work/llama_logits" "$work"
