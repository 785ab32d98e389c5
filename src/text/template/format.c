/* "%s of %d" % values, and "{} of {n:.2f}".format(values). */
#include <utf8proc.h>

#include "text/template/eval.h"

typedef struct spec {
    char fill, align, sign, kind;
    bool zero, comma, alternate;
    int width, precision; /* -1: none */
} spec;

enum { WIDTH_MAX = 1000, PRECISION_MAX = 50 };

static lorec_err pad(tp_builder *b, int n, char fill)
{
    for (int i = 0; i < n; i++) TRY(tp_add_text(b, &fill, 1, true));
    return LOREC_OK;
}

/* Text of `points` characters in a field. */
static lorec_err put(tp_builder *b, const tp_string *s, const spec *f, char default_align)
{
    size_t points = tp_points(s);
    int room = f->width > 0 && (size_t)f->width > points ? f->width - (int)points : 0;
    char align = f->align ? f->align : default_align, fill = f->fill ? f->fill : ' ';
    int left = align == '>' ? room : align == '^' ? room / 2 : 0;
    if (align == '=') { /* zeros between the sign and the digits */
        size_t sign = s->n && (s->p[0] == '-' || s->p[0] == '+' || s->p[0] == ' ');
        TRY(tp_add_part(b, s, 0, sign));
        TRY(pad(b, room, fill));
        return tp_add_part(b, s, sign, s->n);
    }
    TRY(pad(b, left, fill));
    TRY(tp_add(b, s));
    return pad(b, room - left, fill);
}

static lorec_err put_text(tp_eval *e, tp_builder *b, tp_value v, const spec *f, char align)
{
    const tp_string *s;
    TRY(tp_as_string(e, v, &s));
    if (f->precision >= 0) {
        TRY(tp_part(&e->m, s, 0, tp_offset(s, (size_t)f->precision), &v));
        s = v.s;
    }
    return put(b, s, f, align);
}

static void commas(char *text, size_t size)
{
    char out[512];
    size_t n = strlen(text), k = 0, digits = strspn(text + (text[0] == '-' || text[0] == '+'), "0123456789");
    size_t first = text[0] == '-' || text[0] == '+';
    for (size_t i = 0; i < n && k + 2 < sizeof out; i++) {
        if (i > first && i < first + digits && (first + digits - i) % 3 == 0) out[k++] = ',';
        out[k++] = text[i];
    }
    out[k] = 0;
    snprintf(text, size, "%s", out);
}

static lorec_err put_number(tp_eval *e, tp_builder *b, tp_value v, const spec *f)
{
    char text[512], pattern[32];
    int64_t whole;
    double real;
    tp_value made;
    bool integer = tp_whole(v, &whole);
    if (!tp_number(v, &real)) return err_set(LOREC_INPUT, "a %s where a number is formatted", tp_kind_name(v));
    const char *sign = f->sign == '+' ? "+" : f->sign == ' ' ? " " : "";
    if (strchr("diuxXo", f->kind)) {
        if (!integer && !(real > -9e18 && real < 9e18)) return err_set(LOREC_INPUT, "a number beyond 64 bits");
        if (!integer) whole = (int64_t)real;
        const char *word = f->kind == 'x' ? "llx" : f->kind == 'X' ? "llX" : f->kind == 'o' ? "llo" : "lld";
        unsigned long long magnitude = whole < 0 ? 0 - (unsigned long long)whole : (unsigned long long)whole;
        snprintf(pattern, sizeof pattern, "%%s%s%%%s", f->alternate && f->kind == 'x' ? "0x" : "", word);
        snprintf(text, sizeof text, pattern, whole < 0 ? "-" : sign, magnitude);
    } else {
        double value = f->kind == '%' ? real * 100 : real;
        snprintf(pattern, sizeof pattern, "%%%s.*%c%s", sign, f->kind == '%' ? 'f' : f->kind,
                 f->kind == '%' ? "%%" : "");
        snprintf(text, sizeof text, pattern, f->precision >= 0 ? f->precision : 6, value);
    }
    if (f->comma) commas(text, sizeof text);
    spec field = *f;
    if (f->zero && !f->align) {
        field.align = '=';
        field.fill = '0';
    }
    TRY(tp_text(&e->m, text, strlen(text), true, &made));
    return put(b, made.s, &field, '>');
}

