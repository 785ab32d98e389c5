#!/usr/bin/env bash
# OpenAI's addresses, by curl: a tiny model trained here behind them; chats about the catalogue with and without one.
. "$(dirname "$0")/support/lib.sh"
. "$(dirname "$0")/support/server.sh"

for _ in $(seq 1 40); do echo "the cat sat on a mat and the dog ran to the hut by the sea"; done >corpus.txt
ok lm train-tokenizer corpus.txt --out tokenizer.json --size 280 --special '<|endoftext|>' --special '<|im_start|>' --special '<|im_end|>' -q
ok lm train --init NEW --tokenizer tokenizer.json --corpus corpus.txt --out tiny --width 32 --layers 1 --heads 2 --context 1536 --epochs 6 --batch 2 --lr 0.01 -q
shop_items >items.csv
shop >shop.csv
head_has() { grep -qi -- "$1" head || { cat head; die "the head lacks: $1"; }; }
ok run ease --data shop.csv --item-text items.csv --out r --no-controls -q

start r --store sqlite:s.db --llm 'tiny?chat=chatml'
chat() { get /v1/chat/completions -d "$1"; }
post() { get "$1" -d "$2"; }
hi='"messages":[{"role":"user","content":"the cat"}]'

# models
get /v1/models && is 200 && body '"id":"tiny"' && body '"id":"recommend:r"'
get /v1/models/recommend:r && is 200 && body '"object":"model"'
get /v1/models/none && is 404 && body '"code":"model_not_found"'

# a chat: whole, the same again by its seed, several, streamed to the same text
chat '{"model":"tiny",'"$hi"',"max_tokens":12,"seed":7}' && is 200 && body '"object":"chat.completion"' && body '"finish_reason":"length"' && body '"completion_tokens":12'
text() { sed 's/.*"content":"\(\([^"\\]\|\\.\)*\)","refusal.*/\1/' "$1"; }
first=$(text out)
chat '{"model":"tiny",'"$hi"',"max_tokens":12,"seed":7}' && [ "$(text out)" = "$first" ] || die "another text by the same seed: $first, $(text out)"
chat '{"model":"tiny",'"$hi"',"max_tokens":12,"seed":7,"n":3}' && is 200 && body '"index":2'
chat '{"model":"tiny",'"$hi"',"max_tokens":12,"seed":7,"stream":true,"stream_options":{"include_usage":true}}' && is 200
head_has '^content-type: text/event-stream' && body 'data: [DONE]' && body '"choices":[],"usage":{"prompt_tokens"' && body '"delta":{"role":"assistant"'
streamed=$(sed -n 's/.*"content":"\(\([^"\\]\|\\.\)*\)"}.*/\1/p' out | tr -d '\n')
[ "$streamed" = "$first" ] || die "streamed '$streamed', whole '$first'"
chat '{"model":"tiny",'"$hi"',"max_tokens":3,"logprobs":true,"top_logprobs":2}' && is 200 && body '"top_logprobs":[{"token"' && body '"bytes":['
[ "$(grep -o '"top_logprobs"' out | wc -l)" = 3 ] || die "not three tokens' log probabilities"

# completions: several prompts, tokens, stop texts, echo, log probabilities as lists
post /v1/completions '{"model":"tiny","prompt":["the cat ","the dog "],"max_tokens":8,"temperature":0,"n":2,"logprobs":1}' && is 200 && body '"index":3' && body '"text_offset":[0,'
post /v1/completions '{"model":"tiny","prompt":"the cat sat on a ","max_tokens":60,"temperature":0,"stop":["zzz"," "]}' && is 200 && body '"finish_reason":"stop"'
! grep -q '"text":"[^"]* ' out || die "the stop text is in the answer"
post /v1/completions '{"model":"tiny","prompt":[5,6,7],"max_tokens":2}' && is 200 && body '"prompt_tokens":3'
post /v1/completions '{"model":"tiny","prompt":[[5,6,7],[8]],"max_tokens":2}' && is 200 && body '"prompt_tokens":4'
post /v1/completions '{"model":"tiny","prompt":"the cat ","echo":true,"max_tokens":2}' && is 200 && body '"text":"the cat '
post /v1/completions '{"model":"tiny","prompt":[99999]}' && is 400 && body 'token 99999'

