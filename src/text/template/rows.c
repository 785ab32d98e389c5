/* Rows of builtins: their arguments by place or name, and finding them by name. */
#include "text/template/eval.h"

lorec_err tp_unknown(const char *what, const char *name)
{
    return err_set(LOREC_INPUT, "there is no %s \"%.40s\" in lorec's templates", what, name);
}

/* The place of a named argument among the row's, or SIZE_MAX. */
static size_t place(const tp_row *row, const char *name)
{
    slice rest = slice_of(row->params ? row->params : "");
    for (size_t i = 0; rest.n; i++) {
        if (slice_is(slice_cut(&rest, ','), name)) return i;
    }
    return SIZE_MAX;
}

bool tp_arg(const tp_args *a, const tp_row *row, size_t i, tp_value *out)
{
    if (i < a->n) {
        *out = a->value[i];
        return true;
    }
    for (size_t j = 0; j < a->named; j++) {
        if (place(row, a->name[j]) != i) continue;
        *out = a->value[a->n + j];
        return true;
    }
    return false;
}

lorec_err tp_arg_whole(const tp_args *a, const tp_row *row, size_t i, int64_t fallback, int64_t *out)
{
    tp_value v;
    *out = fallback;
    if (!tp_arg(a, row, i, &v) || v.kind == TP_NONE || tp_whole(v, out)) return LOREC_OK;
    return err_set(LOREC_INPUT, "%s needs a whole number, not a %s", row->name, tp_kind_name(v));
}

lorec_err tp_call_row(tp_eval *e, const tp_row *row, tp_value self, const tp_args *a, tp_value *out)
{
    size_t given = a->n + a->named;
    if (given < row->min || given > row->max)
        return err_set(LOREC_INPUT, "%s takes %s%zu argument%s, not %zu", row->name,
                       row->min == row->max ? ""
                       : given < row->min   ? "at least "
                                            : "at most ",
                       given < row->min ? row->min : row->max, (given < row->min ? row->min : row->max) == 1 ? "" : "s",
                       given);
    for (size_t j = 0; j < a->named && row->params; j++) {
        if (*row->params != '*' && place(row, a->name[j]) == SIZE_MAX)
            return err_set(LOREC_INPUT, "%s has no argument \"%.40s\"", row->name, a->name[j]);
    }
    for (size_t i = 0; i < given; i++) {
        if (a->value[i].kind == TP_STRING) TRY(tp_work(&e->m, a->value[i].s->n / 64));
    }
    if (self.kind == TP_STRING) TRY(tp_work(&e->m, self.s->n / 64));
    return row->run(e, self, a, out);
}

lorec_err tp_as_string(tp_eval *e, tp_value v, const tp_string **out)
{
    if (v.kind != TP_STRING) {
        tp_builder b = {.m = &e->m};
        TRY(tp_str(&b, v, false));
        TRY(tp_finish(&b, &v));
    }
    *out = v.s;
    return LOREC_OK;
}

static const tp_row *find(const tp_row *rows, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(rows[i].name, name) == 0) return &rows[i];
    }
    return NULL;
}

const tp_row *tp_filter_find(const char *name)
{
    const tp_row *row = find(tp_text_filters, tp_n_text_filters, name);
    return row ? row : find(tp_list_filters, tp_n_list_filters, name);
}

/* ---- methods of dicts, lists and loops; those of strings are many and stand in methods.c --------------------------------- */

static lorec_err dict_get(tp_eval *e, tp_value in, const tp_args *a, tp_value *out)
{
    bool found;
    TRY(tp_dict_get(&e->m, in.dict, a->value[0], out, &found));
    if (!found) *out = a->n > 1 ? a->value[1] : tp_none();
    return LOREC_OK;
}

static lorec_err dict_lists(tp_eval *e, tp_value in, bool keys, bool values, tp_value *out)
{
    tp_items l = {.m = &e->m};
    for (size_t i = 0; i < in.dict->n; i++) {
        tp_value v = keys ? in.dict->key[i] : in.dict->value[i];
        if (keys && values) TRY(tp_pair(&e->m, in.dict->key[i], in.dict->value[i], &v));
        TRY(tp_push(&l, v));
    }
    return tp_list_of(&l, false, out);
}

static lorec_err dict_items(tp_eval *e, tp_value in, const tp_args *a, tp_value *out)
{
    (void)a;
    return dict_lists(e, in, true, true, out);
}

