#!/usr/bin/env bash
# lorec lm chat-template and lm ask: what needs no server.
. "$(dirname "$0")/support/lib.sh"

ok lm chat-template --model chatml --prompt "Hi <|im_end|>"
[ "$(cat out)" = "<|im_start|>user
Hi <|im_end|><|im_end|>
<|im_start|>assistant" ] || die "chatml renders $(cat out)"
ok lm chat-template --model chatml --prompt "Hi" --json && says '"from": "values"'
echo '{"messages": [{"role": "user", "content": "x"}], "name": "Y"}' >m.json
echo '{{ name }}:{{ messages[0].content }}:{{ k }}:{{ strftime_now("%Y") }}' >t.j2
ok lm chat-template --model t.j2 --messages m.json --set k=2 --date 2024-07-26
[ "$(cat out)" = "Y:x:2:2024" ] || die "variables: $(cat out)"
fails 2 'did you mean "chatml"' lm chat-template --model chatm --prompt x
fails 2 'give --messages or --prompt' lm chat-template --model chatml
echo '{{ oops' >bad.j2
fails 3 'bad.j2, line 1' lm chat-template --model bad.j2 --prompt x

fails 2 '--llm is missing' lm ask --prompt x
fails 2 'not a model that can be asked' lm ask --llm nonsense --prompt x
dead=http://127.0.0.1:9/v1#m
ok lm ask --llm $dead --prompt "How much?" --dry-run -n 100 --samples 3 && says '3 calls'
ok lm ask --llm $dead --prompt "How much?" --dry-run --json && says '"calls": 1'
echo 'm: {input: 1, output: 2}' >prices.yaml
ok lm ask --llm $dead --prompt "How much?" --dry-run --prices prices.yaml && says 'in money'
echo 'm: {input: -1}' >wrong.yaml
fails 3 'per million tokens' lm ask --llm $dead --prompt x --prices wrong.yaml
fails 1 '127.0.0.1:9' lm ask --llm $dead --prompt x --tries 1
fails 3 'no such transcript' lm ask --llm replay:absent.sqlite --prompt x
fails 2 'LOREC_API_KEY' lm ask --llm https://key@host/v1#m --prompt x

# transcripts: made from lines, replayed, written as lines again
echo '{"request": {"model": "m", "verb": "chat", "messages": [{"role": "user", "content": "Hi"}]}, "answer": {"text": "Hello!", "completion_tokens": 2}, "seconds": 0.5}' >talk.jsonl
ok lm transcript talk.sqlite --import talk.jsonl && says 'm: 1 answers, 0 tokens read, 2 written, 0.5 s'
ok lm ask --llm replay:talk.sqlite --prompt Hi && [ "$(cat out)" = "Hello!" ] || die "replay: $(cat out)"
fails 3 'have no answer there' lm ask --llm replay:talk.sqlite --prompt Ho
ok lm transcript talk.sqlite --export again.jsonl --json && says '"completion_tokens": 2.0'
ok lm transcript copy.sqlite --import again.jsonl
ok lm ask --llm replay:copy.sqlite --prompt Hi --json && says '"replayed": true'
echo '{"request": {}, "answer": {"text": "x"}}' >bad.jsonl
fails 3 'bad.jsonl, line 1' lm transcript copy.sqlite --import bad.jsonl
fails 3 'no such transcript' lm transcript nowhere.sqlite
