/* Expressions. */
#include "text/template/eval.h"

static lorec_err variable(tp_eval *e, const node *n, tp_value *out)
{
    for (const tp_frame *f = e->frame; f; f = f->parent) {
        TRY(tp_work(&e->m, f->n / 64));
        for (size_t i = 0; i < f->n; i++) {
            if (f->variable[i].name != n->name) continue;
            *out = f->variable[i].value;
            return LOREC_OK;
        }
    }
    *out = TP(TP_UNDEFINED, .name = n->text);
    return LOREC_OK;
}

static lorec_err list(tp_eval *e, const node *n, tp_value *out)
{
    tp_items l = {.m = &e->m};
    for (size_t i = 0; i < n->n; i++) {
        tp_value v;
        TRY(tp_evaluate(e, n->kid[i], &v));
        TRY(tp_push(&l, v));
    }
    return tp_list_of(&l, n->flag, out);
}

static lorec_err dict(tp_eval *e, const node *n, tp_value *out)
{
    TRY(tp_dict_new(&e->m, TP_DICT, out));
    for (size_t i = 0; i < n->n; i += 2) {
        tp_value key, value;
        TRY(tp_evaluate(e, n->kid[i], &key));
        TRY(tp_evaluate(e, n->kid[i + 1], &value));
        TRY(tp_dict_set(&e->m, out->dict, key, value));
    }
    return LOREC_OK;
}

static lorec_err arguments(tp_eval *e, const node *n, tp_args *out)
{
    tp_value *value;
    TRY(tp_alloc(&e->m, n->n, &value));
    *out = (tp_args){.value = value};
    for (size_t i = 0; i < n->n; i++) {
        TRY(tp_evaluate(e, n->kid[i], &value[i]));
        if (!n->key[i]) out->n = i + 1; /* the parser lets positional ones come first only */
    }
    out->named = n->n - out->n;
    out->name = out->named ? n->key + out->n : NULL;
    return LOREC_OK;
}

static lorec_err compare_two(tp_eval *e, char op, tp_value a, tp_value b, bool *out)
{
    int order;
    switch (op) {
    case '=':
    case '!':
        TRY(tp_equal(&e->m, a, b, out));
        *out = *out == (op == '=');
        return LOREC_OK;
    case 'i':
    case 'n':
        TRY(tp_contains(e, b, a, out));
        *out = *out == (op == 'i');
        return LOREC_OK;
    default:
        TRY(tp_compare(&e->m, a, b, &order));
        *out = op == '<' ? order < 0 : op == '>' ? order > 0 : op == 'L' ? order <= 0 : order >= 0;
        return LOREC_OK;
    }
}

static lorec_err comparison(tp_eval *e, const node *n, tp_value *out)
{
    tp_value left, right;
    bool holds = true;
    TRY(tp_evaluate(e, n->kid[0], &left));
    for (size_t i = 1; i < n->n && holds; i++) {
        TRY(tp_evaluate(e, n->kid[i], &right));
        TRY(compare_two(e, n->ops[i - 1], left, right, &holds));
        left = right;
    }
    *out = tp_bool(holds);
    return LOREC_OK;
}

static lorec_err concat(tp_eval *e, const node *n, tp_value *out)
{
    tp_builder b = {.m = &e->m};
    for (size_t i = 0; i < n->n; i++) {
        tp_value v;
        TRY(tp_evaluate(e, n->kid[i], &v));
        TRY(tp_str(&b, v, false));
    }
    return tp_finish(&b, out);
}

static lorec_err slice_of_value(tp_eval *e, const node *n, tp_value *out)
{
    tp_value of, part[3];
    TRY(tp_evaluate(e, n->a, &of));
    for (size_t i = 0; i < 3; i++) {
        part[i] = tp_none();
        if (n->kid[i]) TRY(tp_evaluate(e, n->kid[i], &part[i]));
    }
    return tp_slice(e, of, part, out);
}

static lorec_err call(tp_eval *e, const node *n, tp_value *out)
{
    tp_value function;
    tp_args a;
    TRY(tp_evaluate(e, n->a, &function));
    TRY(arguments(e, n, &a));
    return tp_call(e, function, &a, out);
}

static lorec_err filter_or_test(tp_eval *e, const node *n, tp_value *out)
{
    tp_value in;
    tp_args a;
    if (!n->row) return tp_unknown(n->kind == NODE_FILTER ? "filter" : "test", n->text);
    TRY(tp_evaluate(e, n->a, &in));
    TRY(arguments(e, n, &a));
    if (n->kind == NODE_FILTER) return tp_call_row(e, n->row, in, &a, out);
    bool holds = false;
    TRY(tp_run_test(e, n->row, in, &a, &holds));
    *out = tp_bool(holds);
    return LOREC_OK;
}

