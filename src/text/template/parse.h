/* parse.h: what the two halves of the parser share: reading tokens and making nodes.
 *
 *     node *n;
 *     TRY(parse_expression(p, &n));
 *     TRY(parse_expect(p, "%}"));
 *
 * Ownership: nodes are the template's. */
#ifndef LOREC_TEXT_TEMPLATE_PARSE_H
#define LOREC_TEXT_TEMPLATE_PARSE_H

#include "text/template/lex.h"
#include "text/template/tree.h"

enum { PARSE_DEPTH_MAX = 100, TREE_DEPTH_MAX = 250 };

typedef struct parser {
    template *t;
    const token *at;
    int depth, loops;
    int branches; /* inside of an if: what it names may be missing, as long as the branch is not taken */
} parser;

typedef struct node_list {
    node **node;
    const char **key;
    size_t n, cap;
} node_list;

lorec_err parse_bad(const parser *p, const char *what); /* "expected WHAT, found ..." */
lorec_err parse_deeper(parser *p);
lorec_err parse_node(parser *p, node_kind kind, node **out); /* at the present token's line */
lorec_err parse_push(parser *p, node_list *l, node *n, const char *key);
lorec_err parse_close(node *n, const node_list *l); /* the list becomes n's kids; checks the depth of the tree */
lorec_err parse_done(node *n);                      /* the depth of a node whose parts are set */
lorec_err parse_name(parser *p, node **out);        /* NODE_NAME of the present token, which is taken */

static inline bool parse_is(const parser *p, const char *sign)
{
    return p->at->kind == TOKEN_SIGN && strcmp(p->at->text, sign) == 0;
}
static inline bool parse_word(const parser *p, const char *word)
{
    return p->at->kind == TOKEN_NAME && strcmp(p->at->text, word) == 0;
}
static inline bool parse_take(parser *p, const char *sign)
{
    if (!parse_is(p, sign)) return false;
    p->at++;
    return true;
}
static inline bool parse_take_word(parser *p, const char *word)
{
    if (!parse_word(p, word)) return false;
    p->at++;
    return true;
}
lorec_err parse_expect(parser *p, const char *sign);

lorec_err parse_expression(parser *p, node **out);
lorec_err parse_without_condition(parser *p, node **out);                 /* no "x if y else z" at its top */
lorec_err parse_tuple(parser *p, bool conditions, bool must, node **out); /* a, b, c without brackets, or one alone */
lorec_err parse_target(parser *p, bool attributes, node **out);
lorec_err parse_filters(parser *p, node *on, node **out);     /* | filter | filter ... */
lorec_err parse_filter_name(parser *p, node *on, node **out); /* the first without its "|" */
lorec_err parse_call(parser *p, node *function, node **out);  /* from its "(" */

#endif
