#!/usr/bin/env bash
# A CSV of 20 million ratings into a prepared folder: time, peak memory, time to open. The bar: 10 s, 2 GiB, 50 ms.
#   bench/import.sh [BUILD] [ROWS]
set -eu
cd "$(dirname "$0")/.."
build=${1:-build} rows=${2:-20000000}
work=$(mktemp -d "${TMPDIR:-/tmp}/lorec-import-XXXXXX")
trap 'rm -rf "$work"' EXIT
cmake --build "$build" --target bench_import >/dev/null
"$build/bench/bench_import" generate "$work/ratings.csv" "$rows" 1
for _ in 1 2 3; do
    printf 'load %s: ' "$(cut -d' ' -f1 /proc/loadavg)"
    "$build/bench/bench_import" run "$work/ratings.csv" "$work/prepared"
done
