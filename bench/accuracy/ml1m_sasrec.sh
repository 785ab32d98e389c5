#!/usr/bin/env bash
# SASRec with cross-entropy on MovieLens-1M (SASRec's file), leave-one-out, full ranking. The bar: NDCG@10 >= .155 in at
# most 3 hours on 2 cores.
#   bench/accuracy/ml1m_sasrec.sh [BUILD] [ml-1m.txt.gz]
set -eu
cd "$(dirname "$0")/../.."
build=${1:-build} data=${2:-${LOREC_DATA:-../shared/data}/sasrec/ml-1m.txt.gz}
"$build/lorec" run sasrec --data "$data" --no-controls --metrics recall@10,ndcg@10 --set max_len=200 --set dropout=0.2 \
    --set attn_dropout=0.2 --set train_batch_size=128 --set eval_step=5 --set max_minutes=170 --out runs/ml1m-sasrec --resume
