/* Expressions, in Jinja's order of precedence. */
#include "text/template/eval.h"
#include "text/template/parse.h"

static lorec_err deep_tree(void)
{
    return err_set(LOREC_INPUT, "nested more than %d deep", TREE_DEPTH_MAX);
}

lorec_err parse_bad(const parser *p, const char *what)
{
    const token *t = p->at;
    switch (t->kind) {
    case TOKEN_END:
        return err_set(LOREC_INPUT, "expected %s, found the end of the template", what);
    case TOKEN_TAG_END:
    case TOKEN_PRINT_END:
        return err_set(LOREC_INPUT, "expected %s, found the end of the tag", what);
    case TOKEN_INT:
    case TOKEN_REAL:
        return err_set(LOREC_INPUT, "expected %s, found a number", what);
    case TOKEN_STRING:
        return err_set(LOREC_INPUT, "expected %s, found a string", what);
    default:
        return err_set(LOREC_INPUT, "expected %s, found \"%.40s\"", what, t->text ? t->text : "a tag");
    }
}

lorec_err parse_expect(parser *p, const char *sign)
{
    if (parse_take(p, sign)) return LOREC_OK;
    char what[8];
    snprintf(what, sizeof what, "\"%s\"", sign);
    return parse_bad(p, what);
}

lorec_err parse_deeper(parser *p)
{
    return ++p->depth > PARSE_DEPTH_MAX ? err_set(LOREC_INPUT, "nested more than %d deep", PARSE_DEPTH_MAX) : LOREC_OK;
}

lorec_err parse_node(parser *p, node_kind kind, node **out)
{
    TRY(tp_alloc(&p->t->memory, 1, out));
    (*out)->kind = kind;
    (*out)->line = p->at->line;
    (*out)->depth = 1;
    return LOREC_OK;
}

lorec_err parse_push(parser *p, node_list *l, node *n, const char *key)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 4;
        node **grown;
        const char **keys;
        TRY(tp_alloc(&p->t->memory, cap, &grown));
        TRY(tp_alloc(&p->t->memory, cap, &keys));
        for (size_t i = 0; i < l->n; i++) {
            grown[i] = l->node[i];
            keys[i] = l->key[i];
        }
        *l = (node_list){grown, keys, l->n, cap};
    }
    l->node[l->n] = n;
    l->key[l->n++] = key;
    return LOREC_OK;
}

static void below(node *n, const node *part)
{
    if (part && part->depth + 1 > n->depth) n->depth = part->depth + 1;
}

lorec_err parse_done(node *n)
{
    below(n, n->a);
    below(n, n->b);
    below(n, n->c);
    for (size_t i = 0; i < n->n; i++) below(n, n->kid[i]);
    return n->depth > TREE_DEPTH_MAX ? deep_tree() : LOREC_OK;
}

lorec_err parse_close(node *n, const node_list *l)
{
    n->kid = l->node;
    n->key = l->key;
    n->n = l->n;
    return parse_done(n);
}

lorec_err parse_name(parser *p, node **out)
{
    if (p->at->kind != TOKEN_NAME) return parse_bad(p, "a name");
    TRY(parse_node(p, NODE_NAME, out));
    (*out)->text = p->at->text;
    TRY(ids_add(&p->t->names, (slice){p->at->text, p->at->n}, &(*out)->name));
    p->at++;
    return LOREC_OK;
}

static lorec_err two(parser *p, node_kind kind, char op, node *a, node *b, node **out)
{
    TRY(parse_node(p, kind, out));
    (*out)->line = a->line;
    (*out)->op = op;
    (*out)->a = a;
    (*out)->b = b;
    return parse_done(*out);
}

static lorec_err literal(parser *p, tp_value v, node **out)
{
    TRY(parse_node(p, NODE_LITERAL, out));
    (*out)->value = v;
    p->at++;
    return LOREC_OK;
}

