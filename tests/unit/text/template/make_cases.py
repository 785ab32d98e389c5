#!/usr/bin/env python3
"""Writes cases.json: templates, values, and what Jinja2 itself makes of them, set up as transformers sets it up.

    python3 make_cases.py > cases.json        # needs jinja2; run again after adding a case

The expectations are jinja2's, never lorec's. A case that jinja2 refuses is kept as an error that lorec has to raise too.
"""
import json, sys
from jinja2.exceptions import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.ext import Extension, loopcontrols
from jinja2 import nodes

class Generation(Extension):
    tags = {"generation"}
    def parse(self, parser):
        lineno = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(lineno)
    def _body(self, caller):
        return caller()

def environment():
    def raise_exception(message):
        raise TemplateError(message)
    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    return env

V = {
    "s": "hello World", "e": "", "u": "Grüße, 世界 🎬", "n": 7, "f": 2.5, "t": True, "z": None, "sp": "  a b  ",
    "l": [3, 1, 2], "words": ["pear", "Apple", "fig"], "d": {"b": 1, "a": "x", "items": "mine"},
    "rows": [{"k": "x", "v": 2}, {"k": "y", "v": 1}, {"k": "x", "v": 3}], "nested": {"a": {"b": [10, 20, {"c": "deep"}]}},
    "q": "it's \"quoted\" \\ and\ttabbed\n", "html": "<b>&'\"</b>", "big": 9007199254740993, "neg": -7,
}

