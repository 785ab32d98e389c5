#!/usr/bin/env bash
# LLaRA on MovieLens-100K, 20 uniform candidates: hybrid prompts beside text alone, vectors alone, random vectors and SASRec, over a
# model of 64 numbers and 3 blocks made here. It is made from titles alone: lists of 2 to 15 titles drawn at random, of which one is
# to be written, so that it can repeat a title of its prompt; no interaction goes into it. Half an hour on a quiet core.
set -eu
cd "$(dirname "$0")/../.."
lorec=${LOREC:-build/lorec} data=${DATA:-../shared/data/ml-100k} out=${OUT:-runs/llara} seeds=${SEEDS:-1,2}
mkdir -p "$out/tok"
if [ ! -f "$out/base/config.json" ]; then
    cut -d'|' -f2 "$data/u.item" | iconv -f latin1 -t utf8 |
        sed -E 's/ *\([^()]*\) *$//; s/ *\([^()]*\) *$//; s/^(.*), (The|A|An|La|Le|Les|Der|Die|Das|El|Il)$/\2 \1/' >"$out/titles.txt"
    "$lorec" lm train-tokenizer "$out/titles.txt" --out "$out/tok/tokenizer.json" --size 1200 --special '<|end|>'
    echo '{"eos_token": "<|end|>"}' >"$out/tok/tokenizer_config.json"
    awk -v n="${LISTS:-12000}" 'BEGIN { srand(1) } { gsub(/\\/, "\\\\"); gsub(/"/, "\\\""); title[NR] = $0 }
        END {
            for (k = 0; k < n; k++) {
                m = 2 + int(rand() * 14); text = ""
                for (i = 1; i <= m; i++) {
                    pick[i] = title[1 + int(rand() * NR)]
                    text = text (i > 1 ? ", " : "") "\\\"" pick[i] "\\\""
                }
                printf "{\"prompt\": \"Choose out of this list: %s. Write one title and nothing else.\\n\\nAnswer:\\n\", \"answer\": \"%s\"}\n",
                    text, pick[1 + int(rand() * m)]
            }
        }' "$out/titles.txt" >"$out/lists.jsonl"
    "$lorec" lm train --init NEW --tokenizer "$out/tok/tokenizer.json" --corpus "$out/lists.jsonl" --out "$out/base" --width 64 \
        --layers 3 --heads 4 --context 768 --batch 16 --lr 2e-3 --epochs "${BASE_EPOCHS:-12}" --threads 1
fi
run() {
    name=$1
    shift
    "$lorec" run "$@" --data "$data" --eval uniform@20 --metrics hit@1,ndcg@10 --seed "$seeds" --threads 1 --out "$out/$name"
}
run hybrid llara,sasrec --fast --set llara.model="$out/base" --set llara.weights=f32 ${SET:-}
for prompt in text id; do run "$prompt" llara --no-controls --fast --set model="$out/base" --set weights=f32 --set prompt=$prompt ${SET:-}; done
run random llara --no-controls --fast --set model="$out/base" --set weights=f32 --set vectors=random ${SET:-}
"$lorec" compare "$out/hybrid" "$out/text" "$out/id" "$out/random"
