#include "base/options.h"

#include <math.h>

#include "base/mem.h"

#define FIELD(type_, row, self)       ((type_ *)(void *)((char *)(self) + (row)->offset))
#define FIELD_CONST(type_, row, self) ((const type_ *)(const void *)((const char *)(self) + (row)->offset))

static int choice_index(const option *row, const char *word)
{
    for (int i = 0; row->choices[i]; i++) {
        if (strcmp(row->choices[i], word) == 0) return i;
    }
    return -1;
}

static lorec_err bad_value(const option *row, const char *value, const char *want)
{
    return err_set(LOREC_USAGE, "%s = \"%s\": %s (%s)", row->name, value, want, row->help);
}

static lorec_err set_text(const option *row, void *self, const char *value)
{
    char *copy;
    TRY(mem_dup(&copy, value));
    char **at = FIELD(char *, row, self);
    mem_free(*at);
    *at = copy;
    return LOREC_OK;
}

static lorec_err set_choice(const option *row, void *self, const char *value)
{
    int i = choice_index(row, value);
    if (i < 0) {
        buf words = {0};
        for (int c = 0; row->choices[c]; c++) (void)buf_printf(&words, "%s%s", c ? ", " : "", row->choices[c]);
        lorec_err e = err_set(LOREC_USAGE, "%s = \"%s\": has to be one of %s", row->name, value,
                              words.p ? words.p : "");
        buf_free(&words);
        return e;
    }
    *FIELD(int, row, self) = i;
    return LOREC_OK;
}

static lorec_err row_set(const option *row, void *self, const char *value)
{
    slice s = slice_trim(slice_of(value));
    char want[96];
    switch (row->type) {
    case OPTION_TYPE_INT: {
        int64_t whole;
        double real;
        if (!slice_to_i64(s, &whole)) {
            if (!slice_to_f64(s, &real) || real != floor(real) || fabs(real) > 1e15) /* 1e6 is a whole number too */
                return bad_value(row, value, "has to be a whole number");
            whole = (int64_t)real;
        }
        snprintf(want, sizeof want, "has to be from %.15g to %.15g", row->min, row->max);
        if ((double)whole < row->min || (double)whole > row->max) return bad_value(row, value, want);
        *FIELD(int64_t, row, self) = whole;
        return LOREC_OK;
    }
    case OPTION_TYPE_REAL: {
        double real;
        if (!slice_to_f64(s, &real)) return bad_value(row, value, "has to be a number");
        snprintf(want, sizeof want, "has to be from %.6g to %.6g", row->min, row->max);
        if (real < row->min || real > row->max) return bad_value(row, value, want);
        *FIELD(double, row, self) = real;
        return LOREC_OK;
    }
    case OPTION_TYPE_BOOL: {
        bool yes = slice_is(s, "true") || slice_is(s, "True") || slice_is(s, "1") || slice_is(s, "yes");
        bool no = slice_is(s, "false") || slice_is(s, "False") || slice_is(s, "0") || slice_is(s, "no");
        if (!yes && !no) return bad_value(row, value, "has to be true or false");
        *FIELD(bool, row, self) = yes;
        return LOREC_OK;
    }
    case OPTION_TYPE_TEXT:
        return set_text(row, self, value);
    case OPTION_TYPE_CHOICE:
        return set_choice(row, self, value);
    }
    return err_set(LOREC_FAILED, "the option %s has no type", row->name);
}

lorec_err options_default(const option *rows, size_t n, void *self)
{
    for (size_t i = 0; i < n; i++) {
        const option *row = &rows[i];
        switch (row->type) {
        case OPTION_TYPE_INT:
            *FIELD(int64_t, row, self) = (int64_t)row->def;
            break;
        case OPTION_TYPE_REAL:
            *FIELD(double, row, self) = row->def;
            break;
        case OPTION_TYPE_BOOL:
            *FIELD(bool, row, self) = row->def != 0;
            break;
        case OPTION_TYPE_TEXT:
            TRY(set_text(row, self, row->def_text));
            break;
        case OPTION_TYPE_CHOICE:
            TRY(set_choice(row, self, row->def_text));
            break;
        }
    }
    return LOREC_OK;
}

lorec_err options_fast(const option *rows, size_t n, void *self)
{
    for (size_t i = 0; i < n; i++) {
        if (rows[i].fast) TRY(row_set(&rows[i], self, rows[i].fast));
    }
    return LOREC_OK;
}

const option *options_find(const option *rows, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(rows[i].name, name) == 0 || (rows[i].alias && strcmp(rows[i].alias, name) == 0)) return &rows[i];
    }
    return NULL;
}

static lorec_err unknown(const option *rows, size_t n, const char *name)
{
    const char *near = NULL;
    const char **names;
    TRY(mem_new(&names, 2 * n));
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        names[k++] = rows[i].name;
        if (rows[i].alias) names[k++] = rows[i].alias;
    }
    near = err_nearest(name, names, k);
    mem_free(names);
    if (near) return err_set(LOREC_USAGE, "there is no option \"%s\"; did you mean \"%s\"?", name, near);
    buf there = {0};
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < n && !e; i++) e = buf_printf(&there, "%s%s", i ? ", " : "", rows[i].name);
    if (!e)
        e = n ? err_set(LOREC_USAGE, "there is no option \"%s\"; there are %s", name, there.p)
              : err_set(LOREC_USAGE, "there is no option \"%s\", nor any other", name);
    buf_free(&there);
    return e;
}