EXPRESSIONS = """
1 + 2 * 3 - 4
7 // 2 ~ ' ' ~ 7 % 3 ~ ' ' ~ -7 // 2 ~ ' ' ~ -7 % 3 ~ ' ' ~ 7 / 2
2 ** 10 ~ ' ' ~ 2 ** -1 ~ ' ' ~ -2 ** 2
1.0 ~ ' ' ~ 0.1 ~ ' ' ~ 1e20 ~ ' ' ~ 1.5e-7 ~ ' ' ~ 123456789.125 ~ ' ' ~ 1e16 ~ ' ' ~ 0.0001 ~ ' ' ~ 100.0
f * n ~ ' ' ~ f // 1 ~ ' ' ~ f % 2 ~ ' ' ~ neg % 2.5
'a' 'b' "c"
'tab\\t nl\\n q\\' u\\u00e9 x\\x41 o\\101 keep\\d'
"it's" ~ 'say "x"'
[1, 'a', 2.0, true, none, ['x'], (1,), (1, 2), {'k': 'v'}]
{'a': 1, 'b': [1, 2], 3: none}
()
(1)
q
[q, html, u]
{'q': q}
s[0] ~ s[-1] ~ s[1:4] ~ s[::-1] ~ s[::2] ~ s[-3:] ~ s[:-3] ~ s[4:1:-1]
u[7:9] ~ u[-1] ~ u | length
l[0] ~ l[-1] ~ l[1:] ~ l[::-1] ~ l[5:] ~ l[-10:2]
s.upper() ~ s.lower() ~ s.title() ~ s.capitalize()
u.upper() ~ u.lower() ~ u | upper
'straße'.upper() ~ ' ' ~ 'they\\'re bill\\'s'.title() ~ ' ' ~ ('they\\'re-bill (x)' | title)
sp.strip() ~ '|' ~ sp.lstrip() ~ '|' ~ sp.rstrip() ~ '|' ~ 'xxaxx'.strip('x') ~ '|' ~ 'xyaxy'.rstrip('xy')
'a,b,,c'.split(',') ~ sp.split() ~ 'a b c'.split(' ', 1) ~ 'a b  c d'.split(none, 2) ~ 'a.b.c'.rsplit('.', 1)
'a\\nb\\r\\nc'.splitlines() ~ 'k=v=w'.partition('=') ~ 'k=v=w'.rpartition('=') ~ 'kv'.partition('=')
s.startswith('hell') ~ s.endswith(('x', 'ld')) ~ s.find('o') ~ s.rfind('o') ~ s.find('zz') ~ s.count('l') ~ ''.count('')
s.replace('l', 'L') ~ s.replace('l', 'L', 1) ~ 'ab'.replace('', '-') ~ s | replace('o', '0', 1)
s.removeprefix('hello') ~ s.removesuffix('World') ~ s.removeprefix('x')
', '.join(words) ~ words | join ~ words | join(' / ') ~ rows | join(',', attribute='k')
'{} and {}'.format(1, 'x') ~ '{1}{0}'.format('a', 'b') ~ '{n:>5}|{f:.2f}|{s:<12}|{n:03d}'.format(n=n, f=f, s=s)
'{:,}'.format(1234567) ~ '{:.1%}'.format(0.256) ~ '{0[k]}'.format(rows[0]) ~ '{{}}'.format() ~ '{:x}'.format(255)
'%s-%d-%05.1f%%' % (s, n, f) ~ '%s' % n ~ '%-5s|%5s|' % ('a', 'b') ~ '%(a)s' % {'a': 1} ~ '%x' % 255
'%s of %d' | format('x', 3)
'abc'.isalpha() ~ 'ab1'.isalpha() ~ '12'.isdigit() ~ ' '.isspace() ~ 'AB'.isupper() ~ 'ab'.islower() ~ 'a1'.isalnum()
'7'.zfill(3) ~ '-7'.zfill(4) ~ 'a'.ljust(3, '.') ~ 'a'.rjust(3) ~ '|' ~ 'ab'.center(7, '*') ~ 'abc'.center(6, '*')
n is odd ~ n is even ~ n is divisibleby 7 ~ n is divisibleby(2)
s is string ~ n is string ~ n is number ~ f is number ~ t is number ~ n is integer ~ f is float ~ t is boolean ~ t is integer
d is mapping ~ l is mapping ~ l is iterable ~ s is iterable ~ n is iterable ~ l is sequence ~ d is sequence ~ n is sequence
z is none ~ z is not none ~ missing is defined ~ missing is undefined ~ s is defined ~ missing is none
t is true ~ t is false ~ 1 is true ~ n is eq 7 ~ n is gt 3 ~ n is in [7, 8] ~ n is sameas n ~ 1 is sameas true
s is lower ~ 'ab' is lower ~ 'AB' is upper
not t ~ (not missing) ~ (1 and 0) ~ (0 or 'x') ~ ('a' and 'b') ~ (missing or 'd')
(1 < 2 < 3) ~ (1 < 2 > 5) ~ (1 == 1.0) ~ ('a' < 'b') ~ ([1, 2] < [1, 3]) ~ (1 != 2) ~ (true == 1)
'ell' in s ~ ('x' not in s) ~ (3 in l) ~ ('a' in d) ~ ('zz' in d) ~ (1 in (1, 2))
'yes' if t else 'no'
'yes' if not t
('a' if z else 'b') ~ ('c' if n > 3 else 'd')
missing | default('x') ~ e | default('y') ~ e | default('y', true) ~ z | default('q') ~ missing | d ~ missing | default
l | length ~ d | length ~ s | length ~ l | count ~ missing | length
l | first ~ l | last ~ s | first ~ [] | first
l | sort ~ l | sort(reverse=true) ~ words | sort ~ words | sort(case_sensitive=true) ~ rows | sort(attribute='v') | map(attribute='v') | list
l | sum ~ l | max ~ l | min ~ words | max ~ rows | sum(attribute='v') ~ rows | max(attribute='v')
l | list ~ s[:3] | list ~ d | list ~ (1, 2) | list
d | items | list ~ d | dictsort ~ d.items() | list ~ d.keys() | list ~ d.values() | list
d.get('a') ~ d.get('zz') ~ d.get('zz', 'f') ~ d['items'] ~ d['a'] ~ d.a ~ d.zz
[1, 2, 1, 3] | unique | list ~ ['a', 'A', 'b'] | unique | list ~ rows | unique(attribute='k') | map(attribute='v') | list
[1, 2, 3, 4, 5] | batch(2) | list ~ [1, 2, 3] | batch(2, 'x') | list ~ [1, 2, 3, 4, 5] | slice(2) | list
[1, 2, 3, 4] | select('odd') | list ~ [1, 2, 3, 4] | reject('odd') | list ~ [0, 1, ''] | select | list ~ [1, 5] | select('gt', 3) | list
rows | selectattr('v', 'gt', 1) | map(attribute='k') | join ~ rows | rejectattr('k', 'equalto', 'x') | list | length ~ rows | selectattr('v') | list | length
words | map('upper') | list ~ words | map('replace', 'p', 'P') | list ~ rows | map(attribute='zz', default='-') | list ~ words | map('first') | join
rows | groupby('k') | length
s | reverse ~ l | reverse | list
s | title ~ s | capitalize ~ s | upper ~ s | lower ~ sp | trim ~ 'xax' | trim('x')
html | e ~ html | escape ~ html | safe
'12' | int ~ 'x' | int ~ 'x' | int(5) ~ '3.7' | int ~ 3.9 | int ~ '1f' | int(base=16) ~ '2.5' | float ~ 'x' | float ~ n | float ~ t | int
2.5 | round ~ 2.567 | round(2) ~ 2.1 | round(method='ceil') ~ 2.9 | round(method='floor') ~ n | round ~ -3 | abs ~ neg | abs
n | string ~ f | string ~ l | string ~ [n | string] | string
d | tojson ~ l | tojson ~ u | tojson ~ q | tojson ~ none | tojson ~ t | tojson ~ f | tojson ~ 1.0 | tojson
d | tojson(indent=2)
nested | tojson(indent=4)
d | tojson(sort_keys=true) ~ d | tojson(separators=(',', ':')) ~ u | tojson(ensure_ascii=true) ~ {} | tojson(indent=2) ~ [] | tojson(indent=2)
'a\\nb\\n\\nc' | indent(2) ~ '|' ~ 'a\\nb' | indent(2, true) ~ '|' ~ 'a\\n\\nb' | indent(first=true, blank=true) ~ 'a\\nb' | indent('> ')
'the quick brown fox jumps' | truncate(12) ~ '|' ~ 'the quick brown fox' | truncate(10, true, '…', 0) ~ '|' ~ 'short' | truncate(10)
'ab' | center(7) ~ '|' ~ 'a b  c' | wordcount
nested.a.b[2].c ~ nested['a']['b'][0] ~ nested.a.b.1
range(5) | list ~ range(2, 8, 3) | list ~ range(5, 0, -2) | list ~ range(0) | list
dict(a=1, b='x') ~ dict({'k': 1}, j=2)
'ab' * 3 ~ 3 * 'x' ~ [0] * 3 ~ 'a' * 0 ~ 'a' * -1
([1] + [2, 3]) ~ ((1,) + (2,))
big ~ ' ' ~ (big + 1)
missing ~ '|' ~ missing.x is defined
missing.x
missing + 1
'a' + 1
'a' < 1
l.append(4)
d.update({'x': 1})
nofilter | nosuch
1 is nosuch
none.x ~ '|' ~ n.x ~ '|' ~ s.nosuch ~ '|' ~ l['x'] ~ '|' ~ l[9]
none + 1
1 / 0
1 // 0
l | join(1)
[[1, 2], [3]] | sum(start=[])
'x' in 5
raise_exception('no ' ~ s)
undefined_function(1)
s | replace('o')
s | upper | replace('L', '1') | length
(words | first).upper() ~ words[1].lower()[0]
-n ~ +n ~ - -n ~ (-n) | abs
not not t
"a" ~ 1 + 2 ~ "b"
1 if t else 2 if z else 3
(1, 2)[0] ~ [1, 2][1] ~ {'a': 5}['a'] ~ {'a': 5}.a
'%c%c' % ('a', 98)
0x1F ~ ' ' ~ 0b101 ~ ' ' ~ 0o17 ~ ' ' ~ 1_000
s is filter ~ 'upper' is filter ~ 'nosuch' is filter
"\\\\" ~ '\\\\n'
[1.5, 2.25] | sum ~ ' ' ~ [1, 2.5] | sum
true ~ false ~ none ~ True ~ None
1 == 1 and 2 == 2 or false
'a' is in ['a'] ~ ('z' is not in ['a'])
words | map('length') | sum
l | map('string') | join('+')
""".strip("\n").split("\n")

