#!/usr/bin/env bash
# The model of bench/accuracy/ml1m-gptrec.sh, as it is, writing its lists item by item (Next-K) and, for the same cut-offs,
# by score (Top-K): one training, two strategies. Run ml1m-gptrec.sh first.
set -eu
here=$(dirname "$0")
trained=${TRAINED:-runs/accuracy-ml1m-gptrec/models/gptrec-1}
for strategy in topk nextk; do
    "$here"/run ml1m-gptrec-$strategy "Next-K: the same NDCG@1 as Top-K, about 75 % of its NDCG@10" \
        gptrec --data "${DATA:-../shared/data/sasrec/ml-1m.txt.gz}" --set trained="$trained" --set strategy=$strategy \
        --metrics ndcg@1,ndcg@2,ndcg@5,ndcg@10,recall@10 --seed 1 --no-controls
done