lorec_err options_set(const option *rows, size_t n, void *self, const char *name, const char *value)
{
    const option *row = options_find(rows, n, name);
    return row ? row_set(row, self, value) : unknown(rows, n, name);
}

lorec_err options_text(const option *row, const void *self, buf *out)
{
    switch (row->type) {
    case OPTION_TYPE_INT:
        return buf_printf(out, "%lld", (long long)*FIELD_CONST(int64_t, row, self));
    case OPTION_TYPE_REAL:
        return buf_printf(out, "%.17g", *FIELD_CONST(double, row, self));
    case OPTION_TYPE_BOOL:
        return buf_puts(out, *FIELD_CONST(bool, row, self) ? "true" : "false");
    case OPTION_TYPE_TEXT: {
        const char *text = *FIELD_CONST(char *, row, self);
        return buf_puts(out, text ? text : "");
    }
    case OPTION_TYPE_CHOICE:
        return buf_puts(out, row->choices[*FIELD_CONST(int, row, self)]);
    }
    return LOREC_OK;
}

static json_t *row_json(const option *row, const void *self)
{
    switch (row->type) {
    case OPTION_TYPE_INT:
        return json_integer(*FIELD_CONST(int64_t, row, self));
    case OPTION_TYPE_REAL:
        return json_real(*FIELD_CONST(double, row, self));
    case OPTION_TYPE_BOOL:
        return json_boolean(*FIELD_CONST(bool, row, self));
    case OPTION_TYPE_TEXT: {
        const char *text = *FIELD_CONST(char *, row, self);
        return text ? json_string(text) : json_null();
    }
    case OPTION_TYPE_CHOICE:
        return json_string(row->choices[*FIELD_CONST(int, row, self)]);
    }
    return NULL;
}

json_t *options_json(const option *rows, size_t n, const void *self)
{
    json_t *object = json_object();
    for (size_t i = 0; i < n && object; i++) {
        if (json_object_set_new(object, rows[i].name, row_json(&rows[i], self)) != 0) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}

static json_t *row_describe(const option *row)
{
    static const char *const types[] = {"int", "real", "bool", "text", "choice"};
    json_t *o = json_pack("{s:s, s:s, s:s}", "name", row->name, "type", types[row->type], "help", row->help);
    if (!o) return NULL;
    switch (row->type) {
    case OPTION_TYPE_INT:
        json_object_set_new(o, "default", json_integer((json_int_t)row->def));
        json_object_set_new(o, "min", json_real(row->min));
        json_object_set_new(o, "max", json_real(row->max));
        break;
    case OPTION_TYPE_REAL:
        json_object_set_new(o, "default", json_real(row->def));
        json_object_set_new(o, "min", json_real(row->min));
        json_object_set_new(o, "max", json_real(row->max));
        break;
    case OPTION_TYPE_BOOL:
        json_object_set_new(o, "default", json_boolean(row->def != 0));
        break;
    case OPTION_TYPE_CHOICE: {
        json_t *words = json_array();
        for (int i = 0; row->choices[i]; i++) json_array_append_new(words, json_string(row->choices[i]));
        json_object_set_new(o, "choices", words);
    }
    /* fall through */
    case OPTION_TYPE_TEXT:
        json_object_set_new(o, "default", row->def_text ? json_string(row->def_text) : json_null());
        break;
    }
    if (row->alias) json_object_set_new(o, "alias", json_string(row->alias));
    if (row->fast) json_object_set_new(o, "fast", json_string(row->fast));
    return o;
}

json_t *options_describe(const option *rows, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n && list; i++) json_array_append_new(list, row_describe(&rows[i]));
    return list;
}

lorec_err options_from_json(const option *rows, size_t n, void *self, const json_t *object)
{
    if (!json_is_object(object)) return err_set(LOREC_INPUT, "options have to be an object of names and values");
    const char *name;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)object, name, v)
    {
        if (json_is_null(v)) continue; /* the default stands */
        char number[64];
        const char *text = number;
        if (json_is_string(v))
            text = json_string_value(v);
        else if (json_is_boolean(v))
            text = json_is_true(v) ? "true" : "false";
        else if (json_is_integer(v))
            snprintf(number, sizeof number, "%lld", (long long)json_integer_value(v));
        else if (json_is_real(v))
            snprintf(number, sizeof number, "%.17g", json_real_value(v));
        else
            return err_set(LOREC_INPUT, "the option \"%s\" has to be a single value", name);
        TRY(options_set(rows, n, self, name, text));
    }
    return LOREC_OK;
}

void options_free(const option *rows, size_t n, void *self)
{
    for (size_t i = 0; i < n; i++) {
        if (rows[i].type != OPTION_TYPE_TEXT) continue;
        char **at = FIELD(char *, &rows[i], self);
        mem_free(*at);
        *at = NULL;
    }
}
