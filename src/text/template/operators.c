/* What operators, indices and attributes make of values. */
#include <math.h>

#include "text/template/eval.h"

static lorec_err undefined(tp_value v)
{
    return err_set(LOREC_INPUT, "\"%s\" is undefined", v.name ? v.name : "a value");
}

static lorec_err unfit(char op, tp_value a, tp_value b)
{
    if (a.kind == TP_UNDEFINED) return undefined(a);
    if (b.kind == TP_UNDEFINED) return undefined(b);
    const char *sign = op == 'D' ? "//" : op == 'P' ? "**" : (const char[]){op, 0};
    return err_set(LOREC_INPUT, "%s does not work between a %s and a %s", sign, tp_kind_name(a), tp_kind_name(b));
}

static lorec_err too_big(void)
{
    return err_set(LOREC_INPUT, "a whole number beyond 64 bits");
}

/* ---- arithmetic ---------------------------------------------------------------------------------------------------- */

static lorec_err whole_power(int64_t a, int64_t b, tp_value *out)
{
    if (b < 0) {
        *out = TP(TP_REAL, .f = pow((double)a, (double)b));
        return LOREC_OK;
    }
    int64_t r = 1;
    for (bool over = false; b > 0; b--) {
        if (a == 0 || a == 1 || a == -1) { /* would take b rounds and never overflow */
            r = a == -1 && b % 2 == 0 ? 1 : a;
            break;
        }
        over = __builtin_mul_overflow(r, a, &r);
        if (over) return too_big();
    }
    *out = tp_int(r);
    return LOREC_OK;
}

static lorec_err whole(char op, int64_t a, int64_t b, tp_value *out)
{
    int64_t r = 0;
    bool over = false;
    if ((op == '/' || op == 'D' || op == '%') && b == 0) return err_set(LOREC_INPUT, "division by zero");
    switch (op) {
    case '+':
        over = __builtin_add_overflow(a, b, &r);
        break;
    case '-':
        over = __builtin_sub_overflow(a, b, &r);
        break;
    case '*':
        over = __builtin_mul_overflow(a, b, &r);
        break;
    case '/':
        *out = TP(TP_REAL, .f = (double)a / (double)b);
        return LOREC_OK;
    case 'D': /* toward minus infinity */
        if (b == -1) return whole('-', 0, a, out);
        r = a / b - (a % b != 0 && (a < 0) != (b < 0));
        break;
    case '%': /* with the sign of b */
        r = b == -1 ? 0 : a % b;
        if (r != 0 && (r < 0) != (b < 0)) r += b;
        break;
    default:
        return whole_power(a, b, out);
    }
    if (over) return too_big();
    *out = tp_int(r);
    return LOREC_OK;
}

static lorec_err real(char op, double a, double b, tp_value *out)
{
    if ((op == '/' || op == 'D' || op == '%') && b == 0) return err_set(LOREC_INPUT, "division by zero");
    double r;
    switch (op) {
    case '+':
        r = a + b;
        break;
    case '-':
        r = a - b;
        break;
    case '*':
        r = a * b;
        break;
    case '/':
        r = a / b;
        break;
    case 'D':
        r = floor(a / b);
        break;
    case '%':
        r = fmod(a, b);
        if (r != 0 && (r < 0) != (b < 0)) r += b;
        break;
    default:
        r = pow(a, b);
    }
    *out = TP(TP_REAL, .f = r);
    return LOREC_OK;
}

static lorec_err repeat(tp_eval *e, tp_value what, int64_t times, tp_value *out)
{
    if (times < 0) times = 0;
    if (what.kind == TP_STRING) {
        tp_builder b = {.m = &e->m};
        if (what.s->n == 0) times = 0;
        for (int64_t i = 0; i < times; i++) TRY(tp_add(&b, what.s));
        return tp_finish(&b, out);
    }
    tp_items l = {.m = &e->m};
    for (int64_t i = 0; i < times && what.list->n; i++)
        for (size_t k = 0; k < what.list->n; k++) TRY(tp_push(&l, what.list->item[k]));
    return tp_list_of(&l, what.list->tuple, out);
}

