#include "serve/http/exchange.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"

enum { DEPTH_TEXT = 4096 };

void exchange_free(exchange *x)
{
    if (!x) return;
    if (x->free_work) x->free_work(x->work);
    for (size_t i = 0; i < x->n_query; i++) {
        mem_free(x->query[i].name);
        mem_free(x->query[i].value);
    }
    for (int i = 0; i < EXCHANGE_PARTS; i++) mem_free((void *)(uintptr_t)x->part[i].p);
    for (int i = 0; i < x->n_headers; i++) {
        mem_free(x->header[i].name);
        mem_free(x->header[i].value);
    }
    mem_free(x->query);
    mem_free(x->path);
    mem_free(x->key);
    mem_free(x->content_type);
    json_decref(x->json);
    buf_free(&x->body);
    buf_free(&x->reply);
    mem_free(x);
}

/* ---- what was asked -------------------------------------------------------------------------------------------------- */

static int hex(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

lorec_err exchange_decode(buf *out, slice text)
{
    buf_clear(out);
    TRY(buf_puts(out, ""));
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '%') {
            int high = i + 2 < text.n ? hex(text.p[i + 1]) : -1, low = i + 2 < text.n ? hex(text.p[i + 2]) : -1;
            if (high < 0 || low < 0) return err_set(LOREC_INPUT, "the address has a %% that is no %%XX");
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (c == 0) return err_set(LOREC_INPUT, "the address has a NUL byte");
        TRY(buf_add(out, &c, 1));
    }
    if (!utf8_valid((slice){out->p, out->n})) return err_set(LOREC_INPUT, "the address is not UTF-8");
    return LOREC_OK;
}

const char *exchange_query(const exchange *x, const char *name)
{
    for (size_t i = 0; i < x->n_query; i++)
        if (strcmp(x->query[i].name, name) == 0) return x->query[i].value;
    return NULL;
}

lorec_err exchange_int(const exchange *x, const char *name, int64_t min, int64_t max, int64_t fallback, int64_t *out)
{
    const char *text = exchange_query(x, name);
    *out = fallback;
    if (!text) return LOREC_OK;
    if (slice_to_i64(slice_of(text), out) && *out >= min && *out <= max) return LOREC_OK;
    return err_set(LOREC_USAGE, "%s=%.40s has to be a whole number from %lld to %lld", name, text, (long long)min,
                   (long long)max);
}

lorec_err exchange_json(exchange *x, json_t **out)
{
    *out = x->json;
    if (x->json) return LOREC_OK;
    if (!x->body.n) return err_set(LOREC_INPUT, "the request has no body; JSON is due");
    TRY(json_parse(&x->json, x->body.p, x->body.n, "the request's body"));
    *out = x->json;
    return LOREC_OK;
}

/* ---- the fields of a body ---------------------------------------------------------------------------------------------- */

typedef struct fault { /* which field, and what about it */
    const char *param, *code;
    char unknown[64];
} fault;

static lorec_err wrong(const field *f, const char *what)
{
    return err_set(LOREC_INPUT, "\"%s\" has to be %s", f->name, what);
}

static lorec_err in_bounds(const field *f, double value, const char *unit, fault *why)
{
    double max = f->min == 0 && f->max == 0 ? f->kind == FIELD_TEXT ? DEPTH_TEXT : INFINITY : f->max;
    if (value >= f->min && value <= max) return LOREC_OK;
    why->code = value < f->min ? "below_min_value" : "above_max_value";
    if (isinf(max)) return err_set(LOREC_INPUT, "\"%s\" has to be at least %g%s, not %g", f->name, f->min, unit, value);
    return err_set(LOREC_INPUT, "\"%s\" has to be %g to %g%s, not %g", f->name, f->min, max, unit, value);
}

static size_t characters(slice text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) n += ((unsigned char)text.p[i] & 0xC0) != 0x80;
    return n;
}

