/* Methods of strings. */
#include <utf8proc.h>

#include "text/template/eval.h"

#define METHOD(name_)                                                                                                  \
    static lorec_err name_(__attribute__((unused)) tp_eval *e, tp_value in, __attribute__((unused)) const tp_args *a,  \
                           tp_value *out)

static lorec_err string_at(const tp_args *a, size_t i, const char *what, const tp_string **out)
{
    *out = NULL;
    if (i >= a->n || a->value[i].kind == TP_NONE) return LOREC_OK;
    if (a->value[i].kind != TP_STRING)
        return err_set(LOREC_INPUT, "%s() needs a string, not a %s", what, tp_kind_name(a->value[i]));
    *out = a->value[i].s;
    return LOREC_OK;
}

static lorec_err strip_some(tp_eval *e, tp_value in, const tp_args *a, int sides, tp_value *out)
{
    const tp_string *chars;
    TRY(string_at(a, 0, "strip", &chars));
    return tp_strip(e, in.s, chars, sides, out);
}

METHOD(strip)
{
    return strip_some(e, in, a, 3, out);
}
METHOD(lstrip)
{
    return strip_some(e, in, a, 1, out);
}
METHOD(rstrip)
{
    return strip_some(e, in, a, 2, out);
}

METHOD(upper)
{
    return tp_recase(e, in.s, CASE_UPPER, out);
}
METHOD(lower)
{
    return tp_recase(e, in.s, CASE_LOWER, out);
}
METHOD(title)
{
    return tp_recase(e, in.s, CASE_TITLE, out);
}
METHOD(capitalize)
{
    return tp_recase(e, in.s, CASE_CAPITALIZE, out);
}
METHOD(swapcase)
{
    return tp_recase(e, in.s, CASE_SWAP, out);
}

/* ---- finding ------------------------------------------------------------------------------------------------------- */

static bool fits(const tp_string *s, const tp_string *with, bool end)
{
    return with->n <= s->n && memcmp(end ? s->p + s->n - with->n : s->p, with->p, with->n) == 0;
}

static lorec_err fits_any(tp_value in, const tp_args *a, bool end, tp_value *out)
{
    tp_value v = a->value[0];
    bool yes = false;
    if (v.kind == TP_STRING)
        yes = fits(in.s, v.s, end);
    else if (v.kind == TP_LIST)
        for (size_t i = 0; i < v.list->n; i++)
            yes = yes || (v.list->item[i].kind == TP_STRING && fits(in.s, v.list->item[i].s, end));
    else
        return err_set(LOREC_INPUT, "%s() needs a string, not a %s", end ? "endswith" : "startswith", tp_kind_name(v));
    *out = tp_bool(yes);
    return LOREC_OK;
}

METHOD(startswith)
{
    return fits_any(in, a, false, out);
}
METHOD(endswith)
{
    return fits_any(in, a, true, out);
}

/* The last place of `what`, or NULL: the obvious search, which pays for what it may compare. */
static lorec_err find_last(tp_eval *e, const char *p, size_t n, const tp_string *what, const char **out)
{
    *out = NULL;
    size_t cost;
    if (!size_mul(n, what->n, &cost)) cost = SIZE_MAX;
    TRY(tp_work(&e->m, cost / 256));
    for (size_t i = n < what->n ? 0 : n - what->n + 1; i-- > 0;) {
        if (memcmp(p + i, what->p, what->n) != 0) continue;
        *out = p + i;
        return LOREC_OK;
    }
    return LOREC_OK;
}

static lorec_err find_place(tp_eval *e, tp_value in, const tp_args *a, bool last, tp_value *out)
{
    const tp_string *what;
    TRY(string_at(a, 0, "find", &what));
    if (!what) return err_set(LOREC_INPUT, "find() needs a string");
    const char *hit = NULL;
    if (last)
        TRY(find_last(e, in.s->p, in.s->n, what, &hit));
    else
        hit = memmem(in.s->p, in.s->n, what->p, what->n);
    tp_string before = {.p = in.s->p, .n = hit ? (size_t)(hit - in.s->p) : 0};
    *out = tp_int(hit ? (int64_t)tp_points(&before) : -1);
    return LOREC_OK;
}

