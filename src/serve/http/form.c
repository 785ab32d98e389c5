#include "serve/http/form.h"

#include <stdio.h>

lorec_err form_read(exchange *x, const json_t *object, const form *f, void *into)
{
    field fields[FORM_ROWS];
    if (f->n > FORM_ROWS) return err_set(LOREC_FAILED, "a form of more than %d rows", FORM_ROWS);
    for (size_t i = 0; i < f->n; i++) {
        const form_row *r = &f->row[i];
        fields[i] = (field){r->name, r->kind, (char *)into + r->at, r->required, r->min, r->max, true};
    }
    if (!x) return fields_read(object, fields, f->n, !f->loose);
    return exchange_fields(x, object, fields, f->n, !f->loose);
}

static lorec_err check_word(const form_row *r, const char *text)
{
    json_t *schema = json_loads(r->of, 0, NULL), *words = json_object_get(schema, "enum");
    bool found = !json_is_array(words);
    for (size_t i = 0; i < json_array_size(words) && !found; i++)
        found = strcmp(json_string_value(json_array_get(words, i)), text) == 0;
    json_decref(schema);
    return found ? LOREC_OK : err_set(LOREC_USAGE, "%s=%.40s is none of its words; see /openapi.json", r->name, text);
}

static lorec_err check_text(const form_row *r, const char *text)
{
    size_t n = 0, most = r->min == 0 && r->max == 0 ? 4096 : (size_t)r->max;
    for (const char *p = text; *p; p++) n += ((unsigned char)*p & 0xC0) != 0x80;
    if (n <= most) return LOREC_OK;
    return err_set(LOREC_USAGE, "%s has %zu characters; at most %zu are taken", r->name, n, most);
}

lorec_err form_check_query(exchange *x, const form *f)
{
    int64_t number;
    for (size_t i = 0; i < f->n; i++) {
        const form_row *r = &f->row[i];
        const char *text = exchange_query(x, r->name);
        if (!text || (!*text && r->kind != FIELD_INT)) continue;
        lorec_err e = r->of                  ? check_word(r, text)
                      : r->kind == FIELD_INT ? exchange_int(x, r->name, (int64_t)r->min, (int64_t)r->max, 0, &number)
                                             : check_text(r, text);
        if (!e) continue;
        snprintf(x->param, sizeof x->param, "%s", r->name);
        x->code = "invalid_value";
        return e;
    }
    return LOREC_OK;
}
