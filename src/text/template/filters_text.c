/* Filters that give a text or a number. A row: name, function, fewest and most arguments, their names. */
#include <math.h>
#include <stdlib.h>

#include "text/template/eval.h"

#define FILTER(name_)                                                                                                  \
    static lorec_err name_(__attribute__((unused)) tp_eval *e, tp_value in, __attribute__((unused)) const tp_args *a,  \
                           tp_value *out)
#define SELF(name_) (tp_filter_find(name_))

static lorec_err text_arg(tp_eval *e, const tp_args *a, const tp_row *row, size_t i, const char *fallback,
                          const tp_string **out)
{
    tp_value v;
    if (!tp_arg(a, row, i, &v)) TRY(tp_text(&e->m, fallback, strlen(fallback), true, &v));
    return tp_as_string(e, v, out);
}

FILTER(trim)
{
    const tp_string *s, *chars = NULL;
    tp_value v;
    TRY(tp_as_string(e, in, &s));
    if (tp_arg(a, SELF("trim"), 0, &v) && v.kind != TP_NONE) TRY(tp_as_string(e, v, &chars));
    return tp_strip(e, s, chars, 3, out);
}

FILTER(upper)
{
    const tp_string *s;
    TRY(tp_as_string(e, in, &s));
    return tp_recase(e, s, CASE_UPPER, out);
}

FILTER(lower)
{
    const tp_string *s;
    TRY(tp_as_string(e, in, &s));
    return tp_recase(e, s, CASE_LOWER, out);
}

FILTER(capitalize)
{
    const tp_string *s;
    TRY(tp_as_string(e, in, &s));
    return tp_recase(e, s, CASE_CAPITALIZE, out);
}

/* Words begin after blanks, "-" and opening brackets, so that "it's" becomes "It's". */
FILTER(title)
{
    const tp_string *s;
    tp_builder b = {.m = &e->m};
    TRY(tp_as_string(e, in, &s));
    for (size_t i = 0, word = 0, len; i <= s->n; i += len) {
        int32_t c = i < s->n ? tp_point(s, i, &len) : ' ';
        if (i == s->n) len = 1;
        if (!tp_space(c) && !(c < 0x80 && strchr("-({[<", c))) continue;
        tp_value part;
        TRY(tp_part(&e->m, s, word, i, &part));
        TRY(tp_recase(e, part.s, CASE_CAPITALIZE, &part));
        TRY(tp_add(&b, part.s));
        if (i < s->n) TRY(tp_add_part(&b, s, i, i + len));
        word = i + len;
    }
    return tp_finish(&b, out);
}

FILTER(replace)
{
    const tp_row *row = SELF("replace");
    const tp_string *s, *old, *to;
    int64_t count;
    TRY(tp_as_string(e, in, &s));
    TRY(text_arg(e, a, row, 0, "", &old));
    TRY(text_arg(e, a, row, 1, "", &to));
    TRY(tp_arg_whole(a, row, 2, -1, &count));
    return tp_replace(e, s, old, to, count, out);
}

FILTER(string)
{
    if (in.kind == TP_STRING) {
        *out = in;
        return LOREC_OK;
    }
    tp_builder b = {.m = &e->m};
    TRY(tp_str(&b, in, false));
    return tp_finish(&b, out);
}

FILTER(escape)
{
    const tp_string *s;
    tp_builder b = {.m = &e->m};
    TRY(tp_as_string(e, in, &s));
    for (size_t i = 0; i < s->n; i++) {
        char c = s->p[i];
        const char *to = c == '&'    ? "&amp;"
                         : c == '<'  ? "&lt;"
                         : c == '>'  ? "&gt;"
                         : c == '"'  ? "&#34;"
                         : c == '\'' ? "&#39;"
                                     : NULL;
        TRY(to ? tp_add_text(&b, to, strlen(to), tp_trusted(s, i)) : tp_add_part(&b, s, i, i + 1));
    }
    return tp_finish(&b, out);
}

FILTER(tojson)
{
    const tp_row *row = SELF("tojson");
    tp_json_form form = {.indent = -1};
    tp_value v;
    int64_t indent;
    if (tp_arg(a, row, 0, &v)) form.ascii = tp_true(v);
    TRY(tp_arg_whole(a, row, 1, -1, &indent));
    form.indent = indent > 64 ? 64 : (int)(indent < -1 ? -1 : indent);
    if (tp_arg(a, row, 2, &v) && v.kind == TP_LIST && v.list->n == 2) {
        tp_builder pair[2] = {{.m = &e->m}, {.m = &e->m}};
        for (size_t i = 0; i < 2; i++) {
            TRY(tp_str(&pair[i], v.list->item[i], false));
            TRY(tp_add_text(&pair[i], "", 1, true));
        }
        form.item_separator = pair[0].p;
        form.key_separator = pair[1].p;
    }
    if (tp_arg(a, row, 3, &v)) form.sort_keys = tp_true(v);
    tp_builder b = {.m = &e->m};
    TRY(tp_json(&b, in, &form, 0));
    return tp_finish(&b, out);
}

