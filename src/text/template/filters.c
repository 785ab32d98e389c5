/* Filters on lists and dicts. A row: name, function, fewest and most arguments, their names. */
#include "text/template/eval.h"

#define FILTER(name_)                                                                                                  \
    static lorec_err name_(__attribute__((unused)) tp_eval *e, tp_value in, __attribute__((unused)) const tp_args *a,  \
                           tp_value *out)
#define SELF(name_) (tp_filter_find(name_))

FILTER(fallback)
{
    tp_value v;
    const tp_row *row = SELF("default");
    bool also_false = tp_arg(a, row, 1, &v) && tp_true(v);
    *out = in;
    if (in.kind != TP_UNDEFINED && !(also_false && !tp_true(in))) return LOREC_OK;
    if (!tp_arg(a, row, 0, out)) return tp_text(&e->m, "", 0, true, out);
    return LOREC_OK;
}

FILTER(length)
{
    size_t n;
    TRY(tp_length(e, in, &n));
    *out = tp_int((int64_t)n);
    return LOREC_OK;
}

static lorec_err end_of(tp_eval *e, tp_value in, bool last, tp_value *out)
{
    const tp_list *l;
    TRY(tp_items_of(e, in, &l));
    *out = TP(TP_UNDEFINED, .name = "an item of an empty list");
    if (l->n) *out = l->item[last ? l->n - 1 : 0];
    return LOREC_OK;
}

FILTER(first)
{
    return end_of(e, in, false, out);
}
FILTER(last)
{
    return end_of(e, in, true, out);
}

/* x.a.b, or x[0], for attribute="a.b": undefined where it is not there. */
static lorec_err dig(tp_eval *e, tp_value of, const tp_string *path, tp_value *out)
{
    slice rest = {path->p, path->n};
    *out = of;
    do {
        slice part = slice_cut(&rest, '.');
        tp_value key;
        int64_t i;
        if (slice_to_i64(part, &i))
            key = tp_int(i);
        else
            TRY(tp_text(&e->m, part.p, part.n, true, &key));
        if (out->kind == TP_UNDEFINED) return LOREC_OK;
        TRY(tp_item(e, *out, key, out));
    } while (rest.n);
    return LOREC_OK;
}

static lorec_err attribute_arg(tp_eval *e, const tp_args *a, const tp_row *row, size_t i, const tp_string **out)
{
    tp_value v;
    *out = NULL;
    return tp_arg(a, row, i, &v) && v.kind != TP_NONE ? tp_as_string(e, v, out) : LOREC_OK;
}

FILTER(join)
{
    const tp_row *row = SELF("join");
    const tp_string *between, *attribute;
    const tp_list *l;
    tp_value v;
    tp_builder b = {.m = &e->m};
    if (!tp_arg(a, row, 0, &v)) TRY(tp_text(&e->m, "", 0, true, &v));
    TRY(tp_as_string(e, v, &between));
    TRY(attribute_arg(e, a, row, 1, &attribute));
    TRY(tp_items_of(e, in, &l));
    for (size_t i = 0; i < l->n; i++) {
        v = l->item[i];
        if (i) TRY(tp_add(&b, between));
        if (attribute) TRY(dig(e, v, attribute, &v));
        TRY(tp_str(&b, v, false));
    }
    return tp_finish(&b, out);
}

FILTER(as_list)
{
    const tp_list *l;
    tp_items copy = {.m = &e->m};
    TRY(tp_items_of(e, in, &l));
    for (size_t i = 0; i < l->n; i++) TRY(tp_push(&copy, l->item[i]));
    return tp_list_of(&copy, false, out);
}

FILTER(items)
{
    tp_items l = {.m = &e->m};
    if (in.kind != TP_DICT && in.kind != TP_UNDEFINED)
        return err_set(LOREC_INPUT, "items of a %s; it has to be a dict", tp_kind_name(in));
    for (size_t i = 0; in.kind == TP_DICT && i < in.dict->n; i++) {
        tp_value pair;
        TRY(tp_pair(&e->m, in.dict->key[i], in.dict->value[i], &pair));
        TRY(tp_push(&l, pair));
    }
    return tp_list_of(&l, false, out);
}

