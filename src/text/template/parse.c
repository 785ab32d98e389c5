/* Statements: the text between tags, and what {% %} says. */
#include "text/template/parse.h"

static lorec_err statements(parser *p, const char *const *ends, node **out);

static const char *const no_ends[] = {NULL};

static bool at_end_tag(const parser *p, const char *const *ends)
{
    if (p->at->kind != TOKEN_TAG || p->at[1].kind != TOKEN_NAME) return false;
    for (; *ends; ends++) {
        if (strcmp(p->at[1].text, *ends) == 0) return true;
    }
    return false;
}

static lorec_err tag_end(parser *p)
{
    if (p->at->kind != TOKEN_TAG_END) return parse_bad(p, "the end of the tag");
    p->at++;
    return LOREC_OK;
}

/* The body of a tag: from its "%}" to the tag that ends it, whose name is taken and told. */
static lorec_err body(parser *p, const char *const *ends, node **out, const char **ended)
{
    unsigned line = p->at->line;
    TRY(tag_end(p));
    TRY(statements(p, ends, out));
    if (p->at->kind == TOKEN_END)
        return err_set(LOREC_INPUT, "{%% %s %%} is missing for the block that begins on line %u", ends[0], line);
    p->at++;
    *ended = p->at->text;
    p->at++;
    return LOREC_OK;
}

static lorec_err whole_body(parser *p, const char *end, node **out)
{
    const char *ended;
    TRY(body(p, (const char *const[]){end, NULL}, out, &ended));
    return tag_end(p);
}

static lorec_err if_tag(parser *p, node **out)
{
    static const char *const ends[] = {"endif", "elif", "else", NULL}, *const last[] = {"endif", NULL};
    const char *ended = "elif";
    node **into = out;
    p->branches++;
    for (int branches = 0; strcmp(ended, "elif") == 0; branches++) {
        if (branches > PARSE_DEPTH_MAX) return err_set(LOREC_INPUT, "more than %d branches", PARSE_DEPTH_MAX);
        TRY(parse_node(p, NODE_BRANCH, into));
        TRY(parse_tuple(p, true, true, &(*into)->a));
        TRY(body(p, ends, &(*into)->b, &ended));
        into = &(*into)->c;
    }
    if (strcmp(ended, "else") == 0) TRY(body(p, last, into, &ended));
    p->branches--;
    TRY(tag_end(p));
    node *chain[PARSE_DEPTH_MAX + 2]; /* depths are known from the inside out */
    size_t n = 0;
    for (node *at = *out; at && at->kind == NODE_BRANCH && at->a; at = at->c) {
        chain[n++] = at;
        if (!at->c || at->c->kind != NODE_BRANCH || n > PARSE_DEPTH_MAX) break;
    }
    while (n > 0) TRY(parse_done(chain[--n]));
    return LOREC_OK;
}

static lorec_err for_tag(parser *p, node **out)
{
    static const char *const ends[] = {"endfor", "else", NULL}, *const last[] = {"endfor", NULL};
    const char *ended;
    node *n;
    TRY(parse_node(p, NODE_FOR, out));
    n = *out;
    TRY(parse_target(p, false, &n->a));
    if (!parse_take_word(p, "in")) return parse_bad(p, "\"in\"");
    TRY(parse_tuple(p, false, true, &n->b));
    if (parse_take_word(p, "if")) TRY(parse_expression(p, &n->c));
    n->flag = parse_take_word(p, "recursive");
    TRY(tp_alloc(&p->t->memory, 2, &n->kid));
    n->n = 2;
    p->loops++;
    TRY(body(p, ends, &n->kid[0], &ended));
    p->loops--;
    if (strcmp(ended, "else") == 0) TRY(body(p, last, &n->kid[1], &ended));
    TRY(tag_end(p));
    return parse_done(n);
}

static lorec_err hole(parser *p, node **out)
{
    return parse_node(p, NODE_HOLE, out);
}

static lorec_err set_tag(parser *p, node **out)
{
    TRY(parse_node(p, NODE_SET, out));
    node *n = *out;
    TRY(parse_target(p, true, &n->a));
    if (parse_take(p, "=")) {
        TRY(parse_tuple(p, true, true, &n->b));
        TRY(tag_end(p));
        return parse_done(n);
    }
    n->kind = NODE_SET_BLOCK;
    if (parse_is(p, "|")) {
        TRY(hole(p, &n->c));
        TRY(parse_filters(p, n->c, &n->c));
    }
    TRY(whole_body(p, "endset", &n->b));
    return parse_done(n);
}

static lorec_err parameters(parser *p, node *macro)
{
    node_list l = {0};
    bool defaults = false;
    TRY(parse_expect(p, "("));
    while (!parse_is(p, ")")) {
        node *name;
        if (l.n) TRY(parse_expect(p, ","));
        if (parse_is(p, ")")) break;
        TRY(parse_name(p, &name));
        if (parse_take(p, "=")) {
            TRY(parse_expression(p, &name->a));
            defaults = true;
        } else if (defaults)
            return err_set(LOREC_INPUT, "the parameter \"%.40s\" without a default follows one with a default",
                           name->text);
        TRY(parse_done(name));
        TRY(parse_push(p, &l, name, NULL));
    }
    TRY(parse_expect(p, ")"));
    return parse_close(macro, &l);
}

static lorec_err macro_body(parser *p, node *macro, const char *end)
{
    int loops = p->loops;
    p->loops = 0;
    TRY(whole_body(p, end, &macro->a));
    p->loops = loops;
    return parse_done(macro);
}

