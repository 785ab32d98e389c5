#!/usr/bin/env bash
# SASRec as published (binary cross-entropy, one negative) on the same data and protocol: the weak baseline of many tables.
exec "$(dirname "$0")"/run beauty-sasrec-bce "mean recall@10 at least .052" \
    sasrec --data "${DATA:-../shared/data/s3rec/Beauty.txt.gz}" --set loss=bce --seed 1,2,3