static lorec_err read_field(const field *f, json_t *v, fault *why)
{
    *why = (fault){f->name, "invalid_type", ""};
    switch (f->kind) {
    case FIELD_TEXT:
        if (!json_is_string(v)) return wrong(f, "a text");
        *(slice *)f->into = (slice){json_string_value(v), json_string_length(v)};
        if (json_string_length(v) && memchr(json_string_value(v), 0, json_string_length(v)))
            return wrong(f, "a text without NUL");
        if (f->characters) return in_bounds(f, (double)characters(*(slice *)f->into), " characters", why);
        return in_bounds(f, (double)json_string_length(v), " bytes", why);
    case FIELD_INT:
        if (json_is_real(v) && json_real_value(v) == floor(json_real_value(v)) && fabs(json_real_value(v)) < 9e15)
            *(int64_t *)f->into = (int64_t)json_real_value(v);
        else if (json_is_integer(v))
            *(int64_t *)f->into = json_integer_value(v);
        else
            return wrong(f, "a whole number");
        return in_bounds(f, (double)*(int64_t *)f->into, "", why);
    case FIELD_REAL:
        if (!json_is_number(v)) return wrong(f, "a number");
        *(double *)f->into = json_number_value(v);
        return in_bounds(f, json_number_value(v), "", why);
    case FIELD_BOOL:
        if (!json_is_boolean(v)) return wrong(f, "true or false");
        *(bool *)f->into = json_is_true(v);
        return LOREC_OK;
    case FIELD_LIST:
        if (!json_is_array(v)) return wrong(f, "a list");
        *(json_t **)f->into = v;
        return in_bounds(f, (double)json_array_size(v), " entries", why);
    case FIELD_OBJECT:
        if (!json_is_object(v)) return wrong(f, "an object");
        *(json_t **)f->into = v;
        return LOREC_OK;
    case FIELD_ANY:
        *(json_t **)f->into = v;
        return LOREC_OK;
    }
    return LOREC_OK;
}

static lorec_err refuse_unknown(const json_t *object, const field *f, size_t n, fault *why)
{
    const char *names[64], *key;
    size_t k = n < 64 ? n : 64;
    json_t *value;
    for (size_t i = 0; i < k; i++) names[i] = f[i].name;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        bool known = false;
        for (size_t i = 0; i < n && !known; i++) known = strcmp(f[i].name, key) == 0;
        if (known) continue;
        *why = (fault){NULL, "unknown_parameter", ""};
        snprintf(why->unknown, sizeof why->unknown, "%.60s", key);
        const char *near = err_nearest(key, names, k);
        return err_set(LOREC_INPUT, "there is no field \"%.60s\"%s%s%s", key, near ? "; did you mean \"" : "",
                       near ? near : "", near ? "\"?" : "");
    }
    return LOREC_OK;
}

static lorec_err read_fields(const json_t *object, const field *f, size_t n, bool strict, fault *why)
{
    if (!json_is_object(object)) return err_set(LOREC_INPUT, "a JSON object is due");
    for (size_t i = 0; i < n; i++) {
        json_t *v = json_object_get(object, f[i].name);
        if ((!v || json_is_null(v)) && f[i].required) {
            *why = (fault){f[i].name, "missing_required_parameter", ""};
            return err_set(LOREC_INPUT, "\"%s\" is missing", f[i].name);
        }
        if (v && !json_is_null(v)) TRY(read_field(&f[i], v, why));
    }
    return strict ? refuse_unknown(object, f, n, why) : LOREC_OK;
}

lorec_err fields_read(const json_t *object, const field *f, size_t n, bool strict)
{
    fault why = {0};
    return read_fields(object, f, n, strict, &why);
}

lorec_err exchange_fields(exchange *x, const json_t *object, const field *f, size_t n, bool strict)
{
    fault why = {0};
    lorec_err e = read_fields(object, f, n, strict, &why);
    if (!e) return e;
    snprintf(x->param, sizeof x->param, "%s", why.param ? why.param : why.unknown);
    x->code = why.code;
    return e;
}

