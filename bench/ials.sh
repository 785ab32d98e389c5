#!/usr/bin/env bash
# iALS beside implicit (PyPI) on the same matrix: pairs, medians and their ratio.
#   PYTHON=path/to/python bench/ials.sh [BUILD] [PAIRS] [--small]
set -eu
cd "$(dirname "$0")/.."
build=${1:-build}; pairs=${2:-3}; small=${3:-}
python=${PYTHON:-python3}
"$python" -c 'import implicit' 2>/dev/null || { echo "implicit is missing: $python -m pip install implicit (or PYTHON=...)" >&2; exit 1; }
cmake --build "$build" --target bench_ials >/dev/null
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
"$build/bench/bench_ials" $small --export "$folder"
threads=${LOREC_THREADS:-$(nproc)}
ours=(); theirs=()
for ((i = 1; i <= pairs; i++)); do
    echo "pair $i, load $(cut -d' ' -f1-3 /proc/loadavg)"
    a=$(LOREC_THREADS=$threads "$build/bench/bench_ials" $small --iterations 3)
    b=$("$python" bench/peers/ials.py "$folder" --iterations 3 --threads "$threads")
    echo "  $a"; echo "  $b"
    ours+=($(echo "${a#*:}" | sed 's/([^)]*)//g' | tr -d 's' | xargs -n1 | sort -g | sed -n 2p))
    theirs+=($(echo "${b#*:}" | sed 's/([^)]*)//g; s/ s\b//g' | xargs -n1 | sort -g | sed -n 2p))
done
median() { printf '%s\n' "$@" | sort -g | sed -n "$((($# + 1) / 2))p"; }
a=$(median "${ours[@]}"); b=$(median "${theirs[@]}")
echo "medians: lorec $a s, implicit $b s an iteration: $(awk "BEGIN { printf \"%.2f\", $b / $a }") x ($threads threads, load $(cut -d' ' -f1-3 /proc/loadavg))"