FILTER(reverse)
{
    const tp_list *l;
    tp_items back = {.m = &e->m};
    TRY(tp_items_of(e, in, &l));
    for (size_t i = l->n; i-- > 0;) TRY(tp_push(&back, l->item[i]));
    if (in.kind != TP_STRING) return tp_list_of(&back, false, out);
    tp_builder b = {.m = &e->m};
    for (size_t i = 0; i < back.n; i++) TRY(tp_add(&b, back.item[i].s));
    return tp_finish(&b, out);
}

/* ---- order --------------------------------------------------------------------------------------------------------- */

/* What values are ordered by: an attribute of theirs, texts without their case unless it matters. */
static lorec_err sort_key(tp_eval *e, tp_value v, const tp_string *attribute, bool cased, tp_value *out)
{
    *out = v;
    if (attribute) TRY(dig(e, v, attribute, out));
    return out->kind == TP_STRING && !cased ? tp_recase(e, out->s, CASE_LOWER, out) : LOREC_OK;
}

typedef struct keyed {
    tp_value key, value;
} keyed;

static lorec_err merge_sort(tp_eval *e, keyed *x, keyed *tmp, size_t n, bool reverse)
{
    if (n < 2) return LOREC_OK;
    size_t half = n / 2, i = 0, j = half, k = 0;
    TRY(merge_sort(e, x, tmp, half, reverse));
    TRY(merge_sort(e, x + half, tmp, n - half, reverse));
    while (i < half && j < n) {
        int c;
        TRY(tp_compare(&e->m, x[i].key, x[j].key, &c));
        tmp[k++] = (reverse ? c >= 0 : c <= 0) ? x[i++] : x[j++]; /* stable either way, as Python's */
    }
    while (i < half) tmp[k++] = x[i++];
    while (j < n) tmp[k++] = x[j++];
    memcpy(x, tmp, n * sizeof *x);
    return LOREC_OK;
}

static lorec_err sort_list(tp_eval *e, keyed *x, size_t n, bool reverse, tp_value *out)
{
    keyed *tmp;
    tp_items l = {.m = &e->m};
    TRY(tp_alloc(&e->m, n, &tmp));
    TRY(merge_sort(e, x, tmp, n, reverse));
    for (size_t i = 0; i < n; i++) TRY(tp_push(&l, x[i].value));
    return tp_list_of(&l, false, out);
}

FILTER(sort)
{
    const tp_row *row = SELF("sort");
    const tp_string *attribute;
    const tp_list *l;
    tp_value v;
    keyed *x;
    bool reverse = tp_arg(a, row, 0, &v) && tp_true(v), cased = tp_arg(a, row, 1, &v) && tp_true(v);
    TRY(attribute_arg(e, a, row, 2, &attribute));
    TRY(tp_items_of(e, in, &l));
    TRY(tp_alloc(&e->m, l->n, &x));
    for (size_t i = 0; i < l->n; i++) {
        x[i].value = l->item[i];
        TRY(sort_key(e, l->item[i], attribute, cased, &x[i].key));
    }
    return sort_list(e, x, l->n, reverse, out);
}

FILTER(dictsort)
{
    const tp_row *row = SELF("dictsort");
    tp_value v, pair;
    keyed *x;
    if (in.kind != TP_DICT) return err_set(LOREC_INPUT, "dictsort of a %s", tp_kind_name(in));
    bool cased = tp_arg(a, row, 0, &v) && tp_true(v), by_value = tp_arg(a, row, 1, &v) && tp_is(v, "value");
    bool reverse = tp_arg(a, row, 2, &v) && tp_true(v);
    TRY(tp_alloc(&e->m, in.dict->n, &x));
    for (size_t i = 0; i < in.dict->n; i++) {
        TRY(tp_pair(&e->m, in.dict->key[i], in.dict->value[i], &pair));
        x[i].value = pair;
        TRY(sort_key(e, by_value ? in.dict->value[i] : in.dict->key[i], NULL, cased, &x[i].key));
    }
    return sort_list(e, x, in.dict->n, reverse, out);
}

