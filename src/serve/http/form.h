/* form.h: what a request may hold, as a table: it is what the handler reads by and what /openapi.json says.
 *
 *     typedef struct mine { slice user; int64_t k; json_t *history; } mine;
 *     static const form_row rows[] = {{"user", FIELD_TEXT, offsetof(mine, user), .min = 1, .max = 512},
 *                                     {"k", FIELD_INT, offsetof(mine, k), .min = 1, .max = 1000, .about = "how many"},
 *                                     {"history", FIELD_LIST, offsetof(mine, history), .max = 10000, .of = FORM_TEXTS}};
 *     static const form mine_form = {rows, sizeof rows / sizeof *rows};
 *     mine m = {.k = 10};
 *     TRY(form_read(x, body, &mine_form, &m));          // absent fields keep what is in m; an error names the field
 *
 * Ownership: forms are static; what is read is borrowed from the tree. */
#ifndef LOREC_SERVE_HTTP_FORM_H
#define LOREC_SERVE_HTTP_FORM_H

#include <stddef.h>

#include "serve/http/exchange.h"

typedef struct form_row {
    const char *name;
    field_kind kind;
    size_t at; /* offsetof; slice, int64_t, double, bool, json_t * */
    bool required;
    double min, max;   /* as in `field`, but of a text its characters */
    const char *of;    /* a JSON schema: of a list's entries, of an object, of anything; NULL: any */
    const char *about; /* a few words, or NULL */
} form_row;
typedef struct form {
    const form_row *row;
    size_t n;
    bool or_list;          /* the body may also be a list of such objects */
    bool loose;            /* unknown fields are passed over */
    const char *also;      /* a further schema: for openapi.json, the handler checks it */
    const char *either[2]; /* one of the two has to be there: for openapi.json, the handler checks it */
} form;

#define FORM_TEXTS   "{\"type\":\"string\"}"
#define FORM_ID      "{\"type\":\"string\",\"minLength\":1,\"maxLength\":128}"
#define FORM_NUMBERS "{\"type\":\"number\"}"

enum { FORM_ROWS = 64 };
/* x NULL: nobody keeps which field was wrong. */
lorec_err form_read(exchange *x, const json_t *object, const form *f, void *into);
/* What stands behind the question mark, checked against a form of texts, whole numbers and words of an "enum"; empty texts
 * count as absent. LOREC_USAGE names the parameter. */
lorec_err form_check_query(exchange *x, const form *f);

#endif
