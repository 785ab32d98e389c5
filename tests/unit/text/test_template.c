/* The template engine against what Jinja2 itself made of the same templates (template/cases.json, by make_cases.py), and
 * what Jinja2 does not have: the origin of every byte, and limits. */
#include "support/support.h"

#include "base/mem.h"
#include "text/template.h"

static lorec_err render(const char *source, size_t n, const json_t *values, template_text *out)
{
    template *t;
    TRY(template_parse(&t, source, n, "test", TEMPLATE_TRIM));
    lorec_err e = template_render(t, &(template_values){.values = values}, out);
    template_free(t);
    return e;
}

static void as_jinja(void **state)
{
    (void)state;
    json_t *all;
    char path[4096];
    snprintf(path, sizeof path, "%s/tests/unit/text/template/cases.json", getenv("LOREC_SOURCE_DIR"));
    assert_ok(json_read(&all, path));
    const json_t *cases = json_object_get(all, "cases"), *values = json_object_get(all, "values");
    size_t wrong = 0;
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i), *source = json_object_get(c, "template");
        const json_t *expect = json_object_get(c, "expect");
        template_text out = {0};
        lorec_err e = render(json_string_value(source), json_string_length(source), values, &out);
        bool right = expect ? !e && out.text.n == json_string_length(expect) &&
                                  memcmp(out.text.p, json_string_value(expect), out.text.n) == 0
                            : e == LOREC_INPUT && strstr(lorec_error_message(), "test, line ");
        if (!right)
            print_message("%s: %s\n  expected %s\n  got      %s\n", json_string_value(json_object_get(c, "name")),
                          json_string_value(source),
                          expect ? json_string_value(expect) : json_string_value(json_object_get(c, "error")),
                          e ? lorec_error_message() : out.text.p);
        wrong += !right;
        template_text_free(&out);
    }
    assert_true(json_array_size(cases) > 150);
    assert_int_equal(wrong, 0);
    json_decref(all);
}

/* "t" for each byte of the template's own, "v" for each of a value's. */
static void assert_origin(const char *source, const char *text, const char *origin)
{
    template_text out = {0};
    json_t *v = json_pack("{s:s, s:[s,s], s:i, s:{s:s}}", "x", "a<b>", "l", "p", "q", "n", 7, "d", "k", "w");
    char got[256] = "";
    assert_ok(render(source, strlen(source), v, &out));
    for (size_t s = 0, i = 0; s < out.n_spans; s++)
        for (; i < out.span[s].end; i++) got[i] = out.span[s].from_template ? 't' : 'v';
    assert_string_equal(out.text.p, text);
    assert_string_equal(got, origin);
    template_text_free(&out);
    json_decref(v);
}

static void origins(void **state)
{
    (void)state;
    assert_origin("<{{ x }}>", "<a<b>>", "tvvvvt");
    assert_origin("{{ '<' ~ x ~ '>' }}{{ '<' + x }}", "<a<b>><a<b>", "tvvvvttvvvv");
    assert_origin("{{ (x ~ '|')[2:] | upper }}", "B>|", "vvt");
    assert_origin("{{ x.replace('<', '[') }}", "a[b>", "vtvv");
    assert_origin("{{ 'a-b'.replace('-', x) }}", "aa<b>b", "tvvvvt");
    assert_origin("{% set y %}({{ x }}){% endset %}{{ y | trim('(') }}", "a<b>)", "vvvvt");
    assert_origin("{% macro m(z) %}<{{ z }}>{% endmacro %}{{ m(x) }}", "<a<b>>", "tvvvvt");
    assert_origin("{{ l | join('-') }}{{ n }}", "p-q7", "vtvt");
    assert_origin("{{ d | tojson }}", "{\"k\": \"w\"}", "ttvttttvtt");
    assert_origin("{{ '%s=%s' % ('a', x) }}{{ '{}!'.format(x) }}", "a=a<b>a<b>!", "ttvvvvvvvvt");
    assert_origin("{{ x.split('<') | join }}{{ x[::-1] }}", "ab>>b<a", "vvvvvvv");
    assert_origin("{% for c in x %}{{ c }}{% endfor %}{{ x | e }}", "a<b>a&lt;b&gt;", "vvvvvvvvvvvvvv");
}

static void assert_limited(const char *source, const char *why, const template_limits *limits)
{
    template *t;
    template_text out = {0};
    assert_ok(template_parse(&t, source, strlen(source), "test", 0));
    assert_fails(template_render(t, &(template_values){.limits = *limits}, &out), LOREC_INPUT, why);
    assert_int_equal(out.text.n, 0);
    template_free(t);
    template_text_free(&out);
}

