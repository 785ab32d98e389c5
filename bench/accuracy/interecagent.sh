#!/usr/bin/env bash
# InteRecAgent's simulated people on MovieLens-100K: a planner without a language model (bench/peers/planner.py, needs Python) that
# makes conditions of what was said, beside popularity and the ranking tool, which do not listen. Minutes.
set -eu
cd "$(dirname "$0")/../.."
lorec=${LOREC:-build/lorec} data=${DATA:-../shared/data/ml-100k} out=${OUT:-runs/interecagent} port=${PORT:-8399}
python3 bench/peers/planner.py "$port" &
server=$!
trap 'kill $server' EXIT
sleep 1
"$lorec" run interecagent --data "$data" --fast --eval uniform@20 --metrics hit@1,ndcg@10 --test-users "${USERS:-200}" \
    --llm "http://127.0.0.1:$port/v1#planner" --seed "${SEEDS:-1,2}" --out "$out" ${MORE:-}
