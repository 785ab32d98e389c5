/* Operations on strings that filters and methods share; each byte keeps its origin. */
#include <utf8proc.h>

#include "text/template/eval.h"

static bool stripped(int32_t c, const tp_string *chars)
{
    if (!chars) return tp_space(c);
    for (size_t i = 0, len; i < chars->n; i += len) {
        if (tp_point(chars, i, &len) == c) return true;
    }
    return false;
}

lorec_err tp_strip(tp_eval *e, const tp_string *s, const tp_string *chars, int sides, tp_value *out)
{
    size_t begin = 0, end = s->n, len;
    if (chars && chars->n > 1000) return err_set(LOREC_INPUT, "strip of more than 1000 characters");
    while (sides & 1 && begin < end && stripped(tp_point(s, begin, &len), chars)) begin += len;
    while (sides & 2 && end > begin) {
        size_t at = end - 1;
        while (at > begin && ((unsigned char)s->p[at] & 0xC0) == 0x80) at--;
        if (!stripped(tp_point(s, at, NULL), chars)) break;
        end = at;
    }
    return tp_part(&e->m, s, begin, end, out);
}

lorec_err tp_replace(tp_eval *e, const tp_string *s, const tp_string *old, const tp_string *to, int64_t count,
                     tp_value *out)
{
    tp_builder b = {.m = &e->m};
    size_t at = 0;
    if (old->n == 0) { /* between all characters, as Python */
        for (size_t len; at < s->n && count != 0; at += len, count--) {
            TRY(tp_add(&b, to));
            tp_point(s, at, &len);
            TRY(tp_add_part(&b, s, at, at + len));
        }
        if (count != 0) TRY(tp_add(&b, to));
        TRY(tp_add_part(&b, s, at, s->n));
        return tp_finish(&b, out);
    }
    for (const char *hit; count != 0 && at < s->n && (hit = memmem(s->p + at, s->n - at, old->p, old->n)); count--) {
        size_t place = (size_t)(hit - s->p);
        TRY(tp_work(&e->m, 1));
        TRY(tp_add_part(&b, s, at, place));
        TRY(tp_add(&b, to));
        at = place + old->n;
    }
    TRY(tp_add_part(&b, s, at, s->n));
    return tp_finish(&b, out);
}

static lorec_err add_point(tp_builder *b, const tp_string *s, size_t i, size_t len, int32_t was, int32_t is)
{
    if (was == is) return tp_add_part(b, s, i, i + len);
    utf8proc_uint8_t e[4];
    utf8proc_ssize_t n = utf8proc_encode_char(is, e);
    return tp_add_text(b, (const char *)e, (size_t)n, tp_trusted(s, i));
}

/* Python's str.title begins a word after anything that is no letter; Jinja's filter after blanks and brackets: the caller
 * chooses by CASE_TITLE (str.title) or by splitting itself. Upper case of sharp s is "SS". */
lorec_err tp_recase(tp_eval *e, const tp_string *s, tp_case how, tp_value *out)
{
    tp_builder b = {.m = &e->m};
    bool inside = false;
    size_t len;
    for (size_t i = 0; i < s->n; i += len) {
        int32_t c = tp_point(s, i, &len), to = c;
        utf8proc_category_t kind = utf8proc_category(c);
        bool cased = kind == UTF8PROC_CATEGORY_LU || kind == UTF8PROC_CATEGORY_LL || kind == UTF8PROC_CATEGORY_LT;
        if (how == CASE_UPPER || (how == CASE_SWAP && kind == UTF8PROC_CATEGORY_LL)) {
            if (c == 0xDF) {
                TRY(tp_add_text(&b, "SS", 2, tp_trusted(s, i)));
                continue;
            }
            to = utf8proc_toupper(c);
        } else if (how == CASE_LOWER || how == CASE_SWAP || inside)
            to = utf8proc_tolower(c);
        else
            to = utf8proc_totitle(c);
        inside = how == CASE_CAPITALIZE || cased;
        TRY(add_point(&b, s, i, len, c, to));
    }
    return tp_finish(&b, out);
}

lorec_err tp_join(tp_eval *e, const tp_list *l, const tp_string *between, const char *attribute, tp_value *out)
{
    tp_builder b = {.m = &e->m};
    for (size_t i = 0; i < l->n; i++) {
        tp_value v = l->item[i];
        if (i) TRY(tp_add(&b, between));
        if (attribute) TRY(tp_attribute(e, v, attribute, &v));
        TRY(tp_str(&b, v, false));
    }
    return tp_finish(&b, out);
}
