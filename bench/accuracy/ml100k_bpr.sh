#!/usr/bin/env bash
# BPR on MovieLens-100K by RecBole's quick-start protocol: random 8:1:1 of each user, full ranking, stopped by MRR@10.
# The bar: recall@10 .2368 and NDCG@10 .2768 (RecBole's README), within .012.
#   bench/accuracy/ml100k_bpr.sh [BUILD] [folder with u.data]
set -eu
cd "$(dirname "$0")/../.."
build=${1:-build} data=${2:-${LOREC_DATA:-../shared/data}/ml-100k}
"$build/lorec" run bpr --data "$data" --split ratio-random:8:1:1 --valid-metric mrr@10 --seed 1,2,3 \
    --metrics recall@10,mrr@10,ndcg@10,hit@10,precision@10 --out runs/ml100k-bpr --resume
