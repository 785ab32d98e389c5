#include "serve/openapi/openapi.h"

#include <stdio.h>

#include "base/mem.h"
#include "serve/server.h"

enum { TEXT_CHARS = 4096 };

/* ---- schemas ---------------------------------------------------------------------------------------------------------------------- */

static json_t *reference(const char *kind, const char *name)
{
    char text[128];
    snprintf(text, sizeof text, "#/components/%s/%s", kind, name);
    return json_pack("{s:s}", "$ref", text);
}

/* A schema as it stands, or the name of one. */
static json_t *schema_of(const char *words)
{
    if (!words) return json_object();
    if (*words != '{') return reference("schemas", words);
    json_t *j = json_loads(words, 0, NULL);
    return j ? j : json_object();
}

static void bounds(json_t *o, const form_row *r, const char *least, const char *most, bool whole)
{
    bool none = r->min == 0 && r->max == 0;
    double min = r->min, max = r->max;
    if (none && r->kind != FIELD_TEXT) return;
    if (none) max = TEXT_CHARS;
    json_object_set_new(o, least, whole ? json_integer((json_int_t)min) : json_real(min));
    if (max < min) return;
    json_object_set_new(o, most, whole ? json_integer((json_int_t)max) : json_real(max));
}

/* What is not required may be null, which counts as absent. */
static json_t *typed(const form_row *r, const char *type)
{
    return r->required ? json_pack("{s:s}", "type", type) : json_pack("{s:[s, s]}", "type", type, "null");
}

static json_t *or_null(const form_row *r, json_t *schema)
{
    return r->required ? schema : json_pack("{s:[o, {s:s}]}", "anyOf", schema, "type", "null");
}

static json_t *row_schema(const form_row *r)
{
    json_t *o;
    switch (r->kind) {
    case FIELD_TEXT:
        if (r->of) return or_null(r, schema_of(r->of));
        bounds(o = typed(r, "string"), r, "minLength", "maxLength", true);
        return o;
    case FIELD_INT:
        bounds(o = typed(r, "integer"), r, "minimum", "maximum", true);
        return o;
    case FIELD_REAL:
        bounds(o = typed(r, "number"), r, "minimum", "maximum", false);
        return o;
    case FIELD_BOOL:
        return typed(r, "boolean");
    case FIELD_LIST:
        bounds(o = typed(r, "array"), r, "minItems", "maxItems", true);
        if (r->of) json_object_set_new(o, "items", schema_of(r->of));
        return o;
    case FIELD_OBJECT:
        return r->of ? or_null(r, schema_of(r->of)) : typed(r, "object");
    case FIELD_ANY:
        return r->of && !r->required ? or_null(r, schema_of(r->of)) : schema_of(r->of);
    }
    return json_object();
}

/* "this or that has to be there" */
static json_t *one_of(const char *const name[2])
{
    json_t *list = json_array();
    for (int i = 0; i < 2; i++)
        json_array_append_new(list, json_pack("{s:[s], s:{s:{s:o}}}", "required", name[i], "properties", name[i], "not",
                                              json_pack("{s:s}", "type", "null")));
    return list;
}

static json_t *form_schema(const form *f)
{
    json_t *properties = json_object(), *required = json_array();
    for (size_t i = 0; i < f->n; i++) {
        json_t *row = row_schema(&f->row[i]);
        if (f->row[i].about) json_object_set_new(row, "description", json_string(f->row[i].about));
        json_object_set_new(properties, f->row[i].name, row);
        if (f->row[i].required) json_array_append_new(required, json_string(f->row[i].name));
    }
    json_t *o = json_pack("{s:s, s:o, s:b}", "type", "object", "properties", properties, "additionalProperties",
                          f->loose);
    if (json_array_size(required))
        json_object_set_new(o, "required", required);
    else
        json_decref(required);
    if (f->also) json_object_set_new(o, "allOf", json_pack("[o]", schema_of(f->also)));
    if (f->either[0]) json_object_set_new(o, "anyOf", one_of(f->either));
    if (!f->or_list) return o;
    json_t *list = json_pack("{s:s, s:O, s:i}", "type", "array", "items", o, "maxItems", 100000);
    return json_pack("{s:[o, o]}", "anyOf", o, list);
}

