#!/usr/bin/env bash
# GPTRec Top-K on MovieLens-1M, leave-one-out, full ranking; up to six hours. Next-K: bench/accuracy/ml1m-gptrec-nextk.sh
exec "$(dirname "$0")"/run ml1m-gptrec "NDCG@10 at least .135 in at most 6 hours" \
    gptrec --data "${DATA:-../shared/data/sasrec/ml-1m.txt.gz}" --set max_minutes="${MINUTES:-350}" --seed 1
