"""Function calling through the official OpenAI client: openai_tools.py URL MODEL RECOMMENDER KEY, before a model that has learned one
call by heart (bench/openai_client.sh)."""
import json
import sys

import openai

url, model, _, key = sys.argv[1:5]
client = openai.OpenAI(base_url=url + "/v1", api_key=key, max_retries=0, timeout=120)
tools = [{"type": "function", "function": {"name": "weather", "description": "The weather of a city.",
          "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]
question = [{"role": "user", "content": "weather in paris?"}]


def said(name, fine):
    if not fine:
        raise SystemExit(f"{name}: FALLS SHORT")
    print(f"{name}: ok")


def chat(**more):
    return client.chat.completions.create(**{"model": model, "messages": question, "temperature": 0, "max_tokens": 80, **more})


choice = chat(tools=tools).choices[0]
if not choice.message.tool_calls:
    raise SystemExit(f"no call in: {choice.message.content}")
call = choice.message.tool_calls[0]
said("a call", choice.finish_reason == "tool_calls" and call.type == "function" and call.function.name == "weather"
     and json.loads(call.function.arguments) == {"city": "paris"} and call.id and not choice.message.content)

names, arguments, reasons, texts = "", "", [], ""
for chunk in chat(tools=tools, stream=True):
    for c in chunk.choices:
        texts += c.delta.content or ""
        for part in c.delta.tool_calls or []:
            names += part.function.name or ""
            arguments += part.function.arguments or ""
        reasons += [c.finish_reason] if c.finish_reason else []
said("a call in a stream", names == "weather" and json.loads(arguments) == {"city": "paris"} and reasons == ["tool_calls"] and not texts)

plain = chat(tools=tools, tool_choice="none").choices[0]
said("tool_choice none", not plain.message.tool_calls and plain.message.content and plain.finish_reason in ("stop", "length"))
plain = chat().choices[0]
said("no tools", plain.message.content and not plain.message.tool_calls and plain.finish_reason in ("stop", "length"))

answer = chat(tools=tools, messages=question + [choice.message, {"role": "tool", "tool_call_id": call.id, "content": "rain"}])
said("the call's result goes back", answer.usage.prompt_tokens > chat(tools=tools).usage.prompt_tokens)
for wrong in ("required", {"type": "function", "function": {"name": "weather"}}):
    try:
        chat(tools=tools, tool_choice=wrong)
        raise SystemExit(f"tool_choice {wrong} is not refused")
    except openai.BadRequestError as e:
        said(f"tool_choice {wrong} raises BadRequestError", e.param == "tool_choice")
print("tools: all ok")
