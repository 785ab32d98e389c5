"""The official OpenAI client, unchanged, against `lorec serve`: openai_client.py URL MODEL RECOMMENDER [KEY]

Every line is a check and ends in "ok"; the first that fails stops the script.
"""
import json
import math
import struct
import sys

import openai

url, model, recommender = sys.argv[1:4]
key = sys.argv[4] if len(sys.argv) > 4 else "none"
client = openai.OpenAI(base_url=url + "/v1", api_key=key, max_retries=0, timeout=120)
hello = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"type": "text", "text": "the cat"}]}]


def said(name, fine):
    if not fine:
        raise SystemExit(f"{name}: FALLS SHORT")
    print(f"{name}: ok")


def refused(name, kind, call, **fields):
    try:
        call()
    except kind as e:
        wrong = {k: (getattr(e, k), v) for k, v in fields.items() if getattr(e, k) != v}
        said(f"{name} raises {kind.__name__}", not wrong)
        return
    raise SystemExit(f"{name}: not refused")


def chat(**more):
    return client.chat.completions.create(**{"model": model, "messages": hello, "max_tokens": 16, "seed": 5, **more})


names = [m.id for m in client.models.list()]
said("models.list", model in names and recommender in names)
said("models.retrieve", client.models.retrieve(recommender).object == "model")

one = chat()
said("chat", one.choices[0].message.role == "assistant" and one.choices[0].finish_reason in ("stop", "length"))
said("chat usage", one.usage.total_tokens == one.usage.prompt_tokens + one.usage.completion_tokens > 0)
said("chat, the same seed twice", chat().choices[0].message.content == one.choices[0].message.content)
said("chat, another seed", len({chat(seed=s).choices[0].message.content for s in range(4)}) > 1)
several = chat(n=3)
said("chat n=3", [c.index for c in several.choices] == [0, 1, 2] and several.choices[0].message.content == one.choices[0].message.content)
said("chat temperature=0", chat(temperature=0).choices[0].message.content == chat(temperature=0, seed=9).choices[0].message.content)
said("chat max_completion_tokens", chat(max_tokens=openai.NOT_GIVEN, max_completion_tokens=3).usage.completion_tokens <= 3)
rows = chat(logprobs=True, top_logprobs=3).choices[0].logprobs.content
said("chat logprobs", rows and all(len(r.top_logprobs) == 3 and r.logprob <= 0 for r in rows))
said("chat logprobs spell the answer", b"".join(bytes(r.bytes) for r in rows).decode(errors="replace").startswith(chat().choices[0].message.content[:3]))
text = one.choices[0].message.content
stop = next(c for c in text[1:] if c.isascii() and c.isprintable())
ended = chat(stop=[stop, "@@"]).choices[0]
said("chat stop", ended.finish_reason == "stop" and stop not in ended.message.content and text.startswith(ended.message.content))

pieces, reasons, usage = [], [], None
for chunk in chat(stream=True, stream_options={"include_usage": True}):
    usage = chunk.usage or usage
    for c in chunk.choices:
        pieces.append(c.delta.content or "")
        reasons += [c.finish_reason] if c.finish_reason else []
said("chat stream is the whole chat", "".join(pieces) == text and reasons == [one.choices[0].finish_reason])
said("chat stream usage", usage.completion_tokens == one.usage.completion_tokens)
count = sum(len(c.choices[0].logprobs.content) for c in chat(stream=True, logprobs=True) if c.choices and c.choices[0].logprobs)
said("chat stream logprobs", count == len(rows))
indices = {c.index for chunk in chat(stream=True, n=2) for c in chunk.choices}
said("chat stream n=2", indices == {0, 1})
with client.chat.completions.with_streaming_response.create(model=model, messages=hello, max_tokens=400, stream=True) as r:
    next(r.iter_bytes())
said("chat stream, left early", True)

whole = client.completions.create(model=model, prompt="the cat ", max_tokens=8, temperature=0, logprobs=2)
said("completion", whole.choices[0].text and len(whole.choices[0].logprobs.tokens) == len(whole.choices[0].logprobs.token_logprobs))
both = client.completions.create(model=model, prompt=["the cat ", "the dog "], n=2, max_tokens=4)
said("completions of two prompts", [c.index for c in both.choices] == [0, 1, 2, 3])
said("completion echo", client.completions.create(model=model, prompt="the cat ", echo=True, max_tokens=2).choices[0].text.startswith("the cat "))
said("completion of tokens", client.completions.create(model=model, prompt=[5, 6, 7], max_tokens=2).usage.prompt_tokens == 3)
streamed = client.completions.create(model=model, prompt="the cat ", max_tokens=8, temperature=0, stream=True)
said("completion stream", "".join(c.text for chunk in streamed for c in chunk.choices) == whole.choices[0].text)

vectors = client.embeddings.create(model=model, input=["the cat", "the dog"])  # the client asks for base64 and decodes it
plain = client.embeddings.create(model=model, input=["the cat", "the dog"], encoding_format="float")
close = all(math.isclose(a, b, rel_tol=1e-5, abs_tol=1e-6) for v, w in zip(vectors.data, plain.data) for a, b in zip(v.embedding, w.embedding))
said("embeddings, base64 and float", len(vectors.data) == 2 and len(plain.data[0].embedding) > 1 and close)
single = client.embeddings.create(model=model, input="the cat").data[0].embedding
said("embedding of one text", all(math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-5) for a, b in zip(single, vectors.data[0].embedding)))
said("embeddings of tokens", len(client.embeddings.create(model=model, input=[[1, 2], [3]]).data) == 2)

answer = client.chat.completions.create(model=recommender, messages=[{"role": "user", "content": "I liked Toy Story (1995) and Heat (1995)."}], max_tokens=64)
items = [i["title"] for i in answer.lorec["items"]]
said("chat about the catalogue", items and any(t in answer.choices[0].message.content for t in items))
parts = [c for c in client.chat.completions.create(model=recommender, messages=hello, max_tokens=8, stream=True)]
said("chat about the catalogue, streamed", "".join(c.choices[0].delta.content or "" for c in parts if c.choices))

answers = chat(response_format={"type": "json_object"}, max_tokens=400, n=4, temperature=1, seed=5).choices
whole = [json.loads(c.message.content) for c in answers if c.finish_reason == "stop"]
said(f"JSON where it is asked for ({len(whole)} of {len(answers)} came to their end)",
     all(isinstance(w, dict) for w in whole) and all(c.message.content.lstrip()[0] == "{" for c in answers))

refused("an unknown model", openai.NotFoundError, lambda: chat(model="nobody"), code="model_not_found", param="model")
refused("no messages", openai.BadRequestError, lambda: chat(messages=[]), param="messages")
refused("a wrong type", openai.BadRequestError, lambda: chat(extra_body={"n": "two"}), code="invalid_type", param="n")
refused("a context too long", openai.BadRequestError, lambda: chat(max_tokens=10**6), code="context_length_exceeded")
refused("JSON of a schema", openai.BadRequestError, lambda: chat(response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}), param="response_format")
refused("a deadline", openai.APIStatusError, lambda: chat(max_tokens=1000, n=4, extra_body={"timeout_ms": 1}), code="timeout", status_code=504)
if key != "none":
    other = openai.OpenAI(base_url=url + "/v1", api_key="wrong", max_retries=0)
    refused("a wrong key", openai.AuthenticationError, lambda: other.models.list(), code="invalid_api_key")
print(f"openai {openai.__version__}: all ok")