METHOD(find)
{
    return find_place(e, in, a, false, out);
}
METHOD(rfind)
{
    return find_place(e, in, a, true, out);
}
METHOD(index_of)
{
    TRY(find_place(e, in, a, false, out));
    return out->i < 0 ? err_set(LOREC_INPUT, "index(): the text is not found") : LOREC_OK;
}

METHOD(count)
{
    const tp_string *what;
    TRY(string_at(a, 0, "count", &what));
    if (!what) return err_set(LOREC_INPUT, "count() needs a string");
    int64_t n = what->n ? 0 : (int64_t)tp_points(in.s) + 1;
    for (size_t at = 0; what->n && at < in.s->n; n++) {
        const char *hit = memmem(in.s->p + at, in.s->n - at, what->p, what->n);
        if (!hit) break;
        TRY(tp_work(&e->m, 1));
        at = (size_t)(hit - in.s->p) + what->n;
    }
    *out = tp_int(n);
    return LOREC_OK;
}

METHOD(replace)
{
    const tp_string *old, *to;
    int64_t count = -1;
    TRY(string_at(a, 0, "replace", &old));
    TRY(string_at(a, 1, "replace", &to));
    if (!old || !to) return err_set(LOREC_INPUT, "replace() needs two strings");
    if (a->n > 2 && !tp_whole(a->value[2], &count)) return err_set(LOREC_INPUT, "replace() counts in whole numbers");
    return tp_replace(e, in.s, old, to, count, out);
}

static lorec_err remove_fix(tp_eval *e, tp_value in, const tp_args *a, bool end, tp_value *out)
{
    const tp_string *what;
    TRY(string_at(a, 0, "removeprefix", &what));
    if (!what || !fits(in.s, what, end)) {
        *out = in;
        return LOREC_OK;
    }
    return tp_part(&e->m, in.s, end ? 0 : what->n, end ? in.s->n - what->n : in.s->n, out);
}

METHOD(removeprefix)
{
    return remove_fix(e, in, a, false, out);
}
METHOD(removesuffix)
{
    return remove_fix(e, in, a, true, out);
}

/* ---- cutting ------------------------------------------------------------------------------------------------------- */

static lorec_err push_part(tp_eval *e, tp_items *l, const tp_string *s, size_t begin, size_t end)
{
    tp_value part;
    TRY(tp_work(&e->m, 1));
    TRY(tp_part(&e->m, s, begin, end, &part));
    return tp_push(l, part);
}

/* Without a separator: at runs of blanks, and none at the ends. */
static lorec_err split_blanks(tp_eval *e, const tp_string *s, int64_t max, tp_items *l)
{
    size_t i = 0, len;
    for (;;) {
        while (i < s->n && tp_space(tp_point(s, i, &len))) i += len;
        if (i >= s->n) return LOREC_OK;
        size_t begin = i;
        if (max >= 0 && (int64_t)l->n >= max) { /* the rest, less the blanks at its end */
            tp_string rest = {s->p + begin, s->n - begin, s->origin ? s->origin + begin : NULL, s->trusted};
            tp_value v;
            TRY(tp_strip(e, &rest, NULL, 2, &v));
            return tp_push(l, v);
        }
        while (i < s->n && !tp_space(tp_point(s, i, &len))) i += len;
        TRY(push_part(e, l, s, begin, i));
    }
}

static lorec_err cut_arguments(const tp_args *a, const tp_string **by, int64_t *max)
{
    static const tp_row row = {.name = "split", .params = "sep,maxsplit"};
    tp_value v = tp_none();
    tp_arg(a, &row, 0, &v);
    *by = v.kind == TP_STRING ? v.s : NULL;
    if ((v.kind != TP_STRING && v.kind != TP_NONE) || (*by && (*by)->n == 0))
        return err_set(LOREC_INPUT, "split() needs a string of at least one character");
    return tp_arg_whole(a, &row, 1, -1, max);
}

METHOD(split)
{
    const tp_string *by, *s = in.s;
    int64_t max;
    tp_items l = {.m = &e->m};
    TRY(cut_arguments(a, &by, &max));
    if (!by) {
        TRY(split_blanks(e, s, max, &l));
        return tp_list_of(&l, false, out);
    }
    size_t at = 0;
    for (const char *hit; (max < 0 || (int64_t)l.n < max) && (hit = memmem(s->p + at, s->n - at, by->p, by->n));) {
        TRY(push_part(e, &l, s, at, (size_t)(hit - s->p)));
        at = (size_t)(hit - s->p) + by->n;
    }
    TRY(push_part(e, &l, s, at, s->n));
    return tp_list_of(&l, false, out);
}

