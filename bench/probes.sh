#!/usr/bin/env bash
# What the leakage probes say of real sets (SHARED: the folder that holds them), written to docs/results/probes.md. Seconds.
set -eu
cd "$(dirname "$0")/.."
lorec=${LOREC:-build/lorec} shared=${SHARED:-../shared/data} out=docs/results/probes.md
one() {
    echo
    echo "    lorec data probe $*" | sed "s|$shared/||g"
    echo
    "$lorec" data probe "$@" -q | sed 's/^/    /; s/ *$//'
}
{
    echo "# Leakage probes on real sets"
    echo
    echo "\`bench/probes.sh\`, $(date -u +%F), lorec at $(git rev-parse --short HEAD). Limits are stated in docs/evaluation.md; nothing is drawn"
    echo "but \`uniform@99\`'s candidates (seed 42) and the lines that a language model is asked for (seed 42). Times are not measured."
    one "$shared/ml-100k" --eval uniform@99
    one "$shared/s3rec/Beauty.txt.gz" --item-text "$shared/derived/beauty_items.tsv.gz" --eval uniform@99
    one "$shared/s3rec/Sports_and_Outdoors.txt.gz"
    one "$shared/s3rec/Yelp.txt.gz" --item-text "$shared/derived/yelp_items.tsv.gz"
    one "$shared/p5/beauty/sequential_data.txt.gz"
    one "$shared/sasrec/ml-1m.txt.gz" --eval uniform@99
    one "$shared/amazon-raw-2018/All_Beauty_5.json.gz"
    one "$shared/amazon-raw-2018/Gift_Cards_5.json.gz"
    [ -z "${LM:-}" ] || one "$shared/ml-100k" --llm "local:$LM"
} >"$out.tmp"
mv "$out.tmp" "$out"
echo "written: $out"
