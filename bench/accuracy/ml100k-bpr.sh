#!/usr/bin/env bash
# RecBole's quick start: BPR on MovieLens-100K, random 8:1:1 per user, full ranking, early stopping by MRR@10.
exec "$(dirname "$0")"/run ml100k-bpr "recall@10 .2368 and NDCG@10 .2768 (RecBole's README), within .012" \
    bpr --data "${DATA:-../shared/data/ml-100k}" --split ratio-random:8:1:1 --valid-metric mrr@10 --seed 1,2,3