static lorec_err extreme(tp_eval *e, tp_value in, const tp_args *a, int sign, tp_value *out)
{
    const tp_row *row = SELF("max");
    const tp_string *attribute;
    const tp_list *l;
    tp_value best, key, v;
    bool cased = tp_arg(a, row, 0, &v) && tp_true(v);
    TRY(attribute_arg(e, a, row, 1, &attribute));
    TRY(tp_items_of(e, in, &l));
    *out = TP(TP_UNDEFINED, .name = "an item of an empty list");
    for (size_t i = 0; i < l->n; i++) {
        int c = 1;
        TRY(sort_key(e, l->item[i], attribute, cased, &key));
        if (i) TRY(tp_compare(&e->m, key, best, &c));
        if (i && c * sign <= 0) continue;
        best = key;
        *out = l->item[i];
    }
    return LOREC_OK;
}

FILTER(largest)
{
    return extreme(e, in, a, 1, out);
}
FILTER(smallest)
{
    return extreme(e, in, a, -1, out);
}

FILTER(unique)
{
    const tp_row *row = SELF("unique");
    const tp_string *attribute;
    const tp_list *l;
    tp_value v;
    tp_items keys = {.m = &e->m}, some = {.m = &e->m};
    bool cased = tp_arg(a, row, 0, &v) && tp_true(v);
    TRY(attribute_arg(e, a, row, 1, &attribute));
    TRY(tp_items_of(e, in, &l));
    for (size_t i = 0; i < l->n; i++) {
        bool seen = false;
        TRY(sort_key(e, l->item[i], attribute, cased, &v));
        for (size_t k = 0; k < keys.n && !seen; k++) TRY(tp_equal(&e->m, keys.item[k], v, &seen));
        if (seen) continue;
        TRY(tp_push(&keys, v));
        TRY(tp_push(&some, l->item[i]));
    }
    return tp_list_of(&some, false, out);
}

FILTER(sum)
{
    const tp_row *row = SELF("sum");
    const tp_string *attribute;
    const tp_list *l;
    tp_value v;
    TRY(attribute_arg(e, a, row, 0, &attribute));
    if (!tp_arg(a, row, 1, out)) *out = tp_int(0);
    TRY(tp_items_of(e, in, &l));
    for (size_t i = 0; i < l->n; i++) {
        v = l->item[i];
        if (attribute) TRY(dig(e, v, attribute, &v));
        TRY(tp_binary(e, '+', *out, v, out));
    }
    return LOREC_OK;
}

/* ---- choosing and mapping ------------------------------------------------------------------------------------------ */

/* The arguments from place i on: of the test or filter that the first of them names. */
static tp_args rest_of(const tp_args *a, size_t i)
{
    tp_args rest = *a;
    size_t skip = i < a->n ? i : a->n;
    rest.value += skip;
    rest.n -= skip;
    return rest;
}

static lorec_err chosen(tp_eval *e, tp_value in, const tp_args *a, bool by_attribute, bool want, tp_value *out)
{
    const tp_list *l;
    const tp_string *attribute = NULL, *name;
    size_t at = 0;
    tp_items some = {.m = &e->m};
    if (by_attribute) TRY(tp_as_string(e, a->value[at++], &attribute));
    const tp_test *test = NULL;
    if (at < a->n) {
        char text[32];
        TRY(tp_as_string(e, a->value[at++], &name));
        snprintf(text, sizeof text, "%.*s", (int)(name->n < 31 ? name->n : 31), name->p);
        test = tp_test_find(text);
        if (!test) return tp_unknown("test", text);
    }
    tp_args rest = rest_of(a, at);
    if (!tp_true(in)) in = TP(TP_UNDEFINED, .name = NULL); /* None and its like count as empty here, as in Jinja */
    TRY(tp_items_of(e, in, &l));
    for (size_t i = 0; i < l->n; i++) {
        tp_value v = l->item[i];
        bool yes;
        if (attribute) TRY(dig(e, v, attribute, &v));
        yes = tp_true(v);
        if (test) TRY(tp_run_test(e, test, v, &rest, &yes));
        if (yes == want) TRY(tp_push(&some, l->item[i]));
    }
    return tp_list_of(&some, false, out);
}

