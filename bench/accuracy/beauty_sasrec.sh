#!/usr/bin/env bash
# SASRec on Amazon Beauty (S3-Rec's file), leave-one-out, full ranking, seen items masked, three seeds.
# The bar: cross-entropy recall@10 >= .088 and NDCG@10 >= .053 on average, in under 15 minutes of training on 2 cores;
# one-negative BCE recall@10 >= .052.
#   bench/accuracy/beauty_sasrec.sh [BUILD] [Beauty.txt.gz]
set -eu
cd "$(dirname "$0")/../.."
build=${1:-build} data=${2:-${LOREC_DATA:-../shared/data}/s3rec/Beauty.txt.gz}
for loss in ce bce; do
    "$build/lorec" run sasrec --data "$data" --seed 1,2,3 --no-controls --metrics recall@10,ndcg@10 \
        --set loss="$loss" --out "runs/beauty-sasrec-$loss" --resume
done