FILTER(indent)
{
    const tp_row *row = SELF("indent");
    const tp_string *s, *by;
    tp_value v;
    int64_t width = 4;
    tp_builder b = {.m = &e->m}, blank = {.m = &e->m};
    TRY(tp_as_string(e, in, &s));
    bool given = tp_arg(a, row, 0, &v);
    if (given && v.kind == TP_STRING) {
        by = v.s;
    } else {
        if (given && (!tp_whole(v, &width) || width < 0 || width > 1000))
            return err_set(LOREC_INPUT, "indent by a number from 0 to 1000, or by a text");
        for (int64_t i = 0; i < width; i++) TRY(tp_add_text(&blank, " ", 1, true));
        TRY(tp_finish(&blank, &v));
        by = v.s;
    }
    bool first = tp_arg(a, row, 1, &v) && tp_true(v), blanks = tp_arg(a, row, 2, &v) && tp_true(v);
    for (size_t i = 0; i < s->n;) {
        const char *newline = memchr(s->p + i, '\n', s->n - i);
        size_t end = newline ? (size_t)(newline - s->p) : s->n;
        if (i == 0 ? first : blanks || end > i) TRY(tp_add(&b, by));
        end = newline ? end + 1 : end;
        TRY(tp_add_part(&b, s, i, end));
        i = end;
    }
    return tp_finish(&b, out);
}

FILTER(truncate)
{
    const tp_row *row = SELF("truncate");
    const tp_string *s, *dots;
    int64_t length, leeway;
    tp_value v;
    TRY(tp_as_string(e, in, &s));
    TRY(tp_arg_whole(a, row, 0, 255, &length));
    bool kill = tp_arg(a, row, 1, &v) && tp_true(v);
    TRY(text_arg(e, a, row, 2, "...", &dots));
    TRY(tp_arg_whole(a, row, 3, 5, &leeway));
    int64_t n = (int64_t)tp_points(s), keep = length - (int64_t)tp_points(dots);
    *out = TP(TP_STRING, .s = s);
    if (keep < 0) return err_set(LOREC_INPUT, "truncate to fewer characters than the end mark has");
    if (n <= length + leeway) return LOREC_OK;
    size_t end = tp_offset(s, (size_t)keep);
    const char *word = kill ? NULL : memrchr(s->p, ' ', end);
    if (word) end = (size_t)(word - s->p);
    tp_builder b = {.m = &e->m};
    TRY(tp_add_part(&b, s, 0, end));
    TRY(tp_add(&b, dots));
    return tp_finish(&b, out);
}

FILTER(center)
{
    const tp_string *s;
    int64_t width;
    TRY(tp_as_string(e, in, &s));
    TRY(tp_arg_whole(a, SELF("center"), 0, 80, &width));
    int64_t room = width - (int64_t)tp_points(s);
    if (room > 10000) return err_set(LOREC_INPUT, "center in more than 10000 characters");
    tp_builder b = {.m = &e->m};
    int64_t left = room > 0 ? room / 2 + (room & width & 1) : 0; /* where Python puts the odd blank */
    for (int64_t i = 0; i < left; i++) TRY(tp_add_text(&b, " ", 1, true));
    TRY(tp_add(&b, s));
    for (int64_t i = left; i < room; i++) TRY(tp_add_text(&b, " ", 1, true));
    return tp_finish(&b, out);
}

FILTER(wordcount)
{
    const tp_string *s;
    int64_t n = 0;
    TRY(tp_as_string(e, in, &s));
    bool inside = false;
    for (size_t i = 0, len; i < s->n; i += len) {
        bool blank = tp_space(tp_point(s, i, &len));
        n += !blank && !inside;
        inside = !blank;
    }
    *out = tp_int(n);
    return LOREC_OK;
}

FILTER(format)
{
    const tp_string *s;
    TRY(tp_as_string(e, in, &s));
    if (!a->named) return tp_format_percent(e, s, a->value, a->n, tp_none(), out);
    tp_value dict;
    TRY(tp_dict_new(&e->m, TP_DICT, &dict));
    for (size_t j = 0; j < a->named; j++) {
        tp_value key;
        TRY(tp_text(&e->m, a->name[j], strlen(a->name[j]), true, &key));
        TRY(tp_dict_set(&e->m, dict.dict, key, a->value[a->n + j]));
    }
    return tp_format_percent(e, s, a->value, a->n, dict, out);
}