# vectors
post /v1/embeddings '{"model":"tiny","input":["the cat","the dog"]}' && is 200 && body '"index":1' && body '"embedding":['
post /v1/embeddings '{"model":"tiny","input":"the cat","encoding_format":"base64"}' && is 200 && body '"embedding":"'
post /v1/embeddings '{"model":"tiny","input":[[1,2,3],[4]]}' && is 200 && body '"prompt_tokens":4'
post /v1/embeddings '{"model":"tiny","input":[99999]}' && is 400 && body '"param":"input"'
post /v1/embeddings '{"model":"tiny","input":"a","dimensions":7}' && is 400 && body '"param":"dimensions"'

# JSON that was asked for is JSON, however little the model knows of it: whole where it says "stop", a beginning otherwise
chat '{"model":"tiny",'"$hi"',"max_tokens":300,"n":4,"temperature":2,"seed":3,"response_format":{"type":"json_object"}}' && is 200
if command -v python3 >/dev/null; then
    python3 - <<'CHECK' || { cat out; die "not JSON"; }
import json
for c in json.load(open("out"))["choices"]:
    text = c["message"]["content"]
    assert text.lstrip()[:1] == "{", text
    if c["finish_reason"] == "stop":
        assert isinstance(json.loads(text), dict)
    else:
        try:
            json.loads(text)
            assert False, text
        except json.JSONDecodeError as e:
            assert e.pos >= len(text) - 1 or "Unterminated" in e.msg or "Expecting" in e.msg, (e, text)
CHECK
fi
chat '{"model":"tiny",'"$hi"',"max_tokens":8,"response_format":{"type":"text"}}' && is 200

# what is wrong is said by its field, before anything is asked
bad() { chat "$1"; is "$2"; body "\"param\":$3"; body "\"code\":$4"; }
bad '{"model":"tiny",'"$hi"',"max_tokens":5000}' 400 '"messages"' '"context_length_exceeded"' && body '1536 tokens' && body 'asked for 50'
bad '{"model":"none",'"$hi"'}' 404 '"model"' '"model_not_found"'
bad '{"model":"tiny"}' 400 '"messages"' '"missing_required_parameter"'
bad '{"model":"tiny","messages":[]}' 400 '"messages"' '"below_min_value"'
bad '{"model":"tiny","messages":[{"role":"king","content":"x"}]}' 400 '"messages[0].role"' '"invalid_value"'
bad '{"model":"tiny","messages":[{"role":"user"}]}' 400 '"messages[0].content"' '"missing_required_parameter"'
bad '{"model":"tiny","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}]}' 400 '"messages[0].content"' '"unsupported_content"'
bad '{"model":"tiny",'"$hi"',"stream":"true"}' 400 '"stream"' '"invalid_type"'
bad '{"model":"tiny",'"$hi"',"temperature":3}' 400 '"temperature"' '"above_max_value"'
bad '{"model":"tiny",'"$hi"',"n":0}' 400 '"n"' '"below_min_value"'
bad '{"model":"tiny",'"$hi"',"top_logprobs":3}' 400 '"top_logprobs"' '"unsupported_parameter"'
bad '{"model":"tiny",'"$hi"',"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{}}}}' 400 '"response_format"' '"unsupported_parameter"'
bad '{"model":"recommend:r",'"$hi"',"response_format":{"type":"json_object"}}' 400 '"response_format"' '"unsupported_parameter"'
bad '{"model":"tiny",'"$hi"',"presence_penalty":1}' 400 '"presence_penalty"' '"unsupported_parameter"'
bad '{"model":"tiny",'"$hi"',"stop":[1]}' 400 '"stop"' '"invalid_type"'
bad '{"model":"tiny",'"$hi"',"temprature":1}' 400 '"temprature"' '"unknown_parameter"' && body 'did you mean'
bad '{"model":"tiny",'"$hi"',"tools":[{"type":"function","function":{"name":"f"}}]}' 400 '"tools"' '"unsupported_parameter"'
bad '{"model":"tiny",'"$hi"',"tool_choice":"required"}' 400 '"tool_choice"' '"unsupported_parameter"'
chat '{' && is 400
chat '{"model":"tiny","messages":[{"role":"user","content":"a\u0000b \ud800"}]}' && is 400
get /v1/chat/completions && is 405 && head_has '^allow: POST'