static void limits(void **state)
{
    (void)state;
    const template_limits small = {.steps = 200000, .memory = 1 << 24, .output = 1 << 16};
    assert_limited("{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}", "steps", &small);
    assert_limited("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "deep", &small);
    assert_limited("{% macro f(n) %}{% if n %}{{ f(n - 1) ~ f(n - 1) }}{% else %}x{% endif %}{% endmacro %}{{ f(60) }}",
                   "steps", &small);
    assert_limited("{{ 'x' * 99999999 }}", "MiB", &small);
    assert_limited("{{ 'x' * 99999 }}", "bytes", &small);
    assert_limited("{{ range(999999999999) }}", "range", &small);
    assert_limited("{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = ns.l + ns.l %}{% endfor %}",
                   "MiB", &small);
    assert_limited("{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}"
                   "{{ ns.l == ns.l }}",
                   "steps", &small);
    assert_limited(
        "{% set ns = namespace(l=[1]) %}{% for i in range(999) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l }}",
        "nested", &small);
    assert_limited("{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
                   "MiB", &small);
}

static void deep_sources(void **state)
{
    (void)state;
    static const char *const nests[] = {"(",  "[",  "not ", "-",    "{1:", "a if ",
                                        "x[", "f(", "1 + ", "1 ~ ", "x.y", "x|e"};
    for (size_t k = 0; k < sizeof nests / sizeof *nests; k++) {
        buf b = {0};
        template *t;
        assert_ok(buf_puts(&b, "{{ "));
        for (int i = 0; i < 20000; i++) assert_ok(buf_puts(&b, nests[k]));
        assert_ok(buf_puts(&b, " }}"));
        lorec_err e = template_parse(&t, b.p, b.n, "deep", 0);
        assert_int_equal(e, LOREC_INPUT);
        template_free(t);
        buf_clear(&b);
        for (int i = 0; i < 20000; i++) assert_ok(buf_puts(&b, k % 2 ? "{% if a %}" : "{% for a in b %}"));
        assert_fails(template_parse(&t, b.p, b.n, "deep", 0), LOREC_INPUT, "deep, line 1");
        buf_free(&b);
    }
}

static void lines_in_errors(void **state)
{
    (void)state;
    template_text out = {0};
    static const char lex[] = "a\nb\n{{ 'x\n", tree[] = "a\n{% if x %}\n\n{{ 1 + }}\n",
                      run[] = "a\n\n{{ x\n.y }}{{ 1 }}";
    assert_fails(render(lex, strlen(lex), NULL, &out), LOREC_INPUT, "test, line 3: a string does not end");
    assert_fails(render(tree, strlen(tree), NULL, &out), LOREC_INPUT, "test, line 4: expected an expression");
    assert_fails(render(run, strlen(run), NULL, &out), LOREC_INPUT, "test, line 3: \"x\" is undefined");
    assert_fails(render("\xff", 1, NULL, &out), LOREC_INPUT, "UTF-8");
    assert_fails(render("{% fro %}", 9, NULL, &out), LOREC_INPUT, "did you mean \"for\"");
    template_text_free(&out);
}

static void the_date(void **state)
{
    (void)state;
    template *t;
    template_text out = {0};
    const int64_t now = 1721952000;
    static const char source[] = "{{ strftime_now('%d %b %Y') if strftime_now is defined else 'no date' }}";
    assert_ok(template_parse(&t, source, strlen(source), "date", 0));
    assert_ok(template_render(t, &(template_values){.now = &now}, &out));
    assert_string_equal(out.text.p, "26 Jul 2024");
    assert_ok(template_render(t, &(template_values){0}, &out));
    assert_string_equal(out.text.p, "no date");
    template_text_free(&out);
    template_free(t);
}

static void memory_runs_out(void **state)
{
    (void)state;
    static const char source[] = "{% macro f(x) %}<{{ x | upper }}>{% endmacro %}"
                                 "{% for r in rows if r %}{{ f(r) ~ loop.index }}{% endfor %}{{ rows | tojson }}";
    json_t *v = json_pack("{s:[s,s]}", "rows", "a", "b");
    for (size_t n = 1; n < 200; n++) {
        template_text out = {0};
        mem_fail_at(n, true);
        lorec_err e = render(source, strlen(source), v, &out);
        mem_fail_at(0, false);
        assert_true(e == LOREC_OK || e == LOREC_RESOURCE || e == LOREC_INPUT);
        template_text_free(&out);
        if (!e) break;
        assert_true(n < 199);
    }
    json_decref(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_jinja),        cmocka_unit_test(origins),  cmocka_unit_test(limits),
        cmocka_unit_test(deep_sources),    cmocka_unit_test(the_date), cmocka_unit_test(lines_in_errors),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
