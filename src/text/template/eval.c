/* Statements: what each does to the output and the variables. */
#include "text/template/eval.h"

lorec_err tp_deeper(tp_eval *e)
{
    if (++e->depth <= EVAL_DEPTH_MAX) return LOREC_OK;
    return err_set(LOREC_INPUT, "macros or loops go more than %d deep", EVAL_DEPTH_MAX);
}

lorec_err tp_frame_push(tp_eval *e, tp_frame *parent)
{
    tp_frame *f;
    TRY(tp_alloc(&e->m, 1, &f));
    f->parent = parent;
    e->frame = f;
    return LOREC_OK;
}

lorec_err tp_variable_set(tp_eval *e, uint32_t name, tp_value v)
{
    tp_frame *f = e->frame;
    for (size_t i = 0; i < f->n; i++) {
        if (f->variable[i].name != name) continue;
        f->variable[i].value = v;
        return LOREC_OK;
    }
    if (f->n == f->cap) {
        size_t cap = f->cap ? 2 * f->cap : 4;
        tp_variable *grown;
        TRY(tp_alloc(&e->m, cap, &grown));
        for (size_t i = 0; i < f->n; i++) grown[i] = f->variable[i];
        f->variable = grown;
        f->cap = cap;
    }
    f->variable[f->n++] = (tp_variable){name, v};
    return LOREC_OK;
}

lorec_err tp_assign(tp_eval *e, const node *target, tp_value v)
{
    if (target->kind == NODE_NAME) return tp_variable_set(e, target->name, v);
    if (target->kind == NODE_ATTR) {
        tp_value of, key;
        TRY(tp_evaluate(e, target->a, &of));
        if (of.kind != TP_NAMESPACE)
            return err_set(LOREC_INPUT, "only a namespace's attributes can be set, not those of a %s",
                           tp_kind_name(of));
        TRY(tp_text(&e->m, target->text, strlen(target->text), true, &key));
        return tp_dict_set(&e->m, of.dict, key, v);
    }
    const tp_list *items;
    TRY(tp_items_of(e, v, &items));
    if (items->n != target->n) return err_set(LOREC_INPUT, "%zu values where %zu names stand", items->n, target->n);
    for (size_t i = 0; i < target->n; i++) TRY(tp_assign(e, target->kid[i], items->item[i]));
    return LOREC_OK;
}

lorec_err tp_capture(tp_eval *e, const node *body, tp_value *out)
{
    tp_builder b = {.m = &e->m}, *outer = e->out;
    e->out = &b;
    TRY(tp_run(e, body));
    e->out = outer;
    return tp_finish(&b, out);
}

static lorec_err print(tp_eval *e, const node *n)
{
    tp_value v;
    TRY(tp_evaluate(e, n->a, &v));
    TRY(tp_str(e->out, v, false));
    if (e->out->n > e->max_output)
        return err_set(LOREC_INPUT, "the template writes more than %zu bytes", e->max_output);
    return LOREC_OK;
}

/* ---- loops --------------------------------------------------------------------------------------------------------- */

static lorec_err passes(tp_eval *e, const node *loop, tp_value item, bool *out)
{
    tp_frame *outer = e->frame;
    tp_value v;
    TRY(tp_frame_push(e, outer));
    TRY(tp_assign(e, loop->a, item));
    TRY(tp_evaluate(e, loop->c, &v));
    e->frame = outer;
    *out = tp_true(v);
    return LOREC_OK;
}

static lorec_err passing(tp_eval *e, const node *loop, const tp_list *all, const tp_list **out)
{
    tp_items some = {.m = &e->m};
    tp_value v;
    for (size_t i = 0; i < all->n; i++) {
        bool yes;
        TRY(passes(e, loop, all->item[i], &yes));
        if (yes) TRY(tp_push(&some, all->item[i]));
    }
    TRY(tp_list_of(&some, false, &v));
    *out = v.list;
    return LOREC_OK;
}

static lorec_err loop_round(tp_eval *e, const node *loop, tp_frame *outer, const tp_loop *state, uint32_t loop_name)
{
    tp_loop *here;
    TRY(tp_work(&e->m, 1));
    TRY(tp_alloc(&e->m, 1, &here));
    *here = *state;
    TRY(tp_frame_push(e, outer));
    TRY(tp_assign(e, loop->a, state->items->item[state->i]));
    if (loop_name != UINT32_MAX) TRY(tp_variable_set(e, loop_name, TP(TP_LOOP, .loop = here)));
    return tp_run(e, loop->kid[0]);
}