static int number(const char **p, const char *end, int max)
{
    int n = 0;
    for (; *p < end && **p >= '0' && **p <= '9'; ++*p)
        if (n <= max) n = n * 10 + (**p - '0');
    return n > max ? max : n;
}

static lorec_err percent_argument(tp_eval *e, const char **p, const char *end, const tp_value *args, size_t n,
                                  size_t *next, tp_value dict, tp_value *out)
{
    (void)args, (void)n, (void)next;
    const char *close = memchr(*p, ')', (size_t)(end - *p));
    if (!close || dict.kind != TP_DICT) return err_set(LOREC_INPUT, "\"%%(name)\" needs a dict of values");
    tp_value key;
    TRY(tp_text(&e->m, *p, (size_t)(close - *p), true, &key));
    *p = close + 1;
    return tp_item(e, dict, key, out);
}

lorec_err tp_format_percent(tp_eval *e, const tp_string *form, const tp_value *args, size_t n, tp_value dict,
                            tp_value *out)
{
    tp_builder b = {.m = &e->m};
    const char *p = form->p, *end = p + form->n;
    size_t next = 0;
    bool by_name = false;
    while (p < end) {
        const char *at = memchr(p, '%', (size_t)(end - p));
        TRY(tp_add_part(&b, form, (size_t)(p - form->p), (size_t)((at ? at : end) - form->p)));
        if (!at) break;
        p = at + 1;
        spec f = {.width = 0, .precision = -1};
        tp_value v = tp_none();
        bool named = p < end && *p == '(';
        if (named) {
            p++;
            TRY(percent_argument(e, &p, end, args, n, &next, dict, &v));
            by_name = true;
        }
        for (; p < end && strchr("-+ 0#", *p); p++) {
            if (*p == '-') f.align = '<';
            if (*p == '+' || *p == ' ') f.sign = *p;
            if (*p == '0') f.zero = true;
            if (*p == '#') f.alternate = true;
        }
        f.width = number(&p, end, WIDTH_MAX);
        if (p < end && *p == '.') {
            p++;
            f.precision = number(&p, end, PRECISION_MAX);
        }
        f.kind = p < end ? *p++ : 0;
        if (f.kind == '%') {
            TRY(tp_add_text(&b, "%", 1, true));
            continue;
        }
        if (!f.kind || !strchr("sradiuxXofFeEgGc", f.kind))
            return err_set(LOREC_INPUT, "a format with a \"%%\" that says nothing");
        if (!named) {
            if (next >= n) return err_set(LOREC_INPUT, "a format asks for more values than there are");
            v = args[next++];
        }
        if (f.kind == 'r' || f.kind == 'a') {
            tp_builder r = {.m = &e->m};
            TRY(tp_str(&r, v, true));
            TRY(tp_finish(&r, &v));
            f.kind = 's';
        }
        int64_t point;
        if (f.kind == 'c' && tp_whole(v, &point)) {
            utf8proc_uint8_t e8[4];
            if (point < 0 || !utf8proc_codepoint_valid((utf8proc_int32_t)point))
                return err_set(LOREC_INPUT, "%%c of a number that is no character");
            utf8proc_ssize_t len = utf8proc_encode_char((utf8proc_int32_t)point, e8);
            TRY(tp_text(&e->m, (const char *)e8, (size_t)len, true, &v));
        }
        if (f.kind == 's' || (f.kind == 'c' && v.kind == TP_STRING))
            TRY(put_text(e, &b, v, &f, '>'));
        else
            TRY(put_number(e, &b, v, &f));
    }
    if (next < n && !by_name && dict.kind != TP_DICT)
        return err_set(LOREC_INPUT, "a format asks for fewer values than there are");
    return tp_finish(&b, out);
}

static bool is_align(char c)
{
    return c == '<' || c == '>' || c == '^' || c == '=';
}

