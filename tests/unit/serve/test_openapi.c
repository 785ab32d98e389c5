/* /openapi.json against the tables that the server dispatches on. */
#include "support/support.h"

#include "serve/openapi/openapi.h"
#include "serve/server.h"

static json_t *document(void)
{
    json_t *d;
    assert_ok(openapi_document(server_tables, server_n_tables, true, &d));
    return d;
}

/* "{model...}" is "{model}" there. */
static void path_of(const char *pattern, char out[256])
{
    size_t n = 0;
    for (const char *p = pattern; *p; p++)
        if (strncmp(p, "...}", 4) == 0)
            p += 2;
        else
            out[n++] = *p;
    out[n] = 0;
}

static void every_route_is_there(void **state)
{
    (void)state;
    json_t *d = document(), *paths = json_object_get(d, "paths");
    size_t n = 0, told = 0;
    const char *path;
    json_t *verbs;
    for (size_t t = 0; t < server_n_tables; t++)
        for (size_t i = 0; i < server_tables[t]->n; i++, n++) {
            const route *r = &server_tables[t]->rows[i];
            char where[256], verb[16] = "";
            path_of(r->pattern, where);
            for (size_t k = 0; r->method[k]; k++) verb[k] = (char)(r->method[k] | 32);
            json_t *o = json_object_get(json_object_get(paths, where), verb);
            if (!o) fail_msg("%s %s is not in the document", r->method, r->pattern);
            if (!r->about || !r->gives)
                fail_msg("%s %s says neither what it is nor what it gives", r->method, r->pattern);
            assert_int_equal(json_object_get(o, "requestBody") != NULL, r->takes != NULL || r->takes_words != NULL);
            bool body = strcmp(r->method, "POST") == 0 || strcmp(r->method, "PUT") == 0 ||
                        strcmp(r->method, "PATCH") == 0;
            bool in_address = strstr(r->pattern, "/category/") != NULL;
            if (body && !in_address && !json_object_get(o, "requestBody")) fail_msg("%s %s: no body", r->method, where);
        }
    json_object_foreach(paths, path, verbs) told += json_object_size(verbs);
    assert_int_equal(n, told);
    json_decref(d);
}

static void check_references(const json_t *root, const json_t *at)
{
    const char *key;
    json_t *value;
    size_t i;
    json_object_foreach((json_t *)at, key, value)
    {
        const char *to = strcmp(key, "$ref") == 0 ? json_string_value(value) : NULL;
        char kind[64], name[64];
        if (to) {
            assert_int_equal(sscanf(to, "#/components/%63[^/]/%63s", kind, name), 2);
            const json_t *found = json_object_get(json_object_get(json_object_get(root, "components"), kind), name);
            if (!found) fail_msg("%s is nowhere", to);
        }
        check_references(root, value);
    }
    json_array_foreach((json_t *)at, i, value) check_references(root, value);
}

static void references_lead_somewhere(void **state)
{
    (void)state;
    json_t *d = document();
    check_references(d, d);
    assert_true(json_object_size(json_object_get(json_object_get(d, "components"), "schemas")) == openapi_n_schemas);
    for (size_t i = 0; i < openapi_n_schemas; i++) { /* every one of them is JSON that says something */
        json_t *j = json_loads(openapi_schemas[i].schema, 0, NULL);
        if (!json_object_size(j)) fail_msg("%s is no schema", openapi_schemas[i].name);
        json_decref(j);
    }
    json_decref(d);
}

/* A form says what its handler reads: a field of each kind, in and out of its bounds. */
static void forms_are_schemas(void **state)
{
    (void)state;
    json_t *d = document();
    const json_t *o = json_object_get(json_object_get(json_object_get(d, "paths"), "/v1/recommend"), "post");
    const json_t *schema = json_object_get(
        json_object_get(json_object_get(json_object_get(o, "requestBody"), "content"), "application/json"), "schema");
    const json_t *k = json_object_get(json_object_get(schema, "properties"), "k");
    assert_int_equal(json_integer_value(json_object_get(k, "minimum")), 1);
    assert_int_equal(json_integer_value(json_object_get(k, "maximum")), 1000);
    assert_string_equal(json_string_value(json_array_get(json_object_get(k, "type"), 0)), "integer");
    assert_true(json_is_false(json_object_get(schema, "additionalProperties")));
    assert_int_equal(json_array_size(json_object_get(schema, "anyOf")), 2);
    assert_int_equal(json_array_size(json_object_get(d, "security")), 2);
    json_decref(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_route_is_there),
                                       cmocka_unit_test(references_lead_somewhere),
                                       cmocka_unit_test(forms_are_schemas)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