/* ---- one route ---------------------------------------------------------------------------------------------------------------------- */

/* {words} of the address, and what may stand behind the question mark. */
static json_t *parameters(const route *r)
{
    json_t *list = json_array();
    for (const char *p = r->pattern; (p = strchr(p, '{')); p++) {
        char name[64];
        size_t n = strcspn(p + 1, "}.");
        snprintf(name, sizeof name, "%.*s", (int)n, p + 1);
        json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:{s:s, s:i}}", "name", name, "in", "path", "required",
                                              1, "schema", "type", "string", "minLength", 1));
    }
    for (size_t i = 0; r->asks && i < r->asks->n; i++) {
        form_row row = r->asks->row[i];
        row.required = true; /* there is no null in an address */
        json_t *q = json_pack("{s:s, s:s, s:b, s:b, s:o}", "name", row.name, "in", "query", "required", 0, "explode", 0,
                              "schema", row_schema(&row));
        if (row.about) json_object_set_new(q, "description", json_string(row.about));
        json_array_append_new(list, q);
    }
    return list;
}

static json_t *content(const char *type, json_t *schema)
{
    return json_pack("{s:{s:o}}", type, "schema", schema);
}

/* "text/html", or several with blanks between. */
static json_t *texts(const char *types)
{
    json_t *o = json_object();
    slice rest = slice_of(types);
    while (rest.n) {
        char name[64];
        slice type = slice_cut(&rest, ' ');
        snprintf(name, sizeof name, "%.*s", (int)type.n, type.p);
        json_object_set_new(o, name, json_pack("{s:{s:s}}", "schema", "type", "string"));
    }
    return o;
}

static bool is_text(const char *gives)
{
    return gives && (strncmp(gives, "text/", 5) == 0 || strncmp(gives, "application/", 12) == 0);
}

static json_t *responses(const route *r, bool needs_key)
{
    static const char *const errors[][2] = {{"400", "the request is not right"},
                                            {"401", "a key is due"},
                                            {"404", "what is named is not there"},
                                            {"409", "not at this moment"},
                                            {"413", "too long"},
                                            {"429", "too many wait; Retry-After says when to come again"},
                                            {"500", "a fault of the server"},
                                            {"502", "the language model's server fails"},
                                            {"503", "not now"},
                                            {"504", "the deadline was over"}};
    json_t *o = json_object();
    json_t *body = is_text(r->gives) ? texts(r->gives) : content("application/json", schema_of(r->gives));
    if (r->on == ON_DESK && r->takes)
        json_object_set_new(body, "text/event-stream", json_pack("{s:{s:s}}", "schema", "type", "string"));
    json_object_set_new(o, r->later ? "202" : "200", json_pack("{s:s, s:o}", "description", r->about, "content", body));
    if (r->tagged)
        json_object_set_new(o, "304", json_pack("{s:s}", "description", "what the ETag names has not changed"));
    json_object_set_new(o, "414",
                        json_pack("{s:s, s:o}", "description", "an address of more than some 8,000 bytes", "content",
                                  content("text/html", json_pack("{s:s}", "type", "string"))));
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        if (errors[i][0][2] == '1' && errors[i][0][0] == '4' && (!needs_key || r->open)) continue;
        json_object_set_new(o, errors[i][0], reference("responses", "Error"));
    }
    return o;
}

static json_t *request_body(const route *r)
{
    if (r->takes)
        return json_pack("{s:b, s:o}", "required", !r->may_be_empty, "content",
                         content("application/json", form_schema(r->takes)));
    if (!r->takes_words) return NULL;
    if (is_text(r->takes_words))
        return json_pack("{s:b, s:o}", "required", !r->may_be_empty, "content", texts(r->takes_words));
    return json_pack("{s:b, s:o}", "required", !r->may_be_empty, "content",
                     content("application/json", schema_of(r->takes_words)));
}

