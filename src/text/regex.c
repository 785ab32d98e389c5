#include "text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/log.h"
#include "base/mem.h"
#include "text/unicode.h"

enum {
    PATTERN_MAX = 1 << 16,
    JIT_STACK_MIN = 1 << 15,
    JIT_STACK_MAX = 1 << 23,
    STEPS_MIN = 1000000,
    STEPS_PER_BYTE = 16
};
static const double seconds_min = 10, seconds_per_byte = 2e-5;

struct regex {
    pcre2_code *code;
    bool jit;
};

struct regex_scratch {
    pcre2_match_data *data;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
    double deadline;
    unsigned calls;
};

/* ---- the pattern in PCRE2's words --------------------------------------------------------------------------------------- */

typedef struct translation {
    slice in;
    size_t at;
    buf out;
    int depth;
} translation;

static lorec_err put_intersection(translation *t, size_t start);

/* Oniguruma's \w: letters, marks, decimal digits, connectors, and Latin-1's raised digits and fractions */
#define WORD "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{B2}\\x{B3}\\x{B9}\\x{BC}-\\x{BE}"

static lorec_err put_escape(translation *t, bool in_class)
{
    char c = t->at + 1 < t->in.n ? t->in.p[t->at + 1] : 0;
    const char *word = NULL;
    switch (c) {
    case 's':
        word = "\\p{White_Space}";
        break;
    case 'S':
        word = "\\P{White_Space}";
        break;
    case 'd':
        word = "\\p{Nd}";
        break;
    case 'D':
        word = "\\P{Nd}";
        break;
    case 'w':
        word = in_class ? WORD : "[" WORD "]";
        break;
    case 'W':
        word = in_class ? NULL : "[^" WORD "]";
        break;
    case 'b':
        word = in_class ? NULL : "(?:(?<=[" WORD "])(?![" WORD "])|(?<![" WORD "])(?=[" WORD "]))";
        break;
    case 'B':
        word = in_class ? NULL : "(?:(?<=[" WORD "])(?=[" WORD "])|(?<![" WORD "])(?![" WORD "]))";
        break;
    case 'h':
        word = in_class ? "0-9A-Fa-f" : "[0-9A-Fa-f]";
        break;
    default:
        break;
    }
    if (word) {
        t->at += 2;
        return buf_puts(&t->out, word);
    }
    if (c == 'u' && t->at + 6 <= t->in.n && t->in.p[t->at + 2] != '{') {
        TRY(buf_printf(&t->out, "\\x{%.4s}", t->in.p + t->at + 2));
        t->at += 6;
        return LOREC_OK;
    }
    if (c == 'u') {
        t->at += 2;
        return buf_puts(&t->out, "\\x");
    }
    size_t n = t->in.n - t->at < 2 ? t->in.n - t->at : 2;
    TRY(buf_add(&t->out, t->in.p + t->at, n));
    t->at += n;
    return LOREC_OK;
}

/* A class from its "[" on. [A&&[B]] becomes (?:(?=[B])[A]), B with its "^" where it has one. */
static lorec_err put_class(translation *t)
{
    size_t start = t->out.n;
    TRY(buf_add(&t->out, "[", 1));
    t->at++;
    if (t->at < t->in.n && t->in.p[t->at] == '^') TRY(buf_add(&t->out, &t->in.p[t->at++], 1));
    if (t->at < t->in.n && t->in.p[t->at] == ']') TRY(buf_puts(&t->out, (t->at++, "\\]")));
    while (t->at < t->in.n && t->in.p[t->at] != ']') {
        slice rest = {t->in.p + t->at, t->in.n - t->at};
        const char *colon = rest.n > 2 && rest.p[0] == '[' && rest.p[1] == ':' ? memmem(rest.p, rest.n, ":]", 2) : NULL;
        if (rest.p[0] == '\\') {
            TRY(put_escape(t, true));
        } else if (colon) {
            size_t n = (size_t)(colon - rest.p) + 2;
            TRY(buf_add(&t->out, rest.p, n));
            t->at += n;
        } else if (rest.n > 3 && memcmp(rest.p, "&&[", 3) == 0) {
            return put_intersection(t, start);
        } else {
            if (rest.p[0] == '[') TRY(buf_add(&t->out, "\\", 1));
            TRY(buf_add(&t->out, rest.p, 1));
            t->at++;
        }
    }
    if (t->at >= t->in.n) return err_set(LOREC_INPUT, "a class of a regular expression is not closed");
    t->at++;
    return buf_add(&t->out, "]", 1);
}

/* At "&&[": what t->out holds from `start` on is the left class, still open. */
static lorec_err put_intersection(translation *t, size_t start)
{
    buf left = {0};
    lorec_err e = ++t->depth > 20 ? err_set(LOREC_INPUT, "a regular expression nests its classes too deep") : LOREC_OK;
    if (!e) e = buf_add(&left, t->out.p + start, t->out.n - start);
    t->out.n = start;
    t->at += 2;
    if (!e) e = buf_puts(&t->out, "(?:(?=");
    if (!e) e = put_class(t);
    if (!e) e = buf_puts(&t->out, ")");
    if (!e) e = buf_add(&t->out, left.p, left.n);
    if (!e) e = buf_puts(&t->out, "])");
    buf_free(&left);
    TRY(e);
    if (t->at >= t->in.n || t->in.p[t->at] != ']')
        return err_set(LOREC_INPUT, "a class of a regular expression has more after its intersection");
    t->at++;
    t->depth--;
    return LOREC_OK;
}

