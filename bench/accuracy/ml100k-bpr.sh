#!/usr/bin/env bash
# RecBole's quick start: BPR on MovieLens-100K, random 8:1:1 per user, full ranking, early stopping by MRR@10. With 943
# users the split's own draw moves recall@10 by .01, so five splits are drawn and the mean is what is compared.
set -eu
cd "$(dirname "$0")/../.."
lorec=${LOREC:-build/lorec} data=${DATA:-../shared/data/ml-100k} out=docs/results/ml100k-bpr.md
{
    echo "# ml100k-bpr"
    echo
    echo "RecBole's README: recall@10 .2368, NDCG@10 .2768. Asked: within .012. \`bench/accuracy/ml100k-bpr.sh\`, $(date -u +%F),"
    echo "load average $(cut -d' ' -f1-3 /proc/loadavg). Training seed 1, five seeds of the split."
    echo
    echo '```'
    for seed in 42 1 2 3 4; do
        printf 'split seed %-3s ' "$seed"
        "$lorec" run bpr --data "$data" --split ratio-random:8:1:1 --split-seed "$seed" --valid-metric mrr@10 --seed 1 \
            --metrics recall@10,ndcg@10 --no-controls -q --out "runs/accuracy-ml100k-bpr-$seed" | grep '^bpr'
    done | tee /dev/stderr | awk '{ print; recall += $5; ndcg += $8; rows++ }
        END { printf "mean           recall@10 %.4f  ndcg@10 %.4f\n", recall / rows, ndcg / rows }'
    echo '```'
} >"$out"
echo "written: $out"
