#!/usr/bin/env bash
# lorec lm classify: a classifier that was learned here says what it learned; models without one, files that do not fit, odd lines.
. "$(dirname "$0")/support/lib.sh"

for i in $(seq 1 6); do
    for w in cat dog bird; do echo "{\"text\": \"a $w ran to the hut\", \"label\": \"$w\"}"; done
done >classes.jsonl
few=(--vocab 280 --valid-share 0 --batch 6 --lr 0.01 --json)
cat >bert.json <<'JSON'
{"model_type": "bert", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32,
 "max_position_embeddings": 32, "type_vocab_size": 2, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
JSON
ok lm train --init NEW --config bert.json --corpus classes.jsonl --out plain --context 32 "${few[@]}" --epochs 1
ok lm train --init plain --objective classes --corpus classes.jsonl --out m "${few[@]}" --epochs 200

# what was learned; line ends of both kinds; every probability; the same among many as alone
printf 'a cat ran to the hut\r\na dog ran to the hut\na bird ran to the hut' >texts
ok lm classify --model m <texts
[ "$(grep -o '"label":"[a-z]*"' out | tr '\n' ' ')" = '"label":"cat" "label":"dog" "label":"bird" ' ] || die "$(cat out)"
ok lm classify --model m --all <texts
says '"probabilities":{"cat":'
cp out alone
for i in $(seq 1 200); do cat texts; echo; done >many
ok lm classify --model m --all <many
[ "$(wc -l <out)" = 600 ] || die "$(wc -l <out) lines"
label() { grep -o '"label":"[a-z]*"' "$1"; }
[ "$(label out | head -3)" = "$(label alone)" ] && [ "$(label out | tail -3)" = "$(label alone)" ] || die "among many"

# nothing, an empty line, a text longer than the model's positions, bytes that are no text
ok lm classify --model m </dev/null
[ -s out ] && die "objects for no lines"
printf '\n' | { ok lm classify --model m; } && [ "$(wc -l <out)" = 1 ] || die "an empty line"
{ printf 'a cat '; yes 'ran to the hut' | head -500 | tr '\n' ' '; echo; printf '\xff\xfe\n'; } >odd
ok lm classify --model m <odd
[ "$(wc -l <out)" = 2 ] || die "$(cat out)"
ok lm classify --model m --weights q8 --bf16 --max-tokens 4 <texts
fails 2 'leave no room' lm classify --model m --max-tokens 2 <texts

# pairs
printf 'a cat\tran to the hut\n' >pairs
ok lm classify --model m --pairs <pairs
fails 3 'line 1 has no tab' lm classify --model m --pairs <texts

# what is not there, or does not fit
fails 2 '--model M is needed' lm classify <texts
fails 3 'none' lm classify --model none <texts
fails 3 'the model has no classifier' lm classify --model plain <texts
fails 3 '--objective classes' lm classify --model plain <texts
fails 2 'there are keep' lm classify --model m --weights q3 <texts
cp -r m cut && head -c 3000 m/model.safetensors >cut/model.safetensors
fails 3 'cut' lm classify --model cut <texts
cp -r m short && sed 's/"2": "bird"/"3": "bird"/' m/config.json >short/config.json
fails 3 'no name for the class 2' lm classify --model short <texts
sed 's/"2": "bird"/"2": "bird", "3": "cow"/' m/config.json >short/config.json
fails 3 'names 4 classes' lm classify --model short <texts

# several at once, and a single number
cp -r m each && sed 's/^{/{"problem_type": "multi_label_classification",/' m/config.json >each/config.json
ok lm classify --model each <texts
says '"probabilities":{"cat":'
echo 'the end'