lorec_err tp_loop_over(tp_eval *e, const node *loop, tp_value over, int64_t depth)
{
    tp_frame *outer = e->frame;
    const tp_list *items;
    uint32_t name;
    if (!ids_find(&e->t->names, slice_of("loop"), &name)) name = UINT32_MAX; /* the template never asks */
    TRY(tp_items_of(e, over, &items));
    /* Where the template asks for `loop`, the items have to be counted first; elsewhere the condition is asked before each
     * round, and sees what earlier rounds changed, as in Jinja. */
    bool count = loop->c && name != UINT32_MAX, any = false;
    if (count) TRY(passing(e, loop, items, &items));
    tp_loop state = {.items = items, .depth = depth, .loop = loop, .frame = outer};
    TRY(tp_alloc(&e->m, 1, &state.changed));
    for (; state.i < items->n; state.i++) {
        bool yes = true;
        if (loop->c && !count) TRY(passes(e, loop, items->item[state.i], &yes));
        if (!yes) continue;
        any = true;
        TRY(loop_round(e, loop, outer, &state, name));
        e->frame = outer;
        tp_flow flow = e->flow;
        e->flow = FLOW_ON;
        if (flow == FLOW_BREAK) break;
    }
    return !any && loop->kid[1] ? tp_run(e, loop->kid[1]) : LOREC_OK;
}

static lorec_err for_loop(tp_eval *e, const node *n)
{
    tp_value over;
    TRY(tp_evaluate(e, n->b, &over));
    return tp_loop_over(e, n, over, 1);
}

/* ---- the rest ------------------------------------------------------------------------------------------------------ */

static lorec_err branch(tp_eval *e, const node *n)
{
    for (; n && n->kind == NODE_BRANCH; n = n->c) {
        tp_value v;
        e->line = n->line;
        TRY(tp_evaluate(e, n->a, &v));
        if (tp_true(v)) return tp_run(e, n->b);
    }
    return n ? tp_run(e, n) : LOREC_OK;
}

static lorec_err filtered(tp_eval *e, const node *body, const node *filters, tp_value *out)
{
    TRY(tp_capture(e, body, out));
    if (!filters) return LOREC_OK;
    tp_value outer = e->hole;
    e->hole = *out;
    TRY(tp_evaluate(e, filters, out));
    e->hole = outer;
    return LOREC_OK;
}

static lorec_err set_block(tp_eval *e, const node *n)
{
    tp_frame *outer = e->frame;
    tp_value v;
    TRY(tp_frame_push(e, outer));
    TRY(filtered(e, n->b, n->c, &v));
    e->frame = outer;
    return tp_assign(e, n->a, v);
}

static lorec_err macro_value(tp_eval *e, const node *n, tp_value *out)
{
    tp_function *f;
    TRY(tp_alloc(&e->m, 1, &f));
    *f = (tp_function){.kind = FUNCTION_MACRO, .macro = n, .frame = e->frame};
    *out = TP(TP_FUNCTION, .function = f);
    return LOREC_OK;
}

static lorec_err call_block(tp_eval *e, const node *n)
{
    tp_frame *outer = e->frame;
    tp_value v;
    /* The macro finds `caller` as a variable of the frame in which it is called; see tp_call. */
    TRY(macro_value(e, n->b, &v));
    TRY(tp_frame_push(e, outer));
    TRY(tp_variable_set(e, n->b->name, v));
    TRY(tp_evaluate(e, n->a, &v));
    e->frame = outer;
    return tp_str(e->out, v, false);
}

static lorec_err with(tp_eval *e, const node *n)
{
    tp_frame *outer = e->frame;
    tp_frame *inner;
    TRY(tp_frame_push(e, outer));
    inner = e->frame;
    for (size_t i = 0; i < n->n; i += 2) { /* values see what is outside */
        tp_value v;
        e->frame = outer;
        TRY(tp_evaluate(e, n->kid[i + 1], &v));
        e->frame = inner;
        TRY(tp_assign(e, n->kid[i], v));
    }
    TRY(tp_run(e, n->a));
    e->frame = outer;
    return LOREC_OK;
}

static lorec_err statement(tp_eval *e, const node *n)
{
    tp_value v;
    switch (n->kind) {
    case NODE_PRINT:
        return print(e, n);
    case NODE_BLOCK:
        for (size_t i = 0; i < n->n && e->flow == FLOW_ON; i++) TRY(tp_run(e, n->kid[i]));
        return LOREC_OK;
    case NODE_FOR:
        return for_loop(e, n);
    case NODE_BRANCH:
        return branch(e, n);
    case NODE_SET:
        TRY(tp_evaluate(e, n->b, &v));
        return tp_assign(e, n->a, v);
    case NODE_SET_BLOCK:
        return set_block(e, n);
    case NODE_MACRO:
        TRY(macro_value(e, n, &v));
        return tp_variable_set(e, n->name, v);
    case NODE_CALL_BLOCK:
        return call_block(e, n);
    case NODE_FILTER_BLOCK:
        TRY(filtered(e, n->b, n->c, &v));
        return tp_str(e->out, v, false);
    case NODE_WITH:
        return with(e, n);
    case NODE_BREAK:
    case NODE_CONTINUE:
        e->flow = n->kind == NODE_BREAK ? FLOW_BREAK : FLOW_CONTINUE;
        return LOREC_OK;
    default:
        return err_set(LOREC_FAILED, "a node of no known kind");
    }
}

lorec_err tp_run(tp_eval *e, const node *n)
{
    TRY(tp_deeper(e));
    TRY(tp_work(&e->m, 1));
    e->line = n->line;
    TRY(statement(e, n));
    e->depth--;
    return LOREC_OK;
}
