#!/usr/bin/env bash
# parity.sh [SEED...]: models of many configurations against transformers: PYTHON=path bench/parity.sh 1 2 3
# Every bench/peers/parity_*.py writes its folders for each seed (published: what transformers has no class for); `lorec lm check` compares them. Exit 1 if one falls short.
set -eu
cd "$(dirname "$0")/.."
lorec=${LOREC_BIN:-build/lorec}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
good=0 bad=0 quantities=0
for seed in "${@:-1}"; do
    for peer in bench/peers/parity_*.py; do
        "${PYTHON:-python3}" "$peer" "$out/$seed-$(basename "$peer" .py)" "$seed" >"$out/log" 2>&1 || { tail -20 "$out/log"; exit 1; }
    done
    # the script that made ../shared/oracle, with another seed
    if [ -f ../shared/oracle/make.py ]; then
        "${PYTHON:-python3}" ../shared/oracle/make.py "$out/$seed-oracle" "$seed" >"$out/log" 2>&1 || { tail -20 "$out/log"; exit 1; }
    fi
    for folder in "$out/$seed"-*/*/; do
        if "$lorec" lm check "$folder" >"$out/lines" 2>&1; then
            good=$((good + 1))
        else
            bad=$((bad + 1))
            echo "seed $seed, $(basename "$folder"):"
            grep -v ' ok$' "$out/lines" | head -5
        fi
        quantities=$((quantities + $(grep -c ' ok$' "$out/lines" || true)))
    done
done
echo "$good folders agree ($quantities quantities), $bad fall short"
[ "$bad" = 0 ]