static lorec_err macro_tag(parser *p, node **out)
{
    node *name;
    TRY(parse_node(p, NODE_MACRO, out));
    TRY(parse_name(p, &name));
    (*out)->name = name->name;
    (*out)->text = name->text;
    TRY(parameters(p, *out));
    return macro_body(p, *out, "endmacro");
}

static lorec_err call_tag(parser *p, node **out)
{
    TRY(parse_node(p, NODE_CALL_BLOCK, out));
    node *n = *out;
    TRY(parse_node(p, NODE_MACRO, &n->b));
    n->b->text = "caller";
    TRY(ids_add(&p->t->names, slice_of("caller"), &n->b->name));
    if (parse_is(p, "(")) TRY(parameters(p, n->b));
    TRY(parse_expression(p, &n->a));
    if (n->a->kind != NODE_CALL) return err_set(LOREC_INPUT, "{%% call %%} needs the call of a macro");
    TRY(macro_body(p, n->b, "endcall"));
    return parse_done(n);
}

static lorec_err filter_tag(parser *p, node **out)
{
    TRY(parse_node(p, NODE_FILTER_BLOCK, out));
    node *n = *out;
    TRY(hole(p, &n->c));
    TRY(parse_filter_name(p, n->c, &n->c));
    TRY(parse_filters(p, n->c, &n->c));
    TRY(whole_body(p, "endfilter", &n->b));
    return parse_done(n);
}

static lorec_err with_tag(parser *p, node **out)
{
    node_list l = {0};
    TRY(parse_node(p, NODE_WITH, out));
    while (p->at->kind != TOKEN_TAG_END) {
        node *target, *value;
        if (l.n) TRY(parse_expect(p, ","));
        TRY(parse_name(p, &target));
        TRY(parse_expect(p, "="));
        TRY(parse_expression(p, &value));
        TRY(parse_push(p, &l, target, NULL));
        TRY(parse_push(p, &l, value, NULL));
    }
    TRY(whole_body(p, "endwith", &(*out)->a));
    return parse_close(*out, &l);
}

static lorec_err generation_tag(parser *p, node **out)
{
    return whole_body(p, "endgeneration", out);
}

static lorec_err jump(parser *p, node_kind kind, node **out)
{
    if (p->loops == 0)
        return err_set(LOREC_INPUT, "{%% %s %%} outside of a loop", kind == NODE_BREAK ? "break" : "continue");
    TRY(parse_node(p, kind, out));
    return tag_end(p);
}

static lorec_err break_tag(parser *p, node **out)
{
    return jump(p, NODE_BREAK, out);
}

static lorec_err continue_tag(parser *p, node **out)
{
    return jump(p, NODE_CONTINUE, out);
}

static const struct {
    const char *name;
    lorec_err (*parse)(parser *, node **);
} tags[] = {
    {"if", if_tag},       {"for", for_tag},           {"set", set_tag},   {"macro", macro_tag},
    {"call", call_tag},   {"filter", filter_tag},     {"with", with_tag}, {"generation", generation_tag},
    {"break", break_tag}, {"continue", continue_tag},
};
enum { TAGS = sizeof tags / sizeof *tags };

static lorec_err statement(parser *p, node **out)
{
    p->at++;
    if (p->at->kind != TOKEN_NAME) return parse_bad(p, "a tag's name");
    const char *names[TAGS];
    for (size_t i = 0; i < TAGS; i++) {
        names[i] = tags[i].name;
        if (!parse_word(p, tags[i].name)) continue;
        p->at++;
        return tags[i].parse(p, out);
    }
    if (strncmp(p->at->text, "end", 3) == 0 || parse_word(p, "else") || parse_word(p, "elif"))
        return err_set(LOREC_INPUT, "{%% %.40s %%} has no beginning", p->at->text);
    const char *near = err_nearest(p->at->text, names, TAGS);
    return err_set(LOREC_INPUT, "there is no tag {%% %.40s %%}%s%s%s", p->at->text, near ? "; did you mean \"" : "",
                   near ? near : "", near ? "\"?" : "");
}

static lorec_err print(parser *p, node **out)
{
    TRY(parse_node(p, NODE_PRINT, out));
    p->at++;
    TRY(parse_tuple(p, true, true, &(*out)->a));
    if (p->at->kind != TOKEN_PRINT_END) return parse_bad(p, "\"}}\"");
    p->at++;
    return parse_done(*out);
}

static lorec_err data(parser *p, node **out)
{
    node *text;
    TRY(parse_node(p, NODE_PRINT, out));
    TRY(parse_node(p, NODE_LITERAL, &text));
    TRY(tp_text(&p->t->memory, p->at->text, p->at->n, true, &text->value));
    (*out)->a = text;
    p->at++;
    return parse_done(*out);
}

static lorec_err statements(parser *p, const char *const *ends, node **out)
{
    node_list l = {0};
    TRY(parse_deeper(p));
    TRY(parse_node(p, NODE_BLOCK, out));
    while (p->at->kind != TOKEN_END && !at_end_tag(p, ends)) {
        node *n;
        switch (p->at->kind) {
        case TOKEN_DATA:
            TRY(data(p, &n));
            break;
        case TOKEN_PRINT:
            TRY(print(p, &n));
            break;
        default:
            TRY(statement(p, &n));
        }
        TRY(parse_push(p, &l, n, NULL));
    }
    p->depth--;
    return parse_close(*out, &l);
}

lorec_err template_tree(template *t, const lexed *tokens, unsigned *line)
{
    parser p = {.t = t, .at = tokens->token};
    lorec_err e = statements(&p, no_ends, &t->root);
    *line = p.at->line;
    return e;
}
