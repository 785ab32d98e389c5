"""Answers of a server against its /openapi.json: schema.py URL < lines of "METHOD PATH STATUS [BODY]"; no library needed."""
import json, re, sys, urllib.error, urllib.request

url = sys.argv[1]
document = json.load(urllib.request.urlopen(url + "/openapi.json", timeout=60))
types = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None), "number": (int, float), "integer": int}


def resolve(s):
    while "$ref" in s:
        at = document
        for word in s["$ref"][2:].split("/"):
            at = at[word]
        s = at
    return s


def check(value, schema, where):
    s = resolve(schema)
    kinds = s.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(isinstance(value, types[k]) and not (k in ("number", "integer") and isinstance(value, bool)) for k in kinds):
        raise SystemExit(f"{where}: {value!r} is no {kinds}")
    if "enum" in s and value not in s["enum"] or "const" in s and value != s["const"]:
        raise SystemExit(f"{where}: {value!r} is none of its words")
    for part in s.get("allOf", []):
        check(value, part, where)
    if "anyOf" in s:
        for part in s["anyOf"]:
            try:
                check(value, part, where)
                break
            except SystemExit:
                continue
        else:
            raise SystemExit(f"{where}: {value!r} fits none")
    if isinstance(value, dict):
        for name in s.get("required", []):
            if name not in value:
                raise SystemExit(f"{where}: no {name}")
        for name, part in s.get("properties", {}).items():
            if name in value:
                check(value[name], part, f"{where}.{name}")
    if isinstance(value, list) and "items" in s:
        for i, each in enumerate(value):
            check(each, s["items"], f"{where}[{i}]")


for line in sys.stdin:
    method, path, status, *body = line.rstrip("\n").split(" ", 3)
    request = urllib.request.Request(url + path, method=method, data=body[0].encode() if body else None)
    try:
        answer = urllib.request.urlopen(request, timeout=120)
        code, text = answer.status, answer.read()
    except urllib.error.HTTPError as e:
        code, text = e.code, e.read()
    if str(code) != status:
        raise SystemExit(f"{method} {path}: {code} where {status} was due: {text[:300]!r}")
    bare = path.split("?")[0]
    for pattern, verbs in sorted(document["paths"].items(), key=lambda p: p[0].count("{")):
        if method.lower() in verbs and re.fullmatch(re.sub(r"\\?\{[^}]*\\?\}", "[^/]+", pattern), bare):
            break
    else:
        raise SystemExit(f"{method} {bare} is not in the document")
    told = verbs[method.lower()]["responses"]
    if str(code) not in told:
        raise SystemExit(f"{method} {pattern}: {code} is not told of")
    kinds = resolve(told[str(code)])["content"]
    if "application/json" in kinds:
        check(json.loads(text), kinds["application/json"]["schema"], f"{method} {pattern} {code}")
    print("fits:", method, pattern, code)