static lorec_err expression(tp_eval *e, const node *n, tp_value *out)
{
    tp_value a, b;
    switch (n->kind) {
    case NODE_LITERAL:
        *out = n->value;
        return LOREC_OK;
    case NODE_HOLE:
        *out = e->hole;
        return LOREC_OK;
    case NODE_NAME:
        return variable(e, n, out);
    case NODE_LIST:
        return list(e, n, out);
    case NODE_DICT:
        return dict(e, n, out);
    case NODE_ATTR:
        TRY(tp_evaluate(e, n->a, &a));
        return tp_attribute(e, a, n->text, out);
    case NODE_ITEM:
        TRY(tp_evaluate(e, n->a, &a));
        TRY(tp_evaluate(e, n->b, &b));
        return tp_item(e, a, b, out);
    case NODE_SLICE:
        return slice_of_value(e, n, out);
    case NODE_CALL:
        return call(e, n, out);
    case NODE_FILTER:
    case NODE_TEST:
        return filter_or_test(e, n, out);
    case NODE_NOT:
        TRY(tp_evaluate(e, n->a, &a));
        *out = tp_bool(!tp_true(a));
        return LOREC_OK;
    case NODE_SIGN:
        TRY(tp_evaluate(e, n->a, &a));
        return n->op == '-' ? tp_negative(a, out) : tp_binary(e, '+', tp_int(0), a, out);
    case NODE_AND:
    case NODE_OR: /* as Python: the value that decided */
        TRY(tp_evaluate(e, n->a, out));
        return tp_true(*out) == (n->kind == NODE_OR) ? LOREC_OK : tp_evaluate(e, n->b, out);
    case NODE_BINARY:
        TRY(tp_evaluate(e, n->a, &a));
        TRY(tp_evaluate(e, n->b, &b));
        return tp_binary(e, n->op, a, b, out);
    case NODE_COMPARE:
        return comparison(e, n, out);
    case NODE_CONCAT:
        return concat(e, n, out);
    case NODE_CHOICE:
        TRY(tp_evaluate(e, n->b, &b));
        if (tp_true(b)) return tp_evaluate(e, n->a, out);
        *out = TP(TP_UNDEFINED, .name = "the missing else of an inline if");
        return n->c ? tp_evaluate(e, n->c, out) : LOREC_OK;
    default:
        return err_set(LOREC_FAILED, "a node of no known kind");
    }
}

lorec_err tp_evaluate(tp_eval *e, const node *n, tp_value *out)
{
    if (n->kind == NODE_LITERAL) {
        *out = n->value;
        return LOREC_OK;
    }
    unsigned line = e->line;
    e->line = n->line;
    TRY(tp_deeper(e));
    TRY(tp_work(&e->m, 1));
    TRY(expression(e, n, out));
    e->depth--;
    e->line = line;
    return LOREC_OK;
}

/* ---- calls --------------------------------------------------------------------------------------------------------- */

static lorec_err bind(tp_eval *e, const node *macro, const tp_args *a)
{
    if (a->n > macro->n) return err_set(LOREC_INPUT, "%s() takes %zu arguments, not %zu", macro->text, macro->n, a->n);
    for (size_t j = 0; j < a->named; j++) {
        size_t i = 0;
        while (i < macro->n && strcmp(macro->kid[i]->text, a->name[j]) != 0) i++;
        if (i == macro->n) return err_set(LOREC_INPUT, "%s() has no parameter \"%.40s\"", macro->text, a->name[j]);
    }
    for (size_t i = 0; i < macro->n; i++) {
        const node *p = macro->kid[i];
        tp_value v = TP(TP_UNDEFINED, .name = p->text);
        bool given = i < a->n;
        if (given) v = a->value[i];
        for (size_t j = 0; j < a->named && !given; j++) {
            given = strcmp(p->text, a->name[j]) == 0;
            if (given) v = a->value[a->n + j];
        }
        if (!given && p->a) TRY(tp_evaluate(e, p->a, &v));
        TRY(tp_variable_set(e, p->name, v));
    }
    return LOREC_OK;
}

static lorec_err call_macro(tp_eval *e, const tp_function *f, const tp_args *a, tp_value *out)
{
    tp_frame *outer = e->frame;
    uint32_t caller;
    tp_value with = {0};
    bool block = ids_find(&e->t->names, slice_of("caller"), &caller) && outer->n == 1 &&
                 outer->variable[0].name == caller; /* {% call %} made this frame */
    if (block) with = outer->variable[0].value;
    TRY(tp_frame_push(e, f->frame));
    if (block) TRY(tp_variable_set(e, caller, with));
    TRY(bind(e, f->macro, a));
    TRY(tp_capture(e, f->macro->a, out));
    e->frame = outer;
    return LOREC_OK;
}

static lorec_err call_loop(tp_eval *e, const tp_loop *l, const tp_args *a, tp_value *out)
{
    if (!l->loop->flag || a->n != 1) return err_set(LOREC_INPUT, "loop() needs a loop marked \"recursive\" and a list");
    tp_frame *outer = e->frame;
    tp_builder b = {.m = &e->m}, *into = e->out;
    e->frame = l->frame;
    e->out = &b;
    TRY(tp_loop_over(e, l->loop, a->value[0], l->depth + 1));
    e->out = into;
    e->frame = outer;
    return tp_finish(&b, out);
}

lorec_err tp_call(tp_eval *e, tp_value function, const tp_args *a, tp_value *out)
{
    if (function.kind == TP_LOOP) return call_loop(e, function.loop, a, out);
    if (function.kind == TP_UNDEFINED)
        return err_set(LOREC_INPUT, "\"%s\" is undefined and can not be called",
                       function.name ? function.name : "a value");
    if (function.kind != TP_FUNCTION) return err_set(LOREC_INPUT, "a %s can not be called", tp_kind_name(function));
    const tp_function *f = function.function;
    return f->kind == FUNCTION_MACRO ? call_macro(e, f, a, out) : tp_call_row(e, f->row, f->self, a, out);
}
