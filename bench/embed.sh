#!/usr/bin/env bash
# Embedding texts beside sentence-transformers (PyPI), MiniLM's shape with random weights, in pairs in one run.
#   PYTHON=path/to/python bench/embed.sh TEXTS TOKENIZER [BUILD] [PAIRS] [DTYPE...]
# TEXTS: a file of one text a line; TOKENIZER: a folder with bert-base-uncased's tokenizer.json; DTYPE: f32 bf16.
# Loading is not counted on either side, tokenising is. FIELD=cpu_s compares the CPU's seconds instead of the clock's.
set -eu
texts=$1 tokenizer=$2 build=${3:-build} pairs=${4:-3}; shift $(($# < 4 ? $# : 4))
[ $# -gt 0 ] || set -- f32 bf16
python=${PYTHON:-python3}; field=${FIELD:-seconds}
"$python" -c 'import sentence_transformers' 2>/dev/null || { echo "sentence-transformers is missing: $python -m pip install sentence-transformers (or PYTHON=...)" >&2; exit 1; }
export LOREC_THREADS=${LOREC_THREADS:-$(nproc)} NO_COLOR=1
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
"$python" "$(dirname "$0")/peers/embed.py" make "$tmp/model" "$tokenizer" >"$tmp/log" 2>&1 || { tail "$tmp/log"; exit 1; }
theirs() { "$python" "$(dirname "$0")/peers/embed.py" time "$tmp/model" "$texts" --dtype "$1" --threads "$LOREC_THREADS" --out "$tmp/theirs.npy" 2>/dev/null | sed -n "s/.*\"$field\": \([0-9.]*\).*/\1/p"; }
ours() {
    "$build/lorec" lm embed --model "$tmp/model" --dtype "$1" --out "$tmp/ours.npy" <"$texts" 2>"$tmp/log" || { tail "$tmp/log" >&2; exit 1; }
    if [ "$field" = cpu_s ]; then sed -n 's/.* texts in .* s (\([0-9.]*\) s of CPU).*/\1/p' "$tmp/log"; else sed -n 's/.* texts in \([0-9.]*\) s .*/\1/p' "$tmp/log"; fi
}
median() { printf '%s\n' "$@" | sort -g | sed -n "$((($# + 1) / 2))p"; }
echo "machine: $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), $LOREC_THREADS threads, $(date -u +%F), $(wc -l <"$texts") texts, $field"
for dtype in "$@"; do
    a=() b=()
    for ((i = 1; i <= pairs; i++)); do
        a+=("$(ours "$dtype")"); b+=("$(theirs "$dtype")")
    done
    x=$(median "${a[@]}") y=$(median "${b[@]}")
    printf '%-5s lorec %8.3f s  sentence-transformers %8.3f s  %5.2f x  (lorec %s; theirs %s; load %s)\n' "$dtype" "$x" "$y" \
        "$(awk "BEGIN { print $y / $x }")" "${a[*]}" "${b[*]}" "$(cut -d' ' -f1 /proc/loadavg)"
    "$python" -c "import numpy as np; a, b = np.load('$tmp/ours.npy'), np.load('$tmp/theirs.npy'); print('      largest difference of a value', abs(a - b).max())"
done