FILTER(selected)
{
    return chosen(e, in, a, false, true, out);
}
FILTER(rejected)
{
    return chosen(e, in, a, false, false, out);
}
FILTER(selectattr)
{
    return chosen(e, in, a, true, true, out);
}
FILTER(rejectattr)
{
    return chosen(e, in, a, true, false, out);
}

FILTER(map)
{
    static const tp_row by = {.name = "map", .params = "attribute,default"};
    const tp_list *l;
    const tp_string *name, *attribute = NULL;
    const tp_row *row = NULL;
    tp_value v, missing = {0};
    tp_items mapped = {.m = &e->m};
    tp_args named = *a, rest = {0};
    bool has_default = false;
    if (a->n == 0) {
        TRY(attribute_arg(e, &named, &by, 0, &attribute));
        has_default = tp_arg(&named, &by, 1, &missing);
        if (!attribute) return err_set(LOREC_INPUT, "map needs a filter's name or attribute=");
    } else {
        char text[32];
        TRY(tp_as_string(e, a->value[0], &name));
        snprintf(text, sizeof text, "%.*s", (int)(name->n < 31 ? name->n : 31), name->p);
        row = tp_filter_find(text);
        if (!row) return tp_unknown("filter", text);
        rest = rest_of(a, 1);
    }
    if (!tp_true(in)) in = TP(TP_UNDEFINED, .name = NULL);
    TRY(tp_items_of(e, in, &l));
    TRY(tp_deeper(e));
    for (size_t i = 0; i < l->n; i++) {
        if (row)
            TRY(tp_call_row(e, row, l->item[i], &rest, &v));
        else
            TRY(dig(e, l->item[i], attribute, &v));
        if (v.kind == TP_UNDEFINED && has_default) v = missing;
        TRY(tp_push(&mapped, v));
    }
    e->depth--;
    return tp_list_of(&mapped, false, out);
}

FILTER(batch)
{
    const tp_row *row = SELF("batch");
    const tp_list *l;
    int64_t n;
    tp_value fill, v;
    TRY(tp_arg_whole(a, row, 0, 1, &n));
    bool filled = tp_arg(a, row, 1, &fill) && fill.kind != TP_NONE;
    if (n < 1 || n > RANGE_MAX) return err_set(LOREC_INPUT, "batch by a whole number from 1 to %d", RANGE_MAX);
    TRY(tp_items_of(e, in, &l));
    tp_items batches = {.m = &e->m};
    for (size_t i = 0; i < l->n; i += (size_t)n) {
        tp_items one = {.m = &e->m};
        for (size_t k = i; k < i + (size_t)n; k++) {
            if (k >= l->n && !filled) break;
            TRY(tp_push(&one, k < l->n ? l->item[k] : fill));
        }
        TRY(tp_list_of(&one, false, &v));
        TRY(tp_push(&batches, v));
    }
    return tp_list_of(&batches, false, out);
}

