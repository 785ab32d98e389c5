#!/usr/bin/env bash
# lorec lm train: every objective on a corpus of a few lines, with a vocabulary of its own; what was learned is asked for.
. "$(dirname "$0")/support/lib.sh"

number() { sed -n "s/.*\"$1\": \(-\{0,1\}[0-9.e-]*\).*/\1/p" out | head -1; }
below() { awk "BEGIN { exit !($1 < $2) }" || die "$3: $1, not below $2"; }
for i in $(seq 1 6); do
    for w in cat dog bird; do
        echo "{\"prompt\": \"who said $w\", \"answer\": \"the $w did\"}" >>answers.jsonl
        echo "{\"text\": \"a $w ran to the hut\", \"label\": \"$w\"}" >>classes.jsonl
        echo "{\"anchor\": \"a $w ran\", \"positive\": \"the $w sat\"}" >>alike.jsonl
        echo "{\"prompt\": \"who is it: \", \"chosen\": \"a $w\", \"rejected\": \"no $w\"}" >>preferred.jsonl
    done
done
few=(--vocab 280 --valid-share 0 --batch 6 --lr 0.02 --json)
sizes=(--width 32 --layers 1 --heads 2 --context 32)

# a decoder, its vocabulary made of the corpus; then preferences and a smaller student
ok lm train --init NEW --corpus answers.jsonl --out tiny "${sizes[@]}" "${few[@]}" --epochs 12
[ -s tiny/tokenizer.json ] && [ -s tiny/model.safetensors ] || die "files"
below "$(number train_loss)" 2 "answers"
ok lm train --init NEW --corpus answers.jsonl --out uni "${sizes[@]}" "${few[@]}" --epochs 1 --vocab-kind unigram
# into GGUF and back, with its vocabulary: the same ids
ok lm convert uni uni.gguf && says 't5 of 280 tokens'
ok lm convert uni.gguf uni-back && says 'tokenizer.json'
printf 'the cat  did\tit\nyes \303\251' >text
for m in uni uni.gguf uni-back; do ok lm tokenize --model $m <text && cat out >>ids; done
[ "$(sort -u ids | wc -l)" = 1 ] || die "$(cat ids)"
ok lm train --init tiny --objective dpo --corpus preferred.jsonl --out liked "${few[@]}" --epochs 4 --lora 2,4
below "$(number train_loss)" 0.6 "preferences"
ok lm train --init NEW --objective distil --teacher tiny --corpus answers.jsonl --out student "${sizes[@]}" "${few[@]}" --epochs 4
cmp -s tiny/tokenizer.json student/tokenizer.json || die "a student without its teacher's vocabulary"
fails 2 'needs --teacher' lm train --init tiny --objective distil --corpus answers.jsonl --out x
ok lm train --init tiny --corpus answers.jsonl --out private "${few[@]}" --epochs 1 --example-clip 0.5 --noise 0.1
fails 2 'in units of' lm train --init tiny --corpus answers.jsonl --out x --noise 1
ok lm train --init tiny --corpus answers.jsonl --out over-q8 "${few[@]}" --epochs 1 --lora 2,4 --base q8

# classes: a new head beside the decoder, and what it says of texts is learned
ok lm train --init tiny --objective classes --corpus classes.jsonl --out classes "${few[@]}" --lr 0.005 --epochs 80
below "$(number train_loss)" 0.3 "classes"
has classes/config.json '"bird": 2'
fails 2 'no classifier yet' lm train --init tiny --objective classes --corpus classes.jsonl --out x --lora 2,4

# an encoder, whose masked tokens are those of its own vocabulary
cat >bert.json <<'JSON'
{"model_type": "bert", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32,
 "max_position_embeddings": 32, "type_vocab_size": 2, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
JSON
ok lm train --init NEW --config bert.json --corpus classes.jsonl --out bert --context 32 "${few[@]}" --epochs 40
below "$(number train_loss)" 3.5 "masked"
ok lm train --init bert --objective classes --corpus classes.jsonl --out bert-classes "${few[@]}" --lr 0.005 --epochs 60
below "$(number train_loss)" 0.3 "an encoder's classes"

# texts that belong together
ok lm train --init tiny --objective contrast --corpus alike.jsonl --out alike "${few[@]}" --epochs 4 --learn-temperature
echo "a cat ran" >texts
ok lm embed --model alike --out vectors.npy <texts
grep -q 'mean, normalized' "$T/err" || die "texts are not embedded as they were compared"
fails 2 'sees no other' lm train --init tiny --objective contrast --corpus alike.jsonl --out x --pooling first
fails 2 'mean, first or last' lm train --init tiny --objective contrast --corpus alike.jsonl --out x --pooling middle

# an encoder-decoder; an adapter of both its halves
cat >t5.json <<'JSON'
{"model_type": "t5", "d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2, "relative_attention_num_buckets": 8,
 "dropout_rate": 0.0, "feed_forward_proj": "relu", "decoder_start_token_id": 1}
JSON
ok lm train --init NEW --config t5.json --corpus answers.jsonl --out t5 --context 32 "${few[@]}" --epochs 60
below "$(number train_loss)" 0.3 "seq2seq"
ok lm generate --model t5 --prompt 'who said dog' -n 20 --json
says 'the dog did' || die "seq2seq does not say what it learned"
ok lm train --init t5 --corpus answers.jsonl --out t5-lora "${few[@]}" --epochs 2 --lora 2,4,q,v
printf 'who said dog' >prompt
echo 'the dog did' >candidates
ok lm score --model t5 --prompt prompt --candidates candidates --json
plain=$(number logprob)
ok lm score --model t5 --adapter t5-lora --prompt prompt --candidates candidates --json
[ "$plain" != "$(number logprob)" ] || die "an encoder-decoder's adapter does not act"
ok lm train --init t5 --corpus answers.jsonl --out t5-prefix "${few[@]}" --epochs 2 --adapter prefix --tokens 2
fails 2 'recompute' lm train --init t5 --corpus answers.jsonl --out x --recompute
fails 2 'prompt tuning of an encoder-decoder' lm train --init t5 --corpus answers.jsonl --out x --adapter prompt
fails 3 'none' lm train --init t5 --objective causal --corpus answers.jsonl --out x

fails 2 'did you mean' lm train --init tiny --objective clases --corpus classes.jsonl --out x
fails 3 'line 1' lm train --init tiny --objective dpo --corpus answers.jsonl --out x
echo 'a text' >plain.txt
fails 3 'one object a line' lm train --init tiny --objective dpo --corpus plain.txt --out x