static lorec_err join_lists(tp_eval *e, const tp_list *a, const tp_list *b, tp_value *out)
{
    tp_items l = {.m = &e->m};
    for (size_t i = 0; i < a->n; i++) TRY(tp_push(&l, a->item[i]));
    for (size_t i = 0; i < b->n; i++) TRY(tp_push(&l, b->item[i]));
    return tp_list_of(&l, a->tuple, out);
}

static lorec_err percent(tp_eval *e, tp_value form, tp_value with, tp_value *out)
{
    bool tuple = with.kind == TP_LIST && with.list->tuple;
    return tp_format_percent(e, form.s, tuple ? with.list->item : &with, tuple ? with.list->n : 1,
                             with.kind == TP_DICT ? with : tp_none(), out);
}

lorec_err tp_binary(tp_eval *e, char op, tp_value a, tp_value b, tp_value *out)
{
    int64_t i, j;
    double x, y;
    if (tp_whole(a, &i) && tp_whole(b, &j)) return whole(op, i, j, out);
    if (tp_number(a, &x) && tp_number(b, &y)) return real(op, x, y, out);
    if (op == '+' && a.kind == TP_STRING && b.kind == TP_STRING) {
        tp_builder t = {.m = &e->m};
        TRY(tp_add(&t, a.s));
        TRY(tp_add(&t, b.s));
        return tp_finish(&t, out);
    }
    if (op == '+' && a.kind == TP_LIST && b.kind == TP_LIST && a.list->tuple == b.list->tuple)
        return join_lists(e, a.list, b.list, out);
    if (op == '*' && (a.kind == TP_STRING || a.kind == TP_LIST) && tp_whole(b, &j)) return repeat(e, a, j, out);
    if (op == '*' && (b.kind == TP_STRING || b.kind == TP_LIST) && tp_whole(a, &i)) return repeat(e, b, i, out);
    if (op == '%' && a.kind == TP_STRING) return percent(e, a, b, out);
    return unfit(op, a, b);
}

lorec_err tp_negative(tp_value v, tp_value *out)
{
    int64_t i;
    if (tp_whole(v, &i)) return whole('-', 0, i, out);
    if (v.kind != TP_REAL) return unfit('-', v, v);
    *out = TP(TP_REAL, .f = -v.f);
    return LOREC_OK;
}

/* ---- membership, length, items ------------------------------------------------------------------------------------- */

lorec_err tp_contains(tp_eval *e, tp_value in, tp_value what, bool *out)
{
    tp_value found;
    *out = false;
    switch (in.kind) {
    case TP_STRING:
        if (what.kind != TP_STRING)
            return what.kind == TP_UNDEFINED
                       ? undefined(what)
                       : err_set(LOREC_INPUT, "a %s can not be looked for in a string", tp_kind_name(what));
        *out = what.s->n == 0 || (in.s->n && memmem(in.s->p, in.s->n, what.s->p, what.s->n));
        return tp_work(&e->m, in.s->n / 64);
    case TP_LIST:
        for (size_t i = 0; i < in.list->n && !*out; i++) TRY(tp_equal(&e->m, in.list->item[i], what, out));
        return LOREC_OK;
    case TP_DICT:
        return tp_dict_get(&e->m, in.dict, what, &found, out);
    case TP_UNDEFINED:
        return LOREC_OK;
    default:
        return err_set(LOREC_INPUT, "\"in\" does not work on a %s", tp_kind_name(in));
    }
}

lorec_err tp_length(tp_eval *e, tp_value v, size_t *out)
{
    switch (v.kind) {
    case TP_STRING:
        *out = tp_points(v.s);
        return tp_work(&e->m, v.s->n / 64);
    case TP_LIST:
        *out = v.list->n;
        return LOREC_OK;
    case TP_DICT:
        *out = v.dict->n;
        return LOREC_OK;
    case TP_UNDEFINED:
        *out = 0;
        return LOREC_OK;
    default:
        return err_set(LOREC_INPUT, "a %s has no length", tp_kind_name(v));
    }
}

