#!/usr/bin/env python3
"""Real chat templates, rendered by Jinja2 as transformers sets it up and by lorec: every byte has to agree.

    python3 bench/peers/chat_templates.py LOREC FOLDER_OF_JINJA_FILES        # needs jinja2

Both have to refuse the same dialogues too. Templates that Jinja2 itself can not read are counted apart.
"""
import json, pathlib, subprocess, sys, tempfile
from datetime import datetime, timezone
from jinja2.exceptions import TemplateError
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

NOW = 1721952000

class Generation(Extension):
    tags = {"generation"}
    def parse(self, parser):
        from jinja2 import nodes
        lineno = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(lineno)
    def _body(self, caller):
        return caller()

def environment():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    def refuse(message):
        raise TemplateError(message)
    env.globals["raise_exception"] = refuse
    env.globals["strftime_now"] = lambda form: datetime.fromtimestamp(NOW, timezone.utc).strftime(form)
    env.filters["tojson"] = lambda x, ensure_ascii=False, indent=None, separators=None, sort_keys=False: json.dumps(
        x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
    return env

TOOLS = [{"type": "function", "function": {
    "name": "find_films", "description": "Films \"like\" this one", "parameters": {
        "type": "object", "required": ["title"], "properties": {
            "title": {"type": "string", "description": "a title"},
            "k": {"type": "integer", "description": "how many", "enum": [5, 10]}}}}}]
U = lambda t: {"role": "user", "content": t}
A = lambda t, **more: {"role": "assistant", "content": t, **more}
CALL = [{"id": "call00001", "type": "function", "function": {"name": "find_films", "arguments": {"title": "Alien", "k": 5}}}]
DIALOGUES = {
    "one": {"messages": [U("Hello <|im_end|> 世界")]},
    "system": {"messages": [{"role": "system", "content": " Be brief. "}, U("Hi"), A("Hello!\n"), U(" Films?  ")]},
    "two turns": {"messages": [U("a"), A("b"), U("c"), A("<think>\nhm\n</think>\n\nd")]},
    "think": {"messages": [U("a"), A("d", reasoning_content="because"), U("e")], "enable_thinking": True},
    "no think": {"messages": [U("a")], "enable_thinking": False},
    "tools": {"messages": [U("Find some")], "tools": TOOLS},
    "call": {"messages": [U("Find"), A("", tool_calls=CALL), {"role": "tool", "content": "[\"Aliens\"]", "name": "find_films", "tool_call_id": "call00001"}], "tools": TOOLS},
    "call none": {"messages": [U("Find"), A(None, tool_calls=CALL), {"role": "tool", "content": "Aliens", "name": "find_films", "tool_call_id": "call00001"}, A("There."), U("More")], "tools": TOOLS},
    "parts": {"messages": [{"role": "user", "content": [{"type": "text", "text": "see"}, {"type": "text", "text": " this"}]}]},
    "wrong order": {"messages": [A("first"), U("then")]},
    "empty": {"messages": []},
}
TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}

def main():
    lorec, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    env, same, refused, different, unreadable = environment(), 0, 0, [], 0
    for path in sorted(folder.rglob("*.jinja")):
        source = path.read_text()
        try:
            template = env.from_string(source)
        except Exception as why:
            print(f"{path.name}: Jinja2 can not read it: {why}")
            unreadable += 1
            continue
        for name, dialogue in DIALOGUES.items():
            for generate in (True, False):
                values = {**TOKENS, "tools": None, "documents": None, **dialogue}  # as transformers gives them
                try:
                    expect = template.render(**values, add_generation_prompt=generate)
                except Exception as why:
                    expect = why
                with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
                    json.dump({k: v for k, v in values.items() if v is not None}, f)
                    f.flush()
                    words = [] if generate else ["--no-generation-prompt"]
                    got = subprocess.run([lorec, "lm", "chat-template", "--model", str(path), "--messages", f.name,
                                          "--date", str(NOW), *words], capture_output=True)
                if isinstance(expect, Exception):
                    refused += got.returncode == 3
                    if got.returncode != 3:
                        different.append((path.name, name, f"Jinja2 refuses ({expect}), lorec does not"))
                elif got.returncode == 0 and got.stdout.decode() == expect:
                    same += 1
                else:
                    different.append((path.name, name, got.stderr.decode().strip() or f"\n--- {expect!r}\n+++ {got.stdout.decode()!r}"))
    for d in different:
        print(": ".join(d))
    print(f"{same} renderings agree, {refused} are refused by both, {len(different)} differ; {unreadable} templates unreadable to Jinja2")
    return bool(different)

sys.exit(main())
