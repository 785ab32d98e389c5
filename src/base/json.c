#include "base/json.h"

#include <stdlib.h>

enum { JSON_MAX_BYTES = 1 << 30 };

static lorec_err refused(const json_error_t *why, const char *where)
{
    if (json_error_code(why) == json_error_out_of_memory) return err_set(LOREC_RESOURCE, "%s: out of memory", where);
    return err_set(LOREC_INPUT, "%s, line %d, column %d: not valid JSON: %s", where, why->line, why->column, why->text);
}

static json_t *load(const char *text, size_t n, json_error_t *why)
{
    return json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, why);
}

/* Hugging Face writes "no limit" as 1000000000000000019884624838656, which no 64-bit integer holds: such numbers are read as
 * reals, by an exponent behind them. */
enum { HUGE_NUMBERS = 16 };

static bool as_real(buf *text, const json_error_t *why)
{
    size_t at = why->position < 0 ? 0 : (size_t)why->position;
    if (json_error_code(why) != json_error_numeric_overflow || strncmp(why->text, "too big", 7) != 0) return false;
    if (at > text->n) at = text->n;
    while (at > 0 && (text->p[at - 1] < '0' || text->p[at - 1] > '9')) at--;
    if (at == 0 || buf_puts(text, "  ")) return false;
    memmove(text->p + at + 2, text->p + at, text->n - 2 - at);
    memcpy(text->p + at, "e0", 2);
    return true;
}

lorec_err json_parse(json_t **out, const char *text, size_t n, const char *where)
{
    json_error_t why;
    *out = load(text, n, &why);
    if (*out) return LOREC_OK;
    buf copy = {0};
    lorec_err e = buf_add(&copy, text, n);
    for (int i = 0; !e && !*out && i < HUGE_NUMBERS && as_real(&copy, &why); i++) *out = load(copy.p, copy.n, &why);
    buf_free(&copy);
    return *out ? LOREC_OK : e ? e : refused(&why, where);
}

lorec_err json_read(json_t **out, const char *path)
{
    *out = NULL;
    buf text = {0};
    lorec_err e = file_read(&text, path, JSON_MAX_BYTES);
    if (e == LOREC_OK) e = json_parse(out, text.p ? text.p : "", text.n, path);
    buf_free(&text);
    return e;
}

lorec_err json_write(const json_t *tree, const char *path)
{
    char *text = tree ? json_dumps(tree, JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17)) : NULL;
    if (!text) return err_set(LOREC_RESOURCE, "%s: out of memory while it was made", path);
    writer w;
    lorec_err e = writer_open(&w, path);
    if (e == LOREC_OK) {
        writer_put(&w, text, strlen(text));
        writer_put(&w, "\n", 1);
        e = writer_commit(&w);
    }
    free(text);
    return e;
}

static const char *kind_of(const json_t *v)
{
    static const char *const names[] = {"an object", "a list", "a string", "a whole number",
                                        "a number",  "true",   "false",    "null"};
    return names[json_typeof(v)];
}

static lorec_err missing(const char *key)
{
    return err_set(LOREC_INPUT, "the field \"%s\" is missing", key);
}

static lorec_err wrong_kind(const char *key, const char *want, const json_t *v)
{
    return err_set(LOREC_INPUT, "the field \"%s\" is %s where %s is needed", key, kind_of(v), want);
}

static const json_t *field(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    return v && !json_is_null(v) ? v : NULL;
}

lorec_err json_get_i64(const json_t *object, const char *key, int64_t min, int64_t max, int64_t *out)
{
    const json_t *v = field(object, key);
    if (!v) return missing(key);
    if (!json_is_integer(v)) return wrong_kind(key, "a whole number", v);
    int64_t value = json_integer_value(v);
    if (value < min || value > max)
        return err_set(LOREC_INPUT, "the field \"%s\" is %lld; it has to be from %lld to %lld", key, (long long)value,
                       (long long)min, (long long)max);
    *out = value;
    return LOREC_OK;
}

lorec_err json_get_i64_or(const json_t *object, const char *key, int64_t min, int64_t max, int64_t fallback,
                          int64_t *out)
{
    *out = fallback;
    return field(object, key) ? json_get_i64(object, key, min, max, out) : LOREC_OK;
}

lorec_err json_get_f64_or(const json_t *object, const char *key, double fallback, double *out)
{
    const json_t *v = field(object, key);
    *out = fallback;
    if (!v) return LOREC_OK;
    if (!json_is_number(v)) return wrong_kind(key, "a number", v);
    *out = json_number_value(v);
    return LOREC_OK;
}

lorec_err json_get_bool_or(const json_t *object, const char *key, bool fallback, bool *out)
{
    const json_t *v = field(object, key);
    *out = fallback;
    if (!v) return LOREC_OK;
    if (!json_is_boolean(v)) return wrong_kind(key, "true or false", v);
    *out = json_is_true(v);
    return LOREC_OK;
}

lorec_err json_get_string(const json_t *object, const char *key, const char **out)
{
    const json_t *v = field(object, key);
    if (!v) return missing(key);
    if (!json_is_string(v)) return wrong_kind(key, "a string", v);
    *out = json_string_value(v);
    return LOREC_OK;
}

lorec_err json_get_string_or(const json_t *object, const char *key, const char *fallback, const char **out)
{
    *out = fallback;
    return field(object, key) ? json_get_string(object, key, out) : LOREC_OK;
}
