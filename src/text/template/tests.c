/* What may stand after "is". */
#include <utf8proc.h>

#include "text/template/eval.h"

#define TEST(name_, ...)                                                                                               \
    static lorec_err name_(tp_eval *e, tp_value v, const tp_args *a, bool *out)                                        \
    {                                                                                                                  \
        (void)e, (void)a, (void)v;                                                                                     \
        __VA_ARGS__;                                                                                                   \
        return LOREC_OK;                                                                                               \
    }

static bool has_case(tp_value v, bool upper)
{
    const tp_string *s = v.s;
    bool any = false;
    if (v.kind != TP_STRING) return false;
    for (size_t i = 0, len; i < s->n; i += len) {
        int32_t c = tp_point(s, i, &len);
        utf8proc_category_t kind = utf8proc_category(c);
        if (kind == (upper ? UTF8PROC_CATEGORY_LL : UTF8PROC_CATEGORY_LU) || kind == UTF8PROC_CATEGORY_LT) return false;
        any = any || kind == (upper ? UTF8PROC_CATEGORY_LU : UTF8PROC_CATEGORY_LL);
    }
    return any;
}

static lorec_err parity(tp_value v, bool odd, bool *out)
{
    int64_t i;
    if (!tp_whole(v, &i)) return err_set(LOREC_INPUT, "odd and even ask for a whole number, not a %s", tp_kind_name(v));
    *out = (i % 2 != 0) == odd;
    return LOREC_OK;
}

static lorec_err order(tp_eval *e, tp_value v, const tp_args *a, int *out)
{
    return tp_compare(&e->m, v, a->value[0], out);
}

TEST(is_defined, *out = v.kind != TP_UNDEFINED)
TEST(is_undefined, *out = v.kind == TP_UNDEFINED)
TEST(is_none, *out = v.kind == TP_NONE)
TEST(is_string, *out = v.kind == TP_STRING)
TEST(is_number, *out = v.kind == TP_INT || v.kind == TP_REAL || v.kind == TP_BOOL)
TEST(is_integer, *out = v.kind == TP_INT)
TEST(is_float, *out = v.kind == TP_REAL)
TEST(is_boolean, *out = v.kind == TP_BOOL)
TEST(is_true, *out = v.kind == TP_BOOL && v.b)
TEST(is_false, *out = v.kind == TP_BOOL && !v.b)
TEST(is_mapping, *out = v.kind == TP_DICT)
TEST(is_iterable, *out = v.kind == TP_STRING || v.kind == TP_LIST || v.kind == TP_DICT || v.kind == TP_UNDEFINED)
TEST(is_sequence, *out = v.kind == TP_STRING || v.kind == TP_LIST || v.kind == TP_DICT || v.kind == TP_UNDEFINED)
TEST(is_callable, *out = v.kind == TP_FUNCTION || v.kind == TP_UNDEFINED)
TEST(is_odd, return parity(v, true, out))
TEST(is_even, return parity(v, false, out))
TEST(is_lower, *out = has_case(v, false))
TEST(is_upper, *out = has_case(v, true))
TEST(is_eq, return tp_equal(&e->m, v, a->value[0], out))
TEST(is_in, return tp_contains(e, a->value[0], v, out))
TEST(is_ne, TRY(tp_equal(&e->m, v, a->value[0], out)); *out = !*out)
TEST(is_lt, int c; TRY(order(e, v, a, &c)); *out = c < 0)
TEST(is_le, int c; TRY(order(e, v, a, &c)); *out = c <= 0)
TEST(is_gt, int c; TRY(order(e, v, a, &c)); *out = c > 0)
TEST(is_ge, int c; TRY(order(e, v, a, &c)); *out = c >= 0)
TEST(is_filter, char name[64]; snprintf(name, sizeof name, "%.63s", v.kind == TP_STRING ? v.s->p : "");
     if (v.kind == TP_STRING && v.s->n < sizeof name) name[v.s->n] = 0;
     *out = v.kind == TP_STRING && v.s->n < sizeof name && tp_filter_find(name))

/* The same object: of numbers and truth values their kind counts too (1 is not True). */
TEST(is_sameas, *out = v.kind == a->value[0].kind; if (*out) return tp_equal(&e->m, v, a->value[0], out))

static lorec_err is_divisible(tp_eval *e, tp_value v, const tp_args *a, bool *out)
{
    tp_value rest;
    TRY(tp_binary(e, '%', v, a->value[0], &rest));
    *out = !tp_true(rest);
    return LOREC_OK;
}

static const tp_test tests[] = {
    {"defined", is_defined, 0},
    {"undefined", is_undefined, 0},
    {"none", is_none, 0},
    {"string", is_string, 0},
    {"number", is_number, 0},
    {"integer", is_integer, 0},
    {"float", is_float, 0},
    {"boolean", is_boolean, 0},
    {"true", is_true, 0},
    {"false", is_false, 0},
    {"mapping", is_mapping, 0},
    {"iterable", is_iterable, 0},
    {"sequence", is_sequence, 0},
    {"callable", is_callable, 0},
    {"odd", is_odd, 0},
    {"even", is_even, 0},
    {"lower", is_lower, 0},
    {"upper", is_upper, 0},
    {"eq", is_eq, 1},
    {"equalto", is_eq, 1},
    {"==", is_eq, 1},
    {"ne", is_ne, 1},
    {"!=", is_ne, 1},
    {"lt", is_lt, 1},
    {"lessthan", is_lt, 1},
    {"<", is_lt, 1},
    {"le", is_le, 1},
    {"<=", is_le, 1},
    {"gt", is_gt, 1},
    {"greaterthan", is_gt, 1},
    {">", is_gt, 1},
    {"ge", is_ge, 1},
    {">=", is_ge, 1},
    {"in", is_in, 1},
    {"sameas", is_sameas, 1},
    {"divisibleby", is_divisible, 1},
    {"filter", is_filter, 0},
};

const tp_test *tp_test_find(const char *name)
{
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        if (strcmp(tests[i].name, name) == 0) return &tests[i];
    }
    return NULL;
}

lorec_err tp_run_test(tp_eval *e, const tp_test *t, tp_value in, const tp_args *a, bool *out)
{
    if (a->n + a->named != t->args)
        return err_set(LOREC_INPUT, "the test \"%s\" takes %zu arguments, not %zu", t->name, t->args, a->n + a->named);
    return t->run(e, in, a, out);
}
