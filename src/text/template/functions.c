/* The functions that a template finds defined. */
#include <time.h>

#include "text/template/eval.h"

static lorec_err raise_exception(tp_eval *e, tp_value in, const tp_args *a, tp_value *out)
{
    (void)in, (void)out;
    const tp_string *s;
    TRY(tp_as_string(e, a->value[0], &s));
    return err_set(LOREC_INPUT, "the template refuses: %.*s", (int)(s->n < 500 ? s->n : 500), s->p);
}

static lorec_err range(tp_eval *e, tp_value in, const tp_args *a, tp_value *out)
{
    (void)in;
    int64_t from = 0, to, step = 1;
    for (size_t i = 0; i < a->n; i++) {
        int64_t unused;
        if (!tp_whole(a->value[i], &unused)) return err_set(LOREC_INPUT, "range() takes whole numbers");
    }
    tp_whole(a->value[a->n > 1], &to);
    if (a->n > 1) tp_whole(a->value[0], &from);
    if (a->n > 2) tp_whole(a->value[2], &step);
    if (step == 0) return err_set(LOREC_INPUT, "range() with a step of 0");
    tp_items l = {.m = &e->m};
    for (int64_t i = from; step > 0 ? i < to : i > to;) {
        if (l.n == RANGE_MAX) return err_set(LOREC_INPUT, "range() of more than %d numbers", RANGE_MAX);
        TRY(tp_work(&e->m, 1));
        TRY(tp_push(&l, tp_int(i)));
        if (__builtin_add_overflow(i, step, &i)) break;
    }
    return tp_list_of(&l, false, out);
}

static lorec_err named_values(tp_eval *e, const tp_args *a, tp_kind kind, tp_value *out)
{
    TRY(tp_dict_new(&e->m, kind, out));
    if (a->n > 1 || (a->n == 1 && a->value[0].kind != TP_DICT))
        return err_set(LOREC_INPUT, "dict() and namespace() take one dict and named values");
    for (size_t i = 0; a->n == 1 && i < a->value[0].dict->n; i++)
        TRY(tp_dict_set(&e->m, out->dict, a->value[0].dict->key[i], a->value[0].dict->value[i]));
    for (size_t j = 0; j < a->named; j++) {
        tp_value key;
        TRY(tp_text(&e->m, a->name[j], strlen(a->name[j]), true, &key));
        TRY(tp_dict_set(&e->m, out->dict, key, a->value[a->n + j]));
    }
    return LOREC_OK;
}

static lorec_err dict(tp_eval *e, tp_value in, const tp_args *a, tp_value *out)
{
    (void)in;
    return named_values(e, a, TP_DICT, out);
}

static lorec_err namespace(tp_eval *e, tp_value in, const tp_args *a, tp_value *out)
{
    (void)in;
    return named_values(e, a, TP_NAMESPACE, out);
}

static lorec_err strftime_now(tp_eval *e, tp_value in, const tp_args *a, tp_value *out)
{
    (void)in;
    const tp_string *form;
    TRY(tp_as_string(e, a->value[0], &form));
    char pattern[128], text[512];
    if (form->n >= sizeof pattern) return err_set(LOREC_INPUT, "strftime_now() of a form longer than 127 bytes");
    memcpy(pattern, form->p, form->n);
    pattern[form->n] = 0;
    time_t now = (time_t)*e->in->now;
    struct tm utc;
    if (!gmtime_r(&now, &utc)) return err_set(LOREC_INPUT, "strftime_now(): the given time is beyond the calendar");
    size_t n = strftime(text, sizeof text, pattern, &utc);
    return tp_text(&e->m, text, utf8_valid((slice){text, n}) ? n : 0, true, out);
}

static const tp_row functions[] = {
    {"raise_exception", raise_exception, 1, 1, NULL},
    {"range", range, 1, 3, NULL},
    {"dict", dict, 0, 999, "*"},
    {"namespace", namespace, 0, 999, "*"},
    {"strftime_now", strftime_now, 1, 1, NULL},
};

lorec_err tp_functions(tp_eval *e)
{
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        uint32_t name;
        if (!ids_find(&e->t->names, slice_of(functions[i].name), &name)) continue;
        if (functions[i].run == strftime_now && !e->in->now) continue;
        tp_function *f;
        TRY(tp_alloc(&e->m, 1, &f));
        *f = (tp_function){.kind = FUNCTION_ROW, .row = &functions[i]};
        TRY(tp_variable_set(e, name, TP(TP_FUNCTION, .function = f)));
    }
    return LOREC_OK;
}