# a chat about the catalogue: titles of the conversation are the history and are not named again
chat '{"model":"recommend:r","messages":[{"role":"user","content":"I loved The Matrix and Se7en, what next?"}],"max_tokens":8,"seed":1}' && is 200
body '"lorec":{"request_id"' && body '"source":"ease"' && body '"degraded":null' && body 'From the catalogue, going by what you had:' && not '"title":"Matrix'
id=$(sed 's/.*"request_id":"\([^"]*\)".*/\1/' out)
chat '{"model":"recommend:r","messages":[{"role":"user","content":"anything"}],"user":"u1","max_tokens":4,"stream":true}' && is 200 && body 'data: [DONE]' && body '"source":"ease"'
chat '{"model":"recommend:none",'"$hi"'}' && is 404

# why an item, and reasons for a list
post /v1/explain '{"history":["Heat","Alien"],"item":"Fargo (1996)"}' && is 200 && body '"evidence":[' && body '"basis":"' && body '"reason":"'
post /v1/explain '{"history":["Heat"],"item":"no such film"}' && is 404 && body '"param":"item"'
post /v1/recommend '{"user":"u1","k":2,"reasons":true}' && is 200 && body '"reasons_by":"' && not '"reason":null'
post /v1/recommend '{"user":"u1","k":2}' && is 200 && body '"reason":null'

# the document of it all, and answers that fit it
get /openapi.json && is 200 && body '"openapi":"3.1.0"' && body '"/v1/explain"'
if command -v python3 >/dev/null; then
    python3 "$SOURCE/tests/cli/support/schema.py" "$A" <<'ASKED' >fits.txt 2>&1 || die "$(cat fits.txt)"
GET /api/health/live 200
GET /api/health/ready 200
GET /v1/methods 200
GET /v1/models 200
GET /v1/models/tiny 200
GET /v1/models/none 404
POST /v1/chat/completions 200 {"model":"tiny","messages":[{"role":"user","content":"hi"}],"max_tokens":2,"logprobs":true}
POST /v1/chat/completions 200 {"model":"recommend:r","messages":[{"role":"user","content":"Heat"}],"max_tokens":2}
POST /v1/chat/completions 400 {"model":"tiny"}
POST /v1/completions 200 {"model":"tiny","prompt":"the","max_tokens":2}
POST /v1/embeddings 200 {"model":"tiny","input":"the"}
POST /v1/recommend 200 {"user":"u1","k":3}
POST /v1/recommend 400 {}
POST /v1/rerank 200 {"user":"u1","candidates":["i1","i2"]}
POST /v1/explain 200 {"user":"u1","item":"i2"}
GET /v1/items?q=heat 200
GET /v1/users 200
GET /v1/runs 200
GET /api/recommend/u1 200
GET /api/latest 200
GET /api/popular?n=0 400
POST /api/session/recommend 200 [{"ItemId":"i1"}]
POST /api/feedback 200 {"FeedbackType":"like","UserId":"u1","ItemId":"i1"}
POST /api/feedback 400 {"FeedbackType":"like"}
GET /api/feedback 200
GET /api/user/u1 200
GET /api/item/i1 200
GET /api/item/none 404
GET /api/train 200
ASKED
    [ "$(grep -c '^fits' fits.txt)" = 29 ] || die "$(cat fits.txt)"
fi

# another server relays to this one: the same answers, whole and streamed; what it refuses is told on
"$LOREC" serve r --llm "$A/v1#tiny" --store sqlite::memory: --listen 127.0.0.1:0 --port-file port2 >relay.out 2>relay.err &
relay=$!
for _ in $(seq 600); do [ -s port2 ] && break; kill -0 $relay || die "$(cat relay.err)"; sleep 0.05; done
here=$A
for more in '' ',"stream":true' ',"n":2' ',"logprobs":true'; do
    for A in "$here" "http://127.0.0.1:$(cat port2)"; do
        chat '{"model":"tiny",'"$hi"',"max_tokens":6,"temperature":0'"$more"'}' && is 200
        grep -o '"content":"[^"]*"' out >"said.${A##*:}"
    done
    cmp said.* || die "the relay says something else with $more"
