/* eval.h: a rendering under way, and what filters, tests, methods and functions get to see of it.
 *
 *     static lorec_err first(tp_eval *e, tp_value in, const tp_args *a, tp_value *out) { ... }
 *     {"first", first, 0, 0, NULL},                            // one row of the table in filters.c
 *
 * Ownership: everything is the rendering's memory. */
#ifndef LOREC_TEXT_TEMPLATE_EVAL_H
#define LOREC_TEXT_TEMPLATE_EVAL_H

#include "text/template/tree.h"

enum { EVAL_DEPTH_MAX = 400, RANGE_MAX = 100000 };

typedef struct tp_variable {
    uint32_t name;
    tp_value value;
} tp_variable;

typedef struct tp_frame { /* the variables of a loop's round, a macro, a with; found from the inside out */
    struct tp_frame *parent;
    tp_variable *variable;
    size_t n, cap;
} tp_frame;

typedef enum tp_flow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE } tp_flow;

typedef struct tp_eval {
    tp_memory m;
    const template *t;
    const template_values *in;
    tp_frame *frame;
    tp_builder *out; /* where text goes: the output, or what captures it */
    tp_flow flow;
    tp_value hole; /* of NODE_HOLE */
    int depth;
    unsigned line;
    size_t max_output;
} tp_eval;

typedef struct tp_args {
    const tp_value *value; /* [n + named] positional ones first */
    const char *const *name;
    size_t n, named;
} tp_args;

typedef lorec_err (*tp_filter_fn)(tp_eval *e, tp_value in, const tp_args *a, tp_value *out);

/* A filter, a method of a kind of value, or a function: the names of its arguments serve f(name=...). */
typedef struct tp_row {
    const char *name;
    tp_filter_fn run;
    size_t min, max;    /* arguments beside the value itself */
    const char *params; /* "name,name", or NULL */
} tp_row;

typedef lorec_err (*tp_test_fn)(tp_eval *e, tp_value in, const tp_args *a, bool *out);
typedef struct tp_test {
    const char *name;
    tp_test_fn run;
    size_t args;
} tp_test;

typedef enum tp_function_kind { FUNCTION_ROW, FUNCTION_MACRO } tp_function_kind;
typedef struct tp_function {
    tp_function_kind kind;
    const tp_row *row; /* ... of a function, or a method */
    tp_value self;     /* ... the value whose method it is */
    const node *macro; /* the macro, and where it was defined */
    tp_frame *frame;
} tp_function;

typedef struct tp_loop {
    const tp_list *items;
    size_t i;
    int64_t depth;
    const node *loop; /* of a recursive one */
    tp_frame *frame;
    tp_value *changed;
} tp_loop;

/* ---- eval_expr.c, eval.c ---- */
lorec_err tp_evaluate(tp_eval *e, const node *n, tp_value *out);
lorec_err tp_run(tp_eval *e, const node *n);
lorec_err tp_capture(tp_eval *e, const node *body, tp_value *out);
lorec_err tp_call(tp_eval *e, tp_value function, const tp_args *a, tp_value *out);
lorec_err tp_assign(tp_eval *e, const node *target, tp_value v);
lorec_err tp_frame_push(tp_eval *e, tp_frame *parent);
lorec_err tp_variable_set(tp_eval *e, uint32_t name, tp_value v); /* in the innermost frame */
lorec_err tp_loop_over(tp_eval *e, const node *loop, tp_value over, int64_t depth);
lorec_err tp_deeper(tp_eval *e);

/* ---- operators.c ---- */
lorec_err tp_binary(tp_eval *e, char op, tp_value a, tp_value b, tp_value *out);
lorec_err tp_negative(tp_value v, tp_value *out);
lorec_err tp_contains(tp_eval *e, tp_value in, tp_value what, bool *out);
lorec_err tp_item(tp_eval *e, tp_value of, tp_value key, tp_value *out); /* x[key]; undefined where it is not there */
lorec_err tp_attribute(tp_eval *e, tp_value of, const char *name, tp_value *out);
lorec_err tp_slice(tp_eval *e, tp_value of, const tp_value part[3], tp_value *out);
lorec_err tp_items_of(tp_eval *e, tp_value v, const tp_list **out); /* what a loop goes over; strings by character */
lorec_err tp_length(tp_eval *e, tp_value v, size_t *out);           /* strings in characters */

/* ---- filters.c, filters_text.c, tests.c, methods.c, functions.c ---- */
lorec_err tp_as_string(tp_eval *e, tp_value v, const tp_string **out); /* str(v) */
bool tp_arg(const tp_args *a, const tp_row *row, size_t i, tp_value *out);
lorec_err tp_arg_whole(const tp_args *a, const tp_row *row, size_t i, int64_t fallback, int64_t *out);
lorec_err tp_call_row(tp_eval *e, const tp_row *row, tp_value self, const tp_args *a, tp_value *out);
lorec_err tp_run_test(tp_eval *e, const tp_test *t, tp_value in, const tp_args *a, bool *out);
const tp_row *tp_filter_find(const char *name);
const tp_test *tp_test_find(const char *name);
const tp_row *tp_method_find(tp_value of, const char *name);
lorec_err tp_functions(tp_eval *e); /* into the outermost frame */
lorec_err tp_unknown(const char *what, const char *name);
extern const tp_row tp_text_filters[], tp_list_filters[], tp_string_methods[];
extern const size_t tp_n_text_filters, tp_n_list_filters, tp_n_string_methods;

/* Shared by filters and methods of strings. */
lorec_err tp_strip(tp_eval *e, const tp_string *s, const tp_string *chars, int sides,
                   tp_value *out); /* 1 left, 2 right */
lorec_err tp_replace(tp_eval *e, const tp_string *s, const tp_string *old, const tp_string *to, int64_t count,
                     tp_value *out);
typedef enum tp_case { CASE_UPPER, CASE_LOWER, CASE_TITLE, CASE_CAPITALIZE, CASE_SWAP } tp_case;
lorec_err tp_recase(tp_eval *e, const tp_string *s, tp_case how, tp_value *out);
lorec_err tp_join(tp_eval *e, const tp_list *l, const tp_string *between, const char *attribute, tp_value *out);
lorec_err tp_format_percent(tp_eval *e, const tp_string *form, const tp_value *args, size_t n, tp_value dict,
                            tp_value *out);
lorec_err tp_format_braces(tp_eval *e, const tp_string *form, const tp_row *row, const tp_args *a, tp_value *out);

#endif