/* ---- the leaves ---------------------------------------------------------------------------------------------------- */

static lorec_err strings(parser *p, node **out)
{
    tp_builder b = {.m = &p->t->memory};
    TRY(parse_node(p, NODE_LITERAL, out));
    for (; p->at->kind == TOKEN_STRING; p->at++) TRY(tp_add_text(&b, p->at->text, p->at->n, true));
    return tp_finish(&b, &(*out)->value);
}

static lorec_err list(parser *p, node **out)
{
    node_list l = {0};
    TRY(parse_node(p, NODE_LIST, out));
    p->at++;
    while (!parse_is(p, "]")) {
        node *item;
        if (l.n) TRY(parse_expect(p, ","));
        if (parse_is(p, "]")) break;
        TRY(parse_expression(p, &item));
        TRY(parse_push(p, &l, item, NULL));
    }
    TRY(parse_expect(p, "]"));
    return parse_close(*out, &l);
}

static lorec_err dict(parser *p, node **out)
{
    node_list l = {0};
    TRY(parse_node(p, NODE_DICT, out));
    p->at++;
    while (!parse_is(p, "}")) {
        node *key, *value;
        if (l.n) TRY(parse_expect(p, ","));
        if (parse_is(p, "}")) break;
        TRY(parse_expression(p, &key));
        TRY(parse_expect(p, ":"));
        TRY(parse_expression(p, &value));
        TRY(parse_push(p, &l, key, NULL));
        TRY(parse_push(p, &l, value, NULL));
    }
    TRY(parse_expect(p, "}"));
    return parse_close(*out, &l);
}

static lorec_err primary(parser *p, node **out)
{
    const token *t = p->at;
    switch (t->kind) {
    case TOKEN_NAME:
        if (parse_word(p, "true") || parse_word(p, "True")) return literal(p, tp_bool(true), out);
        if (parse_word(p, "false") || parse_word(p, "False")) return literal(p, tp_bool(false), out);
        if (parse_word(p, "none") || parse_word(p, "None")) return literal(p, tp_none(), out);
        return parse_name(p, out);
    case TOKEN_STRING:
        return strings(p, out);
    case TOKEN_INT:
        return literal(p, tp_int(t->i), out);
    case TOKEN_REAL:
        return literal(p, TP(TP_REAL, .f = t->f), out);
    case TOKEN_SIGN:
        if (parse_take(p, "(")) {
            TRY(parse_tuple(p, true, false, out));
            return parse_expect(p, ")");
        }
        if (parse_is(p, "[")) return list(p, out);
        if (parse_is(p, "{")) return dict(p, out);
        return parse_bad(p, "an expression");
    default:
        return parse_bad(p, "an expression");
    }
}

/* ---- what follows a leaf ------------------------------------------------------------------------------------------- */

static lorec_err arguments(parser *p, node *call)
{
    node_list l = {0};
    TRY(parse_expect(p, "("));
    while (!parse_is(p, ")")) {
        node *value;
        const char *key = NULL;
        if (l.n) TRY(parse_expect(p, ","));
        if (parse_is(p, ")")) break;
        if (parse_is(p, "*") || parse_is(p, "**"))
            return err_set(LOREC_INPUT, "* and ** before an argument are not part of lorec's templates");
        if (p->at->kind == TOKEN_NAME && p->at[1].kind == TOKEN_SIGN && strcmp(p->at[1].text, "=") == 0) {
            key = p->at->text;
            p->at += 2;
        } else if (l.n && l.key[l.n - 1])
            return parse_bad(p, "a named argument");
        TRY(parse_expression(p, &value));
        TRY(parse_push(p, &l, value, key));
    }
    TRY(parse_expect(p, ")"));
    return parse_close(call, &l);
}

lorec_err parse_call(parser *p, node *function, node **out)
{
    TRY(parse_node(p, NODE_CALL, out));
    (*out)->a = function;
    return arguments(p, *out);
}

