#include "text/template/lex.h"

#include <ctype.h>
#include <string.h>

typedef struct lexer {
    tp_memory *m;
    const char *p, *end;
    bool trim;
    bool line_start; /* what was taken last ended with a newline, or nothing was taken yet */
    unsigned line;
    lexed *out;
} lexer;

static lorec_err bad(const lexer *x, const char *what)
{
    x->out->line = x->line;
    return err_set(LOREC_INPUT, "%s", what);
}

static lorec_err emit(lexer *x, token t)
{
    lexed *o = x->out;
    if (o->n == o->cap) {
        size_t cap = o->cap ? 2 * o->cap : 64;
        token *grown;
        TRY(tp_alloc(x->m, cap, &grown));
        if (o->n) memcpy(grown, o->token, o->n * sizeof *grown);
        o->token = grown;
        o->cap = cap;
    }
    t.line = x->line;
    o->token[o->n++] = t;
    return LOREC_OK;
}

static lorec_err emit_text(lexer *x, token_kind kind, const char *p, size_t n)
{
    char *copy;
    TRY(tp_alloc(x->m, n + 1, &copy));
    if (n) memcpy(copy, p, n);
    return emit(x, (token){.kind = kind, .text = copy, .n = n});
}

static void skip_to(lexer *x, const char *to)
{
    for (; x->p < to; x->p++) x->line += *x->p == '\n';
}

static bool starts(const lexer *x, const char *word)
{
    size_t n = strlen(word);
    return (size_t)(x->end - x->p) >= n && memcmp(x->p, word, n) == 0;
}

static const char *find(const lexer *x, const char *word)
{
    return x->p < x->end ? memmem(x->p, (size_t)(x->end - x->p), word, strlen(word)) : NULL;
}

/* The end of [begin, end) without the blanks before it, and the beginning without those after it. */
static const char *trim_right(const char *begin, const char *end)
{
    while (end > begin) {
        const char *at = end - 1;
        while (at > begin && ((unsigned char)*at & 0xC0) == 0x80) at--;
        tp_string s = {.p = at, .n = (size_t)(end - at)};
        if (!tp_space(tp_point(&s, 0, NULL))) break;
        end = at;
    }
    return end;
}

static const char *trim_left(const char *begin, const char *end)
{
    while (begin < end) {
        tp_string s = {.p = begin, .n = (size_t)(end - begin)};
        size_t len;
        if (!tp_space(tp_point(&s, 0, &len))) break;
        begin += len;
    }
    return begin;
}

/* The next {{, {% or {#, or the end. */
static const char *next_tag(const char *p, const char *end)
{
    for (; (p = memchr(p, '{', (size_t)(end - p))); p++) {
        if (p + 1 < end && (p[1] == '{' || p[1] == '%' || p[1] == '#')) return p;
        if (p + 1 >= end) break;
    }
    return end;
}

/* Text up to a tag, less what the tag's sign and TEMPLATE_TRIM take from its end. */
static lorec_err data(lexer *x, const char *to, char sign, bool line_tag)
{
    const char *begin = x->p, *end = to;
    if (sign == '-') {
        end = trim_right(begin, end);
    } else if (sign != '+' && x->trim && line_tag) {
        const char *line = memrchr(begin, '\n', (size_t)(end - begin));
        line = line ? line + 1 : x->line_start ? begin : NULL;
        if (line && trim_left(line, end) == end) end = line;
    }
    if (end > begin) TRY(emit_text(x, TOKEN_DATA, begin, (size_t)(end - begin)));
    skip_to(x, to);
    return LOREC_OK;
}

/* After a tag was taken, up to and with its end: what its sign and TEMPLATE_TRIM take from the text behind it. */
static void after_tag(lexer *x, char sign, bool line_tag)
{
    const char *to = x->p;
    if (sign == '-')
        to = trim_left(x->p, x->end);
    else if (sign != '+' && x->trim && line_tag && x->p < x->end && *x->p == '\n')
        to = x->p + 1;
    x->line_start = to > x->p && to[-1] == '\n';
    skip_to(x, to);
}

