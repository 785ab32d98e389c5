#!/usr/bin/env bash
# A small language model for measurements, made from one data set's titles and its training sequences in a few minutes:
#     bench/make_lm.sh [DATA [OUT]]          # DATA: anything that `lorec run --data` takes and that has titles
# It has seen no validation and no test row. What it learns, all drawn with one seed by awk:
#   - every title, and stretches of users' training sequences as lists of titles ("A, B, C")
#   - dialogues: some titles of a sequence, numbered, with candidates; the answer puts the title that came next first
# That is enough to complete titles and to answer a ranking prompt in a form that can be read; knowledge of the world it has
# none. OPTIONS: ITEM_TEXT=FILE (titles beside the data), WIDTH, LAYERS, EPOCHS, WINDOWS (dialogues a user), THREADS, SEED.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
lorec=${LOREC:-$here/build/lorec} data=${1:-$here/../shared/data/ml-100k}
out=${2:-$here/build/lm/$(basename "$data" | sed 's/\..*//')}
work=$out.work
mkdir -p "$work/words" "$work/corpus"
"$lorec" data export-split "$data" --split loo ${ITEM_TEXT:+--item-text "$ITEM_TEXT"} --out "$work/split" -q >/dev/null
[ -e "$work/split/items.tsv" ] || { echo "make_lm: $data has no titles; ITEM_TEXT=FILE gives them" >&2; exit 3; }

LC_ALL=C awk -F'\t' -v seed="${SEED:-1}" -v windows="${WINDOWS:-1}" -v texts="$work/corpus/texts.jsonl" -v chats="$work/corpus/chats.jsonl" '
    # Titles that go into JSON; a list of n titles that may be had, and a few drawn ones, shuffled.
    function json(s) { gsub(/\\/, "\\\\", s); gsub(/"/, "\\\"", s); gsub(/[\001-\037]/, " ", s); return s }
    function numbered(list, n,    i, s) { for (i = 1; i <= n; i++) s = s i ". " list[i] "\\n"; return s }
    function shuffle(list, n,    i, j, t) { for (i = n; i > 1; i--) { j = int(rand() * i) + 1; t = list[i]; list[i] = list[j]; list[j] = t } }
    function dialogue(at,    from, n, i, had, some, order) {
        from = at - 1 - int(rand() * 10); if (from < 1) from = 1
        for (i = from; i < at; i++) had[++n] = seq[i]
        some[1] = seq[at]
        for (i = 2; i <= 10; i++) some[i] = title[int(rand() * items) + 1]
        for (i = 1; i <= 10; i++) order[i] = some[i]
        shuffle(some, 10)
        printf "{\"messages\": [{\"role\": \"user\", \"content\": \"I had these, oldest first:\\n%s\\nThe candidates:\\n%s\\nPut them in order.\"}, {\"role\": \"assistant\", \"content\": \"%s\"}]}\n", numbered(had, n), numbered(some, 10), numbered(order, 10) > chats
    }
    function flush(    i, j, s) {
        for (i = 1; i <= length_of; i += 12) {
            s = seq[i]
            for (j = i + 1; j < i + 12 && j <= length_of; j++) s = s ", " seq[j]
            print "{\"text\": \"" s "\"}" > texts
        }
        for (i = 1; i <= windows && length_of > 1; i++) dialogue(2 + int(rand() * (length_of - 1)))
        length_of = 0
    }
    BEGIN { srand(seed) }
    FNR == 1 { file++; next }
    file == 1 { title[++items] = name[$1] = json($2); print "{\"text\": \"" name[$1] "\"}" > texts; next }
    $1 != user { flush(); user = $1 }
    { seq[++length_of] = name[$2] }
    END { flush() }
' "$work/split/items.tsv" "$work/split/train.tsv"

cut -f2 "$work/split/items.tsv" | tail -n +2 >"$work/titles.txt"
for i in 1 2 3 4; do cat "$work/titles.txt"; printf '%s\n' "I had these, oldest first:" "The candidates:" "Put them in order." 1. 2. 3.; done >"$work/words.txt"
"$lorec" lm train-tokenizer "$work/words.txt" --out "$work/words/tokenizer.json" --size "${VOCABULARY:-3000}" \
    --special '<|end|>' --special '<|user|>' --special '<|assistant|>' -q
cat >"$work/words/tokenizer_config.json" <<'J'
{"eos_token": "<|end|>", "pad_token": "<|end|>", "chat_template": "{% for m in messages %}{{ '<|assistant|>' if m.role == 'assistant' else '<|user|>' }}\n{{ m.content }}<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}"}
J
[ -n "${STOP:-}" ] && exit
"$lorec" lm train --init NEW --tokenizer "$work/words" --corpus "$work/corpus" --out "$out" --width "${WIDTH:-128}" \
    --layers "${LAYERS:-3}" --heads 4 --context "${CONTEXT:-2048}" --epochs "${EPOCHS:-1}" --batch "${BATCH:-8}" --lr "${LR:-3e-3}" --seed "${SEED:-1}" \
    --bf16 ${THREADS:+--threads "$THREADS"}
rm -r "$work"
echo "written: $out"