static lorec_err subscript(parser *p, node *of, node **out)
{
    node *part[3] = {0};
    size_t n = 0;
    bool colon = false;
    TRY(parse_node(p, NODE_ITEM, out));
    p->at++;
    while (!parse_is(p, "]") && n < 3) {
        if (!parse_is(p, ":")) TRY(parse_tuple(p, true, true, &part[n]));
        n++;
        if (!parse_take(p, ":")) break;
        colon = true;
    }
    if (!colon && n == 0) return parse_bad(p, "an index");
    TRY(parse_expect(p, "]"));
    (*out)->a = of;
    if (!colon) {
        (*out)->b = part[0];
        return parse_done(*out);
    }
    (*out)->kind = NODE_SLICE;
    TRY(tp_alloc(&p->t->memory, 3, &(*out)->kid));
    for (size_t i = 0; i < 3; i++) (*out)->kid[i] = part[i];
    (*out)->n = 3;
    return parse_done(*out);
}

static lorec_err attribute(parser *p, node *of, node **out)
{
    p->at++;
    if (p->at->kind == TOKEN_INT) { /* x.0 is x[0] */
        node *index;
        TRY(literal(p, tp_int(p->at->i), &index));
        return two(p, NODE_ITEM, 0, of, index, out);
    }
    if (p->at->kind != TOKEN_NAME) return parse_bad(p, "a name after \".\"");
    TRY(two(p, NODE_ATTR, 0, of, NULL, out));
    (*out)->text = p->at->text;
    p->at++;
    return LOREC_OK;
}

static lorec_err postfix(parser *p, node **n)
{
    for (;;) {
        if (parse_is(p, "."))
            TRY(attribute(p, *n, n));
        else if (parse_is(p, "["))
            TRY(subscript(p, *n, n));
        else if (parse_is(p, "("))
            TRY(parse_call(p, *n, n));
        else
            return LOREC_OK;
    }
}

lorec_err parse_filter_name(parser *p, node *on, node **out)
{
    if (p->at->kind != TOKEN_NAME) return parse_bad(p, "a filter's name");
    TRY(two(p, NODE_FILTER, 0, on, NULL, out));
    (*out)->line = p->at->line;
    (*out)->text = p->at->text;
    (*out)->row = tp_filter_find(p->at->text);
    if (!(*out)->row && !p->branches) return tp_unknown("filter", p->at->text);
    p->at++;
    return parse_is(p, "(") ? arguments(p, *out) : LOREC_OK;
}

lorec_err parse_filters(parser *p, node *on, node **out)
{
    *out = on;
    while (parse_take(p, "|")) TRY(parse_filter_name(p, *out, out));
    return LOREC_OK;
}

/* x is [not] NAME [argument]: an argument may stand in brackets or, if it is one, alone. */
static lorec_err test(parser *p, node *on, node **out)
{
    p->at++;
    bool negated = parse_take_word(p, "not");
    if (p->at->kind != TOKEN_NAME) return parse_bad(p, "a test's name");
    TRY(two(p, NODE_TEST, 0, on, NULL, out));
    node *n = *out;
    n->text = p->at->text;
    n->row = tp_test_find(p->at->text);
    if (!n->row && !p->branches) return tp_unknown("test", p->at->text);
    p->at++;
    if (parse_is(p, "(")) {
        TRY(arguments(p, n));
    } else if ((p->at->kind == TOKEN_NAME && !parse_word(p, "else") && !parse_word(p, "or") && !parse_word(p, "and") &&
                !parse_word(p, "if") && !parse_word(p, "is") && !parse_word(p, "not") && !parse_word(p, "in")) ||
               p->at->kind == TOKEN_STRING || p->at->kind == TOKEN_INT || p->at->kind == TOKEN_REAL ||
               parse_is(p, "[") || parse_is(p, "{")) {
        node_list l = {0};
        node *argument;
        TRY(primary(p, &argument));
        TRY(postfix(p, &argument));
        TRY(parse_push(p, &l, argument, NULL));
        TRY(parse_close(n, &l));
    }
    return negated ? two(p, NODE_NOT, 0, n, NULL, out) : LOREC_OK;
}