/* "post /v1/recommend" as one word. */
static void operation_id(const route *r, char out[160])
{
    size_t n = 0;
    for (const char *p = r->method; *p && n < 150; p++) out[n++] = (char)(*p | 32);
    for (const char *p = r->pattern; *p && n < 150; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9');
        if (plain)
            out[n++] = *p;
        else if (out[n - 1] != '_')
            out[n++] = '_';
    }
    while (n && out[n - 1] == '_') n--;
    out[n] = 0;
}

static json_t *operation(const route *r, bool needs_key)
{
    char id[160];
    operation_id(r, id);
    json_t *o = json_pack("{s:s, s:s, s:o, s:o}", "operationId", id, "summary", r->about, "parameters", parameters(r),
                          "responses", responses(r, needs_key));
    json_t *body = request_body(r);
    if (body) json_object_set_new(o, "requestBody", body);
    if (r->open) json_object_set_new(o, "security", json_array());
    return o;
}

/* ---- the document ------------------------------------------------------------------------------------------------------------------------ */

static json_t *components(void)
{
    json_t *schemas = json_object();
    for (size_t i = 0; i < openapi_n_schemas; i++)
        json_object_set_new(schemas, openapi_schemas[i].name, schema_of(openapi_schemas[i].schema));
    return json_pack("{s:o, s:{s:{s:s, s:o}}, s:{s:{s:s, s:s}, s:{s:s, s:s, s:s}}}", "schemas", schemas, "responses",
                     "Error", "description", "what is wrong, in OpenAI's form", "content",
                     content("application/json", reference("schemas", "Error")), "securitySchemes", "bearer", "type",
                     "http", "scheme", "bearer", "key", "type", "apiKey", "in", "header", "name", "X-API-Key");
}

/* "{model...}" is a path parameter like any other to readers of the document. */
static void path_of(const route *r, char out[256])
{
    size_t n = 0;
    for (const char *p = r->pattern; *p && n < 255; p++)
        if (strncmp(p, "...}", 4) != 0)
            out[n++] = *p;
        else
            p += 2;
    out[n] = 0;
}

lorec_err openapi_document(const route_table *const *tables, size_t n, bool needs_key, json_t **out)
{
    json_t *paths = json_object();
    for (size_t t = 0; t < n; t++)
        for (size_t i = 0; i < tables[t]->n; i++) {
            const route *r = &tables[t]->rows[i];
            char path[256], verb[16] = "";
            path_of(r, path);
            for (size_t k = 0; r->method[k] && k < sizeof verb - 1; k++) verb[k] = (char)(r->method[k] | 32);
            json_t *here = json_object_get(paths, path);
            if (!here) json_object_set_new(paths, path, here = json_object());
            json_object_set_new(here, verb, operation(r, needs_key));
        }
    json_t *o = json_pack("{s:s, s:{s:s, s:s, s:s, s:{s:s}}, s:o, s:o}", "openapi", "3.1.0", "info", "title", "lorec",
                          "version", LOREC_VERSION, "description",
                          "Recommendations from trained runs, in Gorse's words and lorec's own, and language models in "
                          "OpenAI's. Texts are "
                          "UTF-8 without NUL; a field that is null counts as absent.",
                          "license", "name", "Apache-2.0", "paths", paths, "components", components());
    if (!o) return err_set(LOREC_RESOURCE, "out of memory for the document");
    if (needs_key) json_object_set_new(o, "security", json_pack("[{s:[]}, {s:[]}]", "bearer", "key"));
    *out = o;
    return LOREC_OK;
}

static lorec_err get_document(server *s, exchange *x)
{
    json_t *o;
    TRY(openapi_document(server_tables, server_n_tables, s->key != NULL, &o));
    return exchange_reply(x, 200, o);
}

static const route rows[] = {
    {"GET", "/openapi.json", get_document, ON_HTTP, .open = true, .about = "this document",
     .gives = "{\"type\":\"object\"}", .tagged = true},
};
const route_table routes_openapi = {rows, sizeof rows / sizeof *rows};
