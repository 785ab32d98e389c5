#!/usr/bin/env bash
# Classes of texts beside transformers: bench/classify.sh BUILD [SEED]. Needs TOKENIZERS (a folder with bert-base-uncased, roberta-base
# and qwen3; default: ../shared/data/tokenizers) and PYTHON (with torch, transformers).
set -eu
cd "$(dirname "$0")/.."
build=${1:-build}
: "${TOKENIZERS:=../shared/data/tokenizers}" "${PYTHON:=python3}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$PYTHON" bench/peers/classify.py "$build/lorec" "$TOKENIZERS" "$work" "${2:-1}" 2>"$work/err" || { tail -3 "$work/err" >&2; exit 1; }