lorec_err tp_items_of(tp_eval *e, tp_value v, const tp_list **out)
{
    tp_items l = {.m = &e->m};
    tp_value made;
    size_t len;
    switch (v.kind) {
    case TP_LIST:
        *out = v.list;
        return LOREC_OK;
    case TP_DICT:
        for (size_t i = 0; i < v.dict->n; i++) TRY(tp_push(&l, v.dict->key[i]));
        break;
    case TP_STRING:
        for (size_t i = 0; i < v.s->n; i += len) {
            tp_point(v.s, i, &len);
            TRY(tp_work(&e->m, 1));
            TRY(tp_part(&e->m, v.s, i, i + len, &made));
            TRY(tp_push(&l, made));
        }
        break;
    case TP_UNDEFINED:
        break;
    default:
        return err_set(LOREC_INPUT, "a %s can not be looped over", tp_kind_name(v));
    }
    TRY(tp_list_of(&l, false, &made));
    *out = made.list;
    return LOREC_OK;
}

/* ---- x[key], x.name, x[a:b:c] -------------------------------------------------------------------------------------- */

static lorec_err at_index(tp_eval *e, tp_value of, int64_t i, tp_value *out)
{
    size_t n;
    TRY(tp_length(e, of, &n));
    *out = TP(TP_UNDEFINED, .name = "an index beyond the end");
    if (i < 0) i += (int64_t)n;
    if (i < 0 || (size_t)i >= n) return LOREC_OK;
    if (of.kind == TP_LIST) {
        *out = of.list->item[i];
        return LOREC_OK;
    }
    size_t begin = tp_offset(of.s, (size_t)i), len;
    tp_point(of.s, begin, &len);
    return tp_part(&e->m, of.s, begin, begin + len, out);
}

static lorec_err named(tp_eval *e, const char *name, tp_value *out)
{
    char *copy;
    size_t n = strlen(name);
    TRY(tp_alloc(&e->m, n + 1, &copy));
    memcpy(copy, name, n);
    *out = TP(TP_UNDEFINED, .name = copy);
    return LOREC_OK;
}

static lorec_err method(tp_eval *e, tp_value of, const char *name, tp_value *out)
{
    const tp_row *row = tp_method_find(of, name);
    if (!row) return named(e, name, out);
    tp_function *f;
    TRY(tp_alloc(&e->m, 1, &f));
    *f = (tp_function){.kind = FUNCTION_ROW, .row = row, .self = of};
    *out = TP(TP_FUNCTION, .function = f);
    return LOREC_OK;
}

lorec_err tp_item(tp_eval *e, tp_value of, tp_value key, tp_value *out)
{
    int64_t i;
    bool found = false;
    if (of.kind == TP_UNDEFINED) return undefined(of);
    if (of.kind == TP_DICT || of.kind == TP_NAMESPACE) {
        TRY(tp_dict_get(&e->m, of.dict, key, out, &found));
        if (found) return LOREC_OK;
    } else if ((of.kind == TP_LIST || of.kind == TP_STRING) && tp_whole(key, &i))
        return at_index(e, of, i, out);
    if (key.kind == TP_STRING) {
        tp_builder b = {.m = &e->m};
        TRY(tp_add(&b, key.s));
        TRY(tp_add_text(&b, "", 1, true));
        return tp_attribute(e, of, b.p, out);
    }
    *out = TP(TP_UNDEFINED, .name = "an item");
    return LOREC_OK;
}

static bool loop_attribute(const tp_loop *l, const char *name, tp_value *out)
{
    int64_t i = (int64_t)l->i, n = (int64_t)l->items->n;
    if (strcmp(name, "index") == 0)
        *out = tp_int(i + 1);
    else if (strcmp(name, "index0") == 0)
        *out = tp_int(i);
    else if (strcmp(name, "revindex") == 0)
        *out = tp_int(n - i);
    else if (strcmp(name, "revindex0") == 0)
        *out = tp_int(n - i - 1);
    else if (strcmp(name, "first") == 0)
        *out = tp_bool(i == 0);
    else if (strcmp(name, "last") == 0)
        *out = tp_bool(i == n - 1);
    else if (strcmp(name, "length") == 0)
        *out = tp_int(n);
    else if (strcmp(name, "depth") == 0)
        *out = tp_int(l->depth);
    else if (strcmp(name, "depth0") == 0)
        *out = tp_int(l->depth - 1);
    else if (strcmp(name, "previtem") == 0)
        *out = i > 0 ? l->items->item[i - 1] : TP(TP_UNDEFINED, .name = "loop.previtem");
    else if (strcmp(name, "nextitem") == 0)
        *out = i + 1 < n ? l->items->item[i + 1] : TP(TP_UNDEFINED, .name = "loop.nextitem");
    else
        return false;
    return true;
}

