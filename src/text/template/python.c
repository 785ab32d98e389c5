/* What Python makes of values: truth, equality, order, and their text. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/template/value.h"

const char *tp_kind_name(tp_value v)
{
    static const char *const names[] = {"undefined value", "None", "bool",    "int", "float", "string", "list", "dict",
                                        "namespace",       "loop", "function"};
    return v.kind == TP_LIST && v.list->tuple ? "tuple" : names[v.kind];
}

bool tp_true(tp_value v)
{
    switch (v.kind) {
    case TP_UNDEFINED:
    case TP_NONE:
        return false;
    case TP_BOOL:
        return v.b;
    case TP_INT:
        return v.i != 0;
    case TP_REAL:
        return v.f != 0;
    case TP_STRING:
        return v.s->n > 0;
    case TP_LIST:
        return v.list->n > 0;
    case TP_DICT:
        return v.dict->n > 0;
    default:
        return true;
    }
}

bool tp_whole(tp_value v, int64_t *out)
{
    if (v.kind == TP_INT) *out = v.i;
    if (v.kind == TP_BOOL) *out = v.b;
    return v.kind == TP_INT || v.kind == TP_BOOL;
}

bool tp_number(tp_value v, double *out)
{
    int64_t whole;
    if (v.kind == TP_REAL)
        *out = v.f;
    else if (tp_whole(v, &whole))
        *out = (double)whole;
    else
        return false;
    return true;
}

/* ---- equality and order -------------------------------------------------------------------------------------------- */

static lorec_err deeper(tp_memory *m)
{
    if (++m->depth <= TP_DEPTH_MAX) return LOREC_OK;
    return err_set(LOREC_INPUT, "values nested more than %d deep", TP_DEPTH_MAX);
}

static lorec_err equal_lists(tp_memory *m, const tp_list *a, const tp_list *b, bool *out)
{
    *out = a->n == b->n && a->tuple == b->tuple;
    for (size_t i = 0; i < a->n && *out; i++) TRY(tp_equal(m, a->item[i], b->item[i], out));
    return LOREC_OK;
}

static lorec_err equal_dicts(tp_memory *m, const tp_dict *a, const tp_dict *b, bool *out)
{
    *out = a->n == b->n;
    for (size_t i = 0; i < a->n && *out; i++) {
        tp_value other;
        TRY(tp_dict_get(m, b, a->key[i], &other, out));
        if (*out) TRY(tp_equal(m, a->value[i], other, out));
    }
    return LOREC_OK;
}

lorec_err tp_equal(tp_memory *m, tp_value a, tp_value b, bool *out)
{
    TRY(tp_work(m, 1));
    double x, y;
    int64_t i, j;
    if (tp_whole(a, &i) && tp_whole(b, &j)) {
        *out = i == j;
        return LOREC_OK;
    }
    if (tp_number(a, &x) && tp_number(b, &y)) {
        *out = x == y;
        return LOREC_OK;
    }
    *out = false;
    if (a.kind != b.kind) return LOREC_OK;
    switch (a.kind) {
    case TP_UNDEFINED:
    case TP_NONE:
        *out = true;
        return LOREC_OK;
    case TP_STRING:
        *out = a.s->n == b.s->n && memcmp(a.s->p, b.s->p, a.s->n) == 0;
        return tp_work(m, *out ? a.s->n / 64 : 0);
    case TP_LIST:
    case TP_DICT:
        TRY(deeper(m));
        TRY(a.kind == TP_LIST ? equal_lists(m, a.list, b.list, out) : equal_dicts(m, a.dict, b.dict, out));
        m->depth--;
        return LOREC_OK;
    default:
        *out = a.dict == b.dict; /* the same object */
        return LOREC_OK;
    }
}

lorec_err tp_compare(tp_memory *m, tp_value a, tp_value b, int *out)
{
    TRY(tp_work(m, 1));
    double x, y;
    int64_t i, j;
    if (tp_whole(a, &i) && tp_whole(b, &j)) {
        *out = (i > j) - (i < j);
        return LOREC_OK;
    }
    if (tp_number(a, &x) && tp_number(b, &y)) {
        *out = (x > y) - (x < y);
        return LOREC_OK;
    }
    if (a.kind == TP_STRING && b.kind == TP_STRING) { /* UTF-8 keeps the order of code points */
        size_t n = a.s->n < b.s->n ? a.s->n : b.s->n;
        int c = memcmp(a.s->p, b.s->p, n);
        *out = c ? c : (a.s->n > b.s->n) - (a.s->n < b.s->n);
        return tp_work(m, n / 64);
    }
    if (a.kind == TP_LIST && b.kind == TP_LIST) {
        TRY(deeper(m));
        *out = 0;
        for (size_t k = 0; k < a.list->n && k < b.list->n && *out == 0; k++)
            TRY(tp_compare(m, a.list->item[k], b.list->item[k], out));
        if (*out == 0) *out = (a.list->n > b.list->n) - (a.list->n < b.list->n);
        m->depth--;
        return LOREC_OK;
    }
    return err_set(LOREC_INPUT, "a %s and a %s have no order", tp_kind_name(a), tp_kind_name(b));
}

