#!/usr/bin/env bash
# Adapters against peft (PyPI): what peft makes is checked here (logits, gradients, AdamW losses), and what lorec trains is read by peft.
#   PYTHON=path/to/python bench/adapters.sh [BUILD]
set -eu
build=${1:-build}; python=${PYTHON:-python3}; peers=$(dirname "$0")/peers
"$python" -c 'import torch, peft, transformers' 2>/dev/null || { echo "peft is missing: $python -m pip install torch peft transformers (or PYTHON=...)" >&2; exit 1; }
out=$(mktemp -d); trap 'rm -rf "$out"' EXIT
"$python" "$peers/adapters.py" make "$out" >/dev/null 2>&1
for folder in "$out"/*/; do
    rows=$("$build/lorec" lm check "$folder") && echo "$(basename "$folder"): $(grep -c 'ok$' <<<"$rows") quantities agree" || { echo "$rows"; exit 1; }
done
