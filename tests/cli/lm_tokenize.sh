#!/usr/bin/env bash
# lorec lm tokenize, detokenize, train-tokenizer: the words are a contract.
. "$(dirname "$0")/support/lib.sh"

printf 'low low lower\nnewest newest widest\nlower newest\n' >corpus.txt
ok lm train-tokenizer corpus.txt --out tokenizer.json --size 280 --special '<|endoftext|>' --special '<pad>'
cp tokenizer.json first.json
ok lm train-tokenizer corpus.txt --out tokenizer.json --size 280 --special '<|endoftext|>' --special '<pad>'
cmp first.json tokenizer.json || die "the same corpus made another file"
tokenize() { "$LOREC" lm tokenize --model tokenizer.json "$@"; }

# texts are cut at NULs; a last NUL ends the last text; an empty text is an empty line; nothing is trimmed
[ "$(printf 'a\0b' | tokenize | wc -l)" = 2 ] || die "a NUL b: two lines"
[ "$(printf 'a\0b\0' | tokenize | wc -l)" = 2 ] || die "a NUL b NUL: two lines"
[ "$(printf 'a\0\0b' | tokenize | sed -n 2p)" = "" ] || die "an empty text is an empty line"
[ "$(printf '\0' | tokenize | wc -l)" = 1 ] || die "one empty text"
[ "$(printf '' | tokenize | wc -l)" = 0 ] || die "no text, no line"
[ "$(printf ' a\n' | tokenize)" != "$(printf 'a' | tokenize)" ] || die "the input was trimmed"

# special tokens only where they are asked for
[ "$(printf '<pad>' | tokenize --special)" = 1 ] || die "--special parses"
[ "$(printf '<pad>' | tokenize)" != 1 ] || die "a special token in a text stays text"

# there and back, any bytes
head -c 3000 /dev/urandom | tr -d '\0\n' >noise
printf 'low  lowest\0\0 \xff\xfe \xe4\xbd\xa0\xe5\xa5\xbd\n\0' >texts
cat noise >>texts
printf '\0' >>texts
tokenize <texts >ids || die "tokenize"
"$LOREC" lm detokenize --model tokenizer.json <ids >back || die "detokenize"
cmp texts back || die "texts do not come back"
printf '1 0\n' | "$LOREC" lm detokenize --model tokenizer.json | cmp - <(printf '\0') || die "special ids are left out"
printf '1\n' | "$LOREC" lm detokenize --special --model tokenizer.json | cmp - <(printf '<pad>\0') || die "--special writes them"

ok lm train-tokenizer corpus.txt --out unigram.json --kind unigram --size 300
printf ' low  lowest \0x' >some
"$LOREC" lm tokenize --model unigram.json <some | "$LOREC" lm detokenize --model unigram.json | cmp - <(printf ' low  lowest \0x\0') || die "unigram"

# a folder; and what goes wrong
mkdir model && cp tokenizer.json model
[ "$(printf 'low' | "$LOREC" lm tokenize --model model)" = "$(printf 'low' | tokenize)" ] || die "a folder"
mkdir none
fails 3 "no tokenizer.json" lm tokenize --model none
fails 3 "absent.json" lm tokenize --model absent.json
fails 2 "--model" lm tokenize
echo '{"model": {"type": "Nonsense", "vocab": {"a": 0}}}' >bad.json
fails 3 'Nonsense' lm tokenize --model bad.json
printf '5 x\n' >bad.ids
"$LOREC" lm detokenize --model tokenizer.json <bad.ids >out 2>err && die "an id that is none"
grep -q 'line 1: "x" is not a token id' err || die "$(cat err)"
echo 99999 | "$LOREC" lm detokenize --model tokenizer.json >out 2>err && die "an id outside"
grep -q 99999 err || die "$(cat err)"
fails 2 "unigram" lm train-tokenizer corpus.txt --out x.json --kind wordpiece
echo ok
