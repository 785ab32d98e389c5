#!/usr/bin/env bash
# Model files end to end: the trained checkpoint of llama2.c says the same from every format that it is converted to, and
# quantised nearly the same; what is wrong with a file is said.
. "$(dirname "$0")/support/lib.sh"

fails 3 'no such model' lm info nowhere
printf 'no model at all' >bad.gguf
fails 3 'no model file of a known kind' lm info bad.gguf
printf 'GGUF\3\0\0\0' >short.gguf
fails 3 'short.gguf' lm info short.gguf
fails 2 'IN OUT' lm convert short.gguf
fails 2 '--type is needed' lm quantize short.gguf out.gguf
fails 2 'lorec lm quantize' lm convert short.gguf out.gguf --type q4_0
fails 2 'lorec lm convert' lm quantize short.gguf out.gguf --type f16
fails 2 '.gguf' lm quantize short.gguf folder --type q4_0
fails 2 'there are f32, f16, bf16' lm convert short.gguf out.gguf --type f17

S=$(shared data/models/llama2c-aidreams260K) || exit 1
case $S in SKIPPED*) echo "$S"; exit 0 ;; esac
ok lm info "$S/aidreams260K.bin" --values --json
says '"format": "llama2.c v0"' && says '"parameters": 230976' && says '"not_finite": 0'
with="--tokenizer $S/tok512.bin"
ok lm convert "$S/aidreams260K.bin" folder $with
ok lm convert "$S/aidreams260K.bin" f32.gguf $with
ok lm convert folder f16.gguf --type f16
ok lm convert f32.gguf again
ok lm quantize folder q8_0.gguf --type q8_0
ok lm quantize f32.gguf q4_0.gguf --type q4_0
ok lm quantize f32.gguf q4_1.gguf --type q4_1
fails 2 'not empty' lm convert f32.gguf again
ok lm info f16.gguf && says 'vocabulary: 512 tokens'
[ -e folder/tokenizer.bin ] && [ -e again/tokenizer.gguf ] || die "the vocabulary did not go along"

# greedy: the first 60 ids and the text of 100 tokens, exactly
tr -d '[] \n' <"$S/expected_greedy_first60_ids.txt" >ids.due
greedy() {
    ok lm generate --model "$@" --prompt '' -n 100
    diff <(tr -d '\n' <"$T/out") <(tr -d '\n' <"$S/expected_greedy_n100.txt") >/dev/null || die "another text: $1"
    ok lm generate --model "$@" --prompt '' -n 60 --json
    tr -d ' \n' <"$T/out" | sed 's/.*"ids":\[\([0-9,]*\)\].*/\1/' | tr -d '\n' >ids.are
    cmp -s ids.due ids.are || die "other ids: $1"
}
greedy "$S/aidreams260K.bin" --tokenizer "$S/tok512.bin"
for m in folder f32.gguf f16.gguf again; do greedy $m; done

# perplexity on texts of its own: 8 bits within 1 %, 4 bits within 4 %
for seed in 1 2 3 4 5 6 7 8; do
    ok lm generate --model f32.gguf --prompt '' -n 120 --temperature 1 --seed $seed --no-end
    cat "$T/out" >>corpus
done
perplexity() {
    "$LOREC" lm perplexity --model "$1" --json <corpus 2>"$T/err" | sed -n 's/.*"perplexity": *\([0-9.]*\).*/\1/p'
}
full=$(perplexity f32.gguf)
for row in "f16 1.001" "q8_0 1.01" "q4_0 1.04" "q4_1 1.04"; do
    set -- $row
    p=$(perplexity "$1.gguf")
    awk -v p="$p" -v full="$full" -v most="$2" 'BEGIN {exit !(p > 1 && p <= full * most)}' || die "$1: perplexity $p, f32 $full"
    echo "$1: perplexity $p, f32 $full"
done
echo passed