/* ---- text ---------------------------------------------------------------------------------------------------------- */

size_t tp_real_text(char *out, size_t size, double f)
{
    if (isnan(f)) return (size_t)snprintf(out, size, "nan");
    if (isinf(f)) return (size_t)snprintf(out, size, f < 0 ? "-inf" : "inf");
    char e[40];
    int precision = 0; /* the fewest digits that read back as the same number */
    do snprintf(e, sizeof e, "%.*e", precision, f);
    while (strtod(e, NULL) != f && ++precision < 17);
    int exponent = atoi(strchr(e, 'e') + 1);
    if (exponent < -4 || exponent >= 16) { /* 1e+20, 1.5e-07 */
        return (size_t)snprintf(out, size, "%.*se%c%02d", (int)(strchr(e, 'e') - e), e, exponent < 0 ? '-' : '+',
                                abs(exponent));
    }
    int after = precision - exponent;
    return (size_t)snprintf(out, size, "%.*f", after > 0 ? after : 1, f);
}

static lorec_err add_c(tp_builder *b, const char *text)
{
    return tp_add_text(b, text, strlen(text), true);
}

/* repr() of a string: single quotes unless it holds some and no double ones. */
static lorec_err add_quoted(tp_builder *b, const tp_string *s)
{
    bool single = s->n && memchr(s->p, '\'', s->n), twice = s->n && memchr(s->p, '"', s->n);
    const char *quote = single && !twice ? "\"" : "'";
    TRY(add_c(b, quote));
    size_t len;
    for (size_t i = 0; i < s->n; i += len) {
        int32_t c = tp_point(s, i, &len);
        char e[12] = "";
        if (c == '\\' || c == *quote)
            snprintf(e, sizeof e, "\\%c", (char)c);
        else if (c == '\n' || c == '\r' || c == '\t')
            snprintf(e, sizeof e, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
        else if (c < 32 || (c >= 127 && c <= 160) || c == 173)
            snprintf(e, sizeof e, "\\x%02x", (unsigned)c);
        TRY(*e ? tp_add_text(b, e, strlen(e), tp_trusted(s, i)) : tp_add_part(b, s, i, i + len));
    }
    return add_c(b, quote);
}

static lorec_err add_list(tp_builder *b, const tp_list *l)
{
    TRY(add_c(b, l->tuple ? "(" : "["));
    for (size_t i = 0; i < l->n; i++) {
        if (i) TRY(add_c(b, ", "));
        TRY(tp_str(b, l->item[i], true));
    }
    return add_c(b, !l->tuple ? "]" : l->n == 1 ? ",)" : ")");
}

static lorec_err add_dict(tp_builder *b, const tp_dict *d)
{
    TRY(add_c(b, "{"));
    for (size_t i = 0; i < d->n; i++) {
        if (i) TRY(add_c(b, ", "));
        TRY(tp_str(b, d->key[i], true));
        TRY(add_c(b, ": "));
        TRY(tp_str(b, d->value[i], true));
    }
    return add_c(b, "}");
}

lorec_err tp_str(tp_builder *b, tp_value v, bool repr)
{
    char number[64];
    TRY(tp_work(b->m, 1));
    switch (v.kind) {
    case TP_UNDEFINED:
        return add_c(b, repr ? "Undefined" : "");
    case TP_NONE:
        return add_c(b, "None");
    case TP_BOOL:
        return add_c(b, v.b ? "True" : "False");
    case TP_INT:
        snprintf(number, sizeof number, "%lld", (long long)v.i);
        return add_c(b, number);
    case TP_REAL:
        tp_real_text(number, sizeof number, v.f);
        return add_c(b, number);
    case TP_STRING:
        return repr ? add_quoted(b, v.s) : tp_add(b, v.s);
    case TP_LIST:
    case TP_DICT:
        TRY(deeper(b->m));
        TRY(v.kind == TP_LIST ? add_list(b, v.list) : add_dict(b, v.dict));
        b->m->depth--;
        return LOREC_OK;
    default:
        return err_set(LOREC_INPUT, "a %s can not be printed", tp_kind_name(v));
    }
}

/* ---- JSON ---------------------------------------------------------------------------------------------------------- */

static lorec_err json_string_out(tp_builder *b, const tp_string *s, bool ascii)
{
    TRY(add_c(b, "\""));
    size_t len;
    for (size_t i = 0; i < s->n; i += len) {
        int32_t c = tp_point(s, i, &len);
        const char *short_form = c == '"'    ? "\\\""
                                 : c == '\\' ? "\\\\"
                                 : c == '\n' ? "\\n"
                                 : c == '\r' ? "\\r"
                                 : c == '\t' ? "\\t"
                                 : c == '\b' ? "\\b"
                                 : c == '\f' ? "\\f"
                                             : NULL;
        char e[16];
        if (!short_form && c >= 32 && (c < 127 || !ascii)) {
            TRY(tp_add_part(b, s, i, i + len));
            continue;
        }
        if (short_form)
            snprintf(e, sizeof e, "%s", short_form);
        else if (c < 0x10000)
            snprintf(e, sizeof e, "\\u%04x", (unsigned)c);
        else
            snprintf(e, sizeof e, "\\u%04x\\u%04x", 0xD800u + (((unsigned)c - 0x10000) >> 10),
                     0xDC00u + (((unsigned)c - 0x10000) & 0x3FF));
        TRY(tp_add_text(b, e, strlen(e), tp_trusted(s, i)));
    }
    return add_c(b, "\"");
}

static lorec_err json_break(tp_builder *b, const tp_json_form *form, int depth)
{
    if (form->indent < 0) return LOREC_OK;
    TRY(add_c(b, "\n"));
    for (int i = 0; i < form->indent * depth; i++) TRY(add_c(b, " "));
    return LOREC_OK;
}

static lorec_err json_key(tp_builder *b, tp_value key, bool ascii)
{
    if (key.kind == TP_STRING) return json_string_out(b, key.s, ascii);
    if (key.kind > TP_STRING || key.kind == TP_UNDEFINED)
        return err_set(LOREC_INPUT, "a %s can not be a key in JSON", tp_kind_name(key));
    TRY(add_c(b, "\""));
    TRY(tp_json(b, key, &(tp_json_form){.indent = -1}, 0));
    return add_c(b, "\"");
}

/* The order in which a dict's keys are written: as inserted, or sorted. */
static lorec_err key_order(tp_memory *m, const tp_dict *d, bool sorted, size_t **out)
{
    TRY(tp_alloc(m, d->n, out));
    for (size_t i = 0; i < d->n; i++) {
        size_t at = i;
        for (int c; sorted && at > 0; at--) {
            TRY(tp_compare(m, d->key[(*out)[at - 1]], d->key[i], &c));
            if (c <= 0) break;
            (*out)[at] = (*out)[at - 1];
        }
        (*out)[at] = i;
    }
    return LOREC_OK;
}

static lorec_err json_dict(tp_builder *b, const tp_dict *d, const tp_json_form *form, int depth)
{
    const char *between = form->item_separator ? form->item_separator : form->indent < 0 ? ", " : ",";
    size_t *order;
    TRY(key_order(b->m, d, form->sort_keys, &order));
    TRY(add_c(b, "{"));
    for (size_t i = 0; i < d->n; i++) {
        if (i) TRY(add_c(b, between));
        TRY(json_break(b, form, depth + 1));
        TRY(json_key(b, d->key[order[i]], form->ascii));
        TRY(add_c(b, form->key_separator ? form->key_separator : ": "));
        TRY(tp_json(b, d->value[order[i]], form, depth + 1));
    }
    if (d->n) TRY(json_break(b, form, depth));
    return add_c(b, "}");
}

static lorec_err json_list(tp_builder *b, const tp_list *l, const tp_json_form *form, int depth)
{
    const char *between = form->item_separator ? form->item_separator : form->indent < 0 ? ", " : ",";
    TRY(add_c(b, "["));
    for (size_t i = 0; i < l->n; i++) {
        if (i) TRY(add_c(b, between));
        TRY(json_break(b, form, depth + 1));
        TRY(tp_json(b, l->item[i], form, depth + 1));
    }
    if (l->n) TRY(json_break(b, form, depth));
    return add_c(b, "]");
}

lorec_err tp_json(tp_builder *b, tp_value v, const tp_json_form *form, int depth)
{
    if (depth > TP_DEPTH_MAX) return err_set(LOREC_INPUT, "values nested more than %d deep", TP_DEPTH_MAX);
    TRY(tp_work(b->m, 1));
    switch (v.kind) {
    case TP_NONE:
        return add_c(b, "null");
    case TP_BOOL:
        return add_c(b, v.b ? "true" : "false");
    case TP_INT:
        return tp_str(b, v, false);
    case TP_REAL:
        if (isfinite(v.f)) return tp_str(b, v, false);
        return add_c(b, isnan(v.f) ? "NaN" : v.f > 0 ? "Infinity" : "-Infinity");
    case TP_STRING:
        return json_string_out(b, v.s, form->ascii);
    case TP_LIST:
        return json_list(b, v.list, form, depth);
    case TP_DICT:
        return json_dict(b, v.dict, form, depth);
    default:
        return err_set(LOREC_INPUT, "a %s can not be written as JSON", tp_kind_name(v));
    }
}
