#!/usr/bin/env bash
# FELLRec on MovieLens-100K, full ranking: dynamic mixing beside FedAvg, no sharing and central training, over the model that
# bench/accuracy/llara.sh makes (64 numbers, 3 blocks, titles alone), one block in front, one at the server, one last. Ten minutes on
# a quiet core.
set -eu
cd "$(dirname "$0")/../.."
lorec=${LOREC:-build/lorec} data=${DATA:-../shared/data/ml-100k} out=${OUT:-runs/fellrec} base=${BASE:-runs/llara-toy/base}
for mixing in dynamic fedavg local central; do
    "$lorec" run fellrec --data "$data" --fast --json --no-controls --threads 1 --seed "${SEEDS:-1,2}" --test-users "${USERS:-300}" \
        --set model="$base" --set weights=f32 --set learning_rate=0.002 --set lora_targets=all --set warmup=0 --set batch=16 \
        --set rounds="${ROUNDS:-4}" --set examples="${EXAMPLES:-1024}" --set mixing=$mixing --out "$out/$mixing" >"$out-$mixing.json"
    python3 - "$out-$mixing.json" "$mixing" <<'PY' || true
import json, sys
for r in json.load(open(sys.argv[1]))["results"]:
    c = r["counts"]
    print(sys.argv[2], "seed", r["seed"], "recall@10 %.4f" % r["metrics"]["recall@10"], "ndcg@10 %.4f" % r["metrics"]["ndcg@10"],
          "valid loss %.4f sd %.4f round %d" % (c["valid_loss"], c["valid_loss_sd"], c["best_round"]), c["bytes_crossed"],
          {k: v for k, v in c.items() if k.startswith("tokens_read") or k.startswith("parameters")})
PY
done
