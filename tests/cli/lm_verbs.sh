#!/usr/bin/env bash
# lorec lm score, generate, perplexity: with a model whose every answer is known, and a trained one whose words are.
. "$(dirname "$0")/support/lib.sh"
. "$SOURCE/tests/cli/support/unigram.sh"
unigram m
# log of e + e^2 + 1 + 1 + e^-1 is 2.5237; a costs 1.5237, b .5237, c and blank 2.5237, the end 3.5237
printf 'a\nb\nab\nbca\nb\n' >items
printf 'cab\n' >prompt

ok lm score --model m --prompt prompt --candidates items --json
says '"prompt_tokens": 3'
sums=$(grep '"logprob"' "$T/out" | grep -oE -- '-[0-9.]+' | cut -c1-6 | tr '\n' ' ')
[ "$sums" = "-1.523 -0.523 -2.047 -4.571 -0.523 " ] || die "sums $sums"
means=$(grep '"mean_logprob"' "$T/out" | grep -oE -- '-[0-9.]+' | cut -c1-6 | tr '\n' ' ')
[ "$means" = "-1.523 -0.523 -1.023 -1.523 -0.523 " ] || die "means $means"
[ "$(grep '"text"' "$T/out" | cut -d'"' -f4 | tr '\n' ' ')" = "a b ab bca b " ] || die "order"
ok lm score --model m --prompt-text cab --candidates items --ends && [ "$(cut -c1-6 "$T/out" | head -1)" = "-5.047" ] || die "--ends"
ok lm score --model m --prompt-text aaaaaaaaaaaaaaaaaaaaaaa --candidates items # too long: the middle goes
grep -q "10 tokens of its middle" "$T/err" || die "what was cut is not said"
fails 3 'does not fit' lm score --model m --prompt-text aaaaaaaaaaaaaaaaaaaaaaa --candidates items --refuse
fails 3 'puts no first token' lm score --model m --prompt-text '' --candidates items
fails 2 'either --prompt' lm score --model m --candidates items
fails 2 '--model M' lm score --prompt prompt --candidates items
fails 3 "no such model" lm score --model nothing --prompt prompt --candidates items
printf 'a\n\nb\n' >hole
fails 3 'line 2 is empty' lm score --model m --prompt prompt --candidates hole

ok lm generate --model m --prompt cab -n 4 --json && says '"text": "bbbb"' && says '"ended": "length"'
[ "$(grep -c '^ *1,\?$' "$T/out")" = 4 ] || die "ids"
ok lm generate --model m --prompt cab -n 4 && [ "$(cat "$T/out")" = bbbb ] || die "streamed"
ok lm generate --model m --prompt cab -n 9 --stop bbb && [ "$(cat "$T/out")" = "" ] || die "stop"
ok lm generate --model m --prompt cab -n 100 && [ "$(cat "$T/out")" = bbbbbbbbbbbbb ] || die "-n beyond the positions"
ok lm generate --model m --prompt cab --temperature 2 --seed 3 -n 8 && cp "$T/out" one
ok lm generate --model m --prompt cab --temperature 2 --seed 3 -n 8 && cmp -s "$T/out" one || die "a seed is not a seed"
ok lm generate --model m --prompt cab --temperature 2 --seed 4 -n 8 && ! cmp -s "$T/out" one || die "seeds are alike"
ok lm generate --model m --prompt cab --temperature 1 --samples 5 -n 4 && [ "$(wc -l <"$T/out")" = 5 ] || die "samples"
ok lm generate --model m --prompt cab -n 2 --logprobs 3 --json && [ "$(grep -c '"top"' "$T/out")" = 2 ] || die "logprobs"
# only lines of the file
printf 'ca\ncab\naa\n' >trie
ok lm generate --model m --prompt cab --trie trie --json && says '"text": "aa"'
ok lm generate --model m --prompt cab --trie trie --beam 9 --json
[ "$(grep '"text"' "$T/out" | cut -d'"' -f4 | tr '\n' ' ')" = "aa cab ca " ] || die "beam: $(grep '"text"' "$T/out")"
ok lm generate --model m --prompt cab --trie trie --temperature 9 --samples 40
[ -z "$(cut -f2 "$T/out" | grep -vxFf trie)" ] || die "outside the file"
ok lm generate --model m --prompt cab --beam 4 --groups 2 --diversity 5 -n 3 --no-end && [ "$(wc -l <"$T/out")" = 4 ] || die "groups"
fails 3 'line 2 is empty' lm generate --model m --prompt cab --trie hole
fails 2 'goes without' lm generate --model m --prompt cab --beam 2 --temperature 1
fails 2 '--top-p' lm generate --model m --prompt cab --top-p 1.5

printf 'abab' | "$LOREC" lm perplexity --model m --json >"$T/out" || die "perplexity"
says '"tokens": 3' && says '"perplexity": 2.356' # exp of (.5237 + 1.5237 + .5237) / 3
printf 'a%.0s' $(seq 100) | "$LOREC" lm perplexity --model m --stride 3 >"$T/out" && says "perplexity 4.5894 over 99 tokens"

# the trained checkpoint: its first 60 ids and 100 tokens
models=$(shared data/models/llama2c-aidreams260K) || { echo "$models"; exit 0; }
ok lm generate --model "$models/aidreams260K.bin" --prompt '' -n 60 --json
ids=$(awk '/"ids"/{on=1; next} /\]/{on=0} on' "$T/out" | tr -d ' ,' | tr '\n' ' ' | sed 's/ $//; s/ /, /g')
[ "[$ids]" = "$(cat "$models/expected_greedy_first60_ids.txt")" ] || die "ids: $ids"
ok lm generate --model "$models/aidreams260K.bin" --prompt '' -n 100
diff <(printf '%s' "$(cat "$T/out")") <(printf '%s' "$(cat "$models/expected_greedy_n100.txt")") >/dev/null || die "text: $(cat "$T/out")"