TEMPLATES = {
    "for": "{% for x in l %}{{ loop.index }}/{{ loop.length }}:{{ x }}{% if not loop.last %}, {% endif %}{% endfor %}",
    "loop": "{% for x in words %}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.cycle('a', 'b') }}{{ loop.depth }}{{ loop.changed(x[0]) }};{% endfor %}",
    "loop filter": "{% for r in rows if r.k == 'x' %}{{ loop.index }}{{ r.v }}{{ loop.length }}{% else %}none{% endfor %}",
    "for else": "{% for x in [] %}a{% else %}empty{% endfor %}{% for x in missing %}a{% else %}undefined{% endfor %}",
    "unpack": "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}{% for (a, b), c in [((1, 2), 3)] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "break": "{% for x in range(9) %}{% if x == 3 %}{% continue %}{% endif %}{% if x == 6 %}{% break %}{% endif %}{{ x }}{% endfor %}",
    "scope": "{% set x = 1 %}{% for i in l %}{% set x = x + i %}{{ x }},{% endfor %}{{ x }}{% if t %}{% set x = 9 %}{% endif %}{{ x }}",
    "namespace": "{% set ns = namespace(x=0, seen=[]) %}{% for i in l %}{% set ns.x = ns.x + i %}{% set ns.seen = ns.seen + [i] %}{% endfor %}{{ ns.x }}{{ ns.seen }}{{ ns.nope is defined }}",
    "set": "{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set c = (1, 2) %}{{ c }}{% set g %}block {{ n }}{% endset %}{{ g }}{% set h | upper | trim %} loud {% endset %}{{ h }}",
    "macro": "{% macro f(a, b=2, c=none) %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}{{ f(1) }}{{ f(1, 3) }}{{ f(c=5, a=4) }}{{ f() }}{{ f('x') | length }}",
    "macro scope": "{% set g = 'outer' %}{% macro f() %}{{ g }}{{ h }}{% endmacro %}{% set h = 'late' %}{{ f() }}{% for g in ['inner'] %}{{ f() }}{% endfor %}",
    "macro recursion": "{% macro tree(x) %}{% if x is mapping %}{% for k, v in x.items() %}{{ k }}({{ tree(v) }}){% endfor %}{% elif x is string %}{{ x }}{% elif x is iterable %}{% for y in x %}{{ tree(y) }},{% endfor %}{% else %}{{ x }}{% endif %}{% endmacro %}{{ tree(nested) }}",
    "call": "{% macro box(t) %}<{{ t }}>{{ caller() }}</{{ t }}>{% endmacro %}{% call box('b') %}in {{ n }}{% endcall %}",
    "call args": "{% macro each(l) %}{% for x in l %}{{ caller(x) }}{% endfor %}{% endmacro %}{% call(y) each(l) %}({{ y }}){% endcall %}",
    "filter block": "{% filter upper | replace('O', '0') %}hello {{ s }}{% endfilter %}",
    "with": "{% with a = 1, b = s %}{{ a }}{{ b }}{% endwith %}{{ a is defined }}",
    "generation": "a{% generation %}b{{ n }}{% endgeneration %}c",
    "recursive": "{% for x in [{'n': 1, 'c': [{'n': 2, 'c': []}]}] recursive %}{{ x.n }}{{ loop.depth }}{{ loop(x.c) }}{% endfor %}",
    "elif": "{% if z %}1{% elif e %}2{% elif n == 7 %}3{% else %}4{% endif %}{% if z %}{% else %}x{% endif %}",
    "comment": "a{# gone {{ x }} #}b{#- also -#}  c {#+ x +#} d",
    "raw": "{% raw %}{{ not }} {% if %}{% endraw %}!{%- raw -%}  x  {%- endraw %}",
    "minus": "a  {{- 1 -}}  b\n  {%- if t -%}\n  c\n  {%- endif -%}\n  d",
    "trim": "a\n  {% if t %}\n  b\n  {% endif %}\n  c\n{% for x in l %}\n{{ x }}\n{% endfor %}\nend\n",
    "lstrip": "  {% if t %}x{% endif %}\n\t {# c #}\n y  {% if t %}z{% endif %}\n  {{ n }}\n",
    "plus": "  {%+ if t %}x{% endif +%}\n\n  {% if t +%}\n a{% endif %}",
    "newlines": "a\r\nb\rc\n\n",
    "one newline": "x\n",
    "braces": "{{ {'a': {'b': 1}} }}{{ {'a': {}}}}|{ x }} {",
    "dict in text": "{ \"a\": {{ n }} }",
    "nested quotes": "{{ \"a'b\" }}{{ 'a\"b' }}{{ '}}' }}{{ '%}' }}",
    "unclosed": "{{ n ",
    "unclosed block": "{% if t %}x",
    "stray end": "x{% endif %}",
    "unknown tag": "{% frobnicate %}",
    "bad expression": "{{ 1 + }}",
    "bad character": "{{ a ? b }}",
    "empty print": "{{ }}",
    "exception": "{% if n > 3 %}{{ raise_exception('too many') }}{% endif %}",
    "break outside": "{% break %}",
    "not a namespace": "{% set d.x = 1 %}",
    "unpack wrong": "{% for a, b in [[1, 2, 3]] %}{% endfor %}",
    "macro unknown": "{% macro f(a) %}{% endmacro %}{{ f(b=1) }}",
    "macro too many": "{% macro f(a) %}{% endmacro %}{{ f(1, 2) }}",
    "unicode": "{{ u }} · 日本語 {{ '—' }}",
    "string loop": "{% for c in 'añ世' %}{{ c }}.{% endfor %}",
    "if in for": "{% for m in rows %}{{ 'A' if m.k == 'x' else 'B' }}{% endfor %}",
    "tests in if": "{% if missing is defined and missing.x %}a{% elif s is string and s is not none %}b{% endif %}",
    "loop var outside": "{% for i in l %}{% endfor %}{{ i is defined }}{{ loop is defined }}",
    "set in if in for": "{% for i in l %}{% if i == 1 %}{% set hit = i %}{% endif %}{{ hit }}.{% endfor %}",
    "shadow": "{% for s in [1] %}{{ s }}{% endfor %}{{ s }}",
    "inner loops": "{% for i in range(2) %}{% set outer = loop %}{% for j in range(2) %}{{ outer.index }}{{ loop.index }} {% endfor %}{% endfor %}",
    "while like": "{% set ns = namespace(i=0) %}{% for _ in range(10) if ns.i < 3 %}{{ ns.i }}{% set ns.i = ns.i + 1 %}{% endfor %}",
}

def main():
    env, cases = environment(), []
    todo = [("e%03d" % i, "{{ " + x + " }}") for i, x in enumerate(EXPRESSIONS)] + list(TEMPLATES.items())
    for name, source in todo:
        case = {"name": name, "template": source}
        try:
            case["expect"] = env.from_string(source).render(**V)
        except Exception as why:
            case["error"] = type(why).__name__
        cases.append(case)
    json.dump({"values": V, "cases": cases}, sys.stdout, ensure_ascii=False, indent=1)
    print()

main()