static lorec_err brace_spec(const char *p, const char *end, spec *f)
{
    *f = (spec){.precision = -1};
    if (end - p >= 2 && is_align(p[1])) {
        f->fill = p[0];
        f->align = p[1];
        p += 2;
    } else if (p < end && is_align(*p))
        f->align = *p++;
    if (p < end && (*p == '+' || *p == ' ' || *p == '-')) f->sign = *p++;
    if (p < end && *p == '#') f->alternate = *p++;
    if (p < end && *p == '0') f->zero = *p++;
    f->width = number(&p, end, WIDTH_MAX);
    if (p < end && *p == ',') f->comma = *p++;
    if (p < end && *p == '.') {
        p++;
        f->precision = number(&p, end, PRECISION_MAX);
    }
    if (p < end) f->kind = *p++;
    if (p != end || (f->kind && !strchr("sdxXofFeEgG%", f->kind)) || (unsigned char)f->fill >= 0x80)
        return err_set(LOREC_INPUT, "a format in braces that can not be read");
    return LOREC_OK;
}

static lorec_err brace_value(tp_eval *e, const tp_args *a, const char *p, const char *end, size_t *next, tp_value *out)
{
    size_t n = 0;
    while (p + n < end && p[n] != '.' && p[n] != '[') n++;
    uint64_t index;
    if (n == 0) {
        index = (*next)++;
    } else if (!slice_to_u64((slice){p, n}, &index)) {
        index = SIZE_MAX;
        for (size_t j = 0; j < a->named; j++) {
            if (slice_is((slice){p, n}, a->name[j])) index = a->n + j;
        }
    } else if (index >= a->n)
        index = SIZE_MAX;
    if (index >= a->n + a->named || (n == 0 && index >= a->n))
        return err_set(LOREC_INPUT, "format() has no value for \"{%.*s}\"", (int)(n < 40 ? n : 40), p);
    *out = a->value[index];
    for (p += n; p < end;) {
        bool bracket = *p == '[';
        const char *stop = ++p;
        while (stop < end && (bracket ? *stop != ']' : *stop != '.' && *stop != '[')) stop++;
        tp_value key;
        int64_t i;
        if (bracket && slice_to_i64((slice){p, (size_t)(stop - p)}, &i))
            key = tp_int(i);
        else
            TRY(tp_text(&e->m, p, (size_t)(stop - p), true, &key));
        TRY(tp_item(e, *out, key, out));
        p = stop + (bracket && stop < end);
    }
    return LOREC_OK;
}

lorec_err tp_format_braces(tp_eval *e, const tp_string *form, const tp_row *row, const tp_args *a, tp_value *out)
{
    (void)row;
    tp_builder b = {.m = &e->m};
    size_t next = 0;
    for (size_t i = 0; i < form->n;) {
        char c = form->p[i];
        if ((c == '{' || c == '}') && i + 1 < form->n && form->p[i + 1] == c) {
            TRY(tp_add_part(&b, form, i, i + 1));
            i += 2;
            continue;
        }
        if (c == '}') return err_set(LOREC_INPUT, "format() of a text with a single \"}\"");
        if (c != '{') {
            TRY(tp_add_part(&b, form, i, i + 1));
            i++;
            continue;
        }
        const char *begin = form->p + i + 1, *end = memchr(begin, '}', form->n - i - 1);
        if (!end) return err_set(LOREC_INPUT, "format() of a text whose \"{\" does not end");
        const char *colon = memchr(begin, ':', (size_t)(end - begin)), *name_end = colon ? colon : end;
        const char *bang = memchr(begin, '!', (size_t)(name_end - begin));
        spec f;
        tp_value v;
        TRY(brace_spec(colon ? colon + 1 : end, end, &f));
        TRY(brace_value(e, a, begin, bang ? bang : name_end, &next, &v));
        if (bang && bang + 1 < name_end && bang[1] == 'r') {
            tp_builder r = {.m = &e->m};
            TRY(tp_str(&r, v, true));
            TRY(tp_finish(&r, &v));
        }
        double unused;
        bool numeric = tp_number(v, &unused) && v.kind != TP_BOOL;
        if (!f.kind && numeric && (f.comma || f.precision >= 0 || f.sign || f.zero))
            f.kind = v.kind == TP_REAL ? (f.precision >= 0 ? 'g' : 'f') : 'd';
        if (f.kind && f.kind != 's')
            TRY(put_number(e, &b, v, &f));
        else
            TRY(put_text(e, &b, v, &f, numeric ? '>' : '<'));
        i = (size_t)(end - form->p) + 1;
    }
    return tp_finish(&b, out);
}