done
get /v1/embeddings -d '{"model":"tiny","input":"the cat"}' && is 200 && body '"embedding":['
post /v1/completions '{"model":"tiny","prompt":[1,2]}' && is 400 && body '"param":"prompt"'
chat '{"model":"tiny",'"$hi"',"max_tokens":5000}' && is 400 && body '1536 tokens'
chat '{"model":"recommend:r","messages":[{"role":"user","content":"Heat"}],"max_tokens":4}' && is 200 && body '"degraded":null'
A=$here
kill -TERM $relay && wait $relay || die "the relay ended with $?"

# a client that leaves takes its work along
slow='{"model":"tiny",'"$hi"',"max_tokens":1500,"n":8,"ignored":0}'
slow=${slow/,\"ignored\":0/}
for mode in '' ',"stream":true'; do
    curl -sN -m 0.3 "$A/v1/chat/completions" -d "${slow%\}}$mode}" >/dev/null
    for _ in $(seq 100); do get /metrics; grep -q '^lorec_llm_running 0' out && break; sleep 0.05; done
    body 'lorec_llm_running 0'
done
body 'lorec_tokens_completion_total'
stop
sleep 0.1
ok why "$id" --store sqlite:s.db && says "the same, bit for bit"

# a full desk answers 429, a deadline 504; a chat about the catalogue answers all the same
start r --store sqlite:s.db --llm 'tiny?chat=chatml' --llm-running 1 --llm-waiting 1 --words-ms 50
for _ in 1 2; do curl -sN -m 20 "$A/v1/chat/completions" -d '{"model":"tiny",'"$hi"',"max_tokens":1500,"stop":"@@"}' >/dev/null & busy="${busy:-} $!"; done
for _ in $(seq 100); do get /metrics; grep -q '^lorec_llm_running 1' out && grep -q 'queue="desk"} 1' out && break; sleep 0.01; done
chat '{"model":"tiny",'"$hi"',"max_tokens":2}' && { [ "$(cat code)" = 429 ] && head_has '^retry-after: ' && body '"code":"rate_limit_exceeded"' || is 200; }
kill $busy 2>/dev/null; wait $busy 2>/dev/null
for _ in $(seq 100); do get /metrics; grep -q '^lorec_llm_running 0' out && break; sleep 0.05; done
chat '{"model":"tiny",'"$hi"',"max_tokens":1400,"n":2,"timeout_ms":1}' && is 504 && body '"code":"timeout"'
stop

# SIGTERM: what is under way is answered
start r --store sqlite:s.db --llm 'tiny?chat=chatml' --llm-running 2
curl -sN -m 60 "$A/v1/chat/completions" -d '{"model":"tiny",'"$hi"',"max_tokens":1400,"n":6,"stream":true}' >last.out &
last=$!
for _ in $(seq 400); do [ -s last.out ] && break; sleep 0.01; done
stop
wait $last
[ "$(grep -c '"finish_reason":"' last.out)" = 6 ] && [ "$(tail -2 last.out | head -1)" = 'data: [DONE]' ] || die "SIGTERM broke a stream off: $(tail -c 300 last.out)"

# without a model: the catalogue answers in plain words
start r --store sqlite:s.db
chat '{"model":"recommend:ease","messages":[{"role":"user","content":"I saw Heat, Alien and Toy Story"}]}' && is 200 && body '"finish_reason":"stop"' && body 'because of \"'
chat '{"model":"recommend:r","messages":[{"role":"user","content":"hello"}]}' && is 200 && body 'this is what others choose'
chat '{"model":"tiny",'"$hi"'}' && is 404
post /v1/embeddings '{"model":"tiny","input":"a"}' && is 404
stop
start r --store sqlite:s.db --llm http://127.0.0.1:9/v1#gone # a server that is down
chat '{"model":"recommend:r","messages":[{"role":"user","content":"I saw Heat, Alien and Toy Story"}]}' && is 200 && body '"degraded":"llm_down"' && body 'From the catalogue'
post /v1/recommend '{"user":"u1","k":2,"reasons":true}' && is 200 && body '"degraded":"llm_down"' && body '"reasons_by":"rule"' && not '"reason":null'
post /v1/explain '{"user":"u1","item":"i2"}' && is 200 && body '"degraded":"llm_down"' && body '"evidence":['
post /v1/recommend '{"user":"u1","k":2}' && is 200 && body '"degraded":null' # nobody asked the language model
chat '{"model":"gone",'"$hi"'}' && is 502 && body '"code":"upstream_error"'
stop
echo ok
