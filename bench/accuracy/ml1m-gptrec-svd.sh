#!/usr/bin/env bash
# GPTRec with two SVD tokens an item: codebooks of 128 and of 2048 after equal, short training (EPOCHS passes each).
set -eu
here=$(dirname "$0")
for codebook in 128 2048; do
    "$here"/run ml1m-gptrec-svd-$codebook "NDCG@10 with a codebook of 2048 above that with 128" \
        gptrec --data "${DATA:-../shared/data/sasrec/ml-1m.txt.gz}" --set tokens=2 --set codebook=$codebook \
        --set epochs="${EPOCHS:-10}" --set eval_step=100 --seed 1 --no-controls
done