static lorec_err translate(translation *t)
{
    TRY(buf_puts(&t->out, ""));
    while (t->at < t->in.n) {
        char c = t->in.p[t->at];
        if (c == '\\') {
            TRY(put_escape(t, false));
        } else if (c == '[') {
            TRY(put_class(t));
        } else {
            TRY(buf_add(&t->out, &c, 1));
            t->at++;
        }
    }
    return LOREC_OK;
}

/* ---- compiling ---------------------------------------------------------------------------------------------------------- */

static lorec_err compile(regex *r, slice pattern, slice shown, uint32_t options)
{
    int why;
    PCRE2_SIZE where;
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (!context) return err_set(LOREC_RESOURCE, "out of memory for a regular expression");
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    pcre2_set_parens_nest_limit(context, 100);
    r->code = pcre2_compile((PCRE2_SPTR)pattern.p, pattern.n, options, &why, &where, context);
    pcre2_compile_context_free(context);
    if (!r->code) {
        PCRE2_UCHAR text[128];
        pcre2_get_error_message(why, text, sizeof text);
        return err_set(LOREC_INPUT, "the regular expression \"%.*s\" is not one: %s, near byte %zu",
                       (int)(shown.n > 200 ? 200 : shown.n), shown.p, (const char *)text, (size_t)where);
    }
    r->jit = pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE) == 0;
    return LOREC_OK;
}

lorec_err regex_new(regex **out, slice pattern, regex_kind kind)
{
    *out = NULL;
    if (pattern.n > PATTERN_MAX)
        return err_set(LOREC_INPUT, "a regular expression of %zu bytes; at most %d are read", pattern.n, PATTERN_MAX);
    regex *r;
    TRY(mem_new(&r, 1));
    lorec_err e;
    if (kind == REGEX_LITERAL) {
        e = compile(r, pattern, pattern, PCRE2_UTF | PCRE2_LITERAL);
    } else {
        translation t = {.in = pattern};
        e = translate(&t);
        if (!e) e = compile(r, (slice){t.out.p, t.out.n}, pattern, PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE);
        buf_free(&t.out);
    }
    if (e)
        regex_free(r);
    else
        *out = r;
    return e;
}

void regex_free(regex *r)
{
    if (!r) return;
    pcre2_code_free(r->code);
    mem_free(r);
}

/* ---- matching ----------------------------------------------------------------------------------------------------------- */

lorec_err regex_scratch_new(regex_scratch **out)
{
    TRY(mem_new(out, 1));
    regex_scratch *s = *out;
    s->data = pcre2_match_data_create(1, NULL);
    s->context = pcre2_match_context_create(NULL);
    s->stack = pcre2_jit_stack_create(JIT_STACK_MIN, JIT_STACK_MAX, NULL);
    if (s->data && s->context && s->stack) {
        pcre2_jit_stack_assign(s->context, NULL, s->stack);
        return LOREC_OK;
    }
    regex_scratch_free(s);
    *out = NULL;
    return err_set(LOREC_RESOURCE, "out of memory for a regular expression's scratch");
}

void regex_scratch_free(regex_scratch *s)
{
    if (!s) return;
    pcre2_match_data_free(s->data);
    pcre2_match_context_free(s->context);
    pcre2_jit_stack_free(s->stack);
    mem_free(s);
}

void regex_scratch_start(regex_scratch *s, size_t text_bytes)
{
    size_t steps = STEPS_MIN + STEPS_PER_BYTE * (text_bytes < (1u << 26) ? text_bytes : (1u << 26));
    pcre2_set_match_limit(s->context, (uint32_t)steps);
    pcre2_set_depth_limit(s->context, (uint32_t)steps);
    pcre2_set_heap_limit(s->context, 1 << 18); /* KiB */
    s->deadline = clock_seconds() + seconds_min + seconds_per_byte * (double)text_bytes;
    s->calls = 0;
}

static lorec_err too_long(void)
{
    return err_set(LOREC_INPUT, "a regular expression of the tokenizer needs too many steps on this text");
}

lorec_err regex_find(const regex *r, regex_scratch *s, slice text, size_t from, regex_match *out)
{
    out->found = false;
    if ((++s->calls & 0xFF) == 0 && clock_seconds() > s->deadline) return too_long();
    PCRE2_SPTR subject = (PCRE2_SPTR)(text.p ? text.p : "");
    int n = r->jit ? pcre2_jit_match(r->code, subject, text.n, from, 0, s->data, s->context)
                   : PCRE2_ERROR_JIT_STACKLIMIT;
    if (n == PCRE2_ERROR_JIT_STACKLIMIT)
        n = pcre2_match(r->code, subject, text.n, from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, s->data, s->context);
    if (n == PCRE2_ERROR_NOMATCH) return LOREC_OK;
    if (n == PCRE2_ERROR_NOMEMORY) return err_set(LOREC_RESOURCE, "out of memory for a regular expression");
    if (n < 0) return too_long();
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(s->data);
    *out = (regex_match){true, at[0], at[1]};
    if (out->end < out->begin) out->end = out->begin; /* \K inside a lookahead */
    if (out->begin < from) out->begin = from;
    if (out->end < out->begin) out->end = out->begin;
    return LOREC_OK;
}

lorec_err regex_next(const regex *r, regex_scratch *s, slice text, regex_match *m)
{
    bool any = m->found;
    size_t last = any ? m->end : 0, from = last;
    if (any && m->begin == m->end) from += last < text.n ? utf8_length((unsigned char)text.p[last]) : 1;
    for (;;) {
        m->found = false;
        if (from > text.n) return LOREC_OK;
        TRY(regex_find(r, s, text, from, m));
        if (!m->found || !any || m->end > last) return LOREC_OK;
        from = last < text.n ? last + utf8_length((unsigned char)text.p[last]) : text.n + 1;
    }
}