/* ---- numbers ------------------------------------------------------------------------------------------------------- */

FILTER(to_int)
{
    const tp_row *row = SELF("int");
    tp_value fallback = tp_int(0);
    int64_t base, i;
    double f;
    tp_arg(a, row, 0, &fallback);
    TRY(tp_arg_whole(a, row, 1, 10, &base));
    *out = fallback;
    if (tp_whole(in, &i)) *out = tp_int(i);
    if (in.kind == TP_REAL && in.f > -9.2e18 && in.f < 9.2e18) *out = tp_int((int64_t)in.f);
    if (in.kind != TP_STRING || base < 2 || base > 36 || in.s->n > 60) return LOREC_OK;
    char text[64], *end;
    slice s = slice_trim((slice){in.s->p, in.s->n});
    snprintf(text, sizeof text, "%.*s", (int)s.n, s.p);
    long long value = strtoll(text, &end, (int)base);
    if (s.n && *end == 0)
        *out = tp_int(value);
    else if (slice_to_f64(s, &f) && f > -9.2e18 && f < 9.2e18)
        *out = tp_int((int64_t)f);
    return LOREC_OK;
}

FILTER(to_float)
{
    tp_value fallback = TP(TP_REAL, .f = 0);
    double f;
    tp_arg(a, SELF("float"), 0, &fallback);
    bool ok = tp_number(in, &f) || (in.kind == TP_STRING && slice_to_f64(slice_trim((slice){in.s->p, in.s->n}), &f));
    *out = ok ? TP(TP_REAL, .f = f) : fallback;
    return LOREC_OK;
}

FILTER(absolute)
{
    double f;
    if (!tp_number(in, &f)) return err_set(LOREC_INPUT, "abs of a %s", tp_kind_name(in));
    *out = in;
    return f < 0 ? tp_binary(e, '-', tp_int(0), in, out) : LOREC_OK;
}

FILTER(rounded)
{
    const tp_row *row = SELF("round");
    int64_t digits;
    double f;
    tp_value how;
    if (!tp_number(in, &f)) return err_set(LOREC_INPUT, "round of a %s", tp_kind_name(in));
    TRY(tp_arg_whole(a, row, 0, 0, &digits));
    *out = in;
    if (in.kind != TP_REAL && digits >= 0 && a->named + a->n < 2) return LOREC_OK;
    if (digits < -300 || digits > 300) return err_set(LOREC_INPUT, "round to more digits than a number has");
    if (tp_arg(a, row, 1, &how) && !tp_is(how, "common")) {
        double scale = pow(10, (double)digits);
        *out = TP(TP_REAL, .f = (tp_is(how, "ceil") ? ceil(f * scale) : floor(f * scale)) / scale);
        return LOREC_OK;
    }
    char text[400];
    if (digits >= 0 && digits < 20) { /* correctly rounded, ties to even, as Python */
        snprintf(text, sizeof text, "%.*f", (int)digits, f);
        f = strtod(text, NULL);
    } else if (digits < 0) {
        double scale = pow(10, (double)-digits);
        f = rint(f / scale) * scale;
    }
    *out = TP(TP_REAL, .f = f);
    return LOREC_OK;
}

FILTER(same)
{
    *out = in;
    return LOREC_OK;
}

const tp_row tp_text_filters[] = {
    {"trim", trim, 0, 1, "chars"},
    {"upper", upper, 0, 0, NULL},
    {"lower", lower, 0, 0, NULL},
    {"capitalize", capitalize, 0, 0, NULL},
    {"title", title, 0, 0, NULL},
    {"replace", replace, 2, 3, "old,new,count"},
    {"string", string, 0, 0, NULL},
    {"escape", escape, 0, 0, NULL},
    {"e", escape, 0, 0, NULL},
    {"safe", same, 0, 0, NULL},
    {"tojson", tojson, 0, 4, "ensure_ascii,indent,separators,sort_keys"},
    {"indent", indent, 0, 3, "width,first,blank"},
    {"truncate", truncate, 0, 4, "length,killwords,end,leeway"},
    {"center", center, 0, 1, "width"},
    {"wordcount", wordcount, 0, 0, NULL},
    {"format", format, 0, 99, "*"},
    {"int", to_int, 0, 2, "default,base"},
    {"float", to_float, 0, 1, "default"},
    {"abs", absolute, 0, 0, NULL},
    {"round", rounded, 0, 2, "precision,method"},
};
const size_t tp_n_text_filters = sizeof tp_text_filters / sizeof *tp_text_filters;