static lorec_err after_filters(parser *p, node **n)
{
    for (;;) {
        if (parse_is(p, "|"))
            TRY(parse_filters(p, *n, n));
        else if (parse_word(p, "is"))
            TRY(test(p, *n, n));
        else if (parse_is(p, "("))
            TRY(parse_call(p, *n, n));
        else
            return LOREC_OK;
    }
}

/* ---- operators ----------------------------------------------------------------------------------------------------- */

static lorec_err unary(parser *p, bool filters, node **out)
{
    TRY(parse_deeper(p));
    if (parse_is(p, "-") || parse_is(p, "+")) {
        char op = p->at->text[0];
        p->at++;
        TRY(unary(p, false, out));
        TRY(two(p, NODE_SIGN, op, *out, NULL, out));
    } else {
        TRY(primary(p, out));
        TRY(postfix(p, out));
    }
    p->depth--;
    return filters ? after_filters(p, out) : LOREC_OK;
}

static lorec_err power(parser *p, node **out)
{
    TRY(unary(p, true, out));
    while (parse_take(p, "**")) {
        node *right;
        TRY(unary(p, true, &right));
        TRY(two(p, NODE_BINARY, 'P', *out, right, out));
    }
    return LOREC_OK;
}

static lorec_err product(parser *p, node **out)
{
    TRY(power(p, out));
    for (;;) {
        char op = parse_is(p, "*")    ? '*'
                  : parse_is(p, "/")  ? '/'
                  : parse_is(p, "//") ? 'D'
                  : parse_is(p, "%")  ? '%'
                                      : 0;
        if (!op) return LOREC_OK;
        node *right;
        p->at++;
        TRY(power(p, &right));
        TRY(two(p, NODE_BINARY, op, *out, right, out));
    }
}

static lorec_err concat(parser *p, node **out)
{
    TRY(product(p, out));
    if (!parse_is(p, "~")) return LOREC_OK;
    node_list l = {0};
    node *n;
    TRY(parse_node(p, NODE_CONCAT, &n));
    TRY(parse_push(p, &l, *out, NULL));
    while (parse_take(p, "~")) {
        node *right;
        TRY(product(p, &right));
        TRY(parse_push(p, &l, right, NULL));
    }
    *out = n;
    return parse_close(n, &l);
}

static lorec_err sum(parser *p, node **out)
{
    TRY(concat(p, out));
    while (parse_is(p, "+") || parse_is(p, "-")) {
        char op = p->at->text[0];
        node *right;
        p->at++;
        TRY(concat(p, &right));
        TRY(two(p, NODE_BINARY, op, *out, right, out));
    }
    return LOREC_OK;
}

static char compare_op(parser *p)
{
    static const struct {
        const char *sign;
        char op;
    } signs[] = {{"==", '='}, {"!=", '!'}, {"<=", 'L'}, {">=", 'G'}, {"<", '<'}, {">", '>'}};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        if (parse_take(p, signs[i].sign)) return signs[i].op;
    }
    if (parse_take_word(p, "in")) return 'i';
    if (parse_word(p, "not") && p->at[1].kind == TOKEN_NAME && strcmp(p->at[1].text, "in") == 0) {
        p->at += 2;
        return 'n';
    }
    return 0;
}

static lorec_err comparison(parser *p, node **out)
{
    TRY(sum(p, out));
    node_list l = {0};
    tp_builder ops = {.m = &p->t->memory};
    node *n = NULL;
    for (char op; (op = compare_op(p));) {
        node *right;
        if (!n) {
            TRY(parse_node(p, NODE_COMPARE, &n));
            TRY(parse_push(p, &l, *out, NULL));
        }
        TRY(tp_add_text(&ops, &op, 1, true));
        TRY(sum(p, &right));
        TRY(parse_push(p, &l, right, NULL));
    }
    if (!n) return LOREC_OK;
    n->ops = ops.p;
    *out = n;
    return parse_close(n, &l);
}