/* ---- the reply ----------------------------------------------------------------------------------------------------------- */

static int add_text(const char *text, size_t n, void *to)
{
    return buf_add(to, text, n) == LOREC_OK ? 0 : -1;
}

lorec_err exchange_reply(exchange *x, int status, json_t *tree)
{
    if (!tree) return err_set(LOREC_RESOURCE, "out of memory while answering");
    buf_clear(&x->reply);
    int failed = json_dump_callback(tree, add_text, &x->reply, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(tree);
    if (failed) return err_set(LOREC_RESOURCE, "out of memory while answering");
    x->status = status;
    x->type = NULL;
    return LOREC_OK;
}

lorec_err exchange_text(exchange *x, int status, const char *type, const char *text, size_t n)
{
    buf_clear(&x->reply);
    TRY(buf_add(&x->reply, text, n));
    x->status = status;
    x->type = type;
    return LOREC_OK;
}

lorec_err exchange_header(exchange *x, const char *name, const char *fmt, ...)
{
    if (x->n_headers == EXCHANGE_HEADERS) return LOREC_OK;
    char text[2048];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < 32 || (unsigned char)*p > 126) *p = '?';
    exchange_word *h = &x->header[x->n_headers];
    TRY(mem_dup(&h->name, name));
    lorec_err e = mem_dup(&h->value, text);
    if (e)
        mem_free(h->name);
    else
        x->n_headers++;
    return e;
}

lorec_err exchange_refuse(exchange *x, int status, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    x->status = status;
    return err_set(LOREC_USAGE, "%s", text);
}

lorec_err exchange_wrong(exchange *x, const char *param, const char *code, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    snprintf(x->param, sizeof x->param, "%s", param);
    x->code = code;
    return err_set(LOREC_INPUT, "%s", text);
}

/* OpenAI's words for a status. */
static const struct {
    int status;
    const char *type, *code;
} error_words[] = {
    {401, "authentication_error", "invalid_api_key"},
    {403, "permission_error", "forbidden"},
    {404, "not_found_error", "not_found"},
    {405, "invalid_request_error", "method_not_allowed"},
    {413, "invalid_request_error", "request_too_large"},
    {429, "rate_limit_error", "rate_limit_exceeded"},
    {502, "server_error", "upstream_error"},
    {503, "server_error", "unavailable"},
    {504, "server_error", "timeout"},
    {500, "server_error", "internal_error"},
};

json_t *exchange_error(int status, const char *param, const char *code)
{
    const char *type = status >= 500 ? "server_error" : "invalid_request_error", *usual = NULL;
    for (size_t i = 0; i < sizeof error_words / sizeof *error_words; i++)
        if (error_words[i].status == status) type = error_words[i].type, usual = error_words[i].code;
    json_t *message = json_string(lorec_error_message());
    if (!message) message = json_string("the request holds bytes that are not UTF-8");
    json_t *field_name = param && *param ? json_string(param) : json_null();
    if (!field_name) field_name = json_null();
    return json_pack("{s:{s:o, s:s, s:o, s:s?}}", "error", "message", message, "type", type, "param", field_name,
                     "code", code ? code : usual);
}

void exchange_fail(exchange *x, lorec_err e)
{
    int status = x->status >= 400                       ? x->status
                 : e == LOREC_USAGE || e == LOREC_INPUT ? 400
                 : e == LOREC_RESOURCE                  ? 503
                                                        : 500;
    json_t *tree = exchange_error(status, x->param, x->code);
    if (exchange_reply(x, status, tree)) {
        static const char last[] = "{\"error\":{\"message\":\"out of memory\",\"type\":\"server_error\",\"param\":null,"
                                   "\"code\":\"unavailable\"}}";
        if (exchange_text(x, 503, NULL, last, sizeof last - 1)) buf_clear(&x->reply);
        x->status = 503;
    }
}
