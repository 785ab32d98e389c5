#!/usr/bin/env bash
# SASRec with full cross-entropy on MovieLens-1M (SASRec's file), leave-one-out, full ranking; up to three hours.
exec "$(dirname "$0")"/run ml1m-sasrec-ce "NDCG@10 at least .155 in at most 3 hours" \
    sasrec --data "${DATA:-../shared/data/sasrec/ml-1m.txt.gz}" --set max_len=200 --set hidden_size=128 --set dropout=0.2 \
    --set attn_dropout=0.2 --set max_minutes="${MINUTES:-175}" --set stopping_step=20 --seed 1
