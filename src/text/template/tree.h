/* tree.h: a parsed template. One node type: `a`, `b`, `c` are its parts, `kid` a list of them; each kind says below what
 * it keeps there.
 *
 * Ownership: nodes are the template's memory; the tree is immutable once parsed. */
#ifndef LOREC_TEXT_TEMPLATE_TREE_H
#define LOREC_TEXT_TEMPLATE_TREE_H

#include "base/ids.h"
#include "text/template.h"
#include "text/template/value.h"

typedef enum node_kind {
    /* statements */
    NODE_BLOCK,      /* kid */
    NODE_PRINT,      /* a */
    NODE_FOR,        /* a target, b iterable, c condition or NULL; kid[0] body, kid[1] else or NULL; flag: recursive */
    NODE_BRANCH,     /* if: a condition, b then, c else or NULL */
    NODE_SET,        /* a target, b value */
    NODE_SET_BLOCK,  /* a target, b body, c the filters around NODE_HOLE, or NULL */
    NODE_MACRO,      /* name; a body; kid parameters: NODE_NAME each, its default in a */
    NODE_CALL_BLOCK, /* a the call, b the NODE_MACRO named caller */
    NODE_FILTER_BLOCK, /* b body, c the filters around NODE_HOLE */
    NODE_WITH,         /* kid targets and values in turn, a body */
    NODE_BREAK,
    NODE_CONTINUE,
    /* expressions */
    NODE_LITERAL, /* value */
    NODE_NAME,
    NODE_LIST,   /* kid; flag: a tuple */
    NODE_DICT,   /* kid: keys and values in turn */
    NODE_ATTR,   /* a, text */
    NODE_ITEM,   /* a, b */
    NODE_SLICE,  /* a; kid[0 .. 2] start, stop, step, each may be NULL */
    NODE_CALL,   /* a the function; kid arguments, key[i] the name of a named one */
    NODE_FILTER, /* a; row; kid and key as a call */
    NODE_TEST,   /* a; row; kid and key as a call */
    NODE_NOT,    /* a */
    NODE_SIGN,   /* a; op '-' or '+' */
    NODE_AND,    /* a, b */
    NODE_OR,
    NODE_BINARY,  /* a, b; op: + - * / % and 'D' for //, 'P' for ** */
    NODE_COMPARE, /* kid operands, ops[i] between i and i + 1: = ! < > L (<=) G (>=) i (in) n (not in) */
    NODE_CONCAT,  /* kid */
    NODE_CHOICE,  /* a if b else c (or NULL) */
    NODE_HOLE     /* the text a block captured */
} node_kind;

typedef struct node node;
struct node {
    node_kind kind;
    unsigned line;
    unsigned depth; /* of the tree below */
    char op;
    bool flag;
    uint32_t name;    /* of a variable, in template.names */
    const char *text; /* the same as text; of an attribute */
    const void *row;  /* of the filter or test; NULL: there is none of that name */
    tp_value value;
    node *a, *b, *c;
    node **kid;
    const char **key;
    size_t n;
    const char *ops;
};

struct template
{
    tp_memory memory;
    char *name;
    ids names;
    node *root;
};

struct lexed;
/* Statements and expressions of all tokens. *line is where it failed. */
lorec_err template_tree(template *t, const struct lexed *tokens, unsigned *line);

#endif
