#include "serve/openai/messages.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "text/loose_json.h"

/* ---- one message ------------------------------------------------------------------------------------------------------------- */

static lorec_err wrong(exchange *x, size_t i, const char *field_name, const char *code, const char *why)
{
    char param[64];
    snprintf(param, sizeof param, "messages[%zu]%s%s", i, field_name ? "." : "", field_name ? field_name : "");
    return exchange_wrong(x, param, code, "\"%s\" %s", param, why);
}

static lorec_err add_part(exchange *x, size_t i, const json_t *part, buf *text)
{
    const char *type = json_string_value(json_object_get(part, "type"));
    const json_t *words = json_object_get(part, type && strcmp(type, "refusal") == 0 ? "refusal" : "text");
    if (!type) return wrong(x, i, "content", "invalid_value", "has a part without a \"type\"");
    if (strcmp(type, "text") != 0 && strcmp(type, "refusal") != 0)
        return wrong(x, i, "content", "unsupported_content", "has a part that is no text; only texts are read here");
    if (!json_is_string(words)) return wrong(x, i, "content", "invalid_type", "has a part without its text");
    return buf_add(text, json_string_value(words), json_string_length(words));
}

/* One text, whatever form it has; NULL stays NULL. */
static lorec_err read_content(exchange *x, size_t i, const json_t *content, json_t **out)
{
    *out = NULL;
    if (!content || json_is_null(content)) return LOREC_OK;
    if (json_is_string(content)) {
        *out = json_incref((json_t *)(uintptr_t)content);
        return LOREC_OK;
    }
    if (!json_is_array(content)) return wrong(x, i, "content", "invalid_type", "has to be a text or a list of parts");
    if (!json_array_size(content)) return wrong(x, i, "content", "invalid_value", "is an empty list");
    buf text = {0};
    lorec_err e = buf_puts(&text, "");
    for (size_t k = 0; k < json_array_size(content) && !e; k++) e = add_part(x, i, json_array_get(content, k), &text);
    if (!e && !(*out = json_stringn(text.p, text.n))) e = err_set(LOREC_RESOURCE, "out of memory");
    buf_free(&text);
    return e;
}

/* Arguments are JSON in a text; templates want them as a tree. */
static lorec_err read_calls(exchange *x, size_t i, const json_t *calls, json_t **out)
{
    *out = NULL;
    if (!calls || json_is_null(calls)) return LOREC_OK;
    if (!json_is_array(calls) || !json_array_size(calls))
        return wrong(x, i, "tool_calls", "invalid_type", "has to be a list of calls");
    if (!(*out = json_deep_copy(calls))) return err_set(LOREC_RESOURCE, "out of memory");
    for (size_t k = 0; k < json_array_size(*out); k++) {
        json_t *function = json_object_get(json_array_get(*out, k), "function");
        const json_t *arguments = json_object_get(function, "arguments");
        if (!json_is_string(json_object_get(function, "name")) || !json_is_string(arguments))
            return wrong(x, i, "tool_calls", "invalid_value", "has a call without a function's name and arguments");
        json_t *tree = json_loadb(json_string_value(arguments), json_string_length(arguments), 0, NULL);
        if (tree) json_object_set_new(function, "arguments", tree);
    }
    return LOREC_OK;
}

static const char *role_of(const json_t *m)
{
    static const char *const roles[][2] = {
        {"system", "system"}, {"developer", "system"}, {"user", "user"}, {"assistant", "assistant"}, {"tool", "tool"}};
    const char *role = json_string_value(json_object_get(m, "role"));
    for (size_t i = 0; role && i < sizeof roles / sizeof *roles; i++)
        if (strcmp(role, roles[i][0]) == 0) return roles[i][1];
    return NULL;
}

static lorec_err read_message(exchange *x, size_t i, const json_t *m, json_t *list)
{
    json_t *content = NULL, *calls = NULL;
    if (!json_is_object(m)) return wrong(x, i, NULL, "invalid_type", "has to be an object");
    const char *role = role_of(m);
    if (!role) return wrong(x, i, "role", "invalid_value", "is system, developer, user, assistant or tool");
    lorec_err e = read_content(x, i, json_object_get(m, "content"), &content);
    if (!e && strcmp(role, "assistant") == 0) e = read_calls(x, i, json_object_get(m, "tool_calls"), &calls);
    if (!e && !content && !calls) e = wrong(x, i, "content", "missing_required_parameter", "is missing");
    const json_t *id = json_object_get(m, "tool_call_id"), *name = json_object_get(m, "name");
    if (!e && strcmp(role, "tool") == 0 && !json_is_string(id))
        e = wrong(x, i, "tool_call_id", "missing_required_parameter", "is missing");
    if (!e && name && !json_is_null(name) && !json_is_string(name))
        e = wrong(x, i, "name", "invalid_type", "has to be a text");
    json_t *copy = e ? NULL : json_pack("{s:s}", "role", role);
    if (copy) {
        json_object_set_new(copy, "content", content ? json_incref(content) : json_string(""));
        if (calls) json_object_set(copy, "tool_calls", calls);
        if (json_is_string(id)) json_object_set(copy, "tool_call_id", (json_t *)(uintptr_t)id);
        if (json_is_string(name)) json_object_set(copy, "name", (json_t *)(uintptr_t)name);
    }
    json_decref(content);
    json_decref(calls);
    if (!e && json_array_append_new(list, copy)) e = err_set(LOREC_RESOURCE, "out of memory");
    return e;
}

