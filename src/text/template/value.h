/* value.h: what a template computes with: Python's values as far as templates see them, every string with its origin.
 *
 *     tp_value v;
 *     TRY(tp_from_json(m, json, false, &v));            // strings marked as brought by a value
 *     tp_builder b = {.m = m};
 *     TRY(tp_add_text(&b, "<|", 2, true));
 *     TRY(tp_add(&b, v.s));
 *     TRY(tp_finish(&b, &v));                           // bytes keep the marks they came with
 *
 * Ownership: all memory is the rendering's (tp_memory); values are immutable, but for a namespace, and passed by copy. */
#ifndef LOREC_TEXT_TEMPLATE_VALUE_H
#define LOREC_TEXT_TEMPLATE_VALUE_H

#include "base/json.h"
#include "base/mem.h"

enum { TP_DEPTH_MAX = 200 }; /* of nested values, where they are walked */

/* Small pieces out of an arena with a limit, and a count of the work done: what is linear in a value pays for it. */
typedef struct tp_memory {
    arena arena;
    char *at;
    size_t left;
    size_t steps, max_steps;
    int depth;
} tp_memory;
lorec_err tp_work(tp_memory *m, size_t steps);                        /* LOREC_INPUT once there were too many */
lorec_err tp_alloc_(tp_memory *m, size_t n, size_t size, void **out); /* zeroed */
#define tp_alloc(m, n, out) tp_alloc_((m), (n), sizeof **(out), (void **)(out))

typedef enum tp_kind {
    TP_UNDEFINED,
    TP_NONE,
    TP_BOOL,
    TP_INT,
    TP_REAL,
    TP_STRING,
    TP_LIST,
    TP_DICT,
    TP_NAMESPACE,
    TP_LOOP,
    TP_FUNCTION
} tp_kind;

typedef struct tp_string {
    const char *p; /* valid UTF-8 */
    size_t n;
    const unsigned char *origin; /* [n] 1: the template's; NULL: all of it as `trusted` says */
    bool trusted;
} tp_string;

typedef struct tp_value {
    tp_kind kind;
    union {
        bool b;
        int64_t i;
        double f;
        const tp_string *s;
        const struct tp_list *list;
        struct tp_dict *dict; /* TP_DICT, TP_NAMESPACE; only a namespace changes */
        const struct tp_loop *loop;
        const struct tp_function *function;
        const char *name; /* TP_UNDEFINED: of what was not there, for messages; or NULL */
    };
} tp_value;

typedef struct tp_list {
    const tp_value *item;
    size_t n;
    bool tuple;
} tp_list;

typedef struct tp_dict {
    tp_value *key, *value; /* in order of insertion */
    size_t n, cap;
} tp_dict;

#define TP(kind_, ...) ((tp_value){.kind = (kind_), __VA_ARGS__})
static inline tp_value tp_none(void)
{
    return TP(TP_NONE, .i = 0);
}
static inline tp_value tp_bool(bool b)
{
    return TP(TP_BOOL, .b = b);
}
static inline tp_value tp_int(int64_t i)
{
    return TP(TP_INT, .i = i);
}

/* `is_own` (or NULL) says which texts under the key "role" are trusted all the same. */
lorec_err tp_from_json(tp_memory *m, const json_t *j, bool trusted, bool (*is_own)(const char *), tp_value *out);

/* ---- strings ---- */
typedef struct tp_builder {
    tp_memory *m;
    char *p;
    unsigned char *origin;
    size_t n, cap;
} tp_builder;
lorec_err tp_add_text(tp_builder *b, const char *p, size_t n, bool trusted);
lorec_err tp_add_part(tp_builder *b, const tp_string *s, size_t begin, size_t end);
lorec_err tp_add(tp_builder *b, const tp_string *s);
lorec_err tp_finish(tp_builder *b, tp_value *out);
lorec_err tp_text(tp_memory *m, const char *p, size_t n, bool trusted, tp_value *out); /* copied */
lorec_err tp_part(tp_memory *m, const tp_string *s, size_t begin, size_t end, tp_value *out);
static inline bool tp_trusted(const tp_string *s, size_t i)
{
    return s->origin ? s->origin[i] : s->trusted;
}
bool tp_is(tp_value v, const char *text);
size_t tp_points(const tp_string *s);                        /* code points */
size_t tp_offset(const tp_string *s, size_t point);          /* byte offset of a code point; n beyond the end */
int32_t tp_point(const tp_string *s, size_t i, size_t *len); /* the code point at byte i */
bool tp_space(int32_t point);                                /* Python's str.isspace */

/* ---- lists and dicts ---- */
typedef struct tp_items { /* a list under construction */
    tp_memory *m;
    tp_value *item;
    size_t n, cap;
} tp_items;
lorec_err tp_push(tp_items *l, tp_value v);
lorec_err tp_list_of(tp_items *l, bool tuple, tp_value *out);
lorec_err tp_dict_new(tp_memory *m, tp_kind kind, tp_value *out);
lorec_err tp_dict_set(tp_memory *m, tp_dict *d, tp_value key, tp_value value);
lorec_err tp_dict_get(tp_memory *m, const tp_dict *d, tp_value key, tp_value *out, bool *found);
bool tp_dict_find(const tp_dict *d, const char *key, tp_value *out);
lorec_err tp_pair(tp_memory *m, tp_value a, tp_value b, tp_value *out); /* a tuple */

/* ---- as Python has it ---- */
bool tp_true(tp_value v);
lorec_err tp_equal(tp_memory *m, tp_value a, tp_value b, bool *out);
lorec_err tp_compare(tp_memory *m, tp_value a, tp_value b, int *out); /* LOREC_INPUT for kinds that have no order */
bool tp_number(tp_value v, double *out);                              /* int, real, bool */
bool tp_whole(tp_value v, int64_t *out);                              /* int, bool */
const char *tp_kind_name(tp_value v);
/* Appends str(v), or repr(v). */
lorec_err tp_str(tp_builder *b, tp_value v, bool repr);
/* Appends what json.dumps(v, ensure_ascii=False) gives; indent < 0: on one line. */
typedef struct tp_json_form {
    int indent;
    const char *item_separator, *key_separator; /* NULL: Python's defaults */
    bool sort_keys, ascii;
} tp_json_form;
lorec_err tp_json(tp_builder *b, tp_value v, const tp_json_form *form, int depth);
size_t tp_real_text(char *out, size_t size, double f); /* Python's repr of a float */

#endif