lorec_err tp_attribute(tp_eval *e, tp_value of, const char *name, tp_value *out)
{
    if (of.kind == TP_UNDEFINED) return undefined(of);
    if (of.kind == TP_DICT || of.kind == TP_NAMESPACE) TRY(tp_work(&e->m, of.dict->n / 16));
    if (of.kind == TP_LOOP && loop_attribute(of.loop, name, out)) return LOREC_OK;
    if (of.kind == TP_NAMESPACE) return tp_dict_find(of.dict, name, out) ? LOREC_OK : named(e, name, out);
    if (of.kind == TP_DICT && !tp_method_find(of, name) && tp_dict_find(of.dict, name, out)) return LOREC_OK;
    return method(e, of, name, out); /* a dict's methods go before its keys: write d['items'] for a key */
}

/* Python's rule for where a slice begins and ends: counted from the end if negative, then kept inside. */
static lorec_err bound(tp_value v, int64_t n, int64_t step, int64_t absent, int64_t *out)
{
    *out = absent;
    if (v.kind == TP_NONE) return LOREC_OK;
    if (!tp_whole(v, out)) return err_set(LOREC_INPUT, "a slice goes from and to whole numbers");
    int64_t low = step > 0 ? 0 : -1, high = step > 0 ? n : n - 1;
    if (*out < 0) *out = *out < -n ? low : *out + n;
    if (*out > high) *out = high;
    return LOREC_OK;
}

static lorec_err slice_string(tp_eval *e, const tp_string *s, int64_t from, int64_t to, int64_t step, tp_value *out)
{
    if (step == 1) {
        size_t begin = tp_offset(s, (size_t)from), end = to > from ? tp_offset(s, (size_t)to) : begin;
        return tp_part(&e->m, s, begin, end, out);
    }
    tp_builder b = {.m = &e->m};
    size_t n = tp_points(s), *offset;
    TRY(tp_alloc(&e->m, n + 1, &offset));
    for (size_t i = 0, k = 0; i < s->n; k++) {
        size_t len;
        tp_point(s, i, &len);
        offset[k] = i;
        i += len;
        offset[k + 1] = i;
    }
    for (int64_t i = from; step > 0 ? i < to : i > to; i += step) {
        TRY(tp_work(&e->m, 1));
        TRY(tp_add_part(&b, s, offset[i], offset[i + 1]));
    }
    return tp_finish(&b, out);
}

lorec_err tp_slice(tp_eval *e, tp_value of, const tp_value part[3], tp_value *out)
{
    int64_t from, to, step = 1;
    size_t length;
    if (of.kind == TP_UNDEFINED) return undefined(of);
    if (of.kind != TP_LIST && of.kind != TP_STRING)
        return err_set(LOREC_INPUT, "a %s can not be sliced", tp_kind_name(of));
    TRY(tp_length(e, of, &length));
    int64_t n = (int64_t)length;
    if (part[2].kind != TP_NONE && (!tp_whole(part[2], &step) || step == 0))
        return err_set(LOREC_INPUT, "a slice's step has to be a whole number other than 0");
    if (step > n + 1) step = n + 1; /* the same items, without overflow */
    if (step < -n - 1) step = -n - 1;
    TRY(bound(part[0], n, step, step > 0 ? 0 : n - 1, &from));
    TRY(bound(part[1], n, step, step > 0 ? n : -1, &to));
    if (of.kind == TP_STRING) return slice_string(e, of.s, from, to, step, out);
    tp_items l = {.m = &e->m};
    for (int64_t i = from; step > 0 ? i < to : i > to; i += step) TRY(tp_push(&l, of.list->item[i]));
    return tp_list_of(&l, of.list->tuple, out);
}
