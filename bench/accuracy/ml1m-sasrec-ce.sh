#!/usr/bin/env bash
# SASRec with full cross-entropy on MovieLens-1M (SASRec's file), leave-one-out, full ranking; up to three hours.
exec "$(dirname "$0")"/run ml1m-sasrec-ce "NDCG@10 at least .155 in at most 3 hours" \
    sasrec --data "${DATA:-../shared/data/sasrec/ml-1m.txt.gz}" --set max_len=200 --set dropout=0.2 --set attn_dropout=0.2 \
    --set train_batch_size=128 --set eval_step=5 --set max_minutes="${MINUTES:-170}" --seed 1