static bool name_char(unsigned char c)
{
    return isalnum(c) || c == '_' || c >= 0x80;
}

/* ---- literals ------------------------------------------------------------------------------------------------------ */

static lorec_err add_point(lexer *x, tp_builder *b, uint32_t c)
{
    char e[4];
    size_t n = 0;
    if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) return bad(x, "an escape in a string is no character");
    if (c < 0x80) {
        e[n++] = (char)c;
    } else if (c < 0x800) {
        e[n++] = (char)(0xC0 | c >> 6);
    } else if (c < 0x10000) {
        e[n++] = (char)(0xE0 | c >> 12);
        e[n++] = (char)(0x80 | (c >> 6 & 0x3F));
    } else {
        e[n++] = (char)(0xF0 | c >> 18);
        e[n++] = (char)(0x80 | (c >> 12 & 0x3F));
        e[n++] = (char)(0x80 | (c >> 6 & 0x3F));
    }
    if (c >= 0x80) e[n++] = (char)(0x80 | (c & 0x3F));
    return tp_add_text(b, e, n, true);
}

static lorec_err escape(lexer *x, tp_builder *b)
{
    static const char plain[] = "n\nt\tr\ra\ab\bf\fv\v\\\\''\"\"";
    char c = *x->p++;
    for (const char *at = plain; *at; at += 2) {
        if (*at == c) return tp_add_text(b, at + 1, 1, true);
    }
    if (c == '\n') return LOREC_OK;
    uint32_t value = 0;
    if (c >= '0' && c <= '7') {
        value = (uint32_t)(c - '0');
        for (int i = 0; i < 2 && *x->p >= '0' && *x->p <= '7'; i++) value = value * 8 + (uint32_t)(*x->p++ - '0');
        return add_point(x, b, value);
    }
    int digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (!digits) { /* as Python: an unknown escape stays what it is */
        TRY(tp_add_text(b, "\\", 1, true));
        x->p--;
        return LOREC_OK;
    }
    for (int i = 0; i < digits; i++, x->p++) {
        unsigned char h = x->p < x->end ? (unsigned char)*x->p : 0;
        if (!isxdigit(h)) return bad(x, "an escape in a string lacks hexadecimal digits");
        value = value * 16 + (uint32_t)(h <= '9' ? h - '0' : (h | 32) - 'a' + 10);
    }
    return add_point(x, b, value);
}

static lorec_err string_token(lexer *x)
{
    char quote = *x->p;
    unsigned line = x->line;
    tp_builder b = {.m = x->m};
    for (x->p++;;) {
        if (x->p >= x->end) {
            x->line = line;
            return bad(x, "a string does not end");
        }
        char c = *x->p;
        if (c == quote) break;
        if (c == '\n') x->line++;
        if (c == '\\' && x->p + 1 < x->end) {
            x->p++;
            if (*x->p == '\n') x->line++;
            TRY(escape(x, &b));
        } else {
            TRY(tp_add_text(&b, &c, 1, true));
            x->p++;
        }
    }
    x->p++;
    return emit_text(x, TOKEN_STRING, b.p, b.n);
}

