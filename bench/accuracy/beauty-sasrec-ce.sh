#!/usr/bin/env bash
# SASRec with full cross-entropy on Amazon Beauty (S3-Rec's 5-core sequences), leave-one-out, full ranking, three seeds.
exec "$(dirname "$0")"/run beauty-sasrec-ce "mean recall@10 at least .088 and NDCG@10 at least .053, each training under 15 minutes" \
    sasrec --data "${DATA:-../shared/data/s3rec/Beauty.txt.gz}" --seed 1,2,3
