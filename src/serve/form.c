#include "serve/form.h"

lorec_err form_read(exchange *x, const json_t *object, const form *f, void *into)
{
    field fields[FORM_ROWS];
    if (f->n > FORM_ROWS) return err_set(LOREC_FAILED, "a form of more than %d rows", FORM_ROWS);
    for (size_t i = 0; i < f->n; i++) {
        const form_row *r = &f->row[i];
        fields[i] = (field){r->name, r->kind, (char *)into + r->at, r->required, r->min, r->max};
    }
    return exchange_fields(x, object, fields, f->n, !f->loose);
}