/* n lists of nearly equal length, the longer ones first. */
FILTER(slices)
{
    const tp_row *row = SELF("slice");
    const tp_list *l;
    int64_t n;
    tp_value fill, v;
    TRY(tp_arg_whole(a, row, 0, 1, &n));
    bool filled = tp_arg(a, row, 1, &fill) && fill.kind != TP_NONE;
    if (n < 1 || n > RANGE_MAX) return err_set(LOREC_INPUT, "slice into a whole number from 1 to %d", RANGE_MAX);
    TRY(tp_items_of(e, in, &l));
    tp_items parts = {.m = &e->m};
    size_t each = l->n / (size_t)n, longer = l->n % (size_t)n, at = 0;
    for (size_t i = 0; i < (size_t)n; i++) {
        tp_items one = {.m = &e->m};
        for (size_t k = 0; k < each + (i < longer); k++) TRY(tp_push(&one, l->item[at++]));
        if (filled && longer && i >= longer) TRY(tp_push(&one, fill));
        TRY(tp_list_of(&one, false, &v));
        TRY(tp_push(&parts, v));
    }
    return tp_list_of(&parts, false, out);
}

FILTER(attr)
{
    const tp_string *name;
    TRY(tp_as_string(e, a->value[0], &name));
    tp_builder b = {.m = &e->m};
    TRY(tp_add(&b, name));
    TRY(tp_add_text(&b, "", 1, true));
    return tp_attribute(e, in, b.p, out);
}

/* Lists of (key, items with that key), by key. */
FILTER(groupby)
{
    const tp_row *row = SELF("groupby");
    const tp_string *attribute;
    tp_value sorted, key, v, pair;
    tp_args by = {.value = (tp_value[]){tp_bool(false), tp_bool(false), a->value[0]}, .n = 3};
    TRY(attribute_arg(e, a, row, 0, &attribute));
    TRY(sort(e, in, &by, &sorted));
    tp_items groups = {.m = &e->m};
    for (size_t i = 0; i < sorted.list->n;) {
        tp_items one = {.m = &e->m};
        bool same = true;
        TRY(dig(e, sorted.list->item[i], attribute, &key));
        TRY(sort_key(e, key, NULL, false, &v));
        tp_value first_key = v;
        for (; i < sorted.list->n; i++) {
            TRY(sort_key(e, sorted.list->item[i], attribute, false, &v));
            TRY(tp_equal(&e->m, first_key, v, &same));
            if (!same) break;
            TRY(tp_push(&one, sorted.list->item[i]));
        }
        TRY(tp_list_of(&one, false, &v));
        TRY(tp_pair(&e->m, key, v, &pair));
        TRY(tp_push(&groups, pair));
    }
    return tp_list_of(&groups, false, out);
}

const tp_row tp_list_filters[] = {
    {"default", fallback, 0, 2, "default_value,boolean"},
    {"d", fallback, 0, 2, "default_value,boolean"},
    {"length", length, 0, 0, NULL},
    {"count", length, 0, 0, NULL},
    {"first", first, 0, 0, NULL},
    {"last", last, 0, 0, NULL},
    {"join", join, 0, 2, "d,attribute"},
    {"list", as_list, 0, 0, NULL},
    {"items", items, 0, 0, NULL},
    {"reverse", reverse, 0, 0, NULL},
    {"sort", sort, 0, 3, "reverse,case_sensitive,attribute"},
    {"dictsort", dictsort, 0, 3, "case_sensitive,by,reverse"},
    {"max", largest, 0, 2, "case_sensitive,attribute"},
    {"min", smallest, 0, 2, "case_sensitive,attribute"},
    {"unique", unique, 0, 2, "case_sensitive,attribute"},
    {"sum", sum, 0, 2, "attribute,start"},
    {"select", selected, 0, 9, NULL},
    {"reject", rejected, 0, 9, NULL},
    {"selectattr", selectattr, 1, 9, NULL},
    {"rejectattr", rejectattr, 1, 9, NULL},
    {"map", map, 1, 9, "*"},
    {"batch", batch, 1, 2, "linecount,fill_with"},
    {"slice", slices, 1, 2, "slices,fill_with"},
    {"attr", attr, 1, 1, NULL},
    {"groupby", groupby, 1, 1, "attribute"},
};
const size_t tp_n_list_filters = sizeof tp_list_filters / sizeof *tp_list_filters;