METHOD(rsplit)
{
    const tp_string *by, *s = in.s;
    int64_t max;
    tp_items back = {.m = &e->m}, l = {.m = &e->m};
    TRY(cut_arguments(a, &by, &max));
    if (max < 0 || !by) return split(e, in, a, out);
    size_t end = s->n;
    while ((int64_t)back.n < max) {
        const char *hit;
        TRY(find_last(e, s->p, end, by, &hit));
        if (!hit) break;
        TRY(push_part(e, &back, s, (size_t)(hit - s->p) + by->n, end));
        end = (size_t)(hit - s->p);
    }
    TRY(push_part(e, &back, s, 0, end));
    for (size_t i = back.n; i-- > 0;) TRY(tp_push(&l, back.item[i]));
    return tp_list_of(&l, false, out);
}

METHOD(splitlines)
{
    const tp_string *s = in.s;
    bool keep = a->n && tp_true(a->value[0]);
    tp_items l = {.m = &e->m};
    for (size_t i = 0; i < s->n;) {
        size_t end = i;
        while (end < s->n && s->p[end] != '\n' && s->p[end] != '\r') end++;
        size_t next = end + (end < s->n) + (end + 1 < s->n && s->p[end] == '\r' && s->p[end + 1] == '\n');
        TRY(push_part(e, &l, s, i, keep ? next : end));
        i = next;
    }
    return tp_list_of(&l, false, out);
}

static lorec_err cut_once(tp_eval *e, tp_value in, const tp_args *a, bool last, tp_value *out)
{
    const tp_string *by, *s = in.s;
    tp_items l = {.m = &e->m};
    TRY(string_at(a, 0, "partition", &by));
    if (!by || by->n == 0) return err_set(LOREC_INPUT, "partition() needs a string of at least one character");
    const char *hit = NULL;
    if (last)
        TRY(find_last(e, s->p, s->n, by, &hit));
    else
        hit = memmem(s->p, s->n, by->p, by->n);
    size_t at = hit ? (size_t)(hit - s->p) : last ? 0 : s->n, after = hit ? at + by->n : at;
    TRY(push_part(e, &l, s, 0, at));
    TRY(push_part(e, &l, s, at, after));
    TRY(push_part(e, &l, s, after, s->n));
    return tp_list_of(&l, true, out);
}

METHOD(partition)
{
    return cut_once(e, in, a, false, out);
}
METHOD(rpartition)
{
    return cut_once(e, in, a, true, out);
}

METHOD(join)
{
    const tp_list *l;
    TRY(tp_items_of(e, a->value[0], &l));
    for (size_t i = 0; i < l->n; i++) {
        if (l->item[i].kind != TP_STRING)
            return err_set(LOREC_INPUT, "join() of a %s; use the filter join", tp_kind_name(l->item[i]));
    }
    return tp_join(e, l, in.s, NULL, out);
}

METHOD(format)
{
    return tp_format_braces(e, in.s, NULL, a, out);
}

/* ---- kinds of characters, width ------------------------------------------------------------------------------------ */

typedef bool (*point_fn)(int32_t c);

static bool letter(int32_t c)
{
    utf8proc_category_t k = utf8proc_category(c);
    return k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LO;
}
static bool digit(int32_t c)
{
    return utf8proc_category(c) == UTF8PROC_CATEGORY_ND;
}
static bool letter_or_number(int32_t c)
{
    utf8proc_category_t k = utf8proc_category(c);
    return letter(c) || (k >= UTF8PROC_CATEGORY_ND && k <= UTF8PROC_CATEGORY_NO);
}

static lorec_err all(tp_value in, point_fn is, tp_value *out)
{
    bool yes = in.s->n > 0;
    for (size_t i = 0, len; i < in.s->n && yes; i += len) yes = is(tp_point(in.s, i, &len));
    *out = tp_bool(yes);
    return LOREC_OK;
}

METHOD(all_letters)
{
    return all(in, letter, out);
}
METHOD(all_digits)
{
    return all(in, digit, out);
}
METHOD(all_word)
{
    return all(in, letter_or_number, out);
}
METHOD(all_space)
{
    return all(in, tp_space, out);
}

