#!/usr/bin/env bash
# The commands of lorec lm with files that are wrong, missing, cut off or empty: what is wrong, where, and what to do.
. "$(dirname "$0")/support/lib.sh"

for i in $(seq 1 6); do for w in cat dog; do echo "{\"prompt\": \"who said $w\", \"answer\": \"the $w did\"}"; done; done >texts.jsonl
ok lm train --init NEW --corpus texts.jsonl --out m --width 32 --layers 1 --heads 2 --context 32 --vocab 280 --valid-share 0 --epochs 1
ok lm convert m m.gguf
: >empty
mkdir nothing
printf 'cat\r\ndog\r\n' >crlf
printf 'cat\ncat\n' >twice
printf 'cat\n\ndog\n' >hole
head -c 4000 /dev/zero | tr '\0' x >wide
yes 'the cat did it' | head -2000 >long
variant() { cp -r m "$1" && head -c "$3" "m/$2" >"$1/$2"; }
variant cut-weights model.safetensors 3000
variant cut-words tokenizer.json 300
variant cut-config config.json 60
head -c 5000 m.gguf >cut.gguf
cp -r m wordless && rm wordless/tokenizer*.json
cp -r m weightless && rm weightless/model.safetensors

# the model: every command that opens one says the same of it
for verb in 'score --prompt-text hi --candidates twice' 'generate --prompt hi' 'perplexity'; do
    fails 3 'no such model' lm $verb --model none <long
    fails 3 'nothing: no model is in it' lm $verb --model nothing <long
    fails 3 'no model file of a known kind' lm $verb --model empty <long # though a vocabulary lies beside it
    fails 3 'cut-weights/model.safetensors: tensor' lm $verb --model cut-weights <long
    fails 3 'cut-words/tokenizer.json, line' lm $verb --model cut-words <long
    fails 3 'cut-config/config.json, line' lm $verb --model cut-config <long
    fails 3 'the file was cut off' lm $verb --model cut.gguf <long
    fails 3 '--tokenizer FILE names one' lm $verb --model wordless <long
    fails 3 'no weights' lm $verb --model weightless <long
done
for verb in info bench; do fails 3 'nothing: no model is in it' lm $verb nothing; done
fails 3 'it is no fixture' lm check m
fails 3 'none: there is no such file' lm tokenize --model none

# texts
fails 3 'is empty; each line is one text' lm score --model m --prompt-text hi --candidates empty
fails 3 'line 2 is empty' lm score --model m --prompt-text hi --candidates hole
fails 3 'line 2 is empty' lm generate --model m --prompt hi --trie hole
fails 3 'wide, line 1: a candidate of' lm score --model m --prompt-text hi --candidates wide
ok lm score --model m --prompt-text hi --candidates crlf && [ "$(cut -f4 out | tr '\n' ' ')" = 'cat dog ' ] || die "line ends"
ok lm score --model m --prompt-text hi --candidates twice && [ "$(sort -u out | wc -l)" = 1 ] || die "two of one"
ok lm generate --model m --prompt hi --trie twice --beam 4 --json && [ "$(grep -c '"text"' out)" = 1 ] || die "one text twice"
fails 1 'no line of wide can be said' lm generate --model m --prompt hi --trie wide -n 4
fails 2 'has to be from 1' lm generate --model m --prompt hi -n 0
ok lm generate --model m --prompt-file long -n 3 && grep -q 'tokens of its middle are left out' err || die "a long prompt"
fails 3 'does not fit' lm generate --model m --prompt-file long -n 3 --refuse
fails 2 'the text on stdin' lm perplexity --model m <empty
ok lm embed --model m --out e.npy <empty
fails 3 'can not be written' lm embed --model m --out none/e.npy <long
fails 3 'line 1: "x' lm detokenize --model m <wide

# where it goes
fails 2 'name a new one' lm convert m m
fails 2 'a file that ends in .gguf, or a new folder' lm convert m new.safetensors
fails 2 'there are q8_0' lm quantize m q.gguf --type q9
fails 2 'there are f32' lm convert m q.gguf --type q9
fails 3 'none: there is no such file' lm convert m q.gguf --tokenizer none
fails 3 'empty: the corpus holds no words' lm train --init NEW --corpus empty --out x --vocab 280
fails 3 'lorec: none: can not be opened' lm train --init NEW --corpus none --out x --vocab 280
fails 2 'local:PATH?chat=NAME' lm ask --llm local:m --prompt hi
exit 0