static lorec_err number_token(lexer *x)
{
    char text[64];
    size_t n = 0;
    bool real = false;
    int base = 10;
    if (*x->p == '0' && x->p + 1 < x->end && x->p[1] && strchr("xXoObB", x->p[1])) {
        base = (x->p[1] | 32) == 'x' ? 16 : (x->p[1] | 32) == 'o' ? 8 : 2;
        x->p += 2;
    }
    for (; x->p < x->end; x->p++) {
        unsigned char c = (unsigned char)*x->p;
        bool more = x->p + 1 < x->end;
        if (c == '_' && n > 0) continue;
        if (base == 10 && c == '.' && !real && more && isdigit((unsigned char)x->p[1]))
            real = true;
        else if (base == 10 && (c | 32) == 'e' && more &&
                 (isdigit((unsigned char)x->p[1]) ||
                  ((x->p[1] == '-' || x->p[1] == '+') && x->p + 2 < x->end && isdigit((unsigned char)x->p[2])))) {
            real = true;
            if (n + 2 < sizeof text) text[n++] = 'e';
            if (!isdigit((unsigned char)x->p[1]) && n + 1 < sizeof text) text[n++] = *++x->p;
            continue;
        } else if (!(base == 16 ? isxdigit(c) : isdigit(c)))
            break;
        if (n + 1 >= sizeof text) return bad(x, "a number has too many digits");
        text[n++] = (char)c;
    }
    text[n] = 0;
    if (x->p < x->end && name_char((unsigned char)*x->p)) return bad(x, "a number runs into a word");
    if (real) {
        double f;
        if (!slice_to_f64((slice){text, n}, &f)) return bad(x, "a number can not be read");
        return emit(x, (token){.kind = TOKEN_REAL, .f = f});
    }
    int64_t value = 0;
    for (size_t i = 0; i < n; i++) {
        int digit = text[i] <= '9' ? text[i] - '0' : (text[i] | 32) - 'a' + 10;
        if (digit >= base || __builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return bad(x, "a number can not be read");
    }
    if (n == 0) return bad(x, "a number can not be read");
    return emit(x, (token){.kind = TOKEN_INT, .i = value});
}

/* ---- inside a tag -------------------------------------------------------------------------------------------------- */

static lorec_err sign_token(lexer *x, int *open)
{
    static const char *const two[] = {"==", "!=", "<=", ">=", "//", "**"};
    for (size_t i = 0; i < sizeof two / sizeof *two; i++) {
        if (starts(x, two[i])) {
            x->p += 2;
            return emit(x, (token){.kind = TOKEN_SIGN, .text = two[i], .n = 2});
        }
    }
    static const char one[] = "+-/*%~[](){}<>=.:|,;";
    const char *at = *x->p ? strchr(one, *x->p) : NULL;
    if (!at) return bad(x, "a character that has no meaning inside a tag");
    *open += strchr("([{", *at) ? 1 : strchr(")]}", *at) ? -1 : 0;
    TRY(emit_text(x, TOKEN_SIGN, at, 1));
    x->p++;
    return LOREC_OK;
}

/* From behind "{{" or "{%" to behind its end. Inside brackets the end does not count: {{ {'a': {}} }}. */
static lorec_err inside(lexer *x, token_kind end_kind, const char *end_mark)
{
    int open = 0;
    unsigned line = x->line;
    for (;;) {
        while (x->p < x->end && isspace((unsigned char)*x->p)) x->line += *x->p++ == '\n';
        if (x->p >= x->end) {
            x->line = line;
            return bad(x, end_kind == TOKEN_TAG_END ? "a \"{%\" does not end" : "a \"{{\" does not end");
        }
        unsigned char c = (unsigned char)*x->p;
        char sign = (c == '-' || (c == '+' && end_kind == TOKEN_TAG_END)) && x->end - x->p >= 3 &&
                            memcmp(x->p + 1, end_mark, 2) == 0
                        ? (char)c
                        : 0;
        if (open <= 0 && (sign || starts(x, end_mark))) {
            TRY(emit(x, (token){.kind = end_kind}));
            x->p += sign ? 3 : 2;
            after_tag(x, sign, end_kind == TOKEN_TAG_END);
            return LOREC_OK;
        }
        if (c == '"' || c == '\'')
            TRY(string_token(x));
        else if (isdigit(c))
            TRY(number_token(x));
        else if (name_char(c)) {
            const char *begin = x->p;
            while (x->p < x->end && name_char((unsigned char)*x->p)) x->p++;
            TRY(emit_text(x, TOKEN_NAME, begin, (size_t)(x->p - begin)));
        } else
            TRY(sign_token(x, &open));
    }
}

static lorec_err comment(lexer *x)
{
    const char *close = find(x, "#}");
    if (!close) return bad(x, "a \"{#\" does not end");
    char sign = close > x->p && (close[-1] == '-' || close[-1] == '+') ? close[-1] : 0;
    skip_to(x, close + 2);
    after_tag(x, sign, true);
    return LOREC_OK;
}

/* Behind "{%" and its sign: is it `word` and the tag's end? Then p stands behind the end, and *sign is the end's. */
static bool word_tag(const char *p, const char *end, const char *word, const char **behind, char *sign)
{
    p = trim_left(p, end);
    size_t n = strlen(word);
    if ((size_t)(end - p) < n || memcmp(p, word, n) != 0) return false;
    p = trim_left(p + n, end);
    *sign = p < end && (*p == '-' || *p == '+') ? *p : 0;
    if (*sign) p++;
    if (end - p < 2 || memcmp(p, "%}", 2) != 0) return false;
    *behind = p + 2;
    return true;
}

/* From behind {% raw %}: the text up to {% endraw %} as it stands. */
static lorec_err raw(lexer *x)
{
    for (const char *p = x->p; (p = memmem(p, (size_t)(x->end - p), "{%", 2)); p += 2) {
        const char *behind;
        char before = p + 2 < x->end && (p[2] == '-' || p[2] == '+') ? p[2] : 0, after;
        if (!word_tag(p + 2 + (before != 0), x->end, "endraw", &behind, &after)) continue;
        TRY(data(x, p, before, true));
        skip_to(x, behind);
        after_tag(x, after, true);
        return LOREC_OK;
    }
    return bad(x, "a {% raw %} has no {% endraw %}");
}

static lorec_err tag(lexer *x)
{
    char kind = x->p[1], sign = x->end - x->p > 2 && (x->p[2] == '-' || x->p[2] == '+') ? x->p[2] : 0;
    if (kind == '{' && sign == '+') sign = 0; /* {{+ is a positive number */
    const char *behind;
    char after;
    x->p += 2 + (sign != 0);
    if (kind == '#') return comment(x);
    if (kind == '%' && word_tag(x->p, x->end, "raw", &behind, &after)) {
        skip_to(x, behind);
        after_tag(x, after, true);
        return raw(x);
    }
    TRY(emit(x, (token){.kind = kind == '{' ? TOKEN_PRINT : TOKEN_TAG}));
    return kind == '{' ? inside(x, TOKEN_PRINT_END, "}}") : inside(x, TOKEN_TAG_END, "%}");
}

/* One kind of newline, and without the file's last one, as Jinja has it. */
static lorec_err normalise(tp_memory *m, const char *source, size_t n, const char **out, size_t *out_n)
{
    char *text;
    size_t k = 0;
    TRY(tp_alloc(m, n + 1, &text));
    for (size_t i = 0; i < n; i++) {
        if (source[i] == '\r' && i + 1 < n && source[i + 1] == '\n') continue;
        text[k++] = source[i] == '\r' ? '\n' : source[i];
    }
    if (k && text[k - 1] == '\n') k--;
    text[k] = 0;
    *out = text;
    *out_n = k;
    return LOREC_OK;
}

lorec_err template_lex(tp_memory *m, const char *source, size_t n, bool trim, lexed *out)
{
    *out = (lexed){.line = 1};
    lexer x = {.m = m, .trim = trim, .line_start = true, .line = 1, .out = out};
    const char *text;
    TRY(normalise(m, source, n, &text, &n));
    x.p = text;
    x.end = text + n;
    while (x.p < x.end) {
        const char *at = next_tag(x.p, x.end);
        char sign = x.end - at > 2 ? at[2] : 0;
        if (at < x.end && at[1] == '{' && sign == '+') sign = 0;
        TRY(data(&x, at, at < x.end && (sign == '-' || sign == '+') ? sign : 0, at < x.end && at[1] != '{'));
        if (at < x.end) TRY(tag(&x));
    }
    return emit(&x, (token){.kind = TOKEN_END});
}