static lorec_err by_test(tp_eval *e, tp_value in, const char *test, tp_value *out)
{
    bool yes;
    TRY(tp_run_test(e, tp_test_find(test), in, &(tp_args){0}, &yes));
    *out = tp_bool(yes);
    return LOREC_OK;
}
METHOD(all_upper)
{
    return by_test(e, in, "upper", out);
}
METHOD(all_lower)
{
    return by_test(e, in, "lower", out);
}

static lorec_err justify(tp_eval *e, tp_value in, const tp_args *a, char align, tp_value *out)
{
    int64_t width;
    const tp_string *fill;
    tp_builder b = {.m = &e->m};
    if (!tp_whole(a->value[0], &width) || width > 10000)
        return err_set(LOREC_INPUT, "a width has to be a whole number up to 10000");
    TRY(string_at(a, 1, "ljust", &fill));
    int64_t room = width - (int64_t)tp_points(in.s);
    int64_t left = room <= 0 || align == '<' ? 0 : align == '>' || align == '0' ? room : room / 2 + (room & width & 1);
    size_t sign = align == '0' && in.s->n && (in.s->p[0] == '-' || in.s->p[0] == '+');
    TRY(tp_add_part(&b, in.s, 0, sign));
    for (int64_t i = 0; i < left; i++)
        TRY(fill ? tp_add(&b, fill) : tp_add_text(&b, align == '0' ? "0" : " ", 1, true));
    TRY(tp_add_part(&b, in.s, sign, in.s->n));
    for (int64_t i = left; i < room; i++) TRY(fill ? tp_add(&b, fill) : tp_add_text(&b, " ", 1, true));
    return tp_finish(&b, out);
}

METHOD(ljust)
{
    return justify(e, in, a, '<', out);
}
METHOD(rjust)
{
    return justify(e, in, a, '>', out);
}
METHOD(center)
{
    return justify(e, in, a, '^', out);
}
METHOD(zfill)
{
    return justify(e, in, a, '0', out);
}

const tp_row tp_string_methods[] = {
    {"strip", strip, 0, 1, NULL},
    {"lstrip", lstrip, 0, 1, NULL},
    {"rstrip", rstrip, 0, 1, NULL},
    {"upper", upper, 0, 0, NULL},
    {"lower", lower, 0, 0, NULL},
    {"title", title, 0, 0, NULL},
    {"capitalize", capitalize, 0, 0, NULL},
    {"swapcase", swapcase, 0, 0, NULL},
    {"startswith", startswith, 1, 1, NULL},
    {"endswith", endswith, 1, 1, NULL},
    {"find", find, 1, 1, NULL},
    {"rfind", rfind, 1, 1, NULL},
    {"index", index_of, 1, 1, NULL},
    {"count", count, 1, 1, NULL},
    {"replace", replace, 2, 3, NULL},
    {"removeprefix", removeprefix, 1, 1, NULL},
    {"removesuffix", removesuffix, 1, 1, NULL},
    {"split", split, 0, 2, "sep,maxsplit"},
    {"rsplit", rsplit, 0, 2, "sep,maxsplit"},
    {"splitlines", splitlines, 0, 1, NULL},
    {"partition", partition, 1, 1, NULL},
    {"rpartition", rpartition, 1, 1, NULL},
    {"join", join, 1, 1, NULL},
    {"format", format, 0, 99, "*"},
    {"isalpha", all_letters, 0, 0, NULL},
    {"isdigit", all_digits, 0, 0, NULL},
    {"isdecimal", all_digits, 0, 0, NULL},
    {"isnumeric", all_digits, 0, 0, NULL},
    {"isalnum", all_word, 0, 0, NULL},
    {"isspace", all_space, 0, 0, NULL},
    {"isupper", all_upper, 0, 0, NULL},
    {"islower", all_lower, 0, 0, NULL},
    {"ljust", ljust, 1, 2, NULL},
    {"rjust", rjust, 1, 2, NULL},
    {"center", center, 1, 2, NULL},
    {"zfill", zfill, 1, 1, NULL},
};
const size_t tp_n_string_methods = sizeof tp_string_methods / sizeof *tp_string_methods;