static lorec_err negation(parser *p, node **out)
{
    if (!parse_take_word(p, "not")) return comparison(p, out);
    TRY(parse_deeper(p));
    TRY(negation(p, out));
    p->depth--;
    return two(p, NODE_NOT, 0, *out, NULL, out);
}

static lorec_err conjunction(parser *p, node **out)
{
    TRY(negation(p, out));
    while (parse_take_word(p, "and")) {
        node *right;
        TRY(negation(p, &right));
        TRY(two(p, NODE_AND, 0, *out, right, out));
    }
    return LOREC_OK;
}

lorec_err parse_without_condition(parser *p, node **out)
{
    TRY(parse_deeper(p));
    TRY(conjunction(p, out));
    while (parse_take_word(p, "or")) {
        node *right;
        TRY(conjunction(p, &right));
        TRY(two(p, NODE_OR, 0, *out, right, out));
    }
    p->depth--;
    return LOREC_OK;
}

lorec_err parse_expression(parser *p, node **out)
{
    TRY(parse_deeper(p));
    TRY(parse_without_condition(p, out));
    while (parse_take_word(p, "if")) {
        node *condition, *other = NULL;
        TRY(parse_without_condition(p, &condition));
        if (parse_take_word(p, "else")) TRY(parse_expression(p, &other));
        TRY(two(p, NODE_CHOICE, 0, *out, condition, out));
        (*out)->c = other;
        TRY(parse_done(*out));
    }
    p->depth--;
    return LOREC_OK;
}

static bool tuple_ends(const parser *p)
{
    return p->at->kind == TOKEN_TAG_END || p->at->kind == TOKEN_PRINT_END || parse_is(p, ")") || parse_is(p, "]") ||
           parse_is(p, ":") || parse_word(p, "in") || parse_word(p, "recursive");
}

lorec_err parse_tuple(parser *p, bool conditions, bool must, node **out)
{
    node_list l = {0};
    bool comma = false;
    for (bool more = must || !tuple_ends(p); more;) {
        node *item;
        TRY(conditions ? parse_expression(p, &item) : parse_without_condition(p, &item));
        TRY(parse_push(p, &l, item, NULL));
        more = parse_take(p, ",");
        comma = comma || more;
        if (tuple_ends(p)) break;
    }
    if (l.n == 1 && !comma) {
        *out = l.node[0];
        return LOREC_OK;
    }
    TRY(parse_node(p, NODE_LIST, out));
    (*out)->flag = true;
    return parse_close(*out, &l);
}

/* What is assigned to: a name, a tuple of targets, and (set only) an attribute of a namespace. */
lorec_err parse_target(parser *p, bool attributes, node **out)
{
    node_list l = {0};
    node *item;
    TRY(parse_deeper(p));
    do {
        if (l.n && (parse_word(p, "in") || parse_is(p, "=") || parse_is(p, ")") || p->at->kind == TOKEN_TAG_END)) break;
        if (parse_take(p, "(")) {
            TRY(parse_target(p, attributes, &item));
            TRY(parse_expect(p, ")"));
        } else {
            TRY(parse_name(p, &item));
            if (attributes && parse_is(p, ".")) TRY(attribute(p, item, &item));
        }
        TRY(parse_push(p, &l, item, NULL));
    } while (parse_take(p, ","));
    p->depth--;
    *out = l.node[0];
    if (l.n == 1 && !(p->at[-1].kind == TOKEN_SIGN && p->at[-1].text[0] == ',')) return LOREC_OK;
    TRY(parse_node(p, NODE_LIST, out));
    (*out)->flag = true;
    return parse_close(*out, &l);
}