lorec_err openai_messages(exchange *x, const json_t *in, json_t **out)
{
    json_t *list = json_array();
    lorec_err e = list ? LOREC_OK : err_set(LOREC_RESOURCE, "out of memory");
    for (size_t i = 0; i < json_array_size(in) && !e; i++) e = read_message(x, i, json_array_get(in, i), list);
    if (e)
        json_decref(list);
    else
        *out = list;
    return e;
}

/* ---- tools ------------------------------------------------------------------------------------------------------------------- */

lorec_err openai_check_tool(exchange *x, const json_t *tool, size_t i)
{
    const char *type = json_string_value(json_object_get(tool, "type"));
    const json_t *function = json_object_get(tool, "function"), *parameters = json_object_get(function, "parameters");
    char param[64];
    snprintf(param, sizeof param, "tools[%zu]", i);
    if (!type || strcmp(type, "function") != 0)
        return exchange_wrong(x, param, "invalid_value", "\"%s\": \"type\" has to be \"function\"", param);
    const char *name = json_string_value(json_object_get(function, "name"));
    if (!name || !*name)
        return exchange_wrong(x, param, "missing_required_parameter", "\"%s\": the function has no \"name\"", param);
    if (parameters && !json_is_null(parameters) && !json_is_object(parameters))
        return exchange_wrong(x, param, "invalid_type", "\"%s\": \"parameters\" has to be an object", param);
    return LOREC_OK;
}

static bool add_call(json_t *list, const json_t *call, const char *id)
{
    const json_t *name = json_object_get(call, "name"), *arguments = json_object_get(call, "arguments");
    if (!arguments) arguments = json_object_get(call, "parameters");
    if (!json_is_string(name) || !(json_is_object(arguments) || json_is_string(arguments))) return false;
    char *text = json_is_string(arguments) ? strdup(json_string_value(arguments)) : json_dumps(arguments, JSON_COMPACT);
    char whole[96];
    snprintf(whole, sizeof whole, "call_%s_%zu", id, json_array_size(list));
    json_t *row = json_pack("{s:s, s:s, s:{s:O, s:s}}", "id", whole, "type", "function", "function", "name", name,
                            "arguments", text ? text : "{}");
    free(text);
    return row && json_array_append_new(list, row) == 0;
}

static bool add_calls(json_t *list, slice text, const char *id)
{
    json_t *tree = NULL;
    size_t repairs, before = json_array_size(list);
    if (loose_json_value(&tree, text.p, text.n, &repairs, NULL)) return false;
    if (json_is_array(tree)) {
        for (size_t i = 0; i < json_array_size(tree); i++)
            if (!add_call(list, json_array_get(tree, i), id)) break;
    } else
        add_call(list, tree, id);
    json_decref(tree);
    return json_array_size(list) > before;
}

static const char open_call[] = "<tool_call>", close_call[] = "</tool_call>", mistral[] = "[TOOL_CALLS]";

json_t *openai_tool_calls(slice text, const char *id, slice *rest)
{
    json_t *list = json_array();
    slice trimmed = slice_trim(text);
    *rest = text;
    const char *at = text.n ? memmem(text.p, text.n, open_call, strlen(open_call)) : NULL;
    if (at) rest->n = (size_t)(at - text.p);
    while (at) {
        const char *begin = at + strlen(open_call), *end = text.p + text.n;
        const char *close = memmem(begin, (size_t)(end - begin), close_call, strlen(close_call));
        add_calls(list, (slice){begin, (size_t)((close ? close : end) - begin)}, id);
        at = close ? memmem(close, (size_t)(end - close), open_call, strlen(open_call)) : NULL;
    }
    if (!json_array_size(list) && trimmed.n > strlen(mistral) && !memcmp(trimmed.p, mistral, strlen(mistral)))
        trimmed = slice_trim((slice){trimmed.p + strlen(mistral), trimmed.n - strlen(mistral)});
    if (!json_array_size(list) && trimmed.n && (*trimmed.p == '{' || *trimmed.p == '[') && add_calls(list, trimmed, id))
        rest->n = 0;
    if (json_array_size(list)) {
        *rest = slice_trim(*rest);
        return list;
    }
    *rest = text;
    json_decref(list);
    return NULL;
}

bool openai_may_call(slice text)
{
    slice t = slice_trim(text);
    if (!t.n || *t.p == '{' || *t.p == '[' || *t.p == '<') return true;
    if (memmem(t.p, t.n, open_call, strlen(open_call))) return true;
    for (size_t k = strlen(open_call); k-- > 1;) /* its beginning at the very end */
        if (t.n >= k && memcmp(t.p + t.n - k, open_call, k) == 0) return true;
    return false;
}