static lorec_err dict_keys(tp_eval *e, tp_value in, const tp_args *a, tp_value *out)
{
    (void)a;
    return dict_lists(e, in, true, false, out);
}

static lorec_err dict_values(tp_eval *e, tp_value in, const tp_args *a, tp_value *out)
{
    (void)a;
    return dict_lists(e, in, false, true, out);
}

static lorec_err itself(tp_eval *e, tp_value in, const tp_args *a, tp_value *out)
{
    (void)e, (void)a;
    *out = in;
    return LOREC_OK;
}

static lorec_err forbidden(tp_eval *e, tp_value in, const tp_args *a, tp_value *out)
{
    (void)e, (void)a, (void)out;
    return err_set(LOREC_INPUT, "a %s can not be changed in place; add to it (a + b) or use a namespace",
                   tp_kind_name(in));
}

static lorec_err list_index(tp_eval *e, tp_value in, const tp_args *a, tp_value *out)
{
    for (size_t i = 0; i < in.list->n; i++) {
        bool same;
        TRY(tp_equal(&e->m, in.list->item[i], a->value[0], &same));
        *out = tp_int((int64_t)i);
        if (same) return LOREC_OK;
    }
    return err_set(LOREC_INPUT, "index(): the value is not in the list");
}

static lorec_err list_count(tp_eval *e, tp_value in, const tp_args *a, tp_value *out)
{
    int64_t n = 0;
    for (size_t i = 0; i < in.list->n; i++) {
        bool same;
        TRY(tp_equal(&e->m, in.list->item[i], a->value[0], &same));
        n += same;
    }
    *out = tp_int(n);
    return LOREC_OK;
}

static lorec_err loop_cycle(tp_eval *e, tp_value in, const tp_args *a, tp_value *out)
{
    (void)e;
    *out = a->value[in.loop->i % a->n];
    return LOREC_OK;
}

static lorec_err loop_changed(tp_eval *e, tp_value in, const tp_args *a, tp_value *out)
{
    tp_items l = {.m = &e->m};
    tp_value now;
    bool same;
    for (size_t i = 0; i < a->n; i++) TRY(tp_push(&l, a->value[i]));
    TRY(tp_list_of(&l, true, &now));
    TRY(tp_equal(&e->m, now, *in.loop->changed, &same));
    *in.loop->changed = now;
    *out = tp_bool(!same);
    return LOREC_OK;
}

static const tp_row dict_methods[] = {
    {"get", dict_get, 1, 2, NULL},         {"items", dict_items, 0, 0, NULL}, {"keys", dict_keys, 0, 0, NULL},
    {"values", dict_values, 0, 0, NULL},   {"copy", itself, 0, 0, NULL},      {"update", forbidden, 0, 9, NULL},
    {"pop", forbidden, 0, 9, NULL},        {"clear", forbidden, 0, 9, NULL},  {"popitem", forbidden, 0, 9, NULL},
    {"setdefault", forbidden, 0, 9, NULL},
};
static const tp_row list_methods[] = {
    {"index", list_index, 1, 1, NULL},  {"count", list_count, 1, 1, NULL}, {"copy", itself, 0, 0, NULL},
    {"append", forbidden, 0, 9, NULL},  {"extend", forbidden, 0, 9, NULL}, {"insert", forbidden, 0, 9, NULL},
    {"pop", forbidden, 0, 9, NULL},     {"remove", forbidden, 0, 9, NULL}, {"clear", forbidden, 0, 9, NULL},
    {"reverse", forbidden, 0, 9, NULL}, {"sort", forbidden, 0, 9, NULL},
};
static const tp_row loop_methods[] = {
    {"cycle", loop_cycle, 1, 99, NULL},
    {"changed", loop_changed, 0, 99, NULL},
};

const tp_row *tp_method_find(tp_value of, const char *name)
{
#define IN(rows) find(rows, sizeof rows / sizeof *rows, name)
    switch (of.kind) {
    case TP_DICT:
        return IN(dict_methods);
    case TP_LIST:
        return IN(list_methods);
    case TP_LOOP:
        return IN(loop_methods);
    case TP_STRING:
        return find(tp_string_methods, tp_n_string_methods, name);
    default:
        return NULL;
    }
#undef IN
}
